"""Windows of the calendar: where each begins and ends, by the clocks of a zone."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from pricing.measures import Split
from pricing.periods import Period, add_months, local_day, midnight, zone_named

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


def starts_of(period: Period, split: Split, seen: Collection[datetime] = ()) -> list[datetime]:
    """Where the windows of a period begin, in order; the first may begin before it. Those `seen` are among them."""
    start = _start_of(period.start, split)
    found = {start, *seen}
    while (start := _next(start, split)) < period.end:
        found.add(start)
    return sorted(found)


def window_of(start: datetime, split: Split) -> Period:
    """The window that begins then."""
    return Period(start, _next(start, split))


def clamped(window: Period, period: Period) -> Period:
    """As much of the window as lies in the period."""
    return window.overlap(period) or Period(period.start, period.start)


def _start_of(instant: datetime, split: Split) -> datetime:
    local = instant.astimezone(zone_named(split.zone))
    if split.window in _LENGTHS:
        # By the clock as it stands, so that an hour the clock shows twice is two hours.
        offset = local.utcoffset() or timedelta(0)
        return instant - (instant - EPOCH + offset) % _LENGTHS[split.window]
    return midnight(_first_day(local.date(), split), split.zone)


def _next(start: datetime, split: Split) -> datetime:
    if split.window in _LENGTHS:
        return start + _LENGTHS[split.window]
    # The day of a window's start, which may be later than midnight where the clock skips it.
    day = _first_day(local_day(start, split.zone), split)
    return midnight(day + timedelta(days=1) if split.window == "day" else add_months(day, 1), split.zone)


def _first_day(day: date, split: Split) -> date:
    return day.replace(day=1) if split.window == "month" else day
