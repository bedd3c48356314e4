"""Rules about what a price leaves over what a unit costs us."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.lint.walk import counted
from catalog.margins import costs_at, priced_apart
from catalog.models import CostRate
from pricing.charges import Charge, Graduated
from pricing.curves import curves
from pricing.money import EXACT, ONE, ZERO, grouped, shown
from pricing.steps import amount

Found = Iterable[tuple[str, str]]


@rule("below_cost", Severity.ERROR, "prices at which some quantity brings less than it costs us")
def below_cost(candidate: Candidate) -> Found:
    currency = candidate.card.currency
    for name, label, charge, cost in _costed(candidate):
        if cost.currency != currency:
            continue
        loss = next(_losses(charge, currency, _each(cost)), None)
        if loss is not None:
            yield (
                name,
                (
                    f"{label}{counted(loss.quantity, 'unit')}: price {shown(loss.price, currency)}, our cost "
                    f"{shown(loss.cost, currency)}. Raise the price, or correct the cost."
                ),
            )


@rule("last_tier_below_cost", Severity.WARNING, "last tiers in which every further unit costs more than it brings")
def last_tier_below_cost(candidate: Candidate) -> Found:
    currency = candidate.card.currency
    for name, label, charge, cost in _costed(candidate):
        if cost.currency != currency or not isinstance(charge, Graduated) or len(charge.tiers) < 2:
            continue
        last = charge.tiers[-1]
        price = EXACT.divide(last.unit_price, last.block or charge.per)
        if price < _each(cost):
            yield (
                name,
                (
                    f"{label}above {grouped(charge.tiers[-2].up_to or ZERO)} every further unit brings "
                    f"{shown(price, currency)} and costs us {shown(_each(cost), currency)}: the largest customers lose "
                    "us money. Raise the last tier, or correct the cost."
                ),
            )


@rule("cost_in_other_currency", Severity.WARNING, "costs that cannot be compared, being in another currency")
def cost_in_other_currency(candidate: Candidate) -> Found:
    seen: set[str] = set()
    for name, _, _, cost in _costed(candidate):
        if cost.currency != candidate.card.currency and name not in seen:
            seen.add(name)
            yield (
                name,
                (
                    f"Its cost is known in {cost.currency} only, so nothing says whether these prices in "
                    f"{candidate.card.currency} cover it. Enter the cost in {candidate.card.currency} too."
                ),
            )


@dataclass(frozen=True, slots=True)
class _Loss:
    quantity: Decimal
    price: Decimal
    cost: Decimal


def _costed(candidate: Candidate) -> Iterator[tuple[str, str, Charge, CostRate]]:
    """Every part of a price for which a cost is known when it takes effect: product, cell in words, charge, cost."""
    costs = costs_at(candidate.after, candidate.sheet.effective_from)
    for product, of_product in costs.items():
        for dimensions, charge in priced_apart(candidate.after[product].charge):
            cost = next((each for each in of_product if each.dimensions.items() <= dimensions.items()), None)
            if cost is not None:
                words = ", ".join(f"{name} {value}" for name, value in sorted(dimensions.items()))
                yield candidate.products[product].name, f"{words}: " if words else "", charge, cost


def _each(cost: CostRate) -> Decimal:
    return EXACT.divide(cost.unit_cost, cost.per)


def _losses(charge: Charge, currency: str, cost: Decimal) -> Iterator[_Loss]:
    """Quantities that lose money, the smallest first. Units that are free on purpose are left out of the cost."""
    if charge.basis == "none":
        price = amount(charge.cost(ONE))
        if ZERO < price < cost:
            yield _Loss(ONE, price, cost)
        return
    points = [point for curve in curves(charge, currency) for point in curve.points]
    free = max((quantity for quantity, price, _ in points if not price), default=ZERO)
    for quantity, price, _ in points:
        spent = EXACT.multiply(EXACT.subtract(quantity, free), cost)
        if quantity > free and price < spent:
            yield _Loss(EXACT.subtract(quantity, free), price, spent)
