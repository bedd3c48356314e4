"""Amounts agreed once, as values: a charge due on a day, or a milestone due when it was accepted."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from catalog.models import Product
from pricing.charges import Flat
from pricing.periods import local_day, midnight
from pricing.rating import Price, Term

PRODUCT = "charge"
ACCOUNT = "4000"


@dataclass(frozen=True, slots=True)
class AgreedCharge:
    """A charge to be signed: invoiced on its day, earned then or (with `until_on`, its last day) evenly until then.

    A milestone is expected by its day, and invoiced when it is accepted.
    """

    name: str
    amount: Decimal
    due_on: date
    product: Product | None = None
    until_on: date | None = None
    is_milestone: bool = False


@dataclass(frozen=True, slots=True)
class DealCharge:
    """A charge that is due at an instant; no milestone that nobody accepted."""

    pk: object
    name: str
    amount: Decimal
    due: datetime
    until: datetime | None = None
    product_key: str = PRODUCT
    revenue_account: str = ACCOUNT

    def term(self, source: str, currency: str, zone: str) -> Term:
        """Due in advance, once, for its time or for the day."""
        return Term(
            key=f"charge:{self.pk}",
            product=self.product_key,
            prices=(Price(self.due, Flat(self.amount), f"{source}: {self.name}"),),
            currency=currency,
            start=self.due,
            end=self.until or end_of_day(self.due, zone),
            zone=zone,
            cycle_months=0,
            in_advance=True,
        )


def end_of_day(instant: datetime, zone: str) -> datetime:
    """The local midnight after it."""
    day = local_day(instant, zone)
    return midnight(day + timedelta(days=1), zone)
