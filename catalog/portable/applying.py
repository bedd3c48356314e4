"""Doing what a plan says: what is described changes at once, prices become requests that others approve and publish.

Everything or nothing, in one transaction.
"""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from catalog import operations
from catalog.models import Feature, Product, RateCard, RateCardVersion, SelectionRule
from catalog.portable.checking import check
from catalog.portable.document import CardEntry, Document, grants_in
from catalog.portable.planning import CardPlan, Plan, plan
from governance.acts import Act, Refused
from metering.meters.defining import define_meter, redefine_meter
from metering.models import Meter

_NOT_DESCRIBED = ("kind", "meter", "grants", "costs", "is_active")
_DRAFT, _RATES, _SUBMIT = "catalog.add_ratecardversion", "catalog.change_rate", "catalog.publish_ratecardversion"
_ADD = {
    "meters": "metering.add_meter",
    "features": "catalog.add_feature",
    "products": "catalog.add_product",
    "rate_cards": "catalog.add_ratecard",
    "selection_rules": "catalog.add_selectionrule",
}
_CHANGE = {
    "meters": "metering.change_meter",
    "features": "catalog.change_feature",
    "products": "catalog.change_product",
    "rate_cards": "catalog.change_ratecard",
    "selection_rules": "catalog.change_selectionrule",
}
_GRANTS = {"catalog.add_featuregrant", "catalog.delete_featuregrant"}


def permissions(asked: Plan) -> set[str]:
    """What a person must hold to apply this plan: the permission of every verb it comes down to."""
    needed = {_DRAFT, _RATES, _SUBMIT} if asked.requests else set()
    for each in asked.differences:
        section, _, key = each.path.partition(".")
        if each.what == "grants":
            needed |= _GRANTS
        elif each.what == "cost":
            needed.add("catalog.add_costrate")
        elif each.kind == "removed":
            needed.add("catalog.delete_selectionrule")
        elif each.kind == "added":
            needed.add(_ADD[section])
            needed |= _of_new_product(asked, key) if section == "products" else set()
        else:
            needed.add(_CHANGE[section])
    return needed


def _of_new_product(asked: Plan, key: str) -> set[str]:
    entry = asked.document.products[key]
    return ({"catalog.add_costrate"} if entry.costs else set()) | (_GRANTS if entry.grants else set())


def apply(document: Document, *, warnings_accepted: str = "", act: Act) -> tuple[Plan, list[RateCardVersion]]:
    """Carry a document out: what was planned, and the versions that are now in review (or published, where a version
    is to publish itself and nobody needs to agree).

    `Unreadable` or `Refused`, and nothing was done, if any of it cannot be done.
    """
    with transaction.atomic():
        asked = plan(document, at=act.at)
        check(asked)
        _describe(asked, act)
        versions = [draft(each, act) for each in _bases_first(asked)]
        submitted = [operations.submit_version(each, warnings_accepted=warnings_accepted, act=act) for each in versions]
        _order_rules(document, act)
    return asked, submitted


def rehearsed(asked: Plan, *, act: Act) -> dict[str, RateCardVersion]:
    """The drafts that applying the plan would make, by card. Only inside a transaction that is rolled back."""
    _describe(asked, act)
    return {each.key: draft(each, act) for each in _bases_first(asked) if each.state == "new"}


def draft(asked: CardPlan, act: Act) -> RateCardVersion:
    """A draft that says what the file says."""
    if asked.state == "blocked":
        raise Refused(asked.says)
    card, entry = RateCard.objects.get(key=asked.key), asked.entry
    products = {product.key: product for product in Product.objects.filter(key__in=entry.rates or {})}
    version = operations.draft_version(card, note=entry.version.note, act=act)
    version = operations.plan_version(version, **_planned(entry, act), act=act)
    offers = {products[key]: rate.offer for key, rate in sorted((entry.rates or {}).items())}
    return operations.set_rates(version, offers, act=act)


def _planned(entry: CardEntry, act: Act) -> dict[str, Any]:
    fields = vars(entry.version).copy()
    for name in ("planned_from", "existing_from"):
        if fields[name] and fields[name] <= act.at:
            fields[name] = None
    return fields


def _bases_first(asked: Plan) -> list[CardPlan]:
    return sorted(asked.requests, key=lambda each: (bool(each.entry.base), each.key))


def _describe(asked: Plan, act: Act) -> None:
    """Make and describe meters, features, products and cards as the file has them."""
    document, current = asked.document, asked.current
    for key, entry in _new(document.meters, current.meters):
        define_meter(key=key, **_meter(entry), act=act)
    for key, entry in _changed(document.meters, current.meters):
        redefine_meter(Meter.objects.get(key=key), **_meter(entry), act=act)
    for key, entry in _new(document.features, current.features):
        operations.create_feature(key=key, **_feature(entry), act=act)
    for key, entry in _changed(document.features, current.features):
        feature = Feature.objects.get(key=key)
        described = _feature(entry)
        del described["kind"]  # checked before: it never changes
        operations.update_feature(feature, **described, act=act)
    for key, entry in document.products.items():
        if entry != current.products.get(key):
            _product(key, entry, current.products.get(key), act)
    _describe_cards(document, current, act)


def _meter(entry: Any) -> dict[str, Any]:
    filters = {name: list(values) for name, values in entry.filters.items()}
    return _fields(entry) | {"filters": filters, "dimensions": list(entry.dimensions)}


def _feature(entry: Any) -> dict[str, Any]:
    return _fields(entry) | {"meter": Meter.objects.get(key=entry.meter) if entry.meter else None}


def _product(key: str, entry: Any, there: Any, act: Act) -> None:
    described = _fields(entry, but=_NOT_DESCRIBED)
    if there is None:
        meter = Meter.objects.get(key=entry.meter) if entry.meter else None
        product = operations.create_product(key=key, kind=entry.kind, meter=meter, **described, act=act)
    else:
        product = Product.objects.get(key=key)
    is_active = there.is_active if there else True
    if entry.is_active != is_active or (there and described != _fields(there, but=_NOT_DESCRIBED)):
        product = operations.update_product(product, **described, is_active=entry.is_active, act=act)
    had, has = grants_in(there) if there else {}, grants_in(entry)
    features = {each.key: each for each in Feature.objects.filter(key__in={name for name, _ in [*had, *has]})}
    for (name, window), terms in sorted(has.items()):
        if had.get((name, window)) != terms:
            operations.grant_feature(product, features[name], **_fields(terms), act=act)
    for name, window in sorted(had.keys() - has.keys()):
        operations.revoke_feature(product, features[name], window=window, act=act)
    for cost in entry.costs:
        if there is None or cost not in there.costs:
            operations.set_cost(product, **_fields(cost), act=act)


def _describe_cards(document: Document, current: Document, act: Act) -> None:
    bases_first = sorted(document.rate_cards.items(), key=lambda item: (bool(item[1].base), item[0]))
    for key, entry in bases_first:
        described = _fields(entry, but=("currency", "base", "version", "rates"))
        there = current.rate_cards.get(key)
        if there is None:
            base = RateCard.objects.get(key=entry.base) if entry.base else None
            operations.create_rate_card(key=key, currency=entry.currency, base=base, **described, act=act)
        elif described != _fields(there, but=("currency", "base", "version", "rates")):
            operations.update_rate_card(RateCard.objects.get(key=key), **described, act=act)


def _order_rules(document: Document, act: Act) -> None:
    """Make the rules those of the file, in its order. A rule is known by its name."""
    if document.selection_rules is None:
        return
    there = {rule.name: rule for rule in SelectionRule.objects.select_related("card")}
    cards = {card.key: card for card in RateCard.objects.all()}
    wanted = {rule.name: rule for rule in document.selection_rules}
    for name in there.keys() - wanted.keys():
        operations.delete_rule(there.pop(name), act=act)
    for name, entry in wanted.items():
        conditions = {attribute: list(values) for attribute, values in entry.conditions.items()}
        given: dict[str, Any] = {"name": name, "card": cards[entry.card], "conditions": conditions}
        rule = there.get(name)
        if rule is None:
            rule = there[name] = operations.create_rule(**given, act=act)
        if (rule.card_id, rule.conditions, rule.is_active) != (cards[entry.card].pk, conditions, entry.is_active):
            there[name] = operations.update_rule(rule, **given, is_active=entry.is_active, act=act)
    in_order = sorted(there.values(), key=lambda rule: rule.position)
    if [rule.name for rule in in_order] != list(wanted):
        operations.order_rules([there[name] for name in wanted], act=act)


def _new(wanted: Any, there: Any) -> Iterator[tuple[str, Any]]:
    yield from ((key, entry) for key, entry in sorted(wanted.items()) if key not in there)


def _changed(wanted: Any, there: Any) -> Iterator[tuple[str, Any]]:
    yield from ((key, entry) for key, entry in sorted(wanted.items()) if key in there and entry != there[key])


def _fields(entry: Any, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {name: value for name, value in vars(entry).items() if name not in but}
