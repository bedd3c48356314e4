"""The months in which events are kept, and those whose events are gone."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from django.db import connection

from metering.models import RetiredMonth
from pricing.periods import Period, add_months

_KEPT = """
    SELECT to_date(right(relid::regclass::text, 7), 'YYYY_MM')
    FROM pg_partition_tree('metering_usageevent') WHERE isleaf ORDER BY 1
"""


class Retired(LookupError):
    """A question needs events that were retired; daily totals do not answer it."""


def kept() -> list[date]:
    """The first day of each month that has room for events."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT)
        return [first for (first,) in cursor.fetchall()]


def retired() -> list[date]:
    """The first day of each month whose events are gone."""
    return list(RetiredMonth.objects.order_by("month").values_list("month", flat=True))


def refuse_retired(period: Period, gone: Iterable[date]) -> None:
    """Raise `Retired` if the events of this period are not all there any more."""
    for month in gone:
        if period.overlap(month_of(month)):
            raise Retired(f"The events of {month:%Y-%m} are retired, and daily totals alone do not answer this.")


def month_of(first_day: date) -> Period:
    return Period(starts(first_day), starts(add_months(first_day, 1)))


def starts(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
