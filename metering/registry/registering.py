"""Registering what may be reported: types of events, the versions of their schemas, who looks after them."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from governance.acts import Act, Refused
from governance.change import change, locked
from metering.models import EventType, EventTypeVersion
from metering.registry.schemas import check_schema, check_units, condition

OnInvalid = EventType.OnInvalid


def register_event_type(
    *,
    key: str,
    name: str = "",
    description: str = "",
    owner: User | None = None,
    on_invalid: str = OnInvalid.QUARANTINE,
    billable_when: str = "",
    schema: dict[str, Any] | None = None,
    units: dict[str, str] | None = None,
    act: Act,
) -> EventType:
    """Take events of this type from now on; what waited for it can be replayed. Its first version demands `schema`."""
    registered = EventType(
        key=key,
        name=name or key,
        description=description,
        owner=owner,
        on_invalid=on_invalid,
        billable_when=billable_when.strip(),
    )
    with change("event_type.registered", registered, act):
        _save(registered)
        _add_version(registered, 1, {} if schema is None else schema, {} if units is None else units, act)
    return registered


def register_missing_type(key: str, *, act: Act) -> None:
    """What a meter counts is a type that is known; what its events must carry may be said later."""
    if not EventType.objects.filter(key=key).exists():
        register_event_type(key=key, act=act)


def change_event_type(event_type: EventType, *, act: Act, **fields: Any) -> EventType:
    """Change name, description, owner, on_invalid or billable_when.

    It says what becomes of the events that come from now on; those that are stored stay billable or not as they are.
    """
    with change("event_type.changed", event_type, act):
        event_type = locked(event_type)
        for name in ("name", "description", "owner", "on_invalid", "billable_when"):
            setattr(event_type, name, fields.pop(name, getattr(event_type, name)))
        if fields:
            raise TypeError(f"an event type has no {', '.join(fields)} that can be changed")
        event_type.billable_when = event_type.billable_when.strip()
        _save(event_type)
    return event_type


def publish_schema(
    event_type: EventType, *, schema: dict[str, Any], units: dict[str, str] | None = None, act: Act
) -> EventTypeVersion:
    """Hold events that name no version against this from now on. Versions before it stay, for events that name them."""
    with change("event_type.schema_published", event_type, act):
        event_type = locked(event_type)
        newest = event_type.versions.latest("number")
        if (newest.schema, newest.units) == (schema, units or {}):
            raise Refused(f"This is what version {newest.number} says already.")
        return _add_version(event_type, newest.number + 1, schema, units or {}, act)


def check_billable_when(text: str) -> None:
    """Refused, saying what is wrong, unless events can be told apart by it."""
    try:
        condition(text.strip())
    except ValueError as problem:
        raise Refused(f"Billable when: {problem}") from None


def _save(event_type: EventType) -> None:
    check_billable_when(event_type.billable_when)
    try:
        event_type.full_clean()
    except ValidationError as problem:
        raise Refused(" ".join(problem.messages)) from None
    event_type.save()


def _add_version(event_type: EventType, number: int, schema: Any, units: Any, act: Act) -> EventTypeVersion:
    check_schema(schema)
    check_units(units)
    return EventTypeVersion.objects.create(
        type=event_type, number=number, schema=schema, units=units, created_at=act.at
    )
