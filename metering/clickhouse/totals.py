"""Questions about how events add up, asked of ClickHouse: many meters in one statement, if told apart alike."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, islice
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from metering.clickhouse.formulas import Value, condition_of, start_of, value_of, values_of
from metering.clickhouse.horizon import Horizon
from metering.clickhouse.states import MICROS, columns_of, number, state
from metering.clickhouse.tables import EVENTS
from metering.expressions.clickhouse import constant
from metering.meters.calendar import EPOCH
from metering.meters.states import single
from metering.meters.totals import Found, Request
from metering.models import Meter
from pricing.measures import Split
from pricing.periods import Period, midnight

LATEST = datetime(2299, 12, 31, tzinfo=UTC)
"""Where ClickHouse's calendar ends."""
MOST_METERS = 20
"""In one statement: each row is held against all of them."""
MOST_SOUGHT = 10_000
"""So many customers are looked up by the order of the table; of more, all rows of the types are read."""

# What goes into these texts is our own, or made by `metering.expressions`, which escapes; customers are one constant.
_COUNTED = f"""
    FROM (
        SELECT event.customer_key AS customer_key, event.occurred_at AS occurred_at, event.id AS id, {{columns}}
        FROM {EVENTS} AS event FINAL
        WHERE event.type IN ({{types}}) AND event.is_billable{{customers}}
            AND event.occurred_at >= {{start_at}} AND event.occurred_at < {{end_at}} AND {{horizon}}
    ) AS event
    INNER JOIN format(JSONCompactEachRow, 'place UInt32, customer String, start_at Int64, end_at Int64', {{wanted}})
        AS wanted ON event.customer_key = wanted.customer
    WHERE {MICROS} >= wanted.start_at AND {MICROS} < wanted.end_at
"""  # noqa: S608
_STATES = f"""
    SELECT wanted.place, event.parts, event.start_at, {{states}} {_COUNTED}
    GROUP BY wanted.place, event.parts, event.start_at
"""
_EACH = f"""
    SELECT wanted.place AS place, event.parts, {MICROS} AS at, toString(assumeNotNull(event.value_0)), event.id,
        event.source AS source, event.event_id AS event_id
    {_COUNTED} AND isNotNull(event.value_0)
    ORDER BY place, at, source, event_id
"""


class Wanted(NamedTuple):
    """Whose events, and of when."""

    customer_key: str
    period: Period


class Kind(NamedTuple):
    """Requests for one definition of a meter, told apart alike: the place of each, by whose and when."""

    meter: Meter
    split: Split
    places: dict[Wanted, int]


def found(client: Client, requests: Sequence[Request], horizon: Horizon) -> Found:
    """The groups and states of each request, by its place; single events by time, source and id."""
    by_split = sorted(_kinds(requests), key=lambda kind: repr(kind.split))
    for split, kinds in groupby(by_split, key=lambda kind: kind.split):
        while asked := list(islice(kinds, 1 if split.each else MOST_METERS)):
            yield from _singles(client, asked, horizon) if split.each else _states(client, asked, horizon)


def covering(requests: Iterable[Request]) -> Period:
    """From the first start to the last end."""
    return _covering([each.period for each in requests])


def micros(instant: datetime) -> int:
    """Since 1970, within what ClickHouse can say."""
    return (min(max(instant, EPOCH), LATEST) - EPOCH) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """From microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def instant_sql(instant: datetime) -> str:
    return f"fromUnixTimestamp64Micro({micros(instant)}, 'UTC')"


def _covering(periods: Sequence[Period]) -> Period:
    return Period(min(each.start for each in periods), max(each.end for each in periods))


def _kinds(requests: Sequence[Request]) -> Iterable[Kind]:
    kinds: dict[Any, Kind] = {}
    for place, request in enumerate(requests):
        key = request.meter.pk, request.meter.aggregation, request.meter.key, request.split
        kind = kinds.get(key)
        if kind is None:
            kind = kinds[key] = Kind(request.meter, request.split, {})
        kind.places[Wanted(request.customer_key, request.period)] = place
    return sorted(kinds.values(), key=lambda kind: kind.meter.event_type)


def _states(client: Client, asked: Sequence[Kind], horizon: Horizon) -> Found:
    split, wanted = asked[0].split, list(dict.fromkeys(each for kind in asked for each in kind.places))
    values = [value_of(kind.meter) for kind in asked]
    named = [Value(f"event.value_{place}", value.digits) for place, value in enumerate(values)]
    states = [columns_of(kind.meter.aggregation, value) for kind, value in zip(asked, named, strict=True)]
    sql = _STATES.format(
        states=", ".join(column for columns in states for column in columns),
        **_given(asked, wanted, values, horizon, f"{start_of(split)} AS start_at"),
    )
    with client.query_rows_stream(sql) as rows:
        for place, parts, start, *columns in rows:
            group, rest = (tuple(parts), _start(start, split)), iter(columns)
            for kind, of_it in zip(asked, states, strict=True):
                found_state = state(kind.meter.aggregation, list(islice(rest, len(of_it))))
                if found_state.events and (asked_at := kind.places.get(wanted[place])) is not None:
                    yield asked_at, group, found_state


def _singles(client: Client, asked: Sequence[Kind], horizon: Horizon) -> Found:
    (kind,) = asked
    wanted, is_unique = list(kind.places), kind.meter.aggregation == Meter.Aggregation.UNIQUE
    columns = "event.source AS source, event.event_id AS event_id"
    sql = _EACH.format(**_given(asked, wanted, [value_of(kind.meter)], horizon, columns))
    with client.query_rows_stream(sql) as rows:
        for place, parts, at, value, event, *_ in rows:
            instant = instant_of(at)
            counted = number("1" if is_unique else value)
            yield kind.places[wanted[place]], (tuple(parts), instant), single(counted, instant, event)


def _given(
    asked: Sequence[Kind], wanted: Sequence[Wanted], values: Sequence[Value], horizon: Horizon, columns: str
) -> dict[str, str]:
    period = _covering([each.period for each in wanted])
    written = [columns, f"{values_of(asked[0].split.by)} AS parts"]
    for place, (kind, value) in enumerate(zip(asked, values, strict=True)):
        counted = f"event.type = {constant(kind.meter.event_type)} AND {condition_of(kind.meter)}"
        written.append(f"if({counted}, {value.sql}, NULL) AS value_{place}")
    return {
        "columns": ", ".join(written),
        "types": ", ".join(constant(each) for each in sorted({kind.meter.event_type for kind in asked})),
        "customers": _among({each.customer_key for each in wanted}),
        "start_at": instant_sql(period.start),
        "end_at": instant_sql(period.end),
        "horizon": horizon.condition(),
        "wanted": _as_constant(wanted),
    }


def _among(customers: set[str]) -> str:
    if len(customers) > MOST_SOUGHT:
        return ""
    return f" AND event.customer_key IN ({', '.join(map(constant, sorted(customers)))})"


def _as_constant(wanted: Sequence[Wanted]) -> str:
    lines: Iterator[bytes] = (
        msgspec.json.encode([place, customer, micros(period.start), micros(period.end)])
        for place, (customer, period) in enumerate(wanted)
    )
    return constant(b"\n".join(lines).decode())


def _start(start: int, split: Split) -> datetime | None:
    if split.window in ("day", "month"):
        return midnight(date(1970, 1, 1) + timedelta(days=start), split.zone)
    return EPOCH + timedelta(seconds=start) if split.window else None
