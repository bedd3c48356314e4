"""What the payments adapter is given, and what it gives back; the same for any payment provider."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class CustomerValues:
    """`key` is our id, for ever. Empty texts are not sent. `country` is ISO 3166 alpha-2."""

    key: str
    name: str
    email: str = ""
    line1: str = ""
    city: str = ""
    postal_code: str = ""
    state: str = ""
    country: str = ""


@dataclass(frozen=True)
class LineValues:
    """One line as the invoice shows it; a drawdown is negative, a tax is a line like any other."""

    key: str
    description: str
    amount: Decimal
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True)
class InvoiceValues:
    """A finalized invoice. `key` is our id, `customer` Stripe's id; the lines' sum must be `total`."""

    key: str
    number: str
    customer: str
    currency: str
    lines: tuple[LineValues, ...]
    total: Decimal
    due_on: date
    issued_at: datetime | None = None
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PushedInvoice:
    """`status` is Stripe's: open, or paid when nothing was due."""

    id: str
    hosted_url: str
    status: str


@dataclass(frozen=True)
class ReceivedPayment:
    """What Stripe collected for one invoice. `reference` names this payment, the same however often it is told."""

    invoice_key: str
    invoice_id: str
    amount: Decimal
    currency: str
    received_at: datetime
    reference: str
