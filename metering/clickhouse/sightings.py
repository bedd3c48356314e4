"""What was reported at all, asked of ClickHouse (see `metering.postgres.sightings`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from metering.clickhouse.formulas import condition_of, value_of, values_of
from metering.clickhouse.horizon import Horizon, horizon
from metering.clickhouse.tables import EVENTS
from metering.clickhouse.totals import instant_sql
from metering.expressions.clickhouse import constant
from metering.meters.totals import Values
from metering.models import Meter
from metering.postgres.sightings import MOST_VALUES, Asked
from pricing.periods import Period

_COUNTED = f"""
    FROM {EVENTS} AS event FINAL
    WHERE event.type = {{type}} AND event.is_billable
        AND event.occurred_at >= {{start_at}} AND event.occurred_at < {{end_at}}
        AND {{horizon}} AND {{condition}} AND isNotNull({{value}})
"""
_SEEN = f"SELECT {{number}} AS number {_COUNTED} LIMIT 1"
_VALUES = f"""
    SELECT {{number}} AS number, {{parts}} AS parts, count() AS times {_COUNTED}
    GROUP BY parts ORDER BY times DESC, parts LIMIT {MOST_VALUES}
"""


def meters_in_use(client: Client, meters: Iterable[Meter], period: Period) -> set[str]:
    """The keys of those meters that counted at least one event in the period; one statement."""
    asked = list(meters)
    return {asked[number].key for (number,) in _rows(client, _SEEN, [(meter, ()) for meter in asked], period)}


def values_seen(client: Client, asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
    """Which combinations of values the events of the period carried, and how many events each; one statement."""
    wanted = list(asked)
    found: dict[Asked, dict[Values, int]] = {each: {} for each in wanted}
    for number, values, times in _rows(client, _VALUES, wanted, period):
        found[wanted[number]][tuple(values)] = times
    return found


def _rows(client: Client, template: str, asked: Sequence[Asked], period: Period) -> Sequence[Sequence[Any]]:
    if not asked:
        return []
    counted = horizon().without_voids(period)
    return client.query(
        " UNION ALL ".join(
            f"SELECT * FROM ({_written(template, number, each, period, counted)})"  # noqa: S608 - as in `totals`
            for number, each in enumerate(asked)
        )
    ).result_rows


def _written(template: str, number: int, asked: Asked, period: Period, counted: Horizon) -> str:
    meter, names = asked
    return template.format(
        number=number,
        type=constant(meter.event_type),
        start_at=instant_sql(period.start),
        end_at=instant_sql(period.end),
        horizon=counted.condition(),
        condition=condition_of(meter),
        value=value_of(meter).sql,
        parts=values_of(names),
    )
