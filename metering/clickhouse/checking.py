"""What a copy of events comes to, by day, in ClickHouse and in PostgreSQL: equal, or the copy is not whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from django.db import connection

from metering.clickhouse import formulas
from metering.clickhouse.states import added, sum_of
from metering.clickhouse.tables import EVENTS
from metering.clickhouse.totals import instant_sql
from metering.expressions.clickhouse import constant
from metering.models import Meter
from metering.postgres import formulas as postgres
from pricing.periods import Period

ALL = ""
"""Instead of a meter's key: every event of the type, with the sum of their numbers."""

# As in `totals`, what goes into these texts is our own or escaped.
_HERE = """
    SELECT (event.occurred_at AT TIME ZONE 'UTC')::date, {columns} FROM metering_usageevent AS event
    WHERE event.type = %s AND event.occurred_at >= %s AND event.occurred_at < %s AND event.id >= %s AND event.id < %s
    GROUP BY 1
"""
_THERE = f"""
    SELECT toDate(event.occurred_at, 'UTC'), {{columns}} FROM (
        SELECT *, numbers FROM {EVENTS} AS event FINAL
        WHERE event.type = {{type}} AND event.occurred_at >= {{start_at}} AND event.occurred_at < {{end_at}}
            AND event.id >= {{first}} AND event.id < {{below}}
    ) AS event GROUP BY 1
"""  # noqa: S608


class Sums(NamedTuple):
    """Of one day and one meter: how many events it counts, and what they add (of texts, how many different)."""

    events: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Difference:
    """That a day does not come to the same in both."""

    day: date
    event_type: str
    meter: str
    here: Sums
    there: Sums

    def __str__(self) -> str:
        what = f"meter {self.meter}" if self.meter else "all events"
        return (
            f"{self.day:%Y-%m-%d}, type {self.event_type}, {what}: PostgreSQL has {self.here.events:,} events and "
            f"{self.here.total}, ClickHouse {self.there.events:,} and {self.there.total}"
        )


NOTHING = Sums(0, Decimal(0))
Found = dict[tuple[date, str], Sums]


def differences(client: Client, period: Period, numbers: range) -> Iterator[Difference]:
    """Where the events of a period with these numbers do not come to the same, by day, type and meter.

    All events, billable or not; of a meter those it counts.
    """
    for event_type, meters in _meters(period).items():
        here = _here(event_type, meters, period, numbers)
        there = _there(client, event_type, meters, period, numbers)
        for day, meter in sorted(here.keys() | there.keys()):
            pair = here.get((day, meter), NOTHING), there.get((day, meter), NOTHING)
            if pair[0] != pair[1]:
                yield Difference(day, event_type, meter, *pair)


def _meters(period: Period) -> Mapping[str, Sequence[Meter]]:
    """The types of which there are events, here, with the meters that count them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT type FROM metering_usageevent WHERE occurred_at >= %s AND occurred_at < %s",
            [period.start, period.end],
        )
        found: dict[str, list[Meter]] = {event_type: [] for (event_type,) in cursor.fetchall()}
    for meter in Meter.objects.filter(event_type__in=found).order_by("key"):
        found[meter.event_type].append(meter)
    return found


def _here(event_type: str, meters: Sequence[Meter], period: Period, numbers: range) -> Found:
    columns = ["count(*), sum(event.id)", *map(_column_here, meters)]
    with connection.cursor() as cursor:
        cursor.execute(
            _HERE.format(columns=", ".join(columns)),
            [event_type, period.start, period.end, numbers.start, numbers.stop],
        )
        return _found(cursor.fetchall(), meters)


def _there(client: Client, event_type: str, meters: Sequence[Meter], period: Period, numbers: range) -> Found:
    columns = ["count(), toString(sum(toUInt256(event.id)))", *map(_column_there, meters)]
    sql = _THERE.format(
        columns=", ".join(columns),
        type=constant(event_type),
        start_at=instant_sql(period.start),
        end_at=instant_sql(period.end),
        first=numbers.start,
        below=numbers.stop,
    )
    return _found(client.query(sql).result_rows, meters)


def _found(rows: Iterable[Sequence[Any]], meters: Sequence[Meter]) -> Found:
    keys = [ALL, *(meter.key for meter in meters)]
    return {
        (day, key): Sums(int(events), added(str(total or 0)))
        for day, *columns in rows
        for key, events, total in zip(keys, columns[::2], columns[1::2], strict=True)
    }


def _column_here(meter: Meter) -> str:
    value, condition = postgres.value_of(meter), postgres.condition_of(meter)
    counted = f"FILTER (WHERE ({condition}) AND ({value}) IS NOT NULL)"
    what = f"count(DISTINCT {value})" if meter.aggregation == Meter.Aggregation.UNIQUE else f"sum({value})"
    return f"count(*) {counted}, {what} {counted}"


def _column_there(meter: Meter) -> str:
    value, condition = formulas.value_of(meter), formulas.condition_of(meter)
    counted = f"ifNull(({condition}) AND isNotNull({value.sql}), false)"
    if meter.aggregation == Meter.Aggregation.UNIQUE:
        return f"countIf({counted}), toString(uniqExactIf({value.sql}, {counted}))"
    return f"countIf({counted}), {sum_of(value, f'if({counted}, {value.sql}, NULL)')}"
