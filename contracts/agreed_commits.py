"""What is agreed about access to usage: commits, and the rules that make them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from catalog.models import Product
from contracts.models import CommitRule
from pricing.money import ONE, ZERO


@dataclass(frozen=True, slots=True)
class AgreedInstalment:
    """A part of a commit's price, invoiced on that day."""

    amount: Decimal
    invoice_on: date


@dataclass(frozen=True, slots=True)
class AgreedAccess:
    """Access to `access_amount` of usage for `price`; neither product keys nor tags: every usage product.

    The amount is in its `unit`, of which one pays for `worth` of money; no unit: it is money itself. What is gated can
    be used once it is paid. What is left at its end rolls over by `rollover_percent`, at most `rollover_limit`, for
    `rollover_months`.
    """

    name: str
    access_amount: Decimal
    price: Decimal = ZERO
    product_keys: tuple[str, ...] = ()
    priority: int = 100
    kind: str = CommitRule.Kind.PREPAID
    unit: str = ""
    worth: Decimal = ONE
    product_tags: tuple[str, ...] = ()
    is_gated: bool = False
    rollover_percent: Decimal = ZERO
    rollover_limit: Decimal | None = None
    rollover_months: int = 0


@dataclass(frozen=True, slots=True)
class AgreedCommit(AgreedAccess):
    """One block of access. No instalments: all of the price is invoiced at the start.

    No days: as long as the contract; else from its first day to the day after its last.
    """

    instalments: tuple[AgreedInstalment, ...] = ()
    start_on: date | None = None
    end_on: date | None = None


@dataclass(frozen=True, slots=True)
class AgreedRule(AgreedAccess):
    """What makes commits: one every `cycle_months` from the contract's anchor; with a `threshold` when less is left.

    With `per_seat_of` the amounts are those of one seat. Each commit can be used for `lasts_months` from the start of
    its cycle. Recharges cost at most `monthly_limit` a month.
    """

    cycle_months: int = 1
    lasts_months: int = 1
    per_seat_of: Product | None = None
    threshold: Decimal | None = None
    monthly_limit: Decimal | None = None
