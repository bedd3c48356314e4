"""What can be counted: the checks an event passes, or the reason why it goes to quarantine. No database here."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from metering.events import Event, Path
from metering.models import Meter, QuarantinedEvent
from metering.schemas import TypeRules

Reason = QuarantinedEvent.Reason
CLOCK_SKEW = timedelta(minutes=5)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,18})?", re.ASCII)


class Objection(NamedTuple):
    """Why an event cannot be counted: the reason, and a sentence with the particulars.

    With `refused`, its type wants the whole request to be refused; `path` is then the place in the event.
    """

    reason: str
    detail: str
    path: Path = ()
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What one meter wants of the events it counts, worked out once: `read` gives None for what it cannot use."""

    meter: Meter
    property: str
    filters: dict[str, list[str]]
    read: Callable[[Any], Any]

    def is_missing(self, properties: dict[str, Any]) -> bool:
        if self.read(properties.get(self.property)) is not None:
            return False
        return not self.filters or matches(self.meter, properties)


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything the checks read, gathered once for a whole batch."""

    types: Mapping[str, TypeRules]
    needs: dict[str, list[Need]]
    customers: Mapping[str, str]
    latest: datetime
    earliest: datetime | None

    @classmethod
    def of(
        cls,
        types: Mapping[str, TypeRules],
        meters: Iterable[Meter],
        customers: Mapping[str, str],
        at: datetime,
        window: timedelta | None,
    ) -> "Screen":
        """A screen for events received `at`; without a window, no event is too late.

        `types` are the registered ones by key; `customers` says for each key that is known whose it is.
        """
        needs: dict[str, list[Need]] = {}
        for meter in meters:
            of_type = needs.setdefault(meter.event_type, [])
            if meter.aggregation != Meter.Aggregation.COUNT:
                of_type.append(Need(meter, meter.property, meter.filters, _reader(meter)))
        return cls(types, needs, customers, at + CLOCK_SKEW, None if window is None else at - window)

    def is_billable(self, event: Event) -> bool:
        """Whether meters count it, by the rule of its type."""
        kind = self.types.get(event.type)
        return kind is None or kind.is_billable(event.properties)

    def objections(self, events: Iterable[Event]) -> list[Objection | None]:
        """For each event what `objection` says."""
        return list(map(self.objection, events))

    def objection(self, event: Event) -> Objection | None:
        """The first reason why this event cannot be counted, None when it can."""
        kind = self.types.get(event.type)
        if kind is None:
            return Objection(Reason.UNKNOWN_TYPE, f"No event type {event.type!r} is registered.")
        if (kind.editions or event.schema_version) and (wrong := kind.complaint(event)):
            return Objection(wrong.reason, wrong.detail, wrong.path, kind.refuses)
        if event.customer_key not in self.customers:
            return Objection(Reason.UNKNOWN_CUSTOMER, f"No customer has the key {event.customer_key!r}.")
        if event.time > self.latest:
            return Objection(Reason.TOO_EARLY, f"{event.time.isoformat()} has not come yet.")
        if self.earliest is not None and event.time < self.earliest:
            return Objection(Reason.TOO_LATE, f"Older than {self.earliest.isoformat()}, where late usage ends.")
        for need in self.needs.get(event.type, ()):
            if need.is_missing(event.properties):
                wanted = "a number" if need.read is number_of else "a value"
                return Objection(
                    Reason.MISSING_PROPERTY,
                    f"Meter {need.meter.key} needs {wanted} in property {need.property!r}.",
                )
        return None


def matches(meter: Meter, properties: dict[str, Any]) -> bool:
    """Whether the meter's filters let these properties through."""
    return all(text_of(properties.get(name)) in allowed for name, allowed in meter.filters.items())


def counts(meter: Meter, properties: dict[str, Any]) -> bool:
    """Whether the meter adds these properties up: its filters match, and what it needs is there."""
    if not matches(meter, properties):
        return False
    if meter.aggregation == Meter.Aggregation.COUNT:
        return True
    return _reader(meter)(properties.get(meter.property)) is not None


def number_of(value: Any) -> Decimal | None:
    """The number a property holds: a JSON number, or text that is a plain decimal. Never a float or a boolean."""
    kind = type(value)  # exactly: a boolean is an int to isinstance
    if kind is int or kind is Decimal or (kind is str and _NUMBER.fullmatch(value)):
        return Decimal(value)
    return None


def text_of(value: Any) -> str | None:
    """A scalar as PostgreSQL's `->>` writes it; None for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return format(value if value else abs(value), "f")
    return None


def _reader(meter: Meter) -> Callable[[Any], Any]:
    return text_of if meter.aggregation == Meter.Aggregation.UNIQUE else number_of
