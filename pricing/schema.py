"""The JSON form of charges as JSON Schema (2020-12): every kind, from the declarations that also check it."""

from typing import Any

from pricing.charges import KINDS
from pricing.shapes import object_schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def charge_schema() -> dict[str, Any]:
    """What `pricing.charges.load` takes, a charge inside a charge being `#/$defs/charge`.

    The schema knows the shape; what concerns several fields (that tiers rise to an open end) only `load` tells.
    """
    any_kind = {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in KINDS], "unevaluatedProperties": False}
    currency = {
        "type": "string",
        "pattern": "^[A-Z]{3}$",
        "description": "May be said, and must then be the currency of the rate card.",
    }
    return {
        "$schema": _DIALECT,
        "title": "Charge",
        "description": "How what was measured becomes an amount. All numbers are text in plain digits.",
        "properties": {"currency": currency},
        **any_kind,
        "$defs": {"charge": any_kind, **{name: _kind_schema(name) for name in KINDS}},
    }


def _kind_schema(name: str) -> dict[str, Any]:
    """A kind leaves it to whoever refers to it to forbid other properties, for the outermost may say its currency."""
    schema = object_schema(KINDS[name])
    del schema["additionalProperties"]
    schema["properties"] = {"kind": {"const": name}} | schema["properties"]
    schema["required"] = ["kind", *schema["required"]]
    return schema
