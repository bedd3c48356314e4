"""The SQL of questions about usage, to be filled by `statements`; and the columns of a state in SQL."""

from typing import NamedTuple

from metering.models.events import POSITIONS

# What goes into these texts is our own, or made by `metering.postgres.formulas`, which quotes; all else is an argument.
WANTED = """
    wanted AS (SELECT * FROM json_to_recordset(%(wanted)s) AS wanted (
        number int, customer text, type text, kind text, value int, condition int, names int, unit text, zone text,
        series bigint, first_day date, last_day date, places int[]
    ))
"""
PIECES = """
    piece AS (
        SELECT * FROM json_to_recordset(%(pieces)s) AS piece (number int, start_at timestamptz, end_at timestamptz)
        {changed}
    )
"""
CHANGED = """
    UNION ALL
    SELECT DISTINCT wanted.number, kept.day::timestamp AT TIME ZONE 'UTC', (kept.day + 1)::timestamp AT TIME ZONE 'UTC'
    FROM wanted JOIN metering_usagerollup AS kept ON kept.series_id = wanted.series
        AND kept.customer_key = wanted.customer AND kept.day >= wanted.first_day AND kept.day < wanted.last_day
    WHERE kept.batch > %(batch)s AND kept.is_billable
"""
NOT_VOID = """
    NOT EXISTS (
        SELECT FROM metering_usagevoid AS void
        WHERE void.event = event.id AND void.voided_in <= %(batch)s
            AND (void.restored_in IS NULL OR void.restored_in > %(batch)s)
    )
"""
# The events of one piece with what each adds. Planned as one probe of `usage_by_customer` for each piece.
COUNTED = f"""
    SELECT {{value}} AS value, {{parts}} AS parts, {{start}} AS start_at, event.occurred_at, event.id, wanted.kind,
        {{identity}}
    FROM metering_usageevent AS event
    WHERE usage_slot(event.customer_key, event.type) = usage_slot(wanted.customer, wanted.type)
        AND event.customer_key = wanted.customer AND event.type = wanted.type AND event.is_billable
        AND event.occurred_at >= piece.start_at AND event.occurred_at < piece.end_at
        AND event.occurred_at >= %(first)s AND event.occurred_at < %(end)s
        AND event.id < %(below)s AND {NOT_VOID} AND {{condition}}
    OFFSET 0
"""  # noqa: S608
OF_PIECES = f"""
    SELECT wanted.number, of_it.* FROM piece JOIN wanted USING (number) CROSS JOIN LATERAL (
        SELECT event.parts, event.start_at, {{of_events}}
        FROM ({COUNTED}) AS event WHERE event.value IS NOT NULL GROUP BY {{keys}}
    ) AS of_it
"""  # noqa: S608
WAITING = f"""
    waiting AS MATERIALIZED (
        SELECT event.* FROM metering_usageevent AS event
        WHERE event.id >= (SELECT min(id) << {POSITIONS} FROM metering_usagebatch WHERE NOT is_rolled_up)
            AND event.id < %(below)s
            AND event.id >> {POSITIONS} IN (SELECT id FROM metering_usagebatch WHERE NOT is_rolled_up)
            AND event.occurred_at >= %(first_day)s AND event.occurred_at < %(last_day)s
            AND event.customer_key = ANY (%(customers)s) AND event.is_billable AND {NOT_VOID}
    )
"""  # noqa: S608
WAITING_OF_ALL = WAITING.replace("AND event.customer_key = ANY (%(customers)s) ", "")
OF_WAITING = """
    SELECT event.number, event.parts, event.start_at, {of_events}
    FROM (
        SELECT wanted.number, {value} AS value, {parts} AS parts, {start} AS start_at, event.occurred_at, event.id,
            wanted.kind
        FROM wanted JOIN waiting AS event ON event.customer_key = wanted.customer AND event.type = wanted.type
            AND event.occurred_at >= wanted.first_day::timestamp AT TIME ZONE 'UTC'
            AND event.occurred_at < wanted.last_day::timestamp AT TIME ZONE 'UTC'
        WHERE wanted.series IS NOT NULL AND {condition} {not_in_pieces}
        OFFSET 0
    ) AS event WHERE event.value IS NOT NULL GROUP BY event.number, {keys_of_waiting}
"""
NOT_IN_PIECES = """
    AND NOT EXISTS (
        SELECT FROM piece WHERE piece.number = wanted.number
            AND event.occurred_at >= piece.start_at AND event.occurred_at < piece.end_at
    )
"""
OF_DAYS = """
    SELECT wanted.number, of_it.* FROM wanted CROSS JOIN LATERAL (
        SELECT {kept_parts} AS parts, {kept_start} AS start_at, {of_days}
        FROM {kept} AS kept
        WHERE kept.series_id = wanted.series AND kept.customer_key = wanted.customer
            AND kept.day >= wanted.first_day AND kept.day < wanted.last_day AND kept.is_billable {unchanged}
        GROUP BY {keys}
    ) AS of_it
"""
UNCHANGED = """
    AND NOT EXISTS (
        SELECT FROM metering_usagerollup AS changed
        WHERE changed.series_id = kept.series_id AND changed.customer_key = kept.customer_key
            AND changed.day = kept.day AND changed.is_billable AND changed.batch > %(batch)s
    )
"""
STATES = """
    WITH {sources}, found AS ({found}) SELECT number, parts, start_at, {together} FROM found GROUP BY 1, 2, 3 {some}
"""
EACH = f"""
    WITH {{sources}}
    SELECT wanted.number, event.parts, event.occurred_at, event.value, event.id
    FROM piece JOIN wanted USING (number) CROSS JOIN LATERAL ({COUNTED}) AS event
    WHERE event.value IS NOT NULL
    ORDER BY wanted.number, event.occurred_at, event.source COLLATE "C", event.event_id COLLATE "C"
"""  # noqa: S608
START = "CASE WHEN wanted.unit <> '' THEN date_trunc(wanted.unit, event.occurred_at, wanted.zone) END"
KEPT_PARTS = """
    ARRAY(
        SELECT kept.parts[named.place]
        FROM unnest(wanted.places) WITH ORDINALITY AS named (place, turn) ORDER BY named.turn
    )
"""
KEPT_START = "CASE WHEN wanted.unit <> '' THEN date_trunc(wanted.unit, kept.day::timestamp) AT TIME ZONE 'UTC' END"


class Column(NamedTuple):
    """A column of a state: of events, of daily totals, and of states that become one.

    Meters of all kinds share a statement; what only some kinds need is worked out for these alone.
    """

    of_events: str
    of_days: str
    together: str


_EPOCH = "extract(epoch FROM event.occurred_at)"
COLUMNS = {
    "events": Column("count(*) AS events", "sum(kept.events) AS events", "sum(events)::bigint"),
    "total": Column(
        "sum(event.value) FILTER (WHERE event.kind IN ('sum', 'average', 'weighted')) AS total",
        "sum(kept.total) AS total",
        "sum(total)",
    ),
    "moment": Column(
        f"sum(event.value * {_EPOCH}) FILTER (WHERE event.kind = 'weighted') AS moment",
        "sum(kept.moment) AS moment",
        "sum(moment)",
    ),
    "highest": Column("max(event.value) AS highest", "max(kept.highest) AS highest", "max(highest)"),
    "lowest": Column("min(event.value) AS lowest", "min(kept.lowest) AS lowest", "min(lowest)"),
    "latest": Column(
        f"max(ARRAY[{_EPOCH}, event.id, event.value]) FILTER (WHERE event.kind = 'latest') AS latest",
        "max(ARRAY[extract(epoch FROM kept.latest_at), kept.latest_event, kept.latest])"
        " FILTER (WHERE kept.events > 0) AS latest",
        "max(latest)",
    ),
    "distinct": Column("event.value AS seen", "kept.value AS seen", "count(DISTINCT seen)"),
}
