"""Retention: whole months of events are dropped by policy. Identities and daily totals stay for ever."""

from datetime import date, datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.utils import IntegrityError, OperationalError

from metering.models import UsageBatch
from metering.postgres import months
from metering.postgres.rollups import roll_up
from metering.store import PostgresEventStore, event_store
from pricing.periods import add_months

PATIENCE_SECONDS = 5
"""Longer than that nobody is kept waiting for a month to be dropped; it is tried again later."""


def retire(at: datetime) -> list[date]:
    """Drop the events of months that ended more than USAGE_RETENTION_MONTHS before; gives these months.

    Only once all events are in the daily totals, which every meter of now then has. A month that is being read for
    long, or got an event just now, is left for the next time.
    """
    keep = settings.USAGE_RETENTION_MONTHS
    if not keep or not isinstance(event_store(), PostgresEventStore):
        return []  # elsewhere there are no daily totals to answer instead
    roll_up()
    if UsageBatch.objects.filter(is_rolled_up=False).exists():
        return []
    end = add_months(at.date().replace(day=1), -keep)
    return [month for month in months.kept() if month < end and _retired(month)]


def _retired(month: date) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE_SECONDS}s"])
            cursor.execute("SELECT usage_retire(%s)", [month])
            return cursor.fetchone() != (None,)
    except (IntegrityError, OperationalError):
        return False
