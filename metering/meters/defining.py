"""Defining meters: which events count and how, and how that is changed without changing what was billed."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection

from governance.acts import Act, Refused
from governance.change import change, locked
from metering.meters.definitions import FIELDS, checked, filters_from, means_the_same, said_by
from metering.models import Meter, MeterVersion, OutcomeDefinition
from metering.registry.registering import register_missing_type

_BILLED = "SELECT meter_billed_through(%s)"


def define_meter(*, key: str, name: str, unit: str = "unit", act: Act, **definition: Any) -> Meter:
    """Say which events count and how. It answers for what was stored before it, too.

    `definition` are the fields of `metering.models.meters.Definition`; event_type and aggregation are needed. Refused
    for what cannot be measured.
    """
    meter = Meter(key=key, name=name, unit=unit)
    with change("meter.defined", meter, act):
        _say(meter, definition)
        register_missing_type(meter.event_type, act=act)
        _save(meter)
    return meter


def redefine_meter(
    meter: Meter,
    *,
    name: str | None = None,
    unit: str | None = None,
    from_: datetime | None = None,
    act: Act,
    **definition: Any,
) -> Meter:
    """Change what a meter says; fields that are not given stay.

    While nothing was billed by it, the new definition measures every period. Afterwards the old one is kept as a
    version, for ever: it measures the periods that start before the end of what is billed, or before `from_` where that
    is later, and the new one those that start from then on. Refused for a `from_` before what is billed.
    """
    with change("meter.redefined", meter, act):
        meter = locked(meter)
        former = said_by(meter)
        _say(meter, definition)
        meter.name, meter.unit = meter.name if name is None else name, meter.unit if unit is None else unit
        if not means_the_same(former, said_by(meter)):
            _keep(meter, former, from_)
            register_missing_type(meter.event_type, act=act)
        _save(meter)
    return meter


def billed_through(meter: Meter) -> datetime | None:
    """Until when invoices are finalized that say what this meter measured; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_BILLED, [meter.pk])
        found: datetime | None = cursor.fetchone()[0]
    return found


def _keep(meter: Meter, former: dict[str, Any], from_: datetime | None) -> None:
    """The former definition as a version, where periods are left that it measures."""
    billed = billed_through(meter)
    if billed is not None and from_ is not None and from_ < billed:
        raise Refused(f"It is billed until {billed:%Y-%m-%d %H:%M} UTC; another definition can start from then on.")
    until = from_ or billed
    last = meter.versions.order_by("-until").first()
    if last is not None and from_ is not None and from_ < last.until:
        raise Refused(f"Another definition measures what starts before {last.until:%Y-%m-%d %H:%M} UTC.")
    # Where it ends no later than the one before, no period is left that it would measure.
    if until is not None and (last is None or until > last.until):
        number = last.number + 1 if last else 1
        MeterVersion.objects.create(meter=meter, number=number, until=until, **former)


def _say(meter: Meter, definition: dict[str, Any]) -> None:
    unknown = sorted(definition.keys() - set(FIELDS))
    if unknown:
        raise TypeError(f"a meter has no {', '.join(unknown)}")
    if "filters" in definition:
        definition = definition | {"filters": filters_from(definition["filters"] or {})}
    for field, value in definition.items():
        setattr(meter, field, value.strip() if isinstance(value, str) else value)


def _save(meter: Meter) -> None:
    checked(meter)
    _must_add_outcomes_up(meter)
    try:
        meter.full_clean()
    except ValidationError as problem:
        raise Refused(" ".join(problem.messages)) from None
    meter.save()


def _must_add_outcomes_up(meter: Meter) -> None:
    """A reversal is an event of its own: who counts events, or different values, would count it as one more result."""
    counts = meter.aggregation in (Meter.Aggregation.COUNT, Meter.Aggregation.UNIQUE)
    if counts and any(each.event_type == meter.event_type for each in OutcomeDefinition.objects.all()):
        raise Refused(
            "Outcomes are added up: choose the sum of quantity or of value, so that a reversal takes one away."
        )
