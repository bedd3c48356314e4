"""Tiers: prices that depend on how many units there are, contiguous from zero and open at the end."""

from decimal import Decimal
from typing import NamedTuple

from pricing.money import ZERO, grouped, shown
from pricing.steps import ChargeError, Step, check, price_text

MAX_TIERS = 1_000
_OPEN = Decimal("Infinity")


class Tier(NamedTuple):
    """Prices for units up to and including `up_to`, counted from the first unit; None: for all there are."""

    up_to: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal = ZERO

    def sentence(self, per: Decimal, currency: str) -> str:
        price = price_text(self.unit_price, per, currency)
        return f"{price} plus {shown(self.flat_fee, currency)}" if self.flat_fee else price


class Rung(NamedTuple):
    """A tier ready for arithmetic: its bounds, infinity if open, and the step of a quantity filling it."""

    floor: Decimal
    up_to: Decimal
    full: Step


def ladder(tiers: tuple[Tier, ...], per: Decimal) -> tuple[Rung, ...]:
    """The rungs of these tiers; ChargeError, naming the field, unless they rise to an open end."""
    if not isinstance(tiers, tuple) or not 1 <= len(tiers) <= MAX_TIERS:
        raise ChargeError(f"tiers: must be a tuple of 1 to {MAX_TIERS:,} tiers")
    check(per, "per", positive=True)
    rungs, floor = [], ZERO
    for index, tier in enumerate(tiers):
        up_to = _bound(tier, floor, f"tiers[{index}]", is_last=index == len(tiers) - 1)
        rungs.append(Rung(floor, up_to, Step(up_to - floor, tier.unit_price, per, tier.flat_fee)))
        floor = up_to
    return tuple(rungs)


def _bound(tier: Tier, floor: Decimal, where: str, *, is_last: bool) -> Decimal:
    check(tier.unit_price, f"{where}.unit_price")
    check(tier.flat_fee, f"{where}.flat_fee")
    if tier.up_to is None:
        if not is_last:
            raise ChargeError(f"{where}.up_to: only the last tier is open")
        return _OPEN
    if is_last:
        raise ChargeError(f"{where}.up_to: the last tier must be open")
    check(tier.up_to, f"{where}.up_to")
    if tier.up_to <= floor:
        raise ChargeError(f"{where}.up_to: must be greater than {grouped(floor)}")
    return tier.up_to
