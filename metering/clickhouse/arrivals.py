"""Events one by one, asked of ClickHouse (see `metering.postgres.arrivals`)."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from metering.clickhouse.formulas import holds
from metering.clickhouse.horizon import horizon
from metering.clickhouse.rows import read
from metering.clickhouse.tables import EVENTS
from metering.clickhouse.totals import LATEST, instant_of, instant_sql
from metering.expressions import Expression
from metering.expressions.clickhouse import constant
from metering.models import UsageBatch, UsageEvent
from metering.models.events import POSITIONS
from metering.postgres.arrivals import Seen
from pricing.periods import Period

_COLUMNS = (
    "id, source, event_id, type, customer_key, alias, toUnixTimestamp64Micro(occurred_at), is_billable, properties"
)
_EVENTS = f"SELECT {_COLUMNS} FROM {EVENTS} AS event FINAL WHERE "  # noqa: S608 - our own, or escaped


def matching(
    client: Client,
    customer_key: str,
    event_type: str,
    period: Period,
    condition: Expression | None,
    limit: int | None = None,
) -> list[tuple[int, datetime]]:
    """Number and instant of the events in a period, void or not, by time; those of which the condition is true."""
    true = holds(condition) if condition else "true"
    rows = client.query(f"""
        SELECT event.id AS id, toUnixTimestamp64Micro(event.occurred_at) AS at FROM {EVENTS} AS event FINAL
        WHERE event.customer_key = {constant(customer_key)} AND event.type = {constant(event_type)}
            AND {_within(period)} AND {horizon().condition()} AND {true}
        ORDER BY at, id {_limit(limit)}
    """).result_rows  # noqa: S608
    return [(number, instant_of(at)) for number, at in rows]


def numbered(client: Client, numbers: Collection[int]) -> list[UsageEvent]:
    """The events with these numbers, by source."""
    if not numbers:
        return []
    wanted = ", ".join(str(int(number)) for number in numbers)
    return _events(client, f"event.id IN ({wanted}) AND {horizon().condition()} ORDER BY source, id")


def latest(client: Client, limit: int) -> list[UsageEvent]:
    """The events stored last, of whomever, newest first. PostgreSQL knows in which batches they came."""
    stored, since = 0, 0
    batches = UsageBatch.objects.filter(is_open=False, events__gt=0).order_by("-pk").values_list("pk", "events")
    for batch, events in batches[:limit]:
        stored, since = stored + events, batch << POSITIONS
        if stored >= limit:
            break
    return _events(client, f"event.id >= {since} AND {horizon().condition()} ORDER BY id DESC LIMIT {int(limit)}")


def latest_of(client: Client, customer_key: str, since: datetime, limit: int) -> list[UsageEvent]:
    """A customer's events that occurred last, none before `since`; newest first."""
    return _events(
        client,
        f"event.customer_key = {constant(customer_key)} AND {_within(Period(since, LATEST))} "
        f"AND {horizon().condition()} ORDER BY occurred_at DESC, id DESC LIMIT {int(limit)}",
    )


def types_seen(client: Client, period: Period) -> Mapping[str, Seen]:
    """Which event types occurred in the period, billable or not."""
    rows = client.query(f"""
        SELECT event.type, count(), toUnixTimestamp64Micro(max(event.occurred_at)) FROM {EVENTS} AS event FINAL
        WHERE {_within(period)} AND {horizon().condition()} GROUP BY event.type
    """).result_rows  # noqa: S608
    return {type_: Seen(events, instant_of(last)) for type_, events, last in rows}


def _within(period: Period) -> str:
    return f"event.occurred_at >= {instant_sql(period.start)} AND event.occurred_at < {instant_sql(period.end)}"


def _limit(limit: int | None) -> str:
    return "" if limit is None else f"LIMIT {int(limit)}"


def _events(client: Client, rest: str) -> list[UsageEvent]:
    return [_event(*row) for row in client.query(_EVENTS + rest).result_rows]


def _event(*columns: Any) -> UsageEvent:
    number, source, event_id, type_, customer_key, alias, at, is_billable, properties = columns
    return UsageEvent(
        id=number,
        source=source,
        event_id=event_id,
        type=type_,
        customer_key=customer_key,
        alias=alias,
        occurred_at=instant_of(at),
        is_billable=is_billable,
        properties=read(properties),
    )
