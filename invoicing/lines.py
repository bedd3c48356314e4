"""Lines of an invoice to be, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pricing.drawdown import Draw
from pricing.money import ZERO, plain
from pricing.periods import Period

CHARGE, COMMIT, DRAWDOWN = "charge", "commit", "drawdown"

Slot = tuple[str, Period]
Waterfall = tuple[dict[str, str], ...]
Paid = Mapping[Slot, Sequence[Draw]]
"""What commits paid of each slot, in the order they did."""

# Quantities are kept with nine decimals; what lies below would come back as dust in every difference.
FINEST = Decimal(1).scaleb(-9)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice to be: what it is for, how much, and why.

    `is_late` says that its slot was billed before, `comes_to` what the slot comes to with this line.
    """

    term: str
    kind: str
    product_key: str
    description: str
    unit: str
    period: Period
    due_at: datetime
    quantity: Decimal
    amount: Decimal
    exact: str
    waterfall: Waterfall = ()
    price_source: str = ""
    in_advance: bool = False
    earned_on_invoice: bool = False
    tax_percent: Decimal = ZERO
    tax: Decimal = ZERO
    revenue_account: str = ""
    commit_id: Any = None
    is_metered: bool = False
    is_late: bool = False
    comes_to: Decimal = ZERO
    tags: frozenset[str] = frozenset()
    group: str = ""

    @property
    def is_true_up(self) -> bool:
        return self.kind == CHARGE and self.commit_id is not None


def step(kind: str, label: str, amount: Decimal, total: Decimal, source: str) -> dict[str, str]:
    return {"kind": kind, "label": label, "amount": plain(amount), "total": plain(total), "source": source}
