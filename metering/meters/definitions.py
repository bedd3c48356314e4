"""Definitions of meters: what makes sense, and which one measures a period."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from governance.acts import Refused
from metering.expressions import Kind, parse
from metering.meters.measuring import CARRIED
from metering.models import Meter, MeterVersion
from metering.models.meters import Definition
from metering.wire.scalars import text_of
from pricing.periods import zone_named

FIELDS = tuple(field.name for field in Definition._meta.fields)
"""All of what a definition says."""
MOST_DIMENSIONS = 8

_FILTERS = 'Filters look like {"region": ["eu", "us"]}: for each property, the values that count.'


def checked(definition: Definition) -> None:
    """Refused, with a sentence, for a definition that cannot be measured."""
    _check_expressions(definition)
    _check_steps(definition)
    try:
        zone_named(definition.window_zone)
    except ValueError:
        raise Refused(f"There is no time zone {definition.window_zone!r}.") from None
    names = definition.dimensions
    if not isinstance(names, list) or not all(isinstance(name, str) and 0 < len(name) <= 60 for name in names):
        raise Refused("Dimensions are names of properties, of at most 60 characters.")
    if len(set(names)) != len(names) or len(names) > MOST_DIMENSIONS:
        raise Refused(f"There are at most {MOST_DIMENSIONS} dimensions, each named once.")


def _check_expressions(definition: Definition) -> None:
    is_count = definition.aggregation == Meter.Aggregation.COUNT
    if not definition.property and not is_count:
        raise Refused("Say which property is added up; only a count needs none.")
    if definition.property and not is_count:
        _parsed("Property", definition.property, kind_of(definition))
    if definition.condition:
        _parsed("Condition", definition.condition, Kind.CONDITION)


def _parsed(name: str, text: str, kind: Kind) -> None:
    try:
        parse(text, kind)
    except ValueError as problem:
        raise Refused(f"{name}: {problem}") from None


def _check_steps(definition: Definition) -> None:
    has_step = bool(definition.window or definition.per)
    if has_step and not definition.over:
        raise Refused("Say what becomes of the numbers of each window or value: their sum, the highest, …")
    if definition.over and not has_step:
        raise Refused("Say for which windows, or for each value of which property, it is added up first.")
    if definition.carries_over and definition.aggregation not in CARRIED:
        raise Refused(
            "Different values and averages do not carry over: they do not say what is left at the end of a period. "
            "To count what is active, take the latest of 1 or 0 per value, and the sum of these."
        )


def kind_of(definition: Definition) -> Kind:
    """What its property comes to: a text where different ones are counted, otherwise a number."""
    return Kind.TEXT if definition.aggregation == Meter.Aggregation.UNIQUE else Kind.NUMBER


def filters_from(given: Any) -> dict[str, list[str]]:
    """Filters as they are kept: for each property the values let through, as text. Refused when not of that shape."""
    if not isinstance(given, dict):
        raise Refused(_FILTERS)
    for allowed in given.values():
        if not (
            isinstance(allowed, list) and allowed and all(isinstance(value, str | int | Decimal) for value in allowed)
        ):
            raise Refused(_FILTERS)
    return {name: [text_of(value) or "" for value in allowed] for name, allowed in given.items()}


def said_by(definition: Definition) -> dict[str, Any]:
    """All of what a definition says, by the names of its fields."""
    return {name: getattr(definition, name) for name in FIELDS}


def means_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both measure the same; by which dimensions totals are kept changes no number."""
    return all(one[name] == other[name] for name in FIELDS if name != "dimensions")


@dataclass(frozen=True, slots=True)
class Timeline:
    """The definitions of a meter: those it had, in order, and the present one."""

    meter: Meter
    versions: tuple[MeterVersion, ...]

    @classmethod
    def of(cls, meter: Meter, versions: Iterable[MeterVersion]) -> Self:
        return cls(meter, tuple(sorted(versions, key=lambda version: version.until)))

    def place(self, start: datetime) -> int:
        """Which definition measures a period that starts then: 0 is the present one, -1 the one before, …"""
        return -sum(version.until > start for version in self.versions)

    def at(self, place: int) -> Meter:
        """The meter as it was defined; for all other purposes it is the same meter."""
        if place == 0:
            return self.meter
        meter = Meter(id=self.meter.pk, key=self.meter.key, name=self.meter.name, unit=self.meter.unit)
        for name, value in said_by(self.versions[place]).items():
            setattr(meter, name, value)
        return meter


def timelines(meters: Iterable[Meter]) -> dict[str, Timeline]:
    """By key; one query."""
    asked = list(meters)
    versions: dict[Any, list[MeterVersion]] = {meter.pk: [] for meter in asked}
    for version in MeterVersion.objects.filter(meter__in=asked):
        versions[version.meter_id].append(version)
    return {meter.key: Timeline.of(meter, versions[meter.pk]) for meter in asked}
