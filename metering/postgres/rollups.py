"""Daily totals: each batch of events is added to them once, so that questions need not read the events again.

One worker at a time; everything of one call is one transaction, so that it may be killed at any line. A question reads
the totals and the batches that are not in them yet in one statement (see `statements`), and is exact always.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import connection, transaction

from governance.acts import Refused
from metering.models import RollupSeries, UsageBatch, UsageRollup, UsageRollupValue
from metering.models.events import POSITIONS
from metering.postgres import months, rollup_texts
from metering.postgres.rollup_texts import IN_BATCHES, IN_MONTH, ON_DAYS, add
from metering.postgres.series import Series, as_series, keep_wanted
from pricing.periods import add_months

BLOCK = 200_000
"""So many events are added in one transaction, or one batch if that is more."""
_MOST_BATCHES = 20_000
_LOCK = "hashtextextended('quoin.rollups', 0)"


def roll_up(most: int = BLOCK) -> int:
    """Add the oldest batches that wait, some `most` events of them, to the daily totals. Gives how many batches.

    0 when nothing waits, or when another worker is at it. Also makes the series of new definitions, from all that was
    rolled up before, and drops those that nobody wants any more.
    """
    with transaction.atomic():
        if not _locked(wait=False):
            return 0
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '128MB'")  # a block is sorted, in one piece
        ready = _ready_series()
        batches = _waiting(most)
        if batches:
            where = {"first": batches[0] << POSITIONS, "end": (batches[-1] + 1) << POSITIONS, "batches": batches}
            add(ready, IN_BATCHES, where)
            UsageBatch.objects.filter(pk__in=batches).update(is_rolled_up=True)
        return len(batches)


def rebuild(customer_key: str, event_type: str, days: Iterable[date]) -> None:
    """Make the daily totals of these UTC days anew, in the caller's transaction, because events became void or count
    again. Waits for the worker, and keeps it waiting until the transaction ends.

    `Refused` when the events of one of the days are retired.
    """
    wanted = sorted(set(days))
    if not wanted:
        return
    _locked(wait=True)
    first, last = months.starts(wanted[0]), months.starts(wanted[-1]) + timedelta(days=1)
    gone = {(month.year, month.month) for month in months.retired()}
    if any((day.year, day.month) in gone for day in wanted):
        raise Refused("The events of a month that is retired cannot be corrected any more.")
    kept = RollupSeries.objects.filter(definition__event_type=event_type, is_ready=True).order_by("pk")
    series = [as_series(each) for each in kept]
    of_days = {"series__in": [each.id for each in series], "customer_key": customer_key, "day__in": wanted}
    UsageRollup.objects.filter(**of_days).delete()
    UsageRollupValue.objects.filter(**of_days).delete()
    where = {"customer": customer_key, "type": event_type, "start": first, "end": last, "days": wanted}
    add(series, ON_DAYS, where)


def differences() -> list[str]:
    """Statements that say where daily totals are not what the events come to: they never do."""
    kept = RollupSeries.objects.filter(is_ready=True).order_by("pk")
    return rollup_texts.differences([as_series(each) for each in kept])


def _ready_series() -> list[Series]:
    """Every series in use, the new ones filled with what was rolled up before."""
    gone = months.retired()
    kept, unwanted = keep_wanted(add_months(gone[-1], 1) if gone else None)
    if unwanted:
        UsageRollup.objects.filter(series__in=unwanted).delete()
        UsageRollupValue.objects.filter(series__in=unwanted).delete()
        RollupSeries.objects.filter(pk__in=[each.pk for each in unwanted]).delete()
    new = [each for each in kept if not each.is_ready]
    if new:
        series = [as_series(each) for each in new]
        for month in map(months.month_of, months.kept()):
            add(series, IN_MONTH, {"start": month.start, "end": month.end})
        RollupSeries.objects.filter(pk__in=[each.pk for each in new]).update(is_ready=True)
    return [as_series(each) for each in kept]


def _waiting(most: int) -> list[int]:
    """The oldest batches that are not in the totals yet, up to so many events."""
    found = UsageBatch.objects.filter(is_rolled_up=False, is_open=False).order_by("pk").values_list("pk", "events")
    batches: list[int] = []
    total = 0
    for batch, events in found[:_MOST_BATCHES]:
        total += events
        if batches and total > most:
            break
        batches.append(batch)
    return batches


def _locked(wait: bool) -> bool:
    """Whether the daily totals are this transaction's alone until it ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_advisory_xact_lock({_LOCK})" if wait else f"SELECT pg_try_advisory_xact_lock({_LOCK})"
        )
        (got,) = cursor.fetchone()
    return wait or bool(got)
