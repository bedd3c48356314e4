"""What the first invoices of a deal will say, before anybody has signed it: by the same arithmetic as the real ones."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from contracts.terms import Deal, agreed_terms
from invoicing.billing import payers_of
from invoicing.calculation import Parts, invoice_parts, still_owed
from pricing.measures import Split
from pricing.money import ZERO
from pricing.periods import Period
from pricing.rating import rate

Expected = Callable[[str, Period], Decimal]
"""(meter key, period) → the quantity that is expected to be measured in it."""


@dataclass(frozen=True, slots=True)
class FirstInvoices:
    """What falls due at one instant: a purchase of commits and the charges are invoices of their own."""

    due_at: datetime
    parts: tuple[Parts, ...]

    @property
    def total(self) -> Decimal:
        return sum((each.total for each in self.parts), ZERO)


def first_invoices(deal: Deal, expected: Expected) -> FirstInvoices | None:
    """The first instant at which the deal makes an invoice, and what is on it; None if it never costs anything."""
    terms = agreed_terms(deal)

    def usage(meter: str, period: Period, split: Split) -> Decimal:
        return expected(meter, period)

    rated = rate([each.term for each in terms], usage, max(each.term.end for each in terms))
    for due_at in sorted({line.due_at for line in rated}):
        parts = invoice_parts(
            still_owed(terms, [line for line in rated if line.due_at <= due_at], []),
            payers_of(deal, terms, ()),
            {},
            currency=deal.currency,
            ends_at=due_at,
            grace=timedelta(0),
            through=due_at,
        )
        if parts:
            return FirstInvoices(due_at, tuple(parts))
    return None
