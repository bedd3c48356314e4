"""Why a meter counts an event, or does not: its definition in Python, in words. No database here."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from metering.expressions import Kind, parse
from metering.models import Meter, UsageEvent
from metering.models.meters import Definition
from metering.wire.scalars import text_of
from pricing.figures import grouped

Aggregation = Meter.Aggregation


class Counted(NamedTuple):
    """What an event adds to a meter: a number, a text where different ones are counted, None where it adds nothing.

    `why` says so in words.
    """

    value: Decimal | str | None
    why: str


def counting_all(types: Iterable[str]) -> list[Meter]:
    """Meters, kept nowhere, that count every event of each of these types."""
    return [Meter(key=f"events:{each}", event_type=each, aggregation=Aggregation.COUNT) for each in types]


def counted(meter: Definition, event: UsageEvent) -> Counted:
    """What an event of the meter's type adds to it by this definition; whether it is billable is not asked here."""
    for name, allowed in meter.filters.items():
        found = text_of(event.properties.get(name))
        if found not in allowed:
            return Counted(None, f"Its {name} is {_said(found)}; the meter counts {' or '.join(allowed)} only.")
    if meter.condition and not parse(meter.condition, Kind.CONDITION).holds(event.properties):
        return Counted(None, f"The meter counts only events of which this is true: {meter.condition}.")
    if meter.per and text_of(event.properties.get(meter.per)) is None:
        return Counted(None, f"It has no {meter.per}, by whose values the meter adds up.")
    if meter.aggregation == Aggregation.COUNT:
        return Counted(Decimal(1), "Every event counts as one.")
    if meter.aggregation == Aggregation.UNIQUE:
        text = parse(meter.property, Kind.TEXT).words(event.properties)
        return Counted(text, f"Its {meter.property} is {_said(text)}.")
    number = parse(meter.property, Kind.NUMBER).value(event.properties)
    if number is None:
        return Counted(None, f"It has no number in {meter.property}, which the meter adds up.")
    return Counted(number, f"Its {meter.property} is {grouped(number)}.")


def _said(text: str | None) -> str:
    return "missing" if text is None else repr(text)
