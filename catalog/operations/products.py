"""The verbs of what is sold: products, what they cost us, and the features they grant."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import models

from catalog import grants, uses
from catalog.models import CostRate, Feature, FeatureGrant, Product, Rate, RateCard
from governance.acts import Act, Refused
from governance.change import change, locked
from metering.models import Meter
from pricing.money import ONE, exponent

TAG = r"[-a-zA-Z0-9_]{1,60}"
Kind = Product.Kind
Recognition = Product.Recognition


def create_product(
    *,
    key: str,
    name: str,
    kind: str,
    meter: Meter | None = None,
    unit: str = "unit",
    internal_unit: str = "",
    revenue_account: str = "4000",
    recognition: str = Recognition.AS_DELIVERED,
    tax_code: str = "",
    tags: Iterable[str] = (),
    description: str = "",
    act: Act,
) -> Product:
    """Put a product up for sale. What it is (key, kind, meter) never changes afterwards."""
    free_key(Product, key)
    if kind not in Kind.values:
        raise Refused(f"A product is one of: {', '.join(Kind.values)}.")
    if kind == Kind.USAGE and meter is None:
        raise Refused("A usage product needs the meter that measures it.")
    if kind != Kind.USAGE and meter is not None:
        raise Refused("Only usage products have a meter.")
    _recognizable(kind, recognition)
    product = Product(
        key=key,
        name=name,
        kind=kind,
        meter=meter,
        unit=unit,
        internal_unit=internal_unit,
        revenue_account=revenue_account,
        recognition=recognition,
        tax_code=tax_code,
        tags=_unique(tags),
        description=description,
    )
    with change("product.created", product, act):
        product.save()
    return product


def update_product(
    product: Product,
    *,
    name: str,
    unit: str,
    revenue_account: str,
    description: str,
    is_active: bool,
    internal_unit: str = "",
    recognition: str = Recognition.AS_DELIVERED,
    tax_code: str = "",
    tags: Iterable[str] = (),
    act: Act,
) -> Product:
    """Describe a product anew, or stop (or resume) pricing it. Documents already issued keep what they showed."""
    with change("product.updated", product, act):
        product = locked(product)
        product.name, product.unit, product.revenue_account = name, unit, revenue_account
        product.description, product.is_active = description, is_active
        product.internal_unit, product.tax_code = internal_unit, tax_code
        _recognizable(product.kind, recognition)
        product.recognition, product.tags = recognition, _unique(tags)
        product.save()
    return product


def delete_product(product: Product, *, act: Act) -> None:
    """Take back a product that was never used; otherwise `Refused` with the list of what uses it."""
    with change("product.deleted", product, act):
        product = locked(product)
        _unused(product, [*Rate.objects.filter(product=product).select_related("version__card")])
        product.grants.all().delete()
        product.delete()


def set_cost(
    product: Product,
    *,
    unit_cost: Decimal,
    currency: str,
    since: datetime,
    per: Decimal = ONE,
    dimensions: Mapping[str, str] | None = None,
    act: Act,
) -> CostRate:
    """Say what a unit costs us from an instant on. An earlier cost stays true for its own time."""
    known_currency(currency)
    if not unit_cost.is_finite() or unit_cost < 0 or not per.is_finite() or per <= 0:
        raise Refused("A cost is not negative, and given for more than nothing.")
    told_apart = dict(dimensions or {})
    if any(not isinstance(value, str) or not name for name, value in told_apart.items()):
        raise Refused("A cost is told apart by names and texts.")
    if product.cost_rates.filter(dimensions=told_apart, since=since).exists():
        raise Refused(f"{product} already has a cost from that very instant; choose another.")
    cost = CostRate(
        product=product, unit_cost=unit_cost, per=per, currency=currency, since=since, dimensions=told_apart
    )
    with change("product.cost_set", product, act):
        cost.save()
    return cost


def create_feature(
    *,
    key: str,
    name: str,
    kind: str = Feature.Kind.BOOLEAN,
    meter: Meter | None = None,
    description: str = "",
    act: Act,
) -> Feature:
    """Name something that products can grant. Its key and kind never change; a metered one says what counts it."""
    free_key(Feature, key)
    if kind not in Feature.Kind.values:
        raise Refused(f"A feature is one of: {', '.join(Feature.Kind.values)}.")
    if problem := grants.meter_problem(kind, meter):
        raise Refused(problem)
    feature = Feature(key=key, name=name, kind=kind, meter=meter, description=description)
    with change("feature.created", feature, act):
        feature.save()
    return feature


def update_feature(feature: Feature, *, name: str, description: str, meter: Meter | None = None, act: Act) -> Feature:
    """Describe a feature anew, or let another meter count it (none: the one it has)."""
    with change("feature.updated", feature, act):
        feature = locked(feature)
        feature.meter = meter or feature.meter
        if problem := grants.meter_problem(feature.kind, feature.meter):
            raise Refused(problem)
        feature.name, feature.description = name, description
        feature.save()
    return feature


def delete_feature(feature: Feature, *, act: Act) -> None:
    """Take back a feature that was never granted to anybody; otherwise `Refused` with the list of what uses it."""
    with change("feature.deleted", feature, act):
        feature = locked(feature)
        granted = [grant.product for grant in feature.grants.select_related("product")]
        if granted:
            raise Refused(f"{feature} is granted by {_listed(granted)}; revoke it there first.")
        if used := [use.text for kind in uses.of_feature(feature) for use in kind.uses]:
            raise Refused(f"{feature} was given to somebody: {_listed(used)}. Its history is kept.")
        feature.delete()


def grant_feature(
    product: Product,
    feature: Feature,
    *,
    value: str = "",
    window: str = FeatureGrant.Window.CYCLE,
    is_hard: bool = True,
    is_per_seat: bool = False,
    act: Act,
) -> FeatureGrant:
    """Let a product grant a feature, or grant it (in that window) on other terms. `Refused` as `grants.problems`."""
    with change("feature.granted", product, act):
        product = locked(product)
        row = product.grants.filter(feature=feature, window=window).first() or FeatureGrant(
            product=product, feature=feature, window=window
        )
        row.value, row.is_hard, row.is_per_seat = value, is_hard, is_per_seat
        if found := grants.problems(feature.kind, row):
            raise Refused(" ".join(found.values()))
        row.save()
    return row


def revoke_feature(product: Product, feature: Feature, *, window: str = "", act: Act) -> None:
    """Let a product grant a feature no more, in this window or (none) in any."""
    with change("feature.revoked", product, act):
        rows = locked(product).grants.filter(feature=feature, **({"window": window} if window else {}))
        if not rows:
            raise Refused(f"{product} does not grant {feature}.")
        for row in rows:
            row.delete()


def free_key(model: type[Product] | type[RateCard] | type[Feature], key: str) -> None:
    if model._default_manager.filter(key=key).exists():
        raise Refused(f"There is already a {model._meta.verbose_name} with the key {key}.")


def known_currency(currency: str) -> None:
    try:
        exponent(currency)
    except ValueError:
        raise Refused(f"{currency} is not a currency one can be billed in.") from None


def _unique(tags: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(tags))
    if any(not re.fullmatch(TAG, each) for each in found):
        raise Refused("A tag is letters, digits, - and _, at most 60 of them.")
    return found


def _recognizable(kind: str, recognition: str) -> None:
    if recognition not in Recognition.values:
        raise Refused(f"Revenue is recognized in one of these ways: {', '.join(Recognition.values)}.")
    if kind == Kind.USAGE and recognition != Recognition.AS_DELIVERED:
        raise Refused("Usage is earned as it is delivered; commits that pay for it rely on that.")


def _unused(product: Product, rates: list[Rate]) -> None:
    where = [str(rate.version) for rate in rates]
    where += [use.text for kind in uses.of(product) for use in kind.uses]
    if product.cost_rates.exists():
        where.append("its costs, which are kept for the margins of the past")
    if where:
        raise Refused(f"{product} is in use: {_listed(where)}. Stop selling it instead.")


def _listed(things: list[models.Model] | list[Product] | list[str]) -> str:
    names = [str(thing) for thing in things]
    return ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
