"""What is kept here, as a document: of every card what is in force at an instant, and all that its prices need."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import prefetch_related_objects

from catalog.models import CostRate, Feature, Product, Rate, RateCard, RateCardVersion, SelectionRule
from catalog.portable.document import (
    CardEntry,
    CostEntry,
    Document,
    FeatureEntry,
    GrantEntry,
    MeterEntry,
    ProductEntry,
    RateEntry,
    RuleEntry,
    VersionEntry,
)
from catalog.queries import cards_at
from governance.acts import Refused
from metering.models import Meter
from pricing.money import exponent, fixed


def export(keys: Collection[str] = (), *, at: datetime, with_costs: bool = True) -> Document:
    """These cards and the bases they stand on, or everything. `Refused` for a card that is not there.

    Of chosen cards only the products they price come along, with meters and features, and no selection rules. Costs
    can be left out; leaving them out of a file changes none.
    """
    standing = {card.key: (card, version) for card, version in cards_at(at)}
    if unknown := sorted(set(keys) - standing.keys()):
        raise Refused(f"There is no rate card {unknown[0]}.")
    if keys:
        bases = {standing[key][0].base_id for key in keys}
        standing = {key: pair for key, pair in standing.items() if key in keys or pair[0].pk in bases}
    names = {card.pk: card.key for card, _ in standing.values()}
    rates = rates_of([version for _, version in standing.values() if version is not None])
    priced = {rate.product_id for group in rates.values() for rate in group}
    products = products_of(Product.objects.filter(pk__in=priced) if keys else Product.objects.all())
    return Document(
        meters=_meters(products if keys else None),
        features=_features(products if keys else None),
        products={product.key: product_entry(product, with_costs=with_costs) for product in products},
        rate_cards={
            key: card_entry(
                card, version, rates.get(version.pk, []) if version else None, base=_name(card, names), at=at
            )
            for key, (card, version) in standing.items()
        },
        selection_rules=None if keys else tuple(map(rule_entry, SelectionRule.objects.select_related("card"))),
    )


def rates_of(versions: Iterable[RateCardVersion]) -> dict[object, list[Rate]]:
    """The rates of these versions, with their products. One query."""
    rates: dict[object, list[Rate]] = {}
    for rate in Rate.objects.filter(version__in=[version.pk for version in versions]).select_related("product"):
        rates.setdefault(rate.version_id, []).append(rate)
    return rates


def products_of(products: Iterable[Product]) -> list[Product]:
    """The products with all that their entries hold."""
    found = list(products)
    prefetch_related_objects(found, "meter", "cost_rates", "grants__feature__meter")
    return found


def product_entry(product: Product, *, with_costs: bool) -> ProductEntry:
    kept = product.cost_rates.all() if with_costs else ()
    costs = sorted(kept, key=lambda cost: (cost.since, sorted(cost.dimensions.items())))
    return ProductEntry(
        name=product.name,
        kind=product.kind,
        meter=product.meter.key if product.meter else "",
        unit=product.unit,
        internal_unit=product.internal_unit,
        description=product.description,
        revenue_account=product.revenue_account,
        recognition=product.recognition,
        tax_code=product.tax_code,
        tags=tuple(product.tags),
        is_active=product.is_active,
        grants=_grants(product),
        costs=tuple(
            CostEntry(cost.since, _amount(cost), cost.currency, cost.per.normalize(), cost.dimensions) for cost in costs
        ),
    )


def _grants(product: Product) -> dict[str, GrantEntry | tuple[GrantEntry, ...]]:
    found: dict[str, list[GrantEntry]] = {}
    for grant in sorted(product.grants.all(), key=lambda each: each.window):
        entry = GrantEntry(grant.value, grant.window, grant.is_hard, grant.is_per_seat)
        found.setdefault(grant.feature.key, []).append(entry)
    return {key: tuple(each) if len(each) > 1 else each[0] for key, each in found.items()}


def _amount(cost: CostRate) -> Decimal:
    """With the decimals that count, and at least those of the currency."""
    return Decimal(fixed(cost.unit_cost, exponent(cost.currency)))


def card_entry(
    card: RateCard, version: RateCardVersion | None, rates: Iterable[Rate] | None, *, base: str, at: datetime
) -> CardEntry:
    return CardEntry(
        name=card.name,
        currency=card.currency,
        base=base,
        region=card.region,
        segment=card.segment,
        channel=card.channel,
        customer_type=card.customer_type,
        notice_days=card.notice_days,
        is_public=card.is_public,
        version=version_entry(version, at) if version else VersionEntry(),
        rates=None if rates is None else {rate.product.key: rate_entry(rate) for rate in rates},
    )


def version_entry(version: RateCardVersion, at: datetime) -> VersionEntry:
    """How a version takes effect; instants gone by are not said, they have done what they had to do."""
    takes_effect = version.effective_from or version.planned_from
    return VersionEntry(
        note=version.note,
        planned_from=ahead(takes_effect, at),
        reach=version.reach,
        existing_from=ahead(version.existing_from, at),
        base_factor=version.base_factor.normalize(),
        publish_when_approved=version.publish_when_approved,
    )


def ahead(instant: datetime | None, at: datetime) -> datetime | None:
    """The instant, if it is still to come."""
    return instant if instant is not None and instant > at else None


def rate_entry(rate: Rate) -> RateEntry:
    return RateEntry(rate.charge, rate.cycle_months, rate.in_advance)


def rule_entry(rule: SelectionRule) -> RuleEntry:
    conditions = {name: tuple(values) for name, values in rule.conditions.items()}
    return RuleEntry(rule.name, rule.card.key, conditions, rule.is_active)


def _name(card: RateCard, names: Mapping[UUID, str]) -> str:
    return names[card.base_id] if card.base_id else ""


def _meters(products: list[Product] | None) -> dict[str, MeterEntry]:
    meters: Iterable[Meter]
    if products is None:
        meters = Meter.objects.all()
    else:
        granted = [grant.feature.meter for each in products for grant in each.grants.all()]
        meters = [meter for meter in [*(each.meter for each in products), *granted] if meter]
    return {
        meter.key: MeterEntry(
            name=meter.name,
            event_type=meter.event_type,
            aggregation=meter.aggregation,
            property=meter.property,
            filters={name: tuple(values) for name, values in meter.filters.items()},
            unit=meter.unit,
            condition=meter.condition,
            dimensions=tuple(meter.dimensions),
            window=meter.window,
            window_zone=meter.window_zone,
            per=meter.per,
            over=meter.over,
            carries_over=meter.carries_over,
        )
        for meter in meters
    }


def _features(products: list[Product] | None) -> dict[str, FeatureEntry]:
    if products is None:
        features = list(Feature.objects.select_related("meter"))
    else:
        features = [grant.feature for product in products for grant in product.grants.all()]
    return {
        each.key: FeatureEntry(each.name, each.kind, each.meter.key if each.meter else "", each.description)
        for each in features
    }
