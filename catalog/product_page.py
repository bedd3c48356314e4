"""What a product's page shows: every card that prices it, and what it costs us over time."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog import prices, queries
from catalog.comparison import signed_percent
from catalog.history import STANDING_COLOURS
from catalog.margins import costs_at, margin_of
from catalog.models import CostRate, Product, RateCard, RateCardVersion
from pricing.money import grouped, shown


def on_cards(product: Product, at: datetime, *, sees_margin: bool) -> list[dict[str, Any]]:
    """Every card that prices it: in force, scheduled or in the works, with the cards that inherit this price."""
    in_force = {card.pk: version for card, version in queries.cards_at(at)}
    costs = costs_at([product.pk], at).get(product.pk, ()) if sees_margin else ()
    rates = list(queries.uses_of(product))
    own = {rate.version_id for rate in rates}
    heirs: dict[Any, list[RateCard]] = {}
    for card in RateCard.objects.exclude(base=None):
        version = in_force.get(card.pk)
        if version and version.pk not in own:
            heirs.setdefault(card.base_id, []).append(card)
    rows = [
        {
            "version": rate.version,
            "standing": standing.capitalize(),
            "colour": STANDING_COLOURS[standing],
            "sentence": prices.sentence_of(rate, rate.version.card.currency),
            "billed": prices.billed(rate),
            "margin": margin_of(rate.charge, rate.version.card.currency, costs),
            "heirs": heirs.get(rate.version.card_id, []) if standing == "in force" else [],
        }
        for rate in rates
        if (standing := _standing(rate.version, in_force.get(rate.version.card_id), at))
    ]
    order = ["In force", "Scheduled", "In review", "Draft"]
    return sorted(rows, key=lambda row: (row["version"].card.name, order.index(row["standing"])))


def _standing(version: RateCardVersion, in_force: RateCardVersion | None, at: datetime) -> str:
    """Nothing for what is past."""
    if version.effective_from is None:
        return version.get_status_display().lower()
    if version == in_force:
        return "in force"
    return "scheduled" if version.effective_from > at else ""


def shown_costs(product: Product, at: datetime) -> list[dict[str, Any]]:
    """The costs, newest first, each with the change to the one before it for the same usage."""
    rows: list[dict[str, Any]] = []
    last: dict[str, CostRate] = {}
    in_force = {cost.pk for cost in costs_at([product.pk], at).get(product.pk, ())}
    for cost in product.cost_rates.order_by("since"):
        what = dimensions_text(cost)
        before = last.get(what)
        now, then = cost.unit_cost / cost.per, before and before.unit_cost / before.per
        percent = (now - then) / then * 100 if then and before and before.currency == cost.currency else Decimal(0)
        rows.append(
            {
                "cost": cost,
                "text": cost_text(cost, product.unit),
                "what": what,
                "percent": signed_percent(percent) if percent else "",
                "is_rise": percent > 0,
                "is_now": cost.pk in in_force,
                "is_coming": cost.since > at,
            }
        )
        last[what] = cost
    return rows[::-1]


def cost_text(cost: CostRate, unit: str) -> str:
    """$1.20 per 1,000,000 tokens."""
    units = unit if cost.per == 1 else f"{grouped(cost.per)} {unit}s"
    return f"{shown(cost.unit_cost, cost.currency)} per {units}"


def dimensions_text(cost: CostRate) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(cost.dimensions.items())) or "all usage"
