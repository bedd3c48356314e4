"""Margin at list: what a price leaves over what a unit costs us at an instant, for the dearest and cheapest unit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from catalog.models import CostRate
from pricing.charges import Charge, Matrix
from pricing.curves import curves
from pricing.money import EXACT, ONE


@dataclass(frozen=True, slots=True)
class Margin:
    """From the lowest to the highest, in percent of the price; both the same where every unit costs the same."""

    low: Decimal
    high: Decimal

    @property
    def is_loss(self) -> bool:
        return self.low < 0

    def __str__(self) -> str:
        low, high = whole(self.low), whole(self.high)
        return f"{low} %" if low == high else f"{low} to {high} %"


Costs = Mapping[UUID, Sequence[CostRate]]


def costs_at(products: Iterable[UUID], at: datetime) -> Costs:
    """Each product's costs at an instant: of every set of dimensions the newest, the most particular first. One query.

    The same choice as `queries.cost_at` makes, for many products at once.
    """
    found: dict[UUID, dict[str, CostRate]] = {}
    costs = CostRate.objects.filter(product__in=list(products), since__lte=at).order_by("since")
    for cost in costs:
        found.setdefault(cost.product_id, {})[str(sorted(cost.dimensions.items()))] = cost
    return {
        product: sorted(by_dimensions.values(), key=lambda cost: -len(cost.dimensions))
        for product, by_dimensions in found.items()
    }


def margin_of(charge: Charge, currency: str, costs: Sequence[CostRate]) -> Margin | None:
    """None where no cost in this currency is known, or where the price is no price of a unit."""
    margins: list[Decimal] = []
    for dimensions, part in priced_apart(charge):
        cost = next((each for each in costs if each.dimensions.items() <= dimensions.items()), None)
        if cost is None or cost.currency != currency:
            continue
        each = EXACT.divide(cost.unit_cost, cost.per)
        margins += [
            EXACT.multiply(EXACT.divide(price - each, price), Decimal(100))
            for curve in curves(part, currency)
            for quantity, _, price in curve.points
            if quantity > 0 and price > 0
        ]
    return Margin(min(margins), max(margins)) if margins else None


def whole(percent: Decimal) -> str:
    """Percent as people read it: 62, or one decimal where it is below one."""
    places = ONE if abs(percent) >= 1 or not percent else Decimal("0.1")
    return f"{percent.quantize(places, ROUND_HALF_UP):,f}"


def priced_apart(charge: Charge) -> list[tuple[dict[str, str], Charge]]:
    """A matrix cell by cell, everything else as it is. A price of single events or of other lines has no unit."""
    if isinstance(charge, Matrix):
        cells = [
            ({name: value for name, value in zip(charge.by, cell.values, strict=True) if value}, cell.charge)
            for cell in charge.cells
        ]
        return [*cells, ({}, charge.default)] if charge.default else cells
    return [] if charge.basis == "lines" or charge.split.each else [({}, charge)]
