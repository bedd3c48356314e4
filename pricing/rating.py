"""Rating: what agreed terms come to. Quote, preview, invoice, simulation and correction all ask here."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from pricing.adjustments import Adjustment, Minimum, Waterfall, WaterfallStep, adjust, prorated, remaining
from pricing.charges import Charge, Flat
from pricing.measures import Part
from pricing.money import ONE, ZERO, Money, exactly, exponent, round_amount, share_of
from pricing.periods import Period, cycles, days_long, utc, zone_named
from pricing.steps import amount

Usage = Callable[[str, Period], Decimal]
"""(meter key, period) → the raw quantity measured, maybe negative; no cycle is billed for less than none."""

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


@dataclass(frozen=True, slots=True)
class Term:
    """What was agreed for one line: these prices, this long, every so many months (0: once).

    Either metered or of a fixed quantity; a flat charge needs neither. ValueError if it cannot be rated.
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

    def __post_init__(self) -> None:
        exponent(self.currency)
        zone_named(self.zone)
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.start > self.end:
            raise ValueError(f"{self.key}: ends before it starts")
        if self.cycle_months < 0:
            raise ValueError(f"{self.key}: cycle_months must not be negative")
        self._check_prices()
        self._check_quantity()

    def _check_prices(self) -> None:
        since = [price.since for price in self.prices]
        if not since or since[0] > self.start:
            raise ValueError(f"{self.key}: no price is in force at its start")
        if any(later <= earlier for earlier, later in pairwise(since)):
            raise ValueError(f"{self.key}: prices must follow one another in time")

    def _check_quantity(self) -> None:
        flat = [isinstance(price.charge, Flat) for price in self.prices]
        if self.meter and (self.quantity is not None or any(flat)):
            raise ValueError(f"{self.key}: a metered term has no quantity and no flat charge")
        if not self.meter and self.quantity is None and not all(flat):
            raise ValueError(f"{self.key}: needs a meter or a quantity")
        if self.quantity is not None and not (self.quantity.is_finite() and self.quantity >= 0):
            raise ValueError(f"{self.key}: quantity must not be negative")
        if any(flat) and self.quantity not in (None, ONE):
            raise ValueError(f"{self.key}: a flat charge has no quantity but 1")

    def cycles(self, through: datetime) -> Iterator[tuple[Period, Period]]:
        """Every cycle that fell due by `through`, with the part of it this term covers."""
        for cycle in cycles(self.start, self.zone, self.cycle_months, self.end):
            billed = cycle if cycle.end <= self.end else Period(cycle.start, self.end)
            if self.due_at(billed) > through:
                return
            yield cycle, billed

    def due_at(self, billed: Period) -> datetime:
        """When the billed part of a cycle falls due."""
        return billed.start if self.in_advance else billed.end

    def editions(self, billed: Period) -> list[tuple[Period, Price]]:
        """The period cut where the price changes, each part with its price; what is charged once has one."""
        is_cut = self.meter or (self.cycle_months and self.proration != "none")
        if len(self.prices) == 1 or not is_cut:
            return [(billed, self._price_at(billed.start))]
        parts = billed.split_at(price.since for price in self.prices)
        return [(part, self._price_at(part.start)) for part in parts]

    def share(self, part: Period, cycle: Period) -> tuple[Fraction, str]:
        """How much of a cycle this part of it counts for, and in words."""
        if self.proration == "none" or part == cycle:
            return Fraction(1), "the whole cycle"
        if self.proration == "second":
            share = part.share_of(cycle)
            return share, f"{share} of the cycle"
        days, whole = days_long(part, self.zone), days_long(cycle, self.zone)
        are_full = days.denominator == whole.denominator == 1
        return days / whole, f"{days} of {whole} days" if are_full else f"{days / whole} of the cycle's days"

    def _price_at(self, instant: datetime) -> Price:
        return next(price for price in reversed(self.prices) if price.since <= instant)


@dataclass(frozen=True, slots=True)
class RatedLine:
    """What one term comes to in one period, and why: the steps of the waterfall add up to `amount`.

    `due_at` is when its cycle fell due: the parts of a cycle cut by a price change fall due together. `unpriced` is
    what no cell of the price covers: it is neither in the quantity nor in the amount.
    """

    key: str
    product: str
    period: Period
    due_at: datetime
    quantity: Decimal
    amount: Money
    exact: Decimal
    waterfall: tuple[WaterfallStep, ...]
    source: str
    unpriced: tuple[Part, ...] = ()


def rate(terms: Iterable[Term], usage: Usage, through: datetime) -> list[RatedLine]:
    """A line for each term, cycle and price edition that fell due by `through`, by start and order of terms.

    In advance a cycle falls due when it starts, in arrears when it ends or the term does. A price change
    inside a cycle makes two lines, and the tier counter goes on counting.
    """
    through = utc(through)
    with exactly():
        lines = [
            line
            for term in terms
            for cycle, billed in term.cycles(through)
            for line in (_metered if term.meter else _fixed)(term, cycle, billed, usage)
        ]
    lines.sort(key=lambda line: line.period.start)
    return lines


def slots(terms: Iterable[Term], through: datetime) -> set[tuple[str, Period]]:
    """Every (meter, period) that `rate` will ask usage for, so that it can be gathered in one query."""
    through = utc(through)
    return {
        (term.meter, Period(billed.start, period.end))
        for term in terms
        if term.meter
        for _, billed in term.cycles(through)
        for period, _ in term.editions(billed)
    }


def _fixed(term: Term, cycle: Period, billed: Period, usage: Usage) -> Iterator[RatedLine]:
    """An agreed quantity: the whole cycle's price, adjusted, then the share of the cycle that is billed."""
    quantity = ONE if term.quantity is None else term.quantity
    for period, price in term.editions(billed):
        fall = _priced(term, price, quantity, ZERO)
        adjust(fall, term.adjustments)
        share, text = term.share(period, cycle)
        if share != 1:
            fall.to(share_of(fall.total, share), "proration", text, price.source)
        yield _line(term, billed, period, price, quantity, fall)


def _metered(term: Term, cycle: Period, billed: Period, usage: Usage) -> Iterator[RatedLine]:
    """Measured units, never prorated; a cycle's next line has what the last one left of tiers and limits.

    What is measured is always read from the start of the cycle: a maximum, the latest value and unique ones of two
    parts do not add up to those of both.
    """
    share, _ = term.share(billed, cycle)
    adjustments = prorated(term.adjustments, share)
    parts = term.editions(billed)
    counted = ZERO
    for period, price in parts:
        quantity = max(usage(term.meter, Period(billed.start, period.end)), ZERO) - counted
        fall = _priced(term, price, quantity, counted)
        # A minimum is owed for the cycle, so only its last line can fall short of it.
        last = period is parts[-1][0]
        adjust(fall, adjustments if last else [each for each in adjustments if not isinstance(each, Minimum)])
        yield _line(term, billed, period, price, quantity, fall)
        counted += quantity
        if not last:
            adjustments = remaining(adjustments, fall)


def _priced(term: Term, price: Price, quantity: Decimal, after: Decimal) -> Waterfall:
    """The price before adjustments: the list price's steps and, with an override, the difference it makes."""
    fall = Waterfall(term.currency)
    steps = price.charge.cost(quantity, after)
    if price.list_charge is None:
        fall.listed(steps, price.source)
    else:
        fall.listed(price.list_charge.cost(quantity, after), price.list_source or price.source)
        fall.to(amount(steps), "override", price.charge.sentence(term.currency), price.source)
    return fall


def _line(term: Term, billed: Period, period: Period, price: Price, quantity: Decimal, fall: Waterfall) -> RatedLine:
    """The one place where a line is rounded."""
    exact, rounded = fall.total, round_amount(fall.total, term.currency)
    if rounded != exact:
        fall.to(rounded, "rounding", "rounded", price.source)
    return RatedLine(
        key=term.key,
        product=term.product,
        period=period,
        due_at=term.due_at(billed),
        quantity=quantity,
        amount=Money(rounded, term.currency),
        exact=exact,
        waterfall=tuple(fall.steps),
        source=price.source,
    )
