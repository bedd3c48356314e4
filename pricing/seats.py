"""Quantities that change inside a cycle, such as seats: each change counts for the part of the cycle it lasts."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from pricing.charges import ChargeError, Graduated, Volume
from pricing.money import EXACT, ZERO
from pricing.steps import Step, amount, fee


class Change(NamedTuple):
    """So many units more, or fewer if negative; `prorated`: times the part of the cycle that is left."""

    full: Decimal
    prorated: Decimal


def graduated_prorated(charge: Graduated, changes: Iterable[Change]) -> tuple[Step, ...]:
    """Units take their place in the tiers as whole ones, each at its tier's price, and cost the part they last.

    Changes in order of time; removed units are those that came last. The fee of every tier that was reached is due in
    full. Never less than nothing. ChargeError for tiers with blocks or caps, which cannot be priced by the unit.
    """
    if any(tier.block or tier.cap is not None for tier in charge.tiers):
        raise ChargeError("tiers: blocks and caps do not go with quantities that change")
    level = peak = ZERO
    steps: list[Step] = []
    for full, prorated in changes:
        if full:
            share = EXACT.divide(prorated, full)
            steps += [
                step._replace(quantity=EXACT.multiply(step.quantity, share), flat_fee=ZERO)
                for step in charge.cost(full, level)
            ]
        level = EXACT.add(level, full)
        peak = max(peak, level)
    steps += [fee(step.flat_fee) for step in charge.whole(peak) if step.flat_fee]
    return tuple(steps) if amount(steps) > ZERO else ()


def volume_prorated(charge: Volume, full: Decimal, prorated: Decimal) -> tuple[Step, ...]:
    """The whole units say which tier it is; they cost the part they last, at its price. Its fee is due in full."""
    return tuple(step._replace(quantity=prorated) if step.quantity else step for step in charge.whole(full))
