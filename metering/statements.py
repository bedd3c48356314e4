"""States asked of PostgreSQL: whole, told apart by property or calendar window, or one event at a time."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from metering.cutoffs import EVERYTHING, Cutoff
from metering.formulas import condition_of, one_of, value_of
from metering.models import Meter
from metering.states import NEEDED, State, single
from metering.totals import Group, Key, Request, answers
from pricing.measures import Measured

# What goes into these texts is our own, or made by `metering.formulas`, which quotes; all else is an argument.
_WANTED = """
    SELECT * FROM json_to_recordset(%(wanted)s) AS wanted (
        number int, customer text, type text, start_at timestamptz, end_at timestamptz,
        value int, condition int, names text[], unit text, zone text
    )
"""
# One event of a request with what it adds. Planned as one probe of `usage_by_customer` for each request.
_COUNTED = """
    SELECT {value} AS value, {parts} AS parts, {start} AS start_at, event.occurred_at, event.id, {identity}
    FROM metering_usageevent AS event
    WHERE usage_slot(event.customer_key, event.type) = usage_slot(wanted.customer, wanted.type)
        AND event.customer_key = wanted.customer AND event.type = wanted.type AND event.is_billable
        AND event.occurred_at >= wanted.start_at AND event.occurred_at < wanted.end_at
        AND event.id < %(below)s
        AND NOT EXISTS (
            SELECT FROM metering_usagevoid AS void
            WHERE void.event = event.id AND void.voided_in <= %(batch)s
                AND (void.restored_in IS NULL OR void.restored_in > %(batch)s)
        )
        AND {condition}
    OFFSET 0
"""
_NO_IDENTITY = "NULL AS source, NULL AS event_id"
_PARTS = """
    ARRAY(
        SELECT event.properties ->> named.name
        FROM unnest(wanted.names) WITH ORDINALITY AS named (name, place) ORDER BY named.place
    )
"""
_START = "CASE WHEN wanted.unit <> '' THEN date_trunc(wanted.unit, event.occurred_at, wanted.zone) END"
_STATES = f"""
    WITH wanted AS ({_WANTED}),
    found AS (
        SELECT wanted.number, of_it.* FROM wanted CROSS JOIN LATERAL (
            SELECT event.parts, event.start_at, {{of_events}}
            FROM ({_COUNTED}) AS event WHERE event.value IS NOT NULL GROUP BY {{keys}}
        ) AS of_it
    )
    SELECT number, parts, start_at, {{together}} FROM found GROUP BY 1, 2, 3
"""  # noqa: S608
_EACH = f"""
    WITH wanted AS ({_WANTED})
    SELECT wanted.number, event.parts, event.occurred_at, event.value, event.id
    FROM wanted CROSS JOIN LATERAL ({_COUNTED}) AS event
    WHERE event.value IS NOT NULL
    ORDER BY wanted.number, event.occurred_at, event.source COLLATE "C", event.event_id COLLATE "C"
"""  # noqa: S608


class _Column(NamedTuple):
    """A column of a state: of events, and of states that become one."""

    of_events: str
    together: str


_COLUMNS = {
    "events": _Column("count(*)", "sum(events)::bigint"),
    "total": _Column("sum(event.value)", "sum(total)"),
    "moment": _Column("sum(event.value * extract(epoch FROM event.occurred_at))", "sum(moment)"),
    "highest": _Column("max(event.value)", "max(highest)"),
    "lowest": _Column("min(event.value)", "min(lowest)"),
    "latest": _Column("max(ARRAY[extract(epoch FROM event.occurred_at), event.id, event.value])", "max(latest)"),
    "distinct": _Column("event.value AS seen", "count(DISTINCT seen)"),
}


def totals(requests: Sequence[Request], as_of: Cutoff | None = None) -> dict[Key, Measured]:
    """The answer to each request by its key; at most one statement for each aggregation and shape of requests."""
    found: dict[Key, Measured] = {}
    by_shape = sorted(set(requests), key=lambda request: request.shape)
    for (aggregation, shape), group in groupby(by_shape, key=lambda request: request.shape):
        asked = list(group)
        rows = _rows(aggregation, shape, asked, as_of or EVERYTHING)
        found |= answers(asked, _singles(asked, rows) if shape == "each" else _states(aggregation, rows))
    return found


def _rows(aggregation: str, shape: str, asked: Sequence[Request], as_of: Cutoff) -> Iterator[tuple[Any, ...]]:
    values = list(dict.fromkeys(value_of(request.meter) for request in asked))
    conditions = list(dict.fromkeys(condition_of(request.meter) for request in asked))
    needed = ("events", *NEEDED[aggregation])
    sql = (_EACH if shape == "each" else _STATES).format(
        value=one_of(values, "wanted.value"),
        condition=one_of(conditions, "wanted.condition"),
        parts="NULL::text[]" if shape == "whole" else _PARTS,
        start="NULL::timestamptz" if shape == "whole" else _START,
        identity="event.source, event.event_id" if shape == "each" else _NO_IDENTITY,
        of_events=", ".join(f"{_COLUMNS[name].of_events}" + _named(name) for name in needed),
        keys="1, 2, event.value" if "distinct" in needed else "1, 2",
        together=", ".join(_COLUMNS[name].together for name in needed),
    )
    wanted = _as_json(asked, values, conditions)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"wanted": wanted, "below": as_of.below, "batch": as_of.batch})
        yield from cursor


def _named(column: str) -> str:
    return "" if column == "distinct" else f" AS {column}"


def _states(aggregation: str, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[int, Group, State]]:
    names = ("events", *NEEDED[aggregation])
    for number, parts, start, *columns in rows:
        yield number, (tuple(parts or ()), start), State(**dict(zip(names, columns, strict=True)))


def _singles(asked: Sequence[Request], rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[int, Group, State]]:
    for number, parts, at, value, event in rows:
        counted = value if asked[number].meter.aggregation != Meter.Aggregation.UNIQUE else 1
        yield number, (tuple(parts), at.astimezone(UTC)), single(counted, at, event)


def _as_json(requests: Sequence[Request], values: Sequence[str], conditions: Sequence[str]) -> str:
    return msgspec.json.encode(
        [
            {
                "number": number,
                "customer": request.customer_key,
                "type": request.meter.event_type,
                "start_at": request.period.start,
                "end_at": request.period.end,
                "value": values.index(value_of(request.meter)),
                "condition": conditions.index(condition_of(request.meter)),
                "names": request.split.by,
                "unit": request.split.window,
                "zone": request.split.zone,
            }
            for number, request in enumerate(requests)
        ]
    ).decode()
