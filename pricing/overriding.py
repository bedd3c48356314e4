"""Overriding: a list price with other figures for some values of its properties, or by how much there is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple, TypeVar

from pricing.charges import Adjusted, Cell, Charge, ChargeError, Graduated, Matrix, PerUnit, Tier
from pricing.charges.restarts import Values
from pricing.money import EXACT, ZERO


class Factor(NamedTuple):
    """What prices of units up to and including `up_to`, counted from the first, are multiplied by; None: of all."""

    up_to: Decimal | None
    multiplier: Decimal


T = TypeVar("T", Tier, Factor)


def in_tiers(charge: Charge, factors: Sequence[Factor]) -> Charge:
    """Each unit's price times the factor of the tier it lies in; a tier's fee times that of the tier it begins in.

    ChargeError for factors that do not rise to an open end, and unless it is a price by the unit.
    """
    if isinstance(charge, Adjusted):
        return replace(charge, charge=in_tiers(charge.charge, factors))
    if isinstance(charge, Matrix):
        cells = tuple(cell._replace(charge=in_tiers(cell.charge, factors)) for cell in charge.cells)
        return replace(charge, cells=cells, default=charge.default and in_tiers(charge.default, factors))
    if isinstance(charge, PerUnit):
        tiers = [Tier(up_to, EXACT.multiply(charge.unit_price, by)) for up_to, by in factors]
        return Graduated(tuple(tiers), charge.per)
    if isinstance(charge, Graduated) and not any(tier.block or tier.cap is not None for tier in charge.tiers):
        return replace(charge, tiers=_cut(charge.tiers, factors))
    raise ChargeError("tiers: multiply prices by the unit only")


def for_values(
    charge: Charge, listed: Charge, values: Mapping[str, str], change: Callable[[Charge | None], Charge | None]
) -> Charge:
    """The charge, but what has these values of its properties at what `change` makes of its list price (None: none).

    Where the charge is not told apart by these properties, it is now. Each cell has a ladder of its own.
    """
    listed = listed.charge if isinstance(listed, Adjusted) else listed
    if isinstance(charge, Adjusted):
        return replace(charge, charge=for_values(charge.charge, listed, values, change))
    if not (isinstance(charge, Matrix) and values.keys() <= set(charge.by)):
        charge = Matrix(tuple(sorted(values)), (), charge)
    wanted = tuple(values.get(name) for name in charge.by)
    found: dict[Values, Charge] = {}
    for place in (wanted, *_crossing(charge, wanted)):
        becomes = change(_list_price(listed, charge.by, place))
        if becomes is not None:
            found[place] = becomes
    kept = (cell for cell in charge.cells if cell.values not in found)
    return replace(charge, cells=(*(Cell(*each) for each in found.items()), *kept))


def _cut(tiers: Sequence[Tier], factors: Sequence[Factor]) -> tuple[Tier, ...]:
    """The tiers, cut where a factor begins."""
    edges = {*(each.up_to for each in tiers), *(each.up_to for each in factors)}
    result: list[Tier] = []
    floor = ZERO
    for up_to in (*sorted(edge for edge in edges if edge is not None), None):
        tier, factor = _holding(tiers, floor), _holding(factors, floor)
        begins = floor in (ZERO, *(each.up_to for each in tiers))
        fee = EXACT.multiply(tier.flat_fee, factor.multiplier) if begins else ZERO
        result.append(Tier(up_to, EXACT.multiply(tier.unit_price, factor.multiplier), fee))
        floor = up_to or floor
    return tuple(result)


def _holding(tiers: Sequence[T], floor: Decimal) -> T:
    """The tier of the first unit above the floor."""
    return next(each for each in tiers if each.up_to is None or each.up_to > floor)


def _list_price(listed: Charge, by: tuple[str, ...], values: Values) -> Charge | None:
    return listed.price_of(values) if isinstance(listed, Matrix) and listed.by == by else listed


def _crossing(matrix: Matrix, wanted: Values) -> list[Values]:
    """What has the wanted values and those of a cell, which may say more: these would go before the wanted alone."""
    return [
        tuple(own if own is not None else want for own, want in zip(cell.values, wanted, strict=True))
        for cell in matrix.cells
        if all(None in pair or pair[0] == pair[1] for pair in zip(cell.values, wanted, strict=True))
    ]
