"""What a meter says, in ClickHouse's SQL: which value an event adds, and whether it counts. Of a row named `event`."""

from collections.abc import Sequence
from typing import NamedTuple

from metering.expressions import Expression, Kind, parse
from metering.expressions.clickhouse import constant
from metering.expressions.tree import MOST_DIGITS, Digits, digits
from metering.models import Meter
from metering.models.meters import Definition
from metering.wire.events import DECIMALS, WHOLE_DIGITS
from pricing.measures import Split

TEXTS = "event.texts"
ROOM = 28
"""Digits that a sum needs beyond those of one value: for how many there are, and for microseconds since 1970."""
SECONDS = {"minute": 60, "hour": 3600}


class Value(NamedTuple):
    """What an event adds: SQL, NULL where it lacks it, and at most how many digits it has."""

    sql: str
    digits: Digits = Digits(1, 0)

    @property
    def is_wide(self) -> bool:
        """Whether a sum of many could be too long for one Decimal256."""
        return sum(self.digits) + ROOM > MOST_DIGITS


def value_of(meter: Definition) -> Value:
    """A number; text for UNIQUE."""
    if meter.aggregation == Meter.Aggregation.COUNT:
        return Value("toNullable(1)")
    if meter.aggregation == Meter.Aggregation.UNIQUE:
        return Value(parse(meter.property, Kind.TEXT).clickhouse(TEXTS))
    expression = parse(meter.property, Kind.NUMBER)
    if expression.is_name:
        (name,) = expression.names
        key = constant(name)  # read once, when the event was stored
        sql = f"if(mapContains(event.numbers, {key}), event.numbers[{key}], NULL)"
        return Value(sql, Digits(WHOLE_DIGITS, DECIMALS))
    return Value(expression.clickhouse(TEXTS), digits(expression.node))


def condition_of(meter: Definition) -> str:
    """True of the events the meter counts; false or NULL of others."""
    parts = [_among(name, allowed) for name, allowed in sorted(meter.filters.items())]
    if meter.condition:
        parts.append(holds(parse(meter.condition, Kind.CONDITION)))
    return " AND ".join(parts) or "true"


def holds(condition: Expression) -> str:
    """True of the events of which the condition is true."""
    return f"({condition.clickhouse(TEXTS)})"


def text_of(name: str) -> str:
    """A property as PostgreSQL's `->>` writes it, lists and objects too; NULL where the event lacks it."""
    key = constant(name)
    nested = f"if(mapContains(event.nested, {key}), event.nested[{key}], NULL)"
    return f"if(mapContains(event.texts, {key}), event.texts[{key}], {nested})"


def values_of(names: Sequence[str]) -> str:
    """The properties that events are told apart by, as an array."""
    return f"CAST([{', '.join(map(text_of, names))}] AS Array(Nullable(String)))"


def start_of(split: Split) -> str:
    """The window an event lies in, in the calendar of a zone: its first second, its day or its month's first day.

    Days and months are days since 1970 by the local date; minutes and hours seconds since 1970, by the clock as it
    stood at the event, so that an hour the clock shows twice is two hours.
    """
    zone = constant(split.zone)
    if split.window == "day":
        return f"toInt64(toDate(event.occurred_at, {zone}))"
    if split.window == "month":
        return f"toInt64(toStartOfMonth(toDate(event.occurred_at, {zone})))"
    if split.window:
        second = "toInt64(toUnixTimestamp(toDateTime(event.occurred_at)))"
        offset = f"timeZoneOffset(toDateTime(event.occurred_at, {zone}))"
        return f"{second} - positiveModulo({second} + {offset}, {SECONDS[split.window]})"
    return "toInt64(0)"


def _among(name: str, allowed: Sequence[str]) -> str:
    if not allowed:
        return "false"
    return f"({text_of(name)} IN ({', '.join(map(constant, allowed))}))"
