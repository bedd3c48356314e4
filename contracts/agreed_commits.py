"""Commits to be signed, and when they are paid."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class AgreedInstalment:
    """A part of a commit's price, invoiced on that day."""

    amount: Decimal
    invoice_on: date


@dataclass(frozen=True, slots=True)
class AgreedCommit:
    """Access to `access_amount` of usage for `price`; no product keys: every usage product.

    No instalments: all of the price is invoiced at the start.
    """

    name: str
    access_amount: Decimal
    price: Decimal
    product_keys: tuple[str, ...] = ()
    priority: int = 100
    instalments: tuple[AgreedInstalment, ...] = ()
