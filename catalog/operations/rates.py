"""The verbs of rates: what a draft says about its products."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any

from catalog.editions import Offer
from catalog.models import Product, Rate, RateCardVersion
from catalog.prices import offer_of
from governance.acts import Act, Refused
from governance.change import change, locked
from pricing.charges import Charge, ChargeError, InUnit

Status = RateCardVersion.Status
Kind = Product.Kind


def set_rate(
    draft: RateCardVersion,
    product: Product,
    charge: Charge,
    *,
    cycle_months: int = 1,
    in_advance: bool = False,
    act: Act,
) -> Rate:
    """Price a product in a draft, or price it anew."""
    offer = Offer(charge, cycle_months, in_advance)
    check_offer(product, offer)
    with change("rate_card.rate_set", draft, act):
        return _written(editable(draft), product, offer)


def set_rates(draft: RateCardVersion, offers: Mapping[Product, Offer], *, act: Act) -> RateCardVersion:
    """Make these the rates of a draft, all of them and no others; what does not differ is left alone."""
    for product, offer in offers.items():
        check_offer(product, offer)
    with change("rate_card.rates_set", draft, act):
        draft = editable(draft)
        there = {rate.product_id: rate for rate in draft.rates.all()}
        for product, offer in offers.items():
            rate = there.pop(product.pk, None)
            if rate is None or offer_of(rate) != offer:
                _written(draft, product, offer)
        for rate in there.values():
            rate.delete()
    return draft


def remove_rate(draft: RateCardVersion, product: Product, *, act: Act) -> None:
    """Take a product off a draft; on a card with a base the base's price shows again."""
    with change("rate_card.rate_removed", draft, act):
        rate = editable(draft).rates.filter(product=product).first()
        if rate is None:
            raise Refused(f"{product} has no rate in this draft.")
        rate.delete()


def set_unit_price(draft: RateCardVersion, unit: str, price: Decimal, *, act: Act) -> int:
    """Give a custom unit (a credit, a token) another price in money, in every rate that uses it. Answers how many."""
    with change("rate_card.unit_priced", draft, act):
        draft = editable(draft)
        count = 0
        for rate in draft.rates.select_related("product"):
            try:
                charge = _repriced(rate.charge, unit, price)
            except ChargeError as error:
                raise Refused(f"{unit}: {error}") from error
            if charge != rate.charge:
                rate.charge = charge
                rate.save()
                count += 1
        if not count:
            raise Refused(f"No price of this draft is in {unit}, or all have that price already.")
    return count


def check_offer(product: Product, offer: Offer) -> None:
    """Refuse a price that could not be billed for this kind of product."""
    charge, cycle_months, in_advance = offer
    if not product.is_active:
        raise Refused(f"{product} is no longer sold.")
    if product.kind == Kind.USAGE:
        if charge.basis != "quantity":
            raise Refused(f"{product} is measured; it needs a price per unit, not one that ignores what was used.")
        if in_advance:
            raise Refused(f"{product} is measured; it can only be billed in arrears.")
    elif charge.split.by or charge.split.each or charge.split.window:
        raise Refused(f"{product} is not measured; its price cannot depend on single events or their properties.")
    if charge.basis == "lines" and in_advance:
        raise Refused(f"{product} is a part of what other lines come to; it can only be billed in arrears.")
    if (product.kind == Kind.ONE_TIME) != (cycle_months == 0):
        raise Refused(
            f"{product} is sold once; its cycle is 0 months."
            if product.kind == Kind.ONE_TIME
            else f"{product} is billed again and again; its cycle is at least one month."
        )


def editable(draft: RateCardVersion) -> RateCardVersion:
    """The draft, locked; `Refused` if it is one no more."""
    draft = locked(draft)
    if draft.status == Status.IN_REVIEW:
        raise Refused("This version is in review; reopen it to change its rates.")
    if draft.status != Status.DRAFT:
        raise Refused(f"A {draft.status} version never changes; draft a new one.")
    return draft


def copy_rates(source: RateCardVersion | None, version: RateCardVersion) -> None:
    for rate in source.rates.select_related("product") if source else ():
        _written(version, rate.product, offer_of(rate), is_new=True)


def _written(draft: RateCardVersion, product: Product, offer: Offer, *, is_new: bool = False) -> Rate:
    there = None if is_new else draft.rates.filter(product=product).first()
    rate = there or Rate(version=draft, product=product)
    rate.charge, rate.cycle_months, rate.in_advance = offer
    rate.save()
    return rate


def _repriced(value: Any, unit: str, price: Decimal) -> Any:
    """The same charge with another price for a custom unit, however deep it stands."""
    if isinstance(value, InUnit) and value.unit == unit:
        value = replace(value, price=price)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_repriced(each, unit, price) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        inner = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return replace(value, **{name: _repriced(each, unit, price) for name, each in inner.items()})
    return value
