"""Charges whose price depends on how much there is: graduated, volume, graduated percent, capacity."""

from dataclasses import dataclass, field
from decimal import Decimal

from pricing.charges.base import Charge
from pricing.charges.kinds import kind
from pricing.fields import Size, Switch
from pricing.measures import Measured, total
from pricing.money import ONE, grouped
from pricing.steps import ChargeError, Step
from pricing.tiers import PercentTiers, Rung, Tiers, climb, ladder, stand, tiers_sentence


@dataclass(frozen=True, slots=True)
class _Tiered(Charge):
    _ladder: tuple[Rung, ...] = field(init=False, repr=False, compare=False)

    def edges(self) -> set[Decimal]:
        return {rung.up_to for rung in self._ladder[:-1]}


@dataclass(frozen=True, slots=True)
class _UnitTiers(_Tiered):
    tiers: Tiers
    per: Size = ONE
    charge_flat_at_zero: Switch = False

    def _prepare(self) -> None:
        if self.per != ONE and any(tier.block for tier in self.tiers):
            raise ChargeError("per: must be 1 where tiers have blocks")
        self._set("_ladder", ladder(self.tiers, self.per))


@kind("graduated")
@dataclass(frozen=True, slots=True)
class Graduated(_UnitTiers):
    """Each unit at the price of the tier it lies in."""

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return climb(self._ladder, total(measured), fee_at_zero=self.charge_flat_at_zero)

    def sentence(self, currency: str) -> str:
        return tiers_sentence(self.tiers, self.per, currency)


@kind("volume")
@dataclass(frozen=True, slots=True)
class Volume(_UnitTiers):
    """All units at the price of the tier the total lies in; past a tier's edge the total may drop."""

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return stand(self._ladder, total(measured), fee_at_zero=self.charge_flat_at_zero)

    def sentence(self, currency: str) -> str:
        prices = [tier.sentence(self.per, currency) for tier in self.tiers]
        if len(prices) == 1:
            return prices[0]
        edges = [*(f"up to {grouped(rung.up_to)}" for rung in self._ladder[:-1]), "above"]
        return "All units at " + ", ".join(f"{price} {edge}" for price, edge in zip(prices, edges, strict=True))


@kind("graduated_percent")
@dataclass(frozen=True, slots=True)
class GraduatedPercent(_Tiered):
    """A share of an amount, each slice of it at the percentage of its tier."""

    tiers: PercentTiers
    charge_flat_at_zero: Switch = False

    def _prepare(self) -> None:
        self._set("_ladder", ladder(self.tiers))

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return climb(self._ladder, total(measured), fee_at_zero=self.charge_flat_at_zero)

    def sentence(self, currency: str) -> str:
        return tiers_sentence(self.tiers, ONE, currency)
