"""What a meter says, in PostgreSQL: which value an event adds, and whether it counts. Of a row named `event`."""

from collections.abc import Sequence

from psycopg import sql

from metering.models import Meter
from metering.models.meters import Definition


def value_of(meter: Definition) -> str:
    """SQL of what an event adds: a number (text for UNIQUE), NULL when the event lacks it and is not counted."""
    if meter.aggregation == Meter.Aggregation.COUNT:
        return "1::numeric"
    name = literal(meter.property)
    if meter.aggregation == Meter.Aggregation.UNIQUE:
        return f"(event.properties ->> {name})"
    # A number, or text that is one. The guard and the cast stand in one CASE, which alone fixes their order.
    return rf"""
        CASE jsonb_typeof(event.properties -> {name})
            WHEN 'number' THEN (event.properties -> {name})::numeric
            WHEN 'string' THEN CASE
                WHEN event.properties ->> {name} ~ '^-?[0-9]{{1,30}}(\.[0-9]{{1,18}})?$'
                THEN (event.properties ->> {name})::numeric
            END
        END
    """


def condition_of(meter: Definition) -> str:
    """SQL that is true of the events the meter counts; false or NULL of others."""
    conditions = [
        f"(event.properties ->> {literal(name)}) IN ({', '.join(literal(text) for text in allowed)})"
        if allowed
        else "false"
        for name, allowed in sorted(meter.filters.items())
    ]
    return " AND ".join(conditions) or "true"


def one_of(texts: Sequence[str], chosen: str) -> str:
    """SQL that is the text at the place which `chosen` (SQL of a number) names. Evaluates no other."""
    if len(texts) == 1:
        return f"({texts[0]})"
    return f"CASE {chosen} {' '.join(f'WHEN {place} THEN ({text})' for place, text in enumerate(texts))} END"


def literal(text: str) -> str:
    """Text as an SQL literal, fit for a statement with parameters."""
    return sql.quote(text).replace("%", "%%")
