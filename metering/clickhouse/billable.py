"""Billable or not, asked of ClickHouse (see `metering.meters.billable`)."""

from collections.abc import Sequence
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from metering.clickhouse.formulas import Value, condition_of, value_of
from metering.clickhouse.horizon import Horizon, horizon
from metering.clickhouse.states import added, sum_of
from metering.clickhouse.tables import EVENTS
from metering.clickhouse.totals import instant_sql
from metering.expressions.clickhouse import constant
from metering.meters.billable import Tally, adds_up, tally
from metering.models import Meter
from pricing.periods import Period

# What goes into this text is our own, or made by `metering.expressions`, which escapes.
_TALLY = f"""
    SELECT {{number}} AS number, {{which}} AS which, toInt64(count()) AS events, {{total}} AS total
    FROM (
        SELECT event.is_billable AS is_billable, {{value}} AS value FROM {EVENTS} AS event FINAL
        WHERE event.type = {{type}} AND event.occurred_at >= {{start_at}} AND event.occurred_at < {{end_at}}{{customer}}
            AND {{horizon}} AND {{condition}}
    ) AS event
    WHERE isNotNull(event.value) AND {{chosen}}
"""  # noqa: S608
_CHOSEN = ("event.is_billable", "NOT event.is_billable", "true")


def tallies(client: Client, meters: Sequence[Meter], period: Period, customer_key: str | None) -> dict[str, Tally]:
    """By meter key; one statement."""
    if not meters:
        return {}
    seen = horizon().without_voids(period, None if customer_key is None else {customer_key})
    texts = [
        _written(number, which, meter, period, customer_key, seen)
        for number, meter in enumerate(meters)
        for which in range(len(_CHOSEN))
    ]
    events = {meter.key: [0, 0, 0] for meter in meters}
    sums = {meter.key: [Decimal(), Decimal(), Decimal()] for meter in meters}
    for number, which, count, total in client.query(" UNION ALL ".join(texts)).result_rows:
        key = meters[number].key
        events[key][which], sums[key][which] = count, added(total)
    return {meter.key: tally(meter, [*events[meter.key], *sums[meter.key]]) for meter in meters}


def _written(number: int, which: int, meter: Meter, period: Period, customer_key: str | None, seen: Horizon) -> str:
    value: Value = value_of(meter)
    return _TALLY.format(
        number=number,
        which=which,
        total=sum_of(value, "assumeNotNull(event.value)") if adds_up(meter) else "'0'",
        value=value.sql,
        type=constant(meter.event_type),
        start_at=instant_sql(period.start),
        end_at=instant_sql(period.end),
        customer="" if customer_key is None else f" AND event.customer_key = {constant(customer_key)}",
        horizon=seen.condition(),
        condition=condition_of(meter),
        chosen=_CHOSEN[which],
    )
