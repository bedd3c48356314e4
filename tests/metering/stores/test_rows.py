"""Rows as ClickHouse gets them: every property as the text that PostgreSQL makes of it."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.clickhouse.rows import lines
from metering.identities import Identity
from metering.store import Row
from metering.wire.events import json_of
from tests.metering.conftest import NOON

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
numbers = st.integers(-(10**30) + 1, 10**30 - 1) | st.decimals(-(10**12), 10**12, places=9, allow_nan=False)
scalars = st.none() | st.booleans() | texts | numbers
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def sent(properties: dict[str, Any]) -> dict[str, Any]:
    row = Row(Identity("s", "e"), "t", "c", NOON, json_of(properties), b"")
    found: dict[str, Any] = msgspec.json.decode(lines({1: row}))
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(texts, values, max_size=4))
def test_every_value_is_the_text_that_postgresql_makes_of_it(db: None, properties: dict[str, Any]) -> None:
    found = sent(properties)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, value FROM jsonb_each_text(%s::jsonb)", [json_of(properties).decode()])
        expected = {key: value for key, value in cursor.fetchall() if value is not None}
    assert found["texts"] | found["nested"] == expected
    assert found["nested"].keys() == {name for name, value in properties.items() if isinstance(value, (list, dict))}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+5"), "100000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.0"), "0.0"),
        (Decimal("1.50"), "1.50"),
        (10**29, "1" + "0" * 29),
        (True, "true"),
    ],
)
def test_numbers_are_written_plainly(value: Any, text: str) -> None:
    assert sent({"v": value})["texts"] == {"v": text}


def test_a_row_says_everything() -> None:
    row = Row(
        identity=Identity("gate\\way", 'e"1'),
        type="llm.request",
        customer_key="東京",
        occurred_at=NOON.replace(microsecond=7),
        properties=b'{"n":null,"v":1.50}',
        body_hash=b"",
        alias="tokyo",
        is_billable=False,
    )
    assert msgspec.json.decode(lines({7 << 14 | 3: row})) == {
        "id": 7 << 14 | 3,
        "source": "gate\\way",
        "event_id": 'e"1',
        "type": "llm.request",
        "customer_key": "東京",
        "alias": "tokyo",
        "occurred_at": "2026-03-10 12:00:00.000007",
        "is_billable": False,
        "properties": '{"n":null,"v":1.50}',
        "texts": {"v": "1.50"},
        "nested": {},
    }
