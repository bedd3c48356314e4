"""Daily totals: each batch of events is added to them once, so that questions need not read the events again.

One worker at a time; everything of one call is one transaction, so that it may be killed at any line. A question reads
the totals and the batches that are not in them yet in one statement (see `metering.statements`), and is exact always.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from governance.acts import Refused
from metering import months
from metering.formulas import condition_of, one_of, parts_of, value_of
from metering.models import Meter, RollupSeries, UsageBatch, UsageRollup, UsageRollupValue
from metering.models.events import POSITIONS
from metering.series import Series, as_series, keep_wanted
from pricing.periods import Period, add_months

BLOCK = 200_000
"""So many events are added in one transaction, or one batch if that is more."""
_MOST_BATCHES = 20_000
_LOCK = "hashtextextended('quoin.rollups', 0)"

# What goes into these texts is our own, or made by `metering.formulas`, which quotes; all else is an argument.
# Every event of some with what it adds to each series of its type, and since which batch it is so.
_ADDED = f"""
    WITH series AS (
        SELECT * FROM unnest(%(series)s::bigint[], %(types)s::text[], %(aggregations)s::text[])
            WITH ORDINALITY AS series (id, type, aggregation, place)
    ), void AS (
        SELECT event, bool_or(restored_in IS NULL) AS is_void,
            max(greatest(voided_in, coalesce(restored_in, 0))) AS batch
        FROM metering_usagevoid GROUP BY event
    ), event AS (
        SELECT series.id AS series_id, series.aggregation, event.customer_key,
            (event.occurred_at AT TIME ZONE 'UTC')::date AS day, event.is_billable, {{parts}} AS parts,
            {{value}} AS value, event.occurred_at, event.id,
            coalesce(void.is_void, false) AS is_void,
            greatest(event.id >> {POSITIONS}, void.batch) AS batch
        FROM metering_usageevent AS event
        JOIN series ON series.type = event.type LEFT JOIN void ON void.event = event.id
        WHERE {{which}} AND {{condition}}
        OFFSET 0
    )
"""  # noqa: S608
_LATEST = "ARRAY[extract(epoch FROM occurred_at), id, value]"
_IS_LATER = """
    kept.latest_at IS NULL OR (excluded.latest_at, excluded.latest_event) > (kept.latest_at, kept.latest_event)
"""
_IF_LATER = ", ".join(
    f"{column} = CASE WHEN {_IS_LATER} THEN excluded.{column} ELSE kept.{column} END"
    for column in ("latest", "latest_at", "latest_event")
)
_ADD = f"""
    {_ADDED}, day AS (
        SELECT series_id, customer_key, day, is_billable, parts,
            count(*) FILTER (WHERE NOT is_void) AS events,
            sum(value) FILTER (WHERE NOT is_void AND aggregation IN ('sum', 'average', 'weighted')) AS total,
            sum(value * extract(epoch FROM occurred_at)) FILTER (WHERE NOT is_void AND aggregation = 'weighted')
                AS moment,
            max(value) FILTER (WHERE NOT is_void AND aggregation = 'max') AS highest,
            min(value) FILTER (WHERE NOT is_void AND aggregation = 'min') AS lowest,
            max({_LATEST}) FILTER (WHERE NOT is_void AND aggregation = 'latest') AS latest,
            max(batch) AS batch
        FROM event WHERE value IS NOT NULL GROUP BY 1, 2, 3, 4, 5
    )
    INSERT INTO metering_usagerollup AS kept (
        series_id, customer_key, day, is_billable, parts,
        events, total, moment, highest, lowest, latest, latest_at, latest_event, batch
    )
    SELECT series_id, customer_key, day, is_billable, parts, events, total, moment, highest, lowest,
        latest[3], to_timestamp(latest[1]), latest[2]::bigint, batch
    FROM day ORDER BY series_id, customer_key, day, is_billable, parts
    ON CONFLICT (series_id, customer_key, day, is_billable, parts) DO UPDATE SET
        events = kept.events + excluded.events,
        total = coalesce(kept.total + excluded.total, kept.total, excluded.total),
        moment = coalesce(kept.moment + excluded.moment, kept.moment, excluded.moment),
        highest = greatest(kept.highest, excluded.highest),
        lowest = least(kept.lowest, excluded.lowest),
        {_IF_LATER},
        batch = greatest(kept.batch, excluded.batch)
"""  # noqa: S608
_ADD_VALUES = f"""
    {_ADDED}
    INSERT INTO metering_usagerollupvalue (series_id, customer_key, day, is_billable, parts, value)
    SELECT DISTINCT series_id, customer_key, day, is_billable, parts, value
    FROM event WHERE value IS NOT NULL AND NOT is_void
    ORDER BY series_id, customer_key, day, is_billable, parts, value
    ON CONFLICT DO NOTHING
"""  # noqa: S608
_IN_BATCHES = f"""
    event.id >= %(first)s AND event.id < %(end)s AND event.id >> {POSITIONS} = ANY (%(batches)s)
"""
_ROLLED_UP = f"""
    EXISTS (
        SELECT FROM metering_usagebatch AS batch WHERE batch.id = event.id >> {POSITIONS} AND batch.is_rolled_up
    )
"""
_IN_MONTH = f"""
    event.occurred_at >= %(start)s AND event.occurred_at < %(end)s AND event.type = ANY (%(types)s) AND {_ROLLED_UP}
"""
_ON_DAYS = f"""
    usage_slot(event.customer_key, event.type) = usage_slot(%(customer)s, %(type)s)
    AND event.customer_key = %(customer)s AND event.type = %(type)s
    AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s
    AND (event.occurred_at AT TIME ZONE 'UTC')::date = ANY (%(days)s) AND {_ROLLED_UP}
"""


def roll_up(most: int = BLOCK) -> int:
    """Add the oldest batches that wait, some `most` events of them, to the daily totals. Gives how many batches.

    0 when nothing waits, or when another worker is at it. Also makes the series of new definitions, from all that was
    rolled up before, and drops those that nobody wants any more.
    """
    with transaction.atomic():
        if not _locked(wait=False):
            return 0
        ready = _ready_series()
        batches = _waiting(most)
        if batches:
            where = {"first": batches[0] << POSITIONS, "end": (batches[-1] + 1) << POSITIONS, "batches": batches}
            _add(ready, _IN_BATCHES, where)
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
    _add(series, _ON_DAYS, where)


def _ready_series() -> list[Series]:
    """Every series in use, the new ones filled with what was rolled up before."""
    gone = months.retired()
    kept, unwanted = keep_wanted(add_months(gone[-1], 1) if gone else None)
    for each in unwanted:
        UsageRollup.objects.filter(series=each).delete()
        UsageRollupValue.objects.filter(series=each).delete()
        each.delete()
    new = [each for each in kept if not each.is_ready]
    if new:
        for month in months.kept():
            _add([as_series(each) for each in new], _IN_MONTH, _bounds(months.month_of(month)))
        RollupSeries.objects.filter(pk__in=[each.pk for each in new]).update(is_ready=True)
    return [as_series(each) for each in kept]


def _bounds(period: Period) -> dict[str, Any]:
    return {"start": period.start, "end": period.end}


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


def _add(series: Sequence[Series], which: str, where: dict[str, Any]) -> None:
    """Add the events for which `which` is true to these series."""
    if not series:
        return
    counting = [each for each in series if each.meter.aggregation == Meter.Aggregation.UNIQUE]
    _run(_ADD, series, [_number_of(each.meter) for each in series], which, where)
    if counting:
        _run(_ADD_VALUES, counting, [value_of(each.meter) for each in counting], which, where)


def _run(sql: str, series: Sequence[Series], values: Sequence[str], which: str, where: dict[str, Any]) -> None:
    text = sql.format(
        which=which,
        parts=_chosen([parts_of(each.dimensions) for each in series]),
        value=_chosen(values),
        condition=_chosen([condition_of(each.meter) for each in series]),
    )
    of_series = {
        "series": [each.id for each in series],
        "types": [each.meter.event_type for each in series],
        "aggregations": [str(each.meter.aggregation) for each in series],
    }
    with connection.cursor() as cursor:
        cursor.execute(text, of_series | where)


def _chosen(texts: Sequence[str]) -> str:
    return one_of(texts, "series.place - 1")


def _number_of(meter: Meter) -> str:
    """What an event adds as a number: where different values are counted, that it carries one."""
    value = value_of(meter)
    return f"CASE WHEN {value} IS NOT NULL THEN 1::numeric END" if meter.aggregation == "unique" else value


def _locked(wait: bool) -> bool:
    """Whether the daily totals are this transaction's alone until it ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_advisory_xact_lock({_LOCK})" if wait else f"SELECT pg_try_advisory_xact_lock({_LOCK})"
        )
        (got,) = cursor.fetchone()
    return wait or bool(got)
