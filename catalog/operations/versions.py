"""The verbs of the catalog: products, rate cards, drafts, rates; submit, publish, withdraw, roll back."""

from datetime import datetime

from django.db.models import Max

from catalog.models import Product, Rate, RateCard, RateCardVersion
from catalog.queries import live_draft, publication_facts, version_at
from governance import approvals
from governance.acts import Act, Refused
from governance.change import change, locked
from metering.models import Meter
from pricing.charges import Charge, Flat
from pricing.money import exponent

Status = RateCardVersion.Status
Kind = Product.Kind


def create_product(
    *,
    key: str,
    name: str,
    kind: str,
    meter: Meter | None = None,
    unit: str = "unit",
    revenue_account: str = "4000",
    description: str = "",
    act: Act,
) -> Product:
    """Put a product up for sale. What it is (key, kind, meter) never changes afterwards."""
    _free(Product, key)
    if kind not in Kind.values:
        raise Refused(f"A product is one of: {', '.join(Kind.values)}.")
    if kind == Kind.USAGE and meter is None:
        raise Refused("A usage product needs the meter that measures it.")
    if kind != Kind.USAGE and meter is not None:
        raise Refused("Only usage products have a meter.")
    product = Product(
        key=key,
        name=name,
        kind=kind,
        meter=meter,
        unit=unit,
        revenue_account=revenue_account,
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
    act: Act,
) -> Product:
    """Describe a product anew, or stop (or resume) pricing it. Documents already issued keep what they showed."""
    with change("product.updated", product, act):
        product = locked(product)
        product.name, product.unit, product.revenue_account = name, unit, revenue_account
        product.description, product.is_active = description, is_active
        product.save()
    return product


def create_rate_card(*, key: str, name: str, currency: str, act: Act) -> RateCard:
    """Open a rate card. It has no prices until a version of it is published."""
    _free(RateCard, key)
    try:
        exponent(currency)
    except ValueError:
        raise Refused(f"{currency} is not a currency one can be billed in.") from None
    card = RateCard(key=key, name=name, currency=currency)
    with change("rate_card.created", card, act):
        card.save()
    return card


def draft_version(card: RateCard, *, note: str = "", act: Act) -> RateCardVersion:
    """Start the next version with the rates in force. A card has one live draft at a time."""
    draft = RateCardVersion(card=card, note=note)
    with change("rate_card.drafted", draft, act):
        card = locked(card)
        live = live_draft(card)
        if live is not None:
            raise Refused(f"{card.name} already has a version {live.get_status_display().lower()}; finish that first.")
        draft.save()
        _copy_rates(version_at(card, act.at), draft)
    return draft


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
    _fits(product, charge, cycle_months, in_advance)
    with change("rate_card.rate_set", draft, act):
        draft = _editable(draft)
        rate = draft.rates.filter(product=product).first() or Rate(version=draft, product=product)
        rate.charge, rate.cycle_months, rate.in_advance = charge, cycle_months, in_advance
        rate.save()
    return rate


def remove_rate(draft: RateCardVersion, product: Product, *, act: Act) -> None:
    """Take a product off a draft."""
    with change("rate_card.rate_removed", draft, act):
        rate = _editable(draft).rates.filter(product=product).first()
        if rate is None:
            raise Refused(f"{product} has no rate in this draft.")
        rate.delete()


def submit_version(draft: RateCardVersion, *, act: Act) -> RateCardVersion:
    """Send a draft for review and ask for the approvals that publishing it needs. Its rates rest meanwhile."""
    with change("rate_card.submitted", draft, act):
        draft = locked(draft)
        draft.become(Status.IN_REVIEW)
        if not draft.rates.exists():
            raise Refused("This draft has no rates yet; there is nothing to review.")
        draft.save()
        approvals.ask(draft, publication_facts(draft), act=act)
    return draft


def reopen_version(version: RateCardVersion, *, act: Act) -> RateCardVersion:
    """Take a version back from review to edit it. An approval already given stands only if no rate changes."""
    with change("rate_card.reopened", version, act):
        version = locked(version)
        version.become(Status.DRAFT)
        version.save()
        approvals.close(version, act=act)
    return version


def publish_version(version: RateCardVersion, *, effective_from: datetime, act: Act) -> RateCardVersion:
    """Make a reviewed version the prices from `effective_from` on; nothing needs to run when that instant comes.

    Refused while an approval is outstanding, and for an instant before `act.at`.
    """
    with change("rate_card.published", version, act):
        card = locked(version.card)
        version = locked(version)
        version.become(Status.PUBLISHED)
        approvals.require_none_outstanding(version, publication_facts(version))
        if effective_from < act.at:
            raise Refused("Prices cannot take effect in the past.")
        _number(version, card, effective_from)
        version.save()
    return version


def withdraw_version(version: RateCardVersion, *, act: Act) -> RateCardVersion:
    """Give up a draft, or call off prices that are scheduled. Prices in force are rolled back instead."""
    with change("rate_card.withdrawn", version, act):
        version = locked(version)
        if version.status == Status.PUBLISHED and version.effective_from <= act.at:  # type: ignore[operator]
            raise Refused("These prices have taken effect; roll back to an earlier version instead.")
        version.become(Status.WITHDRAWN)
        version.save()
        approvals.close(version, act=act)
    return version


def roll_back(card: RateCard, *, to: RateCardVersion, act: Act) -> RateCardVersion:
    """Put the prices of an earlier version back in force at once, as a new version that restores it.

    Nothing is erased, an open draft is not in the way, and versions scheduled for later stay scheduled. It needs no
    approval: these prices were approved when they were published.
    """
    restored = RateCardVersion(card=card, restores=to, note=act.because)
    with change("rate_card.rolled_back", restored, act):
        card = locked(card)
        to = locked(to)
        _restorable(card, to, act)
        restored.status = Status.PUBLISHED
        _number(restored, card, act.at)
        restored.save()
        _copy_rates(to, restored)
    return restored


def _free(model: type[Product] | type[RateCard], key: str) -> None:
    if model._default_manager.filter(key=key).exists():
        raise Refused(f"There is already a {model._meta.verbose_name} with the key {key}.")


def _fits(product: Product, charge: Charge, cycle_months: int, in_advance: bool) -> None:
    """Refuse a price that could not be billed for this kind of product."""
    if not product.is_active:
        raise Refused(f"{product} is no longer sold.")
    if product.kind == Kind.USAGE:
        if isinstance(charge, Flat):
            raise Refused(f"{product} is measured; it needs a price per unit, not a flat amount.")
        if in_advance:
            raise Refused(f"{product} is measured; it can only be billed in arrears.")
    if (product.kind == Kind.ONE_TIME) != (cycle_months == 0):
        raise Refused(
            f"{product} is sold once; its cycle is 0 months."
            if product.kind == Kind.ONE_TIME
            else f"{product} is billed again and again; its cycle is at least one month."
        )


def _editable(draft: RateCardVersion) -> RateCardVersion:
    draft = locked(draft)
    if draft.status == Status.IN_REVIEW:
        raise Refused("This version is in review; reopen it to change its rates.")
    if draft.status != Status.DRAFT:
        raise Refused(f"A {draft.status} version never changes; draft a new one.")
    return draft


def _restorable(card: RateCard, to: RateCardVersion, act: Act) -> None:
    if to.card_id != card.pk:
        raise Refused("That version is of another rate card.")
    if to.status != Status.PUBLISHED or to.effective_from > act.at:  # type: ignore[operator]
        raise Refused("Only a version that has been in force can be put back in force.")
    if to == version_at(card, act.at):
        raise Refused("These prices are already in force.")


def _number(version: RateCardVersion, card: RateCard, effective_from: datetime) -> None:
    """Give the version its number and date. The card is locked, so numbers are taken one after the other."""
    taken = card.versions.filter(status=Status.PUBLISHED, effective_from=effective_from).first()
    if taken is not None:
        raise Refused(f"Version {taken.number} takes effect at that very instant; choose another.")
    version.number = (card.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version.effective_from = effective_from


def _copy_rates(source: RateCardVersion | None, version: RateCardVersion) -> None:
    for rate in source.rates.select_related("product") if source else ():
        Rate(
            version=version,
            product=rate.product,
            charge=rate.charge,
            cycle_months=rate.cycle_months,
            in_advance=rate.in_advance,
        ).save()
