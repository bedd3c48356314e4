"""How fast a commit is used, and where that leads: when it is used up, or what is left of it at its end. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from pricing.money import ONE, ZERO
from pricing.periods import Period

LATELY = timedelta(days=30)
SHORTEST = timedelta(days=7)  # a rate that was seen for less than a week is no rate


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn of a commit and not given back, and when something last was."""

    total: Decimal = ZERO
    lately: Decimal = ZERO
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Shares are from 0 to 1, amounts in the commit's unit.

    `exhausted_at` is when it was used up, or will be if it goes on like this; None: not before its end, at which
    `expected_rest` is still there.
    """

    used: Decimal
    gone: Decimal
    lately: Decimal
    exhausted_at: datetime | None
    expected_rest: Decimal


def pace_of(balance: Decimal, window: Period, drawn: Drawn, at: datetime) -> Pace:
    """The pace as of an instant, of what can be used during the window.

    It goes on as it went from the start to the last draw: draws come with invoices, so that the time since the last one
    was not free of usage, but is not billed yet.
    """
    there_was = balance + drawn.total
    used = drawn.total / there_was if there_was > 0 else ZERO
    gone = Period(window.start, min(max(at, window.start), window.end)).share_of(window)
    exhausted_at, rest = _outlook(balance, window, drawn, at)
    return Pace(min(max(used, ZERO), ONE), Decimal(gone.numerator) / gone.denominator, drawn.lately, exhausted_at, rest)


def _outlook(balance: Decimal, window: Period, drawn: Drawn, at: datetime) -> tuple[datetime | None, Decimal]:
    if balance <= 0 and drawn.last_at is not None:
        return drawn.last_at, ZERO
    if drawn.last_at is None or drawn.total <= 0 or at >= window.end:
        return None, balance
    seen = max(drawn.last_at - window.start, SHORTEST)
    lasts = Fraction(balance) / Fraction(drawn.total) * (seen // timedelta(microseconds=1))
    until_end = (window.end - drawn.last_at) // timedelta(microseconds=1)
    if lasts < until_end:
        return max(drawn.last_at + timedelta(microseconds=int(lasts)), at), ZERO
    rest = Fraction(balance) * (1 - Fraction(until_end) / lasts) if until_end > 0 else Fraction(balance)
    return None, round(Decimal(rest.numerator) / rest.denominator, 9)
