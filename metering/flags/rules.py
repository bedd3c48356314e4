"""What is odd about usage: rules over day totals, counts and delays. Pure: values in, values out.

A usual day is the median of the days of the last four weeks on which there was something, so that neither weekends
nor customers who run once a week count as odd; how far a day may stray from it follows from how far days stray anyway.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median, median_low

WEEKS = 4
LOOK_BACK = 7
"""Days that are judged again and again, so that a timetable that stood still misses nothing."""
FEWEST_DAYS = 7  # with something on them, before anything is usual
ALWAYS = 14  # days in a row on which there was something
DEVIATIONS = Decimal(9)  # of the median distance from the median, about six of the normal distribution's
FEWEST_ARRIVALS = 20
FEWEST_BATCHES = 5
AHEAD = timedelta(seconds=2)
STEADY = timedelta(minutes=1)
OFFSET = timedelta(minutes=30)  # time zones are multiples of it apart
FARTHEST = timedelta(hours=14)

Days = Mapping[date, Decimal]


@dataclass(frozen=True, slots=True)
class Limits:
    """How odd is odd enough. `spike_floor` is in the meter's own units, `duplicates_share` of the events counted."""

    spike_factor: Decimal
    spike_floor: Decimal
    duplicates: int
    duplicates_share: Decimal


@dataclass(frozen=True, slots=True)
class Odd:
    """One odd day: what was seen, and what is usual."""

    day: date
    seen: Decimal
    usual: Decimal


def history() -> int:
    """How many days before today the rules look at."""
    return 2 * LOOK_BACK + 7 * WEEKS


def spikes(days: Days, today: date, limits: Limits) -> Iterator[Odd]:
    """Days of the last week, today included, far above the usual day of the four weeks before each."""
    for day in _days(today - timedelta(days=LOOK_BACK), LOOK_BACK + 1):
        seen = days.get(day, Decimal(0))
        usual = _usual(days, day)
        if usual is None or seen < limits.spike_floor:
            continue
        middle, spread = usual
        if seen >= middle * limits.spike_factor and seen > middle + DEVIATIONS * spread:
            yield Odd(day, seen, middle)


def silences(days: Days, today: date) -> Iterator[Odd]:
    """First days of silence in the last week, all of them over: nothing where every day, or week, had something."""
    is_silent = False
    for day in _days(today - timedelta(days=2 * LOOK_BACK), 2 * LOOK_BACK):
        if days.get(day):
            is_silent = False
        elif not is_silent and (_was_daily(days, day) or _was_weekly(days, day)):
            is_silent = True
            if day >= today - timedelta(days=LOOK_BACK):
                usual = _usual(days, day)
                yield Odd(day, Decimal(0), usual[0] if usual else Decimal(0))


def is_burst(duplicates: int, counted: int, limits: Limits) -> bool:
    """Whether so many events that came again are more than resending now and then, beside those counted."""
    return duplicates >= limits.duplicates and duplicates >= limits.duplicates_share * counted


def skew(delays: Sequence[tuple[int, timedelta]]) -> timedelta | None:
    """The usual delay between what happened and its arrival, if it says that a clock is wrong; None if it does not.

    Given are (batch, delay). Nothing arrives before it happens; and what comes steadily late by whole half hours was
    written down in another time zone.
    """
    if len(delays) < FEWEST_ARRIVALS or len({batch for batch, _ in delays}) < FEWEST_BATCHES:
        return None
    usual = median_low(delay for _, delay in delays)
    ahead = sum(delay < -AHEAD for _, delay in delays)
    if ahead * 10 >= len(delays) * 9:
        return usual
    spread = median_low(abs(delay - usual) for _, delay in delays)
    off = min(usual % OFFSET, OFFSET - usual % OFFSET)
    is_offset = OFFSET - STEADY <= usual <= FARTHEST + STEADY and off <= STEADY
    return usual if is_offset and spread <= STEADY else None


def _usual(days: Days, day: date) -> tuple[Decimal, Decimal] | None:
    """Median of the days before that had something, and the median distance from it; None if there were too few."""
    before = [value for each in _days(day - timedelta(weeks=WEEKS), 7 * WEEKS) if (value := days.get(each))]
    if len(before) < FEWEST_DAYS:
        return None
    middle = median(before)
    return middle, median(abs(value - middle) for value in before)


def _was_daily(days: Days, day: date) -> bool:
    return all(days.get(each) for each in _days(day - timedelta(days=ALWAYS), ALWAYS))


def _was_weekly(days: Days, day: date) -> bool:
    return all(days.get(day - timedelta(weeks=week)) for week in range(1, WEEKS + 1))


def _days(first: date, count: int) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range(count))
