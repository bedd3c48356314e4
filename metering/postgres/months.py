"""The months in which events are kept, and those whose events are gone."""

from datetime import UTC, date, datetime

from django.db import connection

from metering.models import RetiredMonth
from pricing.periods import Period, add_months

_KEPT = """
    SELECT to_date(right(relid::regclass::text, 7), 'YYYY_MM')
    FROM pg_partition_tree('metering_usageevent') WHERE isleaf ORDER BY 1
"""


class Retired(LookupError):
    """A question needs the events of a month that was retired; daily totals alone do not answer it."""

    def __init__(self, month: date) -> None:
        super().__init__(f"The events of {month:%Y-%m} are retired, and their daily totals do not answer this.")


def kept() -> list[date]:
    """The first day of each month that has room for events."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT)
        return [first for (first,) in cursor.fetchall()]


def retired() -> list[date]:
    """The first day of each month whose events are gone."""
    return list(RetiredMonth.objects.order_by("month").values_list("month", flat=True))


def month_of(first_day: date) -> Period:
    return Period(starts(first_day), starts(add_months(first_day, 1)))


def starts(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
