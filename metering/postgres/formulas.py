"""What a meter says, in PostgreSQL: which value an event adds, and whether it counts. Of a row named `event`."""

from collections.abc import Sequence

from psycopg import sql

from metering.expressions import Kind, parse
from metering.meters.definitions import kind_of
from metering.models import Meter
from metering.models.meters import Definition


def value_of(meter: Definition) -> str:
    """SQL of what an event adds: a number (text for UNIQUE), NULL when the event lacks it and is not counted."""
    if meter.aggregation == Meter.Aggregation.COUNT:
        return "1::numeric"
    return parse(meter.property, kind_of(meter)).sql("event.properties")


def condition_of(meter: Definition) -> str:
    """SQL that is true of the events the meter counts; false or NULL of others."""
    conditions = [
        f"(event.properties ->> {literal(name)}) IN ({', '.join(literal(text) for text in allowed)})"
        if allowed
        else "false"
        for name, allowed in sorted(meter.filters.items())
    ]
    if meter.condition:
        conditions.append(parse(meter.condition, Kind.CONDITION).sql("event.properties"))
    return " AND ".join(conditions) or "true"


def parts_of(names: Sequence[str]) -> str:
    """SQL of the values of these properties, as an array of text: NULL where the event lacks one."""
    values = ", ".join(f"event.properties ->> {literal(name)}" for name in names)
    return f"ARRAY[{values}]::text[]"


def one_of(texts: Sequence[str], chosen: str) -> str:
    """SQL that is the text at the place which `chosen` (SQL of a number) names. Evaluates no other."""
    if len(set(texts)) == 1:
        return f"({texts[0]})"
    return f"CASE {chosen} {' '.join(f'WHEN {place} THEN ({text})' for place, text in enumerate(texts))} END"


def literal(text: str) -> str:
    """Text as an SQL literal, fit for a statement with parameters."""
    return sql.quote(text).replace("%", "%%")
