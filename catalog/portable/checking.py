"""What a document asks that cannot be done here, with its line: unknown names, and changes of what never changes."""

from collections.abc import Iterator, Mapping
from typing import Any

from catalog.grants import problems
from catalog.models import Feature, Product, RateCardVersion
from catalog.operations.rates import check_offer
from catalog.portable.document import CardEntry, Document, ProductEntry, grants_in
from catalog.portable.nodes import Problem, Unreadable
from catalog.portable.planning import Plan
from governance.acts import Refused

# What an entry is for good.
_FIXED: dict[str, tuple[tuple[str, ...], str]] = {
    "features": (("kind",), "what a feature is never changes; name another"),
    "products": (("kind", "meter"), "what a product is never changes; name another"),
    "rate_cards": (("currency", "base"), "the currency and base of a card never change; name another"),
}
Found = Iterator[tuple[str, str]]


def check(plan: Plan) -> None:
    """`Unreadable` with everything that applying the plan would be refused for, as far as one can tell beforehand."""
    document, current = plan.document, plan.current
    found = [
        *_fixed(document, current),
        *_features(document, current),
        *_products(document, current),
        *_cards(document, current),
        *_rates(plan),
        *_rules(document, current),
    ]
    if found:
        raise Unreadable([Problem(document.line(path), path, text) for path, text in found])


def _fixed(document: Document, current: Document) -> Found:
    for section, (names, why) in _FIXED.items():
        for key, wanted in getattr(document, section).items():
            there = getattr(current, section).get(key)
            for name in names if there is not None else ():
                before = getattr(there, name)
                if before != getattr(wanted, name):
                    yield f"{section}.{key}.{name}", f"is {_shown(before)} here; {why}"


def _features(document: Document, current: Document) -> Found:
    meters = {**current.meters, **document.meters}
    for key, feature in document.features.items():
        is_metered = feature.kind == Feature.Kind.METERED
        if is_metered != bool(feature.meter):
            text = "a metered feature needs one" if is_metered else "only metered features have one"
            yield f"features.{key}.meter", text
        elif feature.meter and feature.meter not in meters:
            yield f"features.{key}.meter", f"there is no meter {feature.meter}"


def _products(document: Document, current: Document) -> Found:
    meters, features = {**current.meters, **document.meters}, {**current.features, **document.features}
    for key, product in document.products.items():
        path = f"products.{key}"
        if (product.kind == Product.Kind.USAGE) != bool(product.meter):
            is_usage = product.kind == Product.Kind.USAGE
            yield f"{path}.meter", "a usage product needs one" if is_usage else "only usage products have one"
        if product.kind == Product.Kind.USAGE and product.recognition != Product.Recognition.AS_DELIVERED:
            yield f"{path}.recognition", "usage is earned as it is delivered"
        if product.meter and product.meter not in meters:
            yield f"{path}.meter", f"there is no meter {product.meter}"
        for (feature, _), terms in grants_in(product).items():
            if feature not in features:
                yield f"{path}.grants.{feature}", f"there is no feature {feature}"
            else:
                found = problems(features[feature].kind, terms)
                yield from ((f"{path}.grants.{feature}.{name}", text) for name, text in found.items())
        yield from _costs(path, product, current.products.get(key))


def _costs(path: str, product: ProductEntry, there: ProductEntry | None) -> Found:
    kept = {_when(cost): cost for cost in there.costs} if there else {}
    seen = set()
    for index, cost in enumerate(product.costs):
        when = _when(cost)
        if when in seen:
            yield f"{path}.costs[{index}].since", "there are two costs from that very instant"
        seen.add(when)
        if when in kept and kept[when] != cost:
            yield (
                f"{path}.costs[{index}]",
                "is another here; supersede it by a cost from a later instant",
            )


def _cards(document: Document, current: Document) -> Found:
    cards = {**current.rate_cards, **document.rate_cards}
    for key, card in document.rate_cards.items():
        path = f"rate_cards.{key}"
        if card.base and card.base not in cards:
            yield f"{path}.base", f"there is no rate card {card.base}"
        elif card.base and cards[card.base].base:
            yield f"{path}.base", f"{card.base} itself stands on {cards[card.base].base}; take that for the base"
        if card.version.base_factor != 1 and not card.base:
            yield f"{path}.version.base_factor", "there is no base whose prices could be multiplied"
        if card.version.existing_from and card.version.reach != RateCardVersion.Reach.FROM_DATE:
            yield f"{path}.version.existing_from", "only a version that reaches existing contracts from a date has one"


def _rates(plan: Plan) -> Found:
    """Whether the rates of what is to be requested could be billed for their products."""
    known: Mapping[str, ProductEntry] = {**plan.current.products, **plan.document.products}
    products = {
        key: Product(key=key, name=entry.name, kind=entry.kind, is_active=entry.is_active)
        for key, entry in known.items()
    }
    for key, card in plan.document.rate_cards.items():
        is_asked = any(each.key == key for each in plan.requests)
        for product, rate in (card.rates or {}).items():
            path = f"rate_cards.{key}.rates.{product}"
            if product not in products:
                yield path, f"there is no product {product}"
            elif is_asked and (refusal := _refusal(products[product], rate.offer)):
                yield path, refusal
        yield from _nothing(key, card)


def _nothing(key: str, card: CardEntry) -> Found:
    if card.rates is not None and not card.rates and not card.base:
        yield f"rate_cards.{key}.rates", "there are none; leave rates out to leave the prices alone"


def _rules(document: Document, current: Document) -> Found:
    names = [rule.name for rule in document.selection_rules or ()]
    for index, rule in enumerate(document.selection_rules or ()):
        if rule.card not in document.rate_cards and rule.card not in current.rate_cards:
            yield f"selection_rules[{index}].card", f"there is no rate card {rule.card}"
        if names.index(rule.name) != index:
            yield f"selection_rules[{index}].name", "there are two rules of that name"


def _refusal(product: Product, offer: Any) -> str:
    try:
        check_offer(product, offer)
    except Refused as refusal:
        return str(refusal)
    return ""


def _when(cost: Any) -> tuple[Any, ...]:
    return (cost.since, *sorted(cost.dimensions.items()))


def _shown(value: Any) -> str:
    return str((dict(value) if isinstance(value, Mapping) else value) or "nothing")
