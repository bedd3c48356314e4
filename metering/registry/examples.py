"""Examples of events, made from what a schema says, and how to send them."""

import json
from datetime import UTC, datetime
from typing import Any

from metering.models import EventType, EventTypeVersion

DEEPEST = 4
_BY_TYPE: dict[str, Any] = {
    "integer": 1,
    "number": 1,
    "string": "text",
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}
_BY_FORMAT = {
    "date-time": "2026-11-24T09:30:00Z",
    "date": "2026-11-24",
    "time": "09:30:00Z",
    "email": "ann@example.com",
    "uri": "https://example.com",
    "uuid": "0b4f1cbe-6f6e-4f3a-9d0c-2f6a4d1f7b11",
    "ipv4": "192.0.2.7",
}


def example_of(schema: Any, depth: int = DEEPEST) -> Any:
    """A value that fits a schema, as far as can be told from types, examples, defaults and lowest values."""
    if not isinstance(schema, dict):
        return None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name) and "type" not in schema and "properties" not in schema:
            return example_of(schema[name][0], depth - 1) if depth else None
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        inner = schema.get("properties", {})
        return {name: example_of(each, depth - 1) for name, each in inner.items()} if depth else {}
    if kind in ("integer", "number"):
        return schema.get("minimum") or min(1, schema.get("maximum", 1))
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(kind))


def event_for(event_type: EventType, version: EventTypeVersion, at: datetime) -> dict[str, Any]:
    """An event of this type as `POST /api/v1/usage-events` takes it."""
    properties = example_of(version.schema | {"type": "object"}) or {}
    return {
        "id": "req-7f3a",
        "type": event_type.key,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "customer": "contoso",
        "properties": properties,
    }


def curl(url: str, event: dict[str, Any]) -> str:
    """The command that reports an event."""
    body = json.dumps(event, indent=2).replace("'", "'\\''")
    return (
        f"curl {url} \\\n  -H 'Authorization: Api-Key YOUR_KEY' -H 'Content-Type: application/json' \\\n  -d '{body}'"
    )


def cloud_event(event: dict[str, Any], number: int) -> dict[str, Any]:
    """The same as a CloudEvent, as an OpenTelemetry collector or an event bus would hand it on."""
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": "/gateways/eu-1",
        "type": event["type"],
        "time": event["time"],
        "subject": event["customer"],
        "dataschema": f"https://example.com/schemas/{event['type']}/v{number}",
        "data": event["properties"],
    }


def rows_of(version: EventTypeVersion) -> list[dict[str, Any]]:
    """What a schema says of each property, for a table: name, type, whether it is needed, unit, and the rest."""
    schema = version.schema
    needed = set(schema.get("required", ()))
    properties = schema.get("properties", {})
    names = sorted({*properties, *needed, *version.units}, key=lambda name: (name not in needed, name))
    return [
        {
            "name": name,
            "type": _type_words(properties.get(name, {})),
            "needed": name in needed,
            "unit": version.units.get(name, ""),
            "rest": _rest(properties.get(name, {})),
        }
        for name in names
    ]


def _type_words(schema: Any) -> str:
    kind = schema.get("type", "") if isinstance(schema, dict) else ""
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return words or ("one of these" if isinstance(schema, dict) and "enum" in schema else "anything")


def _rest(schema: Any) -> str:
    """The other keywords, in words where that is short."""
    if not isinstance(schema, dict):
        return ""
    said = {name: value for name, value in schema.items() if name not in ("type", "description", "title", "examples")}
    words = [str(schema["description"])] if "description" in schema else []
    if "enum" in said:
        words.append(", ".join(str(value) for value in said.pop("enum")))
    words += [
        f"{name} {value if isinstance(value, str | int | float) else json.dumps(value)}" for name, value in said.items()
    ]
    return "; ".join(words)
