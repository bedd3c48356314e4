"""What can be counted: the checks an event passes, or the reason why it goes to quarantine. No database here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from metering.expressions import Expression, Kind, parse
from metering.meters.definitions import kind_of
from metering.models import Meter, QuarantinedEvent
from metering.registry.schemas import TypeRules
from metering.wire.events import Event, Path
from metering.wire.scalars import text_of

Reason = QuarantinedEvent.Reason
CLOCK_SKEW = timedelta(minutes=5)


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
    """What one meter wants of the events it counts, worked out once: `value` gives None for what it cannot use."""

    meter: Meter
    value: Callable[[Mapping[str, Any]], Any]
    has_filter: bool
    number: str | None = None  # the property, where it is nothing but a number that is wanted

    @classmethod
    def of(cls, meter: Meter) -> "Need":
        value = _value_of(meter)
        return cls(meter, value.evaluate, bool(meter.filters or meter.condition), _number_itself(value))

    def is_missing(self, properties: dict[str, Any]) -> bool:
        """Events that a meter leaves out on purpose are left out by its filters or its condition."""
        if self.number is not None and type(properties.get(self.number)) is int:  # as most are
            return False
        if self.value(properties) is not None:
            return False
        return not self.has_filter or matches(self.meter, properties)

    @property
    def wanted(self) -> str:
        kind = "a value" if self.meter.aggregation == Meter.Aggregation.UNIQUE else "a number"
        where = "property" if _value_of(self.meter).is_name else "expression"
        return f"Meter {self.meter.key} needs {kind} in {where} {self.meter.property!r}."


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything the checks read, gathered once for a whole batch."""

    types: Mapping[str, TypeRules]
    needs: Mapping[str, Sequence[Need]]
    customers: Mapping[str, str]
    latest: datetime
    earliest: datetime | None

    @classmethod
    def of(
        cls,
        types: Mapping[str, TypeRules],
        needs: Mapping[str, Sequence[Need]],
        customers: Mapping[str, str],
        at: datetime,
        window: timedelta | None,
    ) -> "Screen":
        """A screen for events received `at`; without a window, no event is too late.

        `types` are the registered ones by key, `needs` those of their meters; `customers` says for each key that is
        known whose it is.
        """
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
                return Objection(Reason.MISSING_PROPERTY, need.wanted)
        return None


def needs_of(meters: Iterable[Meter]) -> dict[str, list[Need]]:
    """What these meters want of the events they count, by event type."""
    needs: dict[str, list[Need]] = {}
    for meter in meters:
        if meter.aggregation != Meter.Aggregation.COUNT:
            needs.setdefault(meter.event_type, []).append(Need.of(meter))
    return needs


def matches(meter: Meter, properties: dict[str, Any]) -> bool:
    """Whether the meter's filters and its condition let these properties through."""
    if not all(text_of(properties.get(name)) in allowed for name, allowed in meter.filters.items()):
        return False
    return not meter.condition or parse(meter.condition, Kind.CONDITION).holds(properties)


def counts(meter: Meter, properties: dict[str, Any]) -> bool:
    """Whether the meter adds these properties up: its filters and condition hold, and what it needs is there."""
    if not matches(meter, properties):
        return False
    if meter.aggregation == Meter.Aggregation.COUNT:
        return True
    return _value_of(meter).evaluate(properties) is not None


def _value_of(meter: Meter) -> Expression:
    return parse(meter.property, kind_of(meter))


def _number_itself(value: Expression) -> str | None:
    (name,) = value.names if value.is_name and value.kind == Kind.NUMBER else (None,)
    return name
