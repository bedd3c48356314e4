"""Made-up events of every odd sort, the same for the same seed."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from metering.identities import Identity
from metering.intake import Batch
from metering.store import Row
from metering.wire.events import json_of

START = datetime(2025, 10, 20, tzinfo=UTC)
"""The clock changes in this time in Berlin, New York, Havana and on Lord Howe Island."""
DAYS = 25
CUSTOMERS = ("contoso", "fabrikam", "O'Brien \\ Söhne", "東京", 'a"b', "tab\\n")
TYPES = ("llm.request", "seat's")
REGIONS = (
    "eu",
    "us",
    "",
    "é",
    "e\u0301",
    "日本",
    "'; --",
    "\\",
    '"q"',
    "{eu}",
    "a\tb\nc",
    None,
    True,
    1,
    Decimal("1.0"),
)
VALUES = (
    0,
    5,
    -3,
    True,
    None,
    "many",
    "",
    "7",
    "-2.50",
    "+1",
    " 1",
    "1e3",
    ".5",
    "5.",
    "1\n",
    "٣",
    "000123.4500",
    "0.000000000000000001",
    "-999999999999999999999999999999.999999999999999999",
    10**30 - 1,
    -(10**30 - 1),
    Decimal("0.000000000000000001"),
    Decimal("-0.0"),
    Decimal("1E+5"),
    Decimal("1.50"),
    Decimal("1e-7"),
    Decimal("123456789012345678.123456789012345678"),
    [1, "a", None],
    {"a": {"bb": Decimal("1E+2"), "b": "\u0001é\\"}, "": []},
)


def rows(seed: int, count: int) -> list[Row]:
    """Rows in no order of time, each with an identity of its own."""
    chance = random.Random(seed)
    return [_row(chance, number) for number in range(count)]


def stored(rows: Sequence[Row], seed: int, size: int = 40) -> Iterator[int]:
    """Take rows in by batches of which about half is sent again; the number of each batch, as it is closed."""
    chance = random.Random(seed)
    for start in range(0, len(rows), size):
        again = chance.sample(rows[:start], min(start, size))
        batch = Batch("odd", START)
        batch.take(chance.sample([*rows[start : start + size], *again], len(rows[start : start + size]) + len(again)))
        batch.close()
        yield batch.id


def _row(chance: random.Random, number: int) -> Row:
    properties = _properties(chance)
    seconds = chance.choice([chance.randrange(DAYS * 86_400), chance.randrange(DAYS * 24) * 3600, 11 * 86_400])
    return Row(
        identity=Identity(chance.choice(["gateway", "Gateway", "ß"]), f"{chance.choice('aAé')}{number}"),
        type=chance.choice(TYPES),
        customer_key=chance.choice(CUSTOMERS),
        occurred_at=START + timedelta(seconds=seconds, microseconds=chance.choice([0, 0, 1, 999_999])),
        properties=json_of(properties),
        body_hash=number.to_bytes(16),
        is_billable=chance.random() < 0.9,
    )


def _properties(chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if chance.random() < 0.9:
        found["v"] = chance.choice([chance.choice(VALUES), chance.randrange(-50, 1000), str(chance.randrange(100))])
    if chance.random() < 0.5:
        found["w.x"] = chance.choice([2, "0.5", chance.choice(VALUES)])
    if chance.random() < 0.8:
        found["r"] = chance.choice(REGIONS)
    if chance.random() < 0.3:
        found["o'd\"d\\ é"] = chance.choice(VALUES)
    return found
