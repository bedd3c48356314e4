"""Values of custom fields: kept as JSON by the field's key, checked against what was defined."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from contracts.models import CustomField
from contracts.words import day_text
from governance.acts import Refused
from pricing.money import parse, plain

Type = CustomField.Type


def defined(about: str) -> list[CustomField]:
    """The fields of customers or of contracts, by name."""
    return list(CustomField.objects.filter(about=about))


def merged(fields: Sequence[CustomField], has: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a row holds once these values are given: None and "" take one away, what is not named stays.

    `Refused`, naming the field, for one that is not defined and a value that it cannot hold.
    """
    known = {field.key: field for field in fields}
    result = dict(has)
    for key, value in given.items():
        if key not in known:
            raise Refused(f"{key}: there is no such field.")
        if value is None or value == "":
            result.pop(key, None)
        else:
            result[key] = held(known[key], value)
    return result


def held(field: CustomField, value: Any) -> Any:
    """The value as it is kept: text, a number in plain digits, a day as in 2026-01-31, true or false."""
    try:
        return _held(field, value)
    except ValueError as error:
        raise Refused(f"{field.key}: {error}.") from None


def words(field: CustomField, value: Any) -> str:
    """The value as people read it."""
    if field.type == Type.YES_NO:
        return "yes" if value else "no"
    return day_text(date.fromisoformat(value)) if field.type == Type.DATE else str(value)


def shown(fields: Sequence[CustomField], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of the fields that have one."""
    return [(field.name, words(field, values[field.key])) for field in fields if field.key in values]


def _held(field: CustomField, value: Any) -> Any:
    if field.type == Type.YES_NO:
        if value in (True, False) and isinstance(value, bool):
            return value
        if value in ("yes", "no", "true", "false"):
            return value in ("yes", "true")
        raise ValueError("yes or no")
    if not isinstance(value, str):
        raise ValueError("a text is needed")
    match field.type:
        case Type.NUMBER:
            return plain(parse(value))
        case Type.DATE:
            return date.fromisoformat(value).isoformat()
        case Type.CHOICE if value not in field.choices:
            raise ValueError(f"one of {', '.join(field.choices)}")
        case Type.TEXT if len(value) > 500:
            raise ValueError("at most 500 characters")
    return value
