"""Periods: half-open stretches of time between two UTC instants, and the billing cycles that tile it."""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MICROSECOND = timedelta(microseconds=1)


def utc(instant: datetime) -> datetime:
    """The same instant in UTC; ValueError for a naive one."""
    if instant.tzinfo is UTC:
        return instant
    if instant.utcoffset() is None:
        raise ValueError(f"{instant!r} has no time zone")
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """`[start, end)`: neighbours share an instant and overlap in none. Empty when both are the same."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        # Always UTC: two instants of one local zone would be compared by their wall clocks.
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            object.__setattr__(self, "start", utc(self.start))
            object.__setattr__(self, "end", utc(self.end))
        if self.start > self.end:
            raise ValueError(f"starts {self.start} after its end {self.end}")

    @property
    def seconds(self) -> int:
        """Whole seconds."""
        return (self.end - self.start) // timedelta(seconds=1)

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def share_of(self, whole: "Period") -> Fraction:
        """This period's length as an exact fraction of another's."""
        return Fraction((self.end - self.start) // _MICROSECOND, (whole.end - whole.start) // _MICROSECOND)

    def contains(self, instant: datetime) -> bool:
        return self.start <= utc(instant) < self.end

    def overlap(self, other: "Period") -> "Period | None":
        """The time both have in common, None when there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None

    def split_at(self, instants: Iterable[datetime]) -> list["Period"]:
        """Consecutive pieces that make up this period, cut at those of the instants that lie inside it."""
        cuts = sorted({utc(i) for i in instants if self.start < utc(i) < self.end})
        return [Period(start, end) for start, end in pairwise([self.start, *cuts, self.end])]


def add_months(anchor: date, months: int) -> date:
    """The anchor's day so many months on, or that month's last day. Counted from the anchor, none drifts."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def cycles(
    start: datetime, zone: str, months: int, until: datetime, anchor: datetime | None = None
) -> Iterator[Period]:
    """Billing cycles that overlap the time from `start` to `until`, tiling it.

    Every boundary is a local midnight counted from the local date of the anchor, which is `start` unless an earlier one
    is given. First and last are whole even where they reach beyond, because a part is measured against a whole cycle.
    With no months there is one cycle: from `start` to `until`.
    """
    start, until = utc(start), utc(until)
    if months == 0:
        yield Period(start, until)
        return
    begins = start if anchor is None else utc(anchor)
    day, local = local_day(begins, zone), local_day(start, zone)
    # The last boundary that is surely not after the start; the loop finds the rest of the way.
    count = max((local.year - day.year) * 12 + local.month - day.month - 1, 0) // months * months
    if count:
        begins = midnight(add_months(day, count), zone)
    while begins < until:
        count += months
        end = midnight(add_months(day, count), zone)
        if end > start:
            yield Period(begins, end)
        begins = end


def anchored(start: datetime, zone: str, day: int) -> datetime:
    """The anchor of cycles that begin on this day of the month (31: the last): not after `start`, and never clamped."""
    first = local_day(start, zone)
    month = first.replace(day=1)
    while True:
        if monthrange(month.year, month.month)[1] >= day and month.replace(day=day) <= first:
            return midnight(month.replace(day=day), zone)
        month = add_months(month, -1)


@lru_cache(maxsize=65536)
def midnight(day: date, zone: str) -> datetime:
    """The UTC instant at which this local day begins; in a gap of the clock, the first instant after it."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone_named(zone))
    late, early = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if early >= late:  # it exists, and when it comes twice, fold 0 is the first
        return late
    while late - early > _MICROSECOND:  # the clock was put forward between the two: find when
        middle = early + (late - early) // 2
        if middle.astimezone(local.tzinfo).utcoffset() == local.utcoffset():
            early = middle
        else:
            late = middle
    return late


def local_day(instant: datetime, zone: str) -> date:
    """The day it is there then."""
    return instant.astimezone(zone_named(zone)).date()


def local_days(period: Period, zone: str) -> tuple[date, date]:
    """First and last local day of the period, both inclusive, as people write it."""
    last = period.end if period.is_empty else period.end - _MICROSECOND
    return local_day(period.start, zone), local_day(last, zone)


def days_long(period: Period, zone: str) -> Fraction:
    """How many local days the period has, whichever way the clock was changed meanwhile; part of a day in proportion.

    Exact, so that pieces of a period have as many days as the whole of it.
    """
    return _days_gone(period.end, zone) - _days_gone(period.start, zone)


def _days_gone(instant: datetime, zone: str) -> Fraction:
    day = local_day(instant, zone)
    began = midnight(day, zone)
    if instant == began:
        return Fraction(day.toordinal())
    return day.toordinal() + Period(began, instant).share_of(Period(began, midnight(day + timedelta(days=1), zone)))


def zone_named(zone: str) -> ZoneInfo:
    """The IANA time zone; ValueError for an unknown name, never a silent UTC."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"unknown time zone: {zone!r}") from None
