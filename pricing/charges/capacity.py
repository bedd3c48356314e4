"""Capacity: one price for the whole peak, of one unit or of several at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, NamedTuple

from pricing.charges.base import Charge
from pricing.charges.kinds import kind
from pricing.fields import Maybe, Number, Price, Text
from pricing.measures import WHOLE, Measured, Split, total
from pricing.money import EXACT, ZERO, grouped, shown
from pricing.shapes import Listed, Record, Table
from pricing.steps import ChargeError, Step, fee


class CapacityTier(NamedTuple):
    """A price for all that stays within every limit, itself included; None: without limit."""

    limits: Annotated[tuple[tuple[str, Decimal | None], ...], Table(Maybe(Number()), "units")]
    price: Price

    def holds(self, peaks: Mapping[str, Decimal]) -> bool:
        return all(limit is None or peaks.get(unit, ZERO) <= limit for unit, limit in self.limits)

    @property
    def label(self) -> str:
        limits = [f"{grouped(limit)} {unit}".strip() for unit, limit in self.limits if limit is not None]
        return f"up to {', '.join(limits)}" if limits else "without limit"


def _name(limit: tuple[str, Decimal | None]) -> str:
    return limit[0]


@kind("capacity")
@dataclass(frozen=True, slots=True)
class Capacity(Charge):
    """The price of the first tier that holds the peak of every unit, however far the others stay below theirs.

    `by` is the property whose values name the units; without it there is one unit, named "". Nothing at all is held by
    the first tier.
    """

    tiers: Annotated[tuple[CapacityTier, ...], Listed(Record(CapacityTier), "tiers")]
    by: Annotated[str, Text(may_be_empty=True)] = ""

    def _split(self) -> Split:
        return Split((self.by,)) if self.by else WHOLE

    @property
    def _units(self) -> tuple[str, ...]:
        return tuple(unit for unit, _ in self.tiers[0].limits)

    def _prepare(self) -> None:
        if not self.by and self._units != ("",):
            raise ChargeError('tiers[0].limits: must name one unit "", or `by` the property that tells units apart')
        # Databases keep no order of names, and a charge read again must be the same.
        self._set("tiers", tuple(tier._replace(limits=tuple(sorted(tier.limits, key=_name))) for tier in self.tiers))
        floor = dict.fromkeys(self._units, ZERO)
        for index, tier in enumerate(self.tiers):
            where = f"tiers[{index}].limits"
            if {unit for unit, _ in tier.limits} != floor.keys():
                raise ChargeError(f"{where}: must name the same units as the first tier")
            for unit, limit in tier.limits:
                if limit is not None and limit < floor[unit]:
                    raise ChargeError(f"{where}.{unit}: must not be less than {grouped(floor[unit])}")
                floor[unit] = Decimal("Infinity") if limit is None else limit
        if any(limit is not None for _, limit in self.tiers[-1].limits):
            raise ChargeError(f"tiers[{len(self.tiers) - 1}].limits: the last tier must be open")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        peaks = self._peaks(measured)
        tier = next(tier for tier in self.tiers if tier.holds(peaks))
        return (fee(tier.price, tier.label),)

    def _peaks(self, measured: Measured) -> dict[str, Decimal]:
        if isinstance(measured, Decimal) or not self.by:
            return dict.fromkeys(self._units, total(measured))
        peaks: dict[str, Decimal] = {}
        for part in measured:
            for unit in part.values or self._units:
                if unit is not None:
                    peaks[unit] = EXACT.add(peaks.get(unit, ZERO), part.quantity)
        return peaks

    def prices(self, properties: Mapping[str, str | None]) -> bool:
        return not self.by or properties[self.by] in self._units

    def edges(self) -> set[Decimal]:
        return {limit for tier in self.tiers for _, limit in tier.limits if limit is not None}

    def sentence(self, currency: str) -> str:
        return ", ".join(f"{shown(tier.price, currency)} {tier.label}" for tier in self.tiers)
