"""Terms: what was agreed for one line, and when its cycles fall due."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from pricing.adjustments import Adjustment
from pricing.charges import Charge
from pricing.money import ONE, exponent
from pricing.periods import Period, cycles, days_long, utc, zone_named

Proration = Literal["day", "second", "none"]
"""How a part of a cycle is counted: by local days, by the second, or as if it were whole."""


@dataclass(frozen=True, slots=True)
class Price:
    """One edition of a price, in force from `since` until the next one.

    With a `list_charge` the charge is an override: the waterfall shows the list price, then the difference.
    """

    since: datetime
    charge: Charge
    source: str
    list_charge: Charge | None = None
    list_source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "since", utc(self.since))

    @property
    def charges(self) -> tuple[Charge, ...]:
        """The charge, and the list charge if there is one."""
        return (self.charge,) if self.list_charge is None else (self.charge, self.list_charge)


@dataclass(frozen=True, slots=True)
class Term:
    """What was agreed for one line: these prices, this long, every so many months (0: once).

    Cycles count from the anchor, where it is earlier than the start: then the first is a part of one. Either metered or
    of a fixed quantity; a flat charge and a share of other lines need neither. ValueError if it cannot be rated.
    """

    key: str
    product: str
    prices: tuple[Price, ...]
    currency: str
    start: datetime
    end: datetime
    zone: str
    cycle_months: int = 1
    in_advance: bool = False
    quantity: Decimal | None = None
    meter: str = ""
    adjustments: tuple[Adjustment, ...] = ()
    unit: str = ""
    proration: Proration = "day"
    anchor: datetime | None = None
    is_share: bool = field(init=False, repr=False, compare=False)
    """Whether it is, at some time, a share of what other lines come to."""

    def __post_init__(self) -> None:
        exponent(self.currency)
        zone_named(self.zone)
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.start > self.end:
            raise ValueError(f"{self.key}: ends before it starts")
        if self.anchor is not None and utc(self.anchor) > self.start:
            raise ValueError(f"{self.key}: its anchor is after its start")
        if self.cycle_months < 0:
            raise ValueError(f"{self.key}: cycle_months must not be negative")
        is_share = any(charge.basis == "lines" for price in self.prices for charge in price.charges)
        object.__setattr__(self, "is_share", is_share)
        self._check_prices()
        self._check_quantity()

    def _check_prices(self) -> None:
        since = [price.since for price in self.prices]
        if not since or since[0] > self.start:
            raise ValueError(f"{self.key}: no price is in force at its start")
        if any(later <= earlier for earlier, later in pairwise(since)):
            raise ValueError(f"{self.key}: prices must follow one another in time")

    def _check_quantity(self) -> None:
        bases = {price.charge.basis for price in self.prices}
        if self.meter and (self.quantity is not None or bases != {"quantity"}):
            what = "share of other lines" if "lines" in bases else "flat charge"
            raise ValueError(f"{self.key}: a metered term has no quantity and no {what}")
        if not self.meter and self.quantity is None and "quantity" in bases:
            raise ValueError(f"{self.key}: needs a meter or a quantity")
        if self.quantity is not None and not (self.quantity.is_finite() and self.quantity >= 0):
            raise ValueError(f"{self.key}: quantity must not be negative")
        if bases - {"quantity"} and self.quantity not in (None, ONE):
            what = "a flat charge" if "none" in bases else "a share of other lines"
            raise ValueError(f"{self.key}: {what} has no quantity but 1")

    def cycles(self, through: datetime) -> Iterator[tuple[Period, Period]]:
        """Every cycle that fell due by `through`, with the part of it this term covers."""
        for cycle in cycles(self.start, self.zone, self.cycle_months, self.end, self.anchor):
            billed = self._billed(cycle)
            if self.due_at(billed) > through:
                return
            yield cycle, billed

    def _billed(self, cycle: Period) -> Period:
        if self.start <= cycle.start and cycle.end <= self.end:
            return cycle
        return Period(max(cycle.start, self.start), min(cycle.end, self.end))

    def cycle_at(self, instant: datetime) -> Period | None:
        """The billed part of a cycle that contains this instant; None outside the term."""
        if not Period(self.start, self.end).contains(instant):
            return None
        return next(billed for _, billed in self.cycles(self.end) if billed.contains(instant))

    def due_at(self, billed: Period) -> datetime:
        """When the billed part of a cycle falls due."""
        return billed.start if self.in_advance else billed.end

    def editions(self, billed: Period) -> list[tuple[Period, Price]]:
        """The period cut where the price changes, each part with its price; what is charged once has one."""
        is_cut = self.meter or self.is_share or (self.cycle_months and self.proration != "none")
        if len(self.prices) == 1 or not is_cut:
            return [(billed, self._price_at(billed.start))]
        parts = billed.split_at(price.since for price in self.prices)
        return [(part, self._price_at(part.start)) for part in parts]

    def share(self, part: Period, cycle: Period) -> tuple[Fraction, str]:
        """How much of a cycle this part of it counts for, and in words."""
        return prorated(part, cycle, self.zone, self.proration)

    def _price_at(self, instant: datetime) -> Price:
        return next(price for price in reversed(self.prices) if price.since <= instant)


def prorated(part: Period, cycle: Period, zone: str, proration: Proration) -> tuple[Fraction, str]:
    """How much of a cycle a part of it counts for, and in words."""
    if proration == "none" or part == cycle:
        return Fraction(1), "the whole cycle"
    if proration == "second":
        share = part.share_of(cycle)
        return share, f"{share} of the cycle"
    days, whole = days_long(part, zone), days_long(cycle, zone)
    are_full = days.denominator == whole.denominator == 1
    return days / whole, f"{days} of {whole} days" if are_full else f"{days / whole} of the cycle's days"
