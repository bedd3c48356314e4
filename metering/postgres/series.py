"""Series: which meters' daily totals are kept, told apart by what the meter said when they were added up."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from metering.models import Meter, MeterVersion, RollupSeries
from metering.models.meters import Definition

# Part of every digest: a release that adds up differently counts it up, and all totals are made anew.
EDITION = 1


@dataclass(frozen=True, slots=True)
class Series:
    """A series as statements use it: `meter` says what was rolled up, by the `dimensions` in their order."""

    id: int
    meter: Meter
    dimensions: tuple[str, ...]


def definition_of(meter: Definition) -> dict[str, Any]:
    """What daily totals of this meter depend on; what it makes of them (windows, the second step) is no part of it."""
    return {
        "edition": EDITION,
        "event_type": meter.event_type,
        "aggregation": str(meter.aggregation),
        "property": meter.property,
        "filters": meter.filters,
        "condition": meter.condition,
        "dimensions": sorted({*meter.dimensions, *([meter.per] if meter.per else [])}),
    }


def digest_of(definition: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(definition, order="sorted")).hexdigest()


def as_series(kept: RollupSeries) -> Series:
    said = kept.definition
    meter = Meter(
        event_type=said["event_type"],
        aggregation=said["aggregation"],
        property=said["property"],
        filters=said["filters"],
        condition=said["condition"],
    )
    return Series(kept.pk, meter, tuple(said["dimensions"]))


def keep_wanted(since: date | None) -> tuple[list[RollupSeries], list[RollupSeries]]:
    """Make the series of every definition in use. Gives all that are wanted, and those that nobody wants any more.

    New ones cover what lies after the retired months: from `since` on.
    """
    wanted = {}
    for meter_id, definition in _in_use():
        wanted[meter_id, digest_of(definition)] = definition
    there = {(series.meter_id, series.digest): series for series in RollupSeries.objects.order_by("pk")}
    made = RollupSeries.objects.bulk_create(
        RollupSeries(meter_id=meter_id, digest=digest, definition=definition, since=since)
        for (meter_id, digest), definition in wanted.items()
        if (meter_id, digest) not in there
    )
    there |= {(series.meter_id, series.digest): series for series in made}
    kept = [series for key, series in there.items() if key in wanted]
    return kept, [series for key, series in there.items() if key not in wanted]


def _in_use() -> Iterable[tuple[Any, dict[str, Any]]]:
    for meter in Meter.objects.order_by("key"):
        yield meter.pk, definition_of(meter)
    for version in MeterVersion.objects.order_by("pk"):
        yield version.meter_id, definition_of(version)
