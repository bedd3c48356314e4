"""What a definition would make of events that are there: one by one, and of a customer's month. Nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from governance.acts import Refused
from metering.expressions import Kind, parse
from metering.meters.definitions import FIELDS, checked, filters_from, kind_of
from metering.meters.totals import Request
from metering.models import Meter, UsageEvent
from metering.store import event_store
from metering.wire.scalars import text_of
from pricing.figures import plain
from pricing.measures import WHOLE, total
from pricing.periods import Period, add_months, midnight

EVENTS = 20
_LOOKED_THROUGH = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """One event: what it adds, or why it is not counted."""

    event: UsageEvent
    value: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """`rows` are the newest events of the type; `answer` is what it comes to for a customer and a period, if asked."""

    rows: tuple[Row, ...]
    answer: Decimal | None = None

    @property
    def quantity(self) -> str | None:
        """The answer as text."""
        return None if self.answer is None else plain(self.answer)


def meter_from(said: Mapping[str, Any], *, key: str = "preview") -> Meter:
    """A meter that is not stored. Refused, with a sentence, for what cannot be measured."""
    fields = {name: value for name, value in said.items() if name in FIELDS}
    meter = Meter(key=key, name=key, **fields | {"filters": filters_from(fields.get("filters") or {})})
    if meter.aggregation not in Meter.Aggregation.values:
        raise Refused("Say how events are added up.")
    checked(meter)
    return meter


def preview(meter: Meter, customer_key: str = "", period: Period | None = None) -> Preview:
    """What the newest events of its type add; and what a customer's usage of a period comes to, by this definition."""
    events = [event for event in event_store().latest(_LOOKED_THROUGH) if event.type == meter.event_type]
    rows = tuple(_row(meter, event) for event in events[:EVENTS])
    if not customer_key or period is None:
        return Preview(rows)
    request = Request(customer_key, meter, period, WHOLE)
    return Preview(rows, total(event_store().totals([request])[request.key]))


def last_month(at: datetime) -> Period:
    """The calendar month before this instant's, in UTC."""
    first = at.astimezone(UTC).date().replace(day=1)
    return Period(midnight(add_months(first, -1), "UTC"), midnight(first, "UTC"))


def _row(meter: Meter, event: UsageEvent) -> Row:
    return Row(event, _value(meter, event.properties) or "", _why_not(meter, event))


def _value(meter: Meter, properties: Mapping[str, Any]) -> str | None:
    if meter.aggregation == Meter.Aggregation.COUNT:
        return "1"
    value: Decimal | str | None = parse(meter.property, kind_of(meter)).evaluate(properties)
    return plain(value) if isinstance(value, Decimal) else value


def _why_not(meter: Meter, event: UsageEvent) -> str:
    properties = event.properties
    if not event.is_billable:
        return "It is not billable, by the rule of its type."
    for name, allowed in meter.filters.items():
        if text_of(properties.get(name)) not in allowed:
            return f"{name} is {_shown(properties.get(name))}, not {' or '.join(allowed)}."
    if meter.condition and not parse(meter.condition, Kind.CONDITION).holds(properties):
        return f"{meter.condition} is not true of it."
    if _value(meter, properties) is not None:
        return ""
    expression = parse(meter.property, kind_of(meter))
    missing = sorted(name for name in expression.names if properties.get(name) is None)
    if missing:
        return f"It has no {' and no '.join(missing)}."
    return f"{meter.property} comes to no {'value' if expression.kind == Kind.TEXT else 'number'}."


def _shown(value: Any) -> str:
    return text_of(value) or ("missing" if value is None else "not a plain value")
