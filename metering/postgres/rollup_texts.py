"""The SQL of daily totals: what events add to each series, and where it is kept."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from metering.models import Meter
from metering.models.events import POSITIONS
from metering.postgres.formulas import condition_of, one_of, parts_of, value_of
from metering.postgres.series import Series

# What goes into these texts is our own, or made by `metering.postgres.formulas`, which quotes; all else is an argument.
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
_DAYS = f"""
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
"""  # noqa: S608
_ADD = f"""
    {_DAYS}
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
IN_BATCHES = f"""
    event.id >= %(first)s AND event.id < %(end)s AND event.id >> {POSITIONS} = ANY (%(batches)s)
"""
ROLLED_UP = f"""
    EXISTS (
        SELECT FROM metering_usagebatch AS batch WHERE batch.id = event.id >> {POSITIONS} AND batch.is_rolled_up
    )
"""
IN_MONTH = f"""
    event.occurred_at >= %(start)s AND event.occurred_at < %(end)s AND event.type = ANY (%(types)s) AND {ROLLED_UP}
"""
ON_DAYS = f"""
    usage_slot(event.customer_key, event.type) = usage_slot(%(customer)s, %(type)s)
    AND event.customer_key = %(customer)s AND event.type = %(type)s
    AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s
    AND (event.occurred_at AT TIME ZONE 'UTC')::date = ANY (%(days)s) AND {ROLLED_UP}
"""
_DIFFERENT = f"""
    {_DAYS}
    SELECT series_id || ' ' || customer_key || ' ' || day
    FROM (
        SELECT * FROM metering_usagerollup
        WHERE series_id = ANY (%(series)s) AND date_trunc('month', day) NOT IN (SELECT month FROM metering_retiredmonth)
    ) AS kept FULL JOIN day USING (series_id, customer_key, day, is_billable, parts)
    WHERE (kept.events, kept.total, kept.moment, kept.highest, kept.lowest, kept.batch,
            ARRAY[extract(epoch FROM kept.latest_at), kept.latest_event, kept.latest])
        IS DISTINCT FROM (day.events, day.total, day.moment, day.highest, day.lowest, day.batch,
            coalesce(day.latest, ARRAY[NULL, NULL, NULL]::numeric[]))
"""  # noqa: S608
_DIFFERENT_VALUES = f"""
    {_ADDED}, value AS (
        SELECT DISTINCT series_id, customer_key, day, is_billable, parts, value FROM event
        WHERE value IS NOT NULL AND NOT is_void
    )
    SELECT series_id || ' ' || customer_key || ' ' || day || ' ' || value
    FROM (
        SELECT *, true AS is_kept FROM metering_usagerollupvalue
        WHERE series_id = ANY (%(series)s) AND date_trunc('month', day) NOT IN (SELECT month FROM metering_retiredmonth)
    ) AS kept FULL JOIN value USING (series_id, customer_key, day, is_billable, parts, value)
    WHERE kept.is_kept IS NULL OR value.series_id IS NULL
"""  # noqa: S608


def add(series: Sequence[Series], which: str, where: dict[str, Any]) -> None:
    """Add the events for which `which` is true to these series."""
    with connection.cursor() as cursor:
        for text, given in _filled(_ADD, _ADD_VALUES, series, which):
            cursor.execute(text, given | where)


def differences(series: Sequence[Series]) -> list[str]:
    """Statements, whole in themselves, that say where the daily totals of these series are not what the events come to.

    One row of text for each difference. Months that are retired are not looked at.
    """
    with connection.cursor() as cursor:
        filled = _filled(_DIFFERENT, _DIFFERENT_VALUES, series, ROLLED_UP)
        return [str(cursor.mogrify(text, given)) for text, given in filled]


def _filled(numbers: str, values: str, series: Sequence[Series], which: str) -> list[tuple[str, dict[str, Any]]]:
    """Both texts for the series they are about: numbers for all, values where different ones are counted."""
    counting = [each for each in series if each.meter.aggregation == Meter.Aggregation.UNIQUE]
    filled = [_fill(numbers, series, [_number_of(each.meter) for each in series], which)] if series else []
    return filled + ([_fill(values, counting, [value_of(each.meter) for each in counting], which)] if counting else [])


def _fill(sql: str, series: Sequence[Series], values: Sequence[str], which: str) -> tuple[str, dict[str, Any]]:
    text = sql.format(
        which=which,
        parts=_chosen([parts_of(each.dimensions) for each in series]),
        value=_chosen(values),
        condition=_chosen([condition_of(each.meter) for each in series]),
    )
    return text, {
        "series": [each.id for each in series],
        "types": [each.meter.event_type for each in series],
        "aggregations": [str(each.meter.aggregation) for each in series],
    }


def _chosen(texts: Sequence[str]) -> str:
    return one_of(texts, "series.place - 1")


def _number_of(meter: Meter) -> str:
    """What an event adds as a number: where different values are counted, that it carries one."""
    value = value_of(meter)
    return f"CASE WHEN {value} IS NOT NULL THEN 1::numeric END" if meter.aggregation == "unique" else value
