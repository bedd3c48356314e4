"""What the demo company sells beside its tokens: one price of every model, costs, features, and a market of its own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from catalog import operations as catalog
from catalog.editions import Offer
from catalog.models import Product, RateCard, RateCardVersion
from catalog.operations.launches import NewMeter, price_new_product
from catalog.presets import PRESETS, Preset
from config.standard_prices import MILLION
from governance.acts import Act
from pricing.charges import Flat, PerUnit
from pricing.periods import add_months

SOLD_ALREADY = ("tokens-in", "tokens-out", "platform-fee")
COSTS = {
    "input-tokens": ("0.95", MILLION),
    "output-tokens": ("4.10", MILLION),
    "agent-run": ("0.11", Decimal(1)),
    "gpu-hour": ("1.60", Decimal(1)),
    "resolved-outcome": ("0.34", Decimal(1)),
}
FEATURES: list[tuple[str, str, str, Mapping[str, Any]]] = [
    ("api", "API access", "boolean", {"input-tokens": {}, "output-tokens": {}}),
    ("requests-a-minute", "Requests a minute", "limit", {"platform-fee": {"value": "600"}}),
    ("sso", "Single sign-on", "boolean", {"seat": {}}),
    ("support-hours", "Support around the clock", "boolean", {"support": {}}),
]
# What is measured and included: the meter is that of the first product, which does not grant it.
ALLOWANCES: list[tuple[str, str, str, str, Mapping[str, Any]]] = [
    ("fair-use", "Input tokens", "input-tokens", "platform-fee", {"value": "400000000", "is_hard": False}),
    ("burst", "Output tokens at once", "output-tokens", "platform-fee", {"value": "2000000", "window": "five_hours"}),
]


def price_everything(draft: RateCardVersion, *, act: Act) -> None:
    """Launch a product of every preset that is not sold yet, in this draft."""
    for preset in PRESETS:
        if preset.key not in SOLD_ALREADY:
            price_new_product(
                draft,
                Offer(preset.charge, preset.cycle_months, preset.in_advance),
                key=preset.key,
                name=preset.name,
                kind=preset.kind,
                unit=preset.unit,
                meter=_meter(preset),
                act=act,
            )


def know_costs_and_features(at: datetime, *, act: Act) -> None:
    """What a unit of each product costs, and what the products let people do."""
    sold = {product.key: product for product in Product.objects.all()}
    for key, (cost, per) in COSTS.items():
        catalog.set_cost(sold[key], unit_cost=Decimal(cost), per=per, currency="USD", since=at, act=act)
    for key, name, kind, grants in FEATURES:
        feature = catalog.create_feature(key=key, name=name, kind=kind, act=act)
        for product, terms in grants.items():
            catalog.grant_feature(sold[product], feature, **terms, act=act)
    for key, name, measured, product, terms in ALLOWANCES:
        feature = catalog.create_feature(key=key, name=name, kind="metered", meter=sold[measured].meter, act=act)
        catalog.grant_feature(sold[product], feature, **terms, act=act)


def open_europe(base: RateCard, *, act: Act) -> RateCardVersion:
    """A card in euros that stores two prices and takes all others from the base; and who gets it. A draft."""
    europe = catalog.create_rate_card(
        key="europe-eur",
        name="Europe EUR",
        currency="EUR",
        base=base,
        region="EU",
        notice_days=30,
        is_public=True,
        act=act,
    )
    rules: list[tuple[str, RateCard, Mapping[str, list[str]]]] = [
        ("Europe", europe, {"region": ["EU"], "currency": ["EUR"]}),
        ("Everybody else", base, {"currency": ["USD"]}),
    ]
    for name, card, conditions in rules:
        catalog.create_rule(name=name, card=card, conditions=conditions, act=act)
    draft = catalog.draft_version(europe, note="Opening the European market", act=act)
    draft = catalog.plan_version(draft, note=draft.note, base_factor=Decimal("0.93"), act=act)
    for key, charge in {
        "platform-fee": Flat(Decimal("19.00")),
        "output-tokens": PerUnit(Decimal("9.00"), MILLION),
    }.items():
        catalog.set_rate(draft, Product.objects.get(key=key), charge, act=act)
    return draft


def propose_new_prices(card: RateCard, at: datetime, *, act: Act) -> RateCardVersion:
    """Output tokens get dearer and agent runs cheaper, from the month after next for those who follow the card."""
    draft = catalog.draft_version(card, act=act)
    draft = catalog.plan_version(
        draft,
        note="Output tokens cost us 12 % more with the new model; agent runs got cheaper.",
        planned_from=_first_of(at, 2),
        act=act,
    )
    catalog.set_rate(draft, Product.objects.get(key="output-tokens"), PerUnit(Decimal("11.20"), MILLION), act=act)
    catalog.set_rate(draft, Product.objects.get(key="agent-run"), PerUnit(Decimal("0.35")), act=act)
    output = Product.objects.get(key="output-tokens")
    since = at - timedelta(hours=1)
    catalog.set_cost(output, unit_cost=Decimal("4.60"), per=MILLION, currency="USD", since=since, act=act)
    return draft


def _meter(preset: Preset) -> NewMeter | None:
    return NewMeter(preset.event_type, preset.aggregation, preset.property) if preset.event_type else None


def _first_of(at: datetime, months_on: int) -> datetime:
    day = add_months(at.date().replace(day=1), months_on)
    return at.replace(year=day.year, month=day.month, day=1, hour=0, minute=0, second=0, microsecond=0)
