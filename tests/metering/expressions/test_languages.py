"""One meaning: Python, PostgreSQL and ClickHouse answer the same to every expression about every event."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import chdb
import pytest
from django.db import connection

from metering.expressions import Expression, Kind
from metering.expressions.clickhouse import constant
from metering.wire.events import json_of
from metering.wire.scalars import text_of
from tests.metering.expressions.random_expressions import events, expressions

EVENTS, EXPRESSIONS, SEED = 60, 400, 20260101
_A_STATEMENT = 50


@pytest.mark.django_db
def test_postgresql_answers_what_python_answers() -> None:
    asked, bodies = expressions(EXPRESSIONS, SEED), events(EVENTS, SEED)
    assert _differences(asked, bodies, _postgresql) == []


def test_clickhouse_answers_what_python_answers() -> None:
    asked, bodies = expressions(EXPRESSIONS, SEED), events(EVENTS, SEED)
    assert _differences(asked, bodies, _clickhouse) == []


def test_the_random_events_tell_the_expressions_apart() -> None:
    """Were nearly all answers NULL, the languages would agree about nothing."""
    answers = [each.evaluate(body) for each in expressions(EXPRESSIONS, SEED) for body in events(EVENTS, SEED)]
    known = [answer for answer in answers if answer is not None]
    assert len(known) > len(answers) / 3
    assert len(set(known)) > 150


def _differences(
    asked: list[Expression], bodies: list[dict[str, Any]], ask: Callable[[list[Expression], list[Any]], list[list[Any]]]
) -> list[tuple[Any, ...]]:
    found = []
    for start in range(0, len(asked), _A_STATEMENT):
        some = asked[start : start + _A_STATEMENT]
        for body, answers in zip(bodies, ask(some, bodies), strict=True):
            ours = [each.evaluate(body) for each in some]
            found += [
                (each.text, each.kind, body, mine, theirs)
                for each, mine, theirs in zip(some, ours, answers, strict=True)
                if mine != theirs or (mine is None) != (theirs is None)
            ]
    return found[:5]


def _postgresql(asked: list[Expression], bodies: list[dict[str, Any]]) -> list[list[Any]]:
    columns = ", ".join(each.sql("event.properties") for each in asked)
    rows = json_of([{"place": place, "properties": body} for place, body in enumerate(bodies)]).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM json_to_recordset(%s) AS event (place int, properties jsonb) ORDER BY place",
            [rows],
        )
        return [list(row) for row in cursor.fetchall()]


def _clickhouse(asked: list[Expression], bodies: list[dict[str, Any]]) -> list[list[Any]]:
    columns = ", ".join(f"toString({each.clickhouse('properties')}) AS c{n}" for n, each in enumerate(asked))
    maps = [
        "map(" + ", ".join(f"{constant(name)}, {constant(text)}" for name, text in _texts(body)) + ")"
        if _texts(body)
        else "CAST(map() AS Map(String, String))"
        for body in bodies
    ]
    rows = ", ".join(f"({place}, {each})" for place, each in enumerate(maps))
    found = chdb.query(
        f"SELECT {columns} FROM values('place Int32, properties Map(String, String)', {rows}) ORDER BY place",
        "JSONCompactEachRow",
    )
    return [
        [_read(each, value) for each, value in zip(asked, row, strict=True)]
        for row in map(json.loads, str(found).splitlines())
    ]


def _texts(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, text) for name, value in body.items() if (text := text_of(value)) is not None]


def _read(expression: Expression, answer: str | None) -> Any:
    if answer is None or expression.kind == Kind.TEXT:
        return answer
    return Decimal(answer) if expression.kind == Kind.NUMBER else answer in ("1", "true")
