"""An event as the text that is sent: written once, so that every attempt says the same."""

import json
import os
import time as clock
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


def new_id() -> str:
    """A UUID of version 7: milliseconds first, then 74 random bits. Nobody else makes the same."""
    milliseconds = clock.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    number = (milliseconds & (1 << 48) - 1) << 80 | random
    number = number & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 0x2 << 62))


def body(
    type: str,  # noqa: A002 - the field's name
    customer: str,
    properties: Mapping[str, Any],
    id: str | None,  # noqa: A002
    time: datetime | None,
    source: str | None,
) -> tuple[str, str]:
    """The event's id, and the event as JSON. Raises ValueError or TypeError for what JSON cannot say."""
    at = time or datetime.now(UTC)
    if at.tzinfo is None:
        raise ValueError("An event's time needs a time zone: datetime.now(UTC), for example.")
    event_id = id or new_id()
    event: dict[str, Any] = {
        "id": event_id,
        "type": type,
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "customer": customer,
        "properties": dict(properties),
    }
    if source:
        event["source"] = source
    return event_id, text_of(event)


def text_of(value: Any) -> str:
    """Compact JSON in ASCII. A Decimal is the number it is, digit by digit."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except TypeError:
        return _exact(value)


def _exact(value: Any) -> str:
    match value:
        case Decimal():
            if not value.is_finite():
                raise ValueError(f"{value} is not a number that can be counted.")
            return str(value)
        case dict():
            return "{" + ",".join(f"{_name(key)}:{_exact(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_exact, value)) + "]"
        case _:
            return json.dumps(value, allow_nan=False)


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"A property's name is text, and {key!r} is not.")
    return json.dumps(key)
