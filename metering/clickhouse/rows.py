"""Rows as ClickHouse gets them: as JSON by lines, with every property as the text that PostgreSQL makes of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from metering.store import Row
from metering.wire.scalars import text_of

COLUMNS = (
    "id",
    "source",
    "event_id",
    "type",
    "customer_key",
    "alias",
    "occurred_at",
    "is_billable",
    "properties",
    "texts",
    "nested",
)
_properties = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_encoder = msgspec.json.Encoder()
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPES |= {chr(code): f"\\u{code:04x}" for code in range(0x20) if chr(code) not in _ESCAPES}
_ESCAPED = str.maketrans(_ESCAPES)


def lines(rows: Mapping[int, Row]) -> bytes:
    """The rows, by their numbers, one a line."""
    return b"".join(_line(number, row) for number, row in rows.items())


def read(properties: str | bytes) -> dict[str, Any]:
    """Properties from their JSON: numbers are int or Decimal."""
    return _properties.decode(properties)


def instant(at: datetime) -> str:
    """To the microsecond, in UTC, as ClickHouse reads it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def jsonb(value: Any) -> str:
    """A value as PostgreSQL writes its `jsonb`: keys by length and then by bytes, numbers plain."""
    match value:
        case None:
            return "null"
        case str():
            return f'"{value.translate(_ESCAPED)}"'
        case list():
            return f"[{', '.join(map(jsonb, value))}]"
        case dict():
            names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
            return f"{{{', '.join(f'{jsonb(name)}: {jsonb(value[name])}' for name in names)}}}"
    return text_of(value) or ""


def _line(number: int, row: Row) -> bytes:
    texts, nested = {}, {}
    for name, value in read(row.properties).items():
        text = text_of(value)
        if text is not None:
            texts[name] = text
        elif value is not None:
            nested[name] = jsonb(value)
    values = (
        number,
        *row.identity,
        row.type,
        row.customer_key,
        row.alias,
        instant(row.occurred_at),
        row.is_billable,
        row.properties.decode(),
        texts,
        nested,
    )
    return _encoder.encode(dict(zip(COLUMNS, values, strict=True))) + b"\n"
