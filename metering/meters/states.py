"""States: what a group of events comes to so far, mergeable with another's; the number follows in the end.

A store gives states and Python finishes them, so that every store gives the same number to the last digit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import reduce

from metering.meters.calendar import EPOCH
from metering.models import Meter
from pricing.periods import Period

Aggregation = Meter.Aggregation
ZERO = Decimal(0)
# Reported numbers have 30 digits before the point and 18 after; so many hold any sum and any product with a time.
EXACT = Context(prec=200)
_DIVIDED = Context(prec=50, rounding=ROUND_HALF_UP)
_MICROSECOND = timedelta(microseconds=1)

Latest = tuple[Decimal, Decimal, Decimal]
"""When (seconds since 1970), the number of the event, its value; the greatest is the latest, of equals the one stored
last."""


@dataclass(frozen=True, slots=True)
class State:
    """What a group of events comes to, as far as its aggregation needs it (see NEEDED); the rest is None.

    `events` are those that carry what is added up, `moment` is the sum of value × seconds since 1970. `distinct` is
    how many different values there are: the only thing that does not follow from two states, so stores merge it.
    """

    events: int = 0
    total: Decimal | None = None
    moment: Decimal | None = None
    highest: Decimal | None = None
    lowest: Decimal | None = None
    latest: Latest | None = None
    distinct: int | None = None


NOTHING = State()

NEEDED: dict[str, tuple[str, ...]] = {
    Aggregation.COUNT: (),
    Aggregation.SUM: ("total",),
    Aggregation.MAX: ("highest",),
    Aggregation.MIN: ("lowest",),
    Aggregation.UNIQUE: ("distinct",),
    Aggregation.LATEST: ("latest",),
    Aggregation.AVERAGE: ("total",),
    Aggregation.WEIGHTED: ("total", "moment"),
}
"""What an aggregation needs of a state beside `events`, in the order of its fields."""


def single(value: Decimal, at: datetime, number: int = 0) -> State:
    """The state of one event that adds this value; 1 where events or different values are counted."""
    instant = quotient(seconds_since_1970(at), 1)
    latest = (instant, Decimal(number), value)
    return State(1, value, EXACT.multiply(value, instant), value, value, latest, 1)


def merged(one: State, other: State) -> State:
    """Both groups as one. ValueError where both counted different values, which may be the same ones."""
    if one.distinct and other.distinct:
        raise ValueError("two numbers of different values do not add up")
    return State(
        one.events + other.events,
        _sum(one.total, other.total),
        _sum(one.moment, other.moment),
        max((each.highest for each in (one, other) if each.highest is not None), default=None),
        min((each.lowest for each in (one, other) if each.lowest is not None), default=None),
        max((each.latest for each in (one, other) if each.latest is not None), default=None),
        one.distinct or other.distinct,
    )


def finish(aggregation: str, state: State, period: Period) -> Decimal:
    """The number a state stands for; 0 where there is nothing. Exact where finite, otherwise to fifty digits.

    WEIGHTED is the sum of each value × the seconds it was held (from its event to the end of the period) ÷ the seconds
    in the period. 0 for an empty period.
    """
    match aggregation:
        case Aggregation.COUNT:
            return Decimal(state.events)
        case Aggregation.UNIQUE:
            return Decimal(state.distinct or 0)
        case Aggregation.SUM:
            return state.total or ZERO
        case Aggregation.MAX:
            return state.highest or ZERO
        case Aggregation.MIN:
            return state.lowest or ZERO
        case Aggregation.LATEST:
            return state.latest[2] if state.latest else ZERO
        case Aggregation.AVERAGE:
            return quotient(Fraction(state.total or ZERO), state.events)
        case Aggregation.WEIGHTED:
            return quotient(seconds_held(state, period), length_of(period))
    raise ValueError(f"unknown aggregation: {aggregation!r}")


def quotient(total: Fraction | Decimal, by: Fraction | int) -> Decimal:
    """total ÷ by, exact where that is finite, otherwise to fifty digits, half up; 0 where `by` is 0."""
    if not by:
        return ZERO
    share = Fraction(total) / by
    exact = _exact(share)
    return _DIVIDED.divide(Decimal(share.numerator), Decimal(share.denominator)) if exact is None else exact


def seconds_since_1970(instant: datetime) -> Fraction:
    """Exact to the microsecond."""
    return Fraction((instant - EPOCH) // _MICROSECOND, 1_000_000)


def length_of(period: Period) -> Fraction:
    """In seconds, exact to the microsecond."""
    return seconds_since_1970(period.end) - seconds_since_1970(period.start)


def seconds_held(state: State, period: Period, opening: Decimal = ZERO) -> Fraction:
    """The sum of each value × the seconds from its event to the end of the period; `opening` was there all along."""
    held = Fraction(state.total or ZERO) * seconds_since_1970(period.end) - Fraction(state.moment or ZERO)
    return held + Fraction(opening) * length_of(period)


def added(values: Iterable[Decimal]) -> Decimal:
    """Their sum, exact."""
    return reduce(EXACT.add, values, ZERO)


def _exact(share: Fraction) -> Decimal | None:
    """The same as a Decimal, None where it has no end."""
    rest, places = share.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        places = max(places, power)
    return Decimal(int(share * 10**places)).scaleb(-places, EXACT) if rest == 1 else None


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return EXACT.add(one, other)
