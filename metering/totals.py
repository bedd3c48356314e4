"""How stored events add up, asked of PostgreSQL: whole, told apart by property or calendar window, or one by one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from metering.cutoffs import EVERYTHING, Cutoff
from metering.models import Meter
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.periods import Period, midnight, zone_named

Key = tuple[str, str, Period, Split]
"""What a question is about: customer, meter, period, and how to tell its usage apart."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question: how much of a meter did a customer use in a period, told apart how."""

    customer_key: str
    meter: Meter
    period: Period
    split: Split = WHOLE

    @property
    def key(self) -> Key:
        return self.customer_key, self.meter.key, self.period, self.split

    @property
    def shape(self) -> tuple[str, str]:
        """Requests of one shape are answered by one query."""
        if self.split.each:
            return self.meter.aggregation, "each"
        return self.meter.aggregation, "parts" if self.split.by or self.split.window else "whole"


# A number, or text that is one. The guard and the cast stand in one CASE, which alone fixes their order.
_VALUE = r"""
    CASE jsonb_typeof(event.properties -> wanted.property)
        WHEN 'number' THEN (event.properties -> wanted.property)::numeric
        WHEN 'string' THEN CASE
            WHEN event.properties ->> wanted.property ~ '^-?[0-9]{1,30}(\.[0-9]{1,18})?$'
            THEN (event.properties ->> wanted.property)::numeric
        END
    END
"""
_TEXT = "(event.properties ->> wanted.property)"
_WANTED = """
    json_to_recordset(%(wanted)s) AS wanted (
        number int, customer text, type text, start_at timestamptz, end_at timestamptz, property text, filters jsonb,
        names text[], unit text, zone text
    )
"""
# Planned as one probe of `usage_by_customer` for each request.
_COUNTED = """
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
        AND NOT EXISTS (
            SELECT FROM jsonb_each(wanted.filters) AS filter (property, allowed)
            WHERE (filter.allowed ? (event.properties ->> filter.property)) IS NOT TRUE
        )
"""
_VALUES = """
    ARRAY(
        SELECT event.properties ->> named.name
        FROM unnest(wanted.names) WITH ORDINALITY AS named (name, place) ORDER BY named.place
    )
"""
# What goes into these texts is our own, never an argument.
_WHOLE = f"""
    SELECT wanted.number, coalesce(found.total, 0), NULL, NULL
    FROM {_WANTED} LEFT JOIN LATERAL (SELECT {{total}} AS total {_COUNTED} {{rest}}) AS found ON true
"""  # noqa: S608
_PARTS = f"""
    SELECT wanted.number, found.total, found.parts, found.start_at
    FROM {_WANTED} CROSS JOIN LATERAL (
        SELECT {{total}}, {_VALUES},
            CASE WHEN wanted.unit <> '' THEN date_trunc(wanted.unit, event.occurred_at, wanted.zone) END
        {_COUNTED} AND ({{needed}}) IS NOT NULL
        GROUP BY 2, 3
    ) AS found (total, parts, start_at)
"""  # noqa: S608
_EACH = f"""
    SELECT wanted.number, found.total, found.parts, found.start_at
    FROM {_WANTED} CROSS JOIN LATERAL (
        SELECT {{own}}, {_VALUES}, event.occurred_at, event.source, event.event_id
        {_COUNTED} AND ({{needed}}) IS NOT NULL
    ) AS found (total, parts, start_at, source, event_id)
    ORDER BY wanted.number, found.start_at, found.source COLLATE "C", found.event_id COLLATE "C"
"""  # noqa: S608


class _Adding(NamedTuple):
    """An aggregation in SQL: of a whole (and what follows it), of a group, of one event; what an event must have."""

    total: str
    rest: str
    of_group: str
    own: str
    needed: str


_NEVER = datetime.min.replace(tzinfo=UTC)
_ONE = "1::numeric"
_LATEST = f"AND ({_VALUE}) IS NOT NULL ORDER BY event.occurred_at DESC, event.id DESC LIMIT 1"
_LATEST_OF_GROUP = f"(array_agg({_VALUE} ORDER BY event.occurred_at DESC, event.id DESC))[1]"
_UNIQUE = f"count(DISTINCT {_TEXT})::numeric"
_AGGREGATIONS = {
    Meter.Aggregation.COUNT: _Adding("count(*)::numeric", "", "count(*)::numeric", _ONE, _ONE),
    Meter.Aggregation.SUM: _Adding(f"sum({_VALUE})", "", f"sum({_VALUE})", _VALUE, _VALUE),
    Meter.Aggregation.MAX: _Adding(f"max({_VALUE})", "", f"max({_VALUE})", _VALUE, _VALUE),
    Meter.Aggregation.UNIQUE: _Adding(_UNIQUE, "", _UNIQUE, _ONE, _TEXT),
    Meter.Aggregation.LATEST: _Adding(_VALUE, _LATEST, _LATEST_OF_GROUP, _VALUE, _VALUE),
}


def totals(requests: Sequence[Request], as_of: Cutoff | None = None) -> dict[Key, Measured]:
    """The answer to each request by its key; at most one query for each aggregation and shape, however many requests.

    Events of one part have the same values of `by` (as PostgreSQL's `->>` writes them, None where there is none) and
    lie in the same calendar window. A part's `start` is its window's, which may lie before the period. Parts come by
    start, then by values (None first, text by code point); events by time, source and id. An event that lacks what the
    meter adds up is in no part; no events: no parts.
    """
    answers: dict[Key, Measured] = {}
    by_shape = sorted(set(requests), key=lambda request: request.shape)
    for (aggregation, shape), group in groupby(by_shape, key=lambda request: request.shape):
        asked = list(group)
        rows = _rows(Meter.Aggregation(aggregation), shape, asked, as_of or EVERYTHING)
        if shape == "whole":
            answers |= {asked[number].key: total for number, total, _, _ in rows}
        else:
            answers |= _parts(asked, rows)
    return answers


def _rows(
    aggregation: Meter.Aggregation, shape: str, asked: Sequence[Request], as_of: Cutoff
) -> Iterator[tuple[Any, ...]]:
    adding = _AGGREGATIONS[aggregation]
    sql = {
        "whole": _WHOLE.format(total=adding.total, rest=adding.rest),
        "parts": _PARTS.format(total=adding.of_group, needed=adding.needed),
        "each": _EACH.format(own=adding.own, needed=adding.needed),
    }[shape]
    with connection.cursor() as cursor:
        cursor.execute(sql, {"wanted": _as_json(asked), "below": as_of.below, "batch": as_of.batch})
        yield from cursor


def _parts(asked: Sequence[Request], rows: Iterable[tuple[Any, ...]]) -> dict[Key, Measured]:
    found: dict[int, list[Part]] = defaultdict(list)
    for number, quantity, values, start in rows:
        split = asked[number].split
        found[number].append(Part(quantity, tuple(values), _start(start, split)))
    answers: dict[Key, Measured] = {}
    for number, request in enumerate(asked):
        parts = found[number]
        answers[request.key] = tuple(parts if request.split.each else sorted(parts, key=_place))
    return answers


def _start(start: datetime | None, split: Split) -> datetime | None:
    """In UTC. Where a clock put back repeats a midnight, the day began at the first, and PostgreSQL says the second."""
    if start is None:
        return None
    if split.window in ("day", "month"):
        return midnight(start.astimezone(zone_named(split.zone)).date(), split.zone)
    return start.astimezone(UTC)


def _place(part: Part) -> tuple[Any, ...]:
    return part.start or _NEVER, [(value is not None, value or "") for value in part.values]


def _as_json(requests: Sequence[Request]) -> str:
    return msgspec.json.encode(
        [
            {
                "number": number,
                "customer": request.customer_key,
                "type": request.meter.event_type,
                "start_at": request.period.start,
                "end_at": request.period.end,
                "property": request.meter.property,
                "filters": request.meter.filters,
                "names": request.split.by,
                "unit": request.split.window,
                "zone": request.split.zone,
            }
            for number, request in enumerate(requests)
        ]
    ).decode()
