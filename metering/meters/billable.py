"""Billable or not: what a meter would count in a period, told apart by the rule of its event type, and reconciled."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from metering.models import Meter


@dataclass(frozen=True, slots=True)
class Tally:
    """Of billable events, of the others, and of all, which is asked apart: how many, and what they add up to.

    Quantities are None where a meter does not add events up (highest, latest, different values, two steps).
    """

    events: tuple[int, int, int]
    quantities: tuple[Decimal, Decimal, Decimal] | None

    @property
    def is_reconciled(self) -> bool:
        """Whether all is the sum of both, as it always must be."""
        billable, others, whole = self.events
        if self.quantities is None:
            return billable + others == whole
        return (
            billable + others == whole
            and Fraction(self.quantities[0]) + Fraction(self.quantities[1]) == self.quantities[2]
        )


def adds_up(meter: Meter) -> bool:
    """Whether what it says of two sets of events is the sum of what it says of each."""
    return meter.aggregation in (Meter.Aggregation.COUNT, Meter.Aggregation.SUM) and not (
        meter.over or meter.carries_over
    )


def tally(meter: Meter, columns: Sequence[Any]) -> Tally:
    """From three numbers of events and three quantities."""
    events, quantities = tuple(columns[:3]), tuple(columns[3:])
    return Tally(events, quantities if adds_up(meter) else None)
