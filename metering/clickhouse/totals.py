"""Questions about how events add up, asked of ClickHouse: one statement for all that are told apart alike."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from metering.clickhouse.formulas import condition_of, start_of, value_of, values_of
from metering.clickhouse.horizon import Horizon
from metering.clickhouse.states import MICROS, Columns, columns_of, number, state
from metering.clickhouse.tables import EVENTS
from metering.expressions.clickhouse import constant
from metering.models import Meter
from metering.states import single
from metering.totals import Found, Request
from pricing.measures import Split
from pricing.periods import Period, midnight

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2299, 12, 31, tzinfo=UTC)
"""Where ClickHouse's calendar ends."""
MOST_REQUESTS = 2_000
"""In one statement, unless they all are of one kind."""
MOST_KINDS = 50
MOST_SOUGHT = 10_000
"""So many customers are looked up by the order of the table; of more, all rows of the type are read."""

# What goes into these texts is our own, or made by `metering.expressions`, which escapes; customers are one constant.
_COUNTED = f"""
    SELECT event.customer_key AS customer_key, event.occurred_at AS occurred_at, event.id AS id,
        {{value}} AS value, {{parts}} AS parts, {{columns}}
    FROM {EVENTS} AS event FINAL
    WHERE event.type = {{type}} AND event.is_billable{{customers}}
        AND event.occurred_at >= {{start_at}} AND event.occurred_at < {{end_at}}
        AND {{horizon}} AND {{condition}}
"""  # noqa: S608
_WANTED = """
    format(JSONCompactEachRow, 'number UInt32, customer String, start_at Int64, end_at Int64', {wanted})
"""
_JOINED = f"""
    FROM ({_COUNTED}) AS event INNER JOIN {_WANTED} AS wanted ON event.customer_key = wanted.customer
    WHERE isNotNull(event.value) AND {MICROS} >= wanted.start_at AND {MICROS} < wanted.end_at
"""
_STATES = f"""
    SELECT wanted.number, event.parts, event.start_at, {{state}} {_JOINED}
    GROUP BY wanted.number, event.parts, event.start_at
"""
_EACH = f"""
    SELECT wanted.number AS number, event.parts, {MICROS} AS at, toString(assumeNotNull(event.value)), event.id,
        event.source AS source, event.event_id AS event_id
    {_JOINED}
"""


def found(client: Client, requests: Sequence[Request], horizon: Horizon) -> Found:
    """The groups and states of each request, by its place; single events by time, source and id."""
    numbered = sorted(enumerate(requests), key=lambda each: _kind(each[1]))
    kinds = [list(group) for _, group in groupby(numbered, key=lambda each: _kind(each[1]))]
    for is_each in (False, True):
        for asked in _statements([kind for kind in kinds if kind[0][1].split.each is is_each]):
            yield from _singles(client, requests, asked, horizon) if is_each else _states(client, asked, horizon)


Kind = list[tuple[int, Request]]
"""Requests for one definition of a meter, told apart alike, each with its place."""


def covering(requests: Iterable[Request]) -> Period:
    """From the first start to the last end."""
    asked = list(requests)
    return Period(min(each.period.start for each in asked), max(each.period.end for each in asked))


def micros(instant: datetime) -> int:
    """Since 1970, within what ClickHouse can say."""
    return (min(max(instant, EPOCH), LATEST) - EPOCH) // timedelta(microseconds=1)


def instant_sql(instant: datetime) -> str:
    return f"fromUnixTimestamp64Micro({micros(instant)}, 'UTC')"


def _kind(request: Request) -> tuple[Any, ...]:
    meter, split = request.meter, request.split
    definition = (meter.event_type, meter.aggregation, meter.property, meter.condition, sorted(meter.filters.items()))
    return repr(definition), split.each, split.by, split.window, split.zone


def _statements(kinds: Iterable[Kind]) -> Iterator[list[Kind]]:
    """What is asked at once: few kinds, and few requests unless they are of one kind."""
    asked: list[Kind] = []
    for kind in kinds:
        if asked and (len(asked) == MOST_KINDS or sum(map(len, asked)) + len(kind) > MOST_REQUESTS):
            yield asked
            asked = []
        asked.append(kind)
    if asked:
        yield asked


def _states(client: Client, asked: Sequence[Kind], horizon: Horizon) -> Found:
    splits = {place: request.split for kind in asked for place, request in kind}
    sql = "\nUNION ALL\n".join(
        _of_kind(_STATES, kind, horizon, f"{start_of(kind[0][1].split)} AS start_at") for kind in asked
    )
    with client.query_rows_stream(sql) as rows:
        for place, parts, start, *columns in rows:
            yield place, (tuple(parts), _start(start, splits[place])), state(Columns(*columns))


def _singles(client: Client, requests: Sequence[Request], asked: Sequence[Kind], horizon: Horizon) -> Found:
    columns = "event.source AS source, event.event_id AS event_id"
    union = "\nUNION ALL\n".join(_of_kind(_EACH, kind, horizon, columns) for kind in asked)
    sql = f"SELECT * FROM ({union}) ORDER BY number, at, source, event_id"  # noqa: S608
    with client.query_rows_stream(sql) as rows:
        for place, parts, at, value, event, *_ in rows:
            counted = 1 if requests[place].meter.aggregation == Meter.Aggregation.UNIQUE else number(value)
            instant = EPOCH + timedelta(microseconds=at)
            yield place, (tuple(parts), instant), single(counted, instant, event)


def _of_kind(template: str, kind: Kind, horizon: Horizon, columns: str) -> str:
    requests = [request for _, request in kind]
    meter, split, period = requests[0].meter, requests[0].split, covering(requests)
    value = value_of(meter)
    return template.format(
        value=value.sql,
        parts=values_of(split.by),
        columns=columns,
        type=constant(meter.event_type),
        customers=_among({request.customer_key for request in requests}),
        start_at=instant_sql(period.start),
        end_at=instant_sql(period.end),
        horizon=horizon.condition(),
        condition=condition_of(meter),
        wanted=_wanted(kind),
        state=columns_of(meter.aggregation, value),
    )


def _among(customers: set[str]) -> str:
    if len(customers) > MOST_SOUGHT:
        return ""
    return f" AND event.customer_key IN ({', '.join(map(constant, sorted(customers)))})"


def _wanted(kind: Kind) -> str:
    lines = (
        msgspec.json.encode([place, each.customer_key, micros(each.period.start), micros(each.period.end)]).decode()
        for place, each in kind
    )
    return constant("\n".join(lines))


def _start(start: int, split: Split) -> datetime | None:
    if split.window in ("day", "month"):
        return midnight(date(1970, 1, 1) + timedelta(days=start), split.zone)
    return EPOCH + timedelta(seconds=start) if split.window else None
