"""What can be counted: the checks an event passes, or the reason why it goes to quarantine. No database here."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from metering.events import Event
from metering.models import Meter, QuarantinedEvent

Reason = QuarantinedEvent.Reason
CLOCK_SKEW = timedelta(minutes=5)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,64})?", re.ASCII)


class Objection(NamedTuple):
    """Why an event cannot be counted: the reason, and a sentence with the particulars."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything the checks read, gathered once for a whole batch."""

    meters: dict[str, list[Meter]]
    customers: Collection[str]
    latest: datetime
    earliest: datetime | None

    @classmethod
    def of(
        cls, meters: Iterable[Meter], customers: Collection[str], at: datetime, window: timedelta | None
    ) -> "Screen":
        """A screen for events received `at`; without a window, no event is too late."""
        by_type: dict[str, list[Meter]] = {}
        for meter in meters:
            by_type.setdefault(meter.event_type, []).append(meter)
        return cls(by_type, customers, at + CLOCK_SKEW, None if window is None else at - window)

    def objection(self, event: Event) -> Objection | None:
        """The first reason why this event cannot be counted, None when it can."""
        meters = self.meters.get(event.type)
        if meters is None:
            return Objection(Reason.UNKNOWN_TYPE, f"No meter counts events of type {event.type!r}.")
        if event.customer_key not in self.customers:
            return Objection(Reason.UNKNOWN_CUSTOMER, f"No customer has the key {event.customer_key!r}.")
        if event.time > self.latest:
            return Objection(Reason.TOO_EARLY, f"{event.time.isoformat()} has not come yet.")
        if self.earliest is not None and event.time < self.earliest:
            return Objection(Reason.TOO_LATE, f"Older than {self.earliest.isoformat()}, where late usage ends.")
        for meter in meters:
            if matches(meter, event.properties) and not counts(meter, event.properties):
                wanted = "a value" if meter.aggregation == Meter.Aggregation.UNIQUE else "a number"
                return Objection(
                    Reason.MISSING_PROPERTY, f"Meter {meter.key} needs {wanted} in property {meter.property!r}."
                )
        return None


def matches(meter: Meter, properties: dict[str, Any]) -> bool:
    """Whether the meter's filters let these properties through."""
    return all(text_of(properties.get(name)) in allowed for name, allowed in meter.filters.items())


def counts(meter: Meter, properties: dict[str, Any]) -> bool:
    """Whether the meter adds these properties up: its filters match, and what it needs is there."""
    if not matches(meter, properties):
        return False
    value = properties.get(meter.property)
    match meter.aggregation:
        case Meter.Aggregation.COUNT:
            return True
        case Meter.Aggregation.UNIQUE:
            return text_of(value) is not None
    return number_of(value) is not None


def number_of(value: Any) -> Decimal | None:
    """The number a property holds: a JSON number, or text that is a plain decimal. Never a float or a boolean."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
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
