"""Which contracts and customers stand behind prices: what the catalog, which stands below, asks of contracts."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse

from catalog import audience, uses
from catalog.audience import SHOWN, Group, Known, Party, Question
from catalog.editions import Agreement, Shown, shown_to
from catalog.models import Product, RateCard, RateCardVersion
from catalog.prices import price_book
from contracts.models import Contract, Customer
from contracts.queries import agreement_of, attributes_of
from governance.doors import may, visible

Reach = RateCardVersion.Reach
VIEW = "contracts.view_contract"
HOW = {
    Reach.AT_RENEWAL: "at its renewal",
    Reach.FROM_DATE: "as an existing contract",
    Reach.WHERE_CHEAPER: "where it is cheaper",
}


class Seen(NamedTuple):
    """A contract that follows a card, and the version it sees."""

    contract: Contract
    shown: Shown


def register() -> None:
    """Answer the catalog's questions from now on."""
    audience.register(groups_of)
    audience.register_customers(known_customers)
    audience.register_attributes(attributes_by_key)
    uses.register(uses_of)


def following(card: RateCard, at: datetime) -> QuerySet[Contract]:
    """Contracts that follow the card and are not over at an instant."""
    return _alive(at).filter(rate_card=card, pinned_version=None)


def pinning(
    at: datetime, *, card: RateCard | None = None, version: RateCardVersion | None = None
) -> QuerySet[Contract]:
    """Contracts not over at an instant that pinned a version, or any version of a card; also as the base of another."""
    if version is not None:
        return _alive(at).filter(Q(pinned_version=version) | Q(pinned_base=version))
    return _alive(at).filter(Q(pinned_version__card=card) | Q(pinned_base__card=card))


def selling(product: UUID) -> QuerySet[Contract]:
    """Contracts with a line of the product with this id."""
    return Contract.objects.filter(lines__product=product).distinct()


def seen_by(contracts: Iterable[Contract], card: RateCard, at: datetime) -> list[Seen]:
    """Which version each of these followers sees at an instant, or will when it starts. Whoever sees none is left out.

    One query, whatever their number; contracts signed at the same time are reckoned once.
    """
    sheets = price_book([card.pk], products=()).sheets.get(card.pk, ())
    reckoned: dict[Agreement, list[Shown]] = {}
    result = []
    for contract in contracts:
        agreement = agreement_of(contract)
        if agreement not in reckoned:
            reckoned[agreement] = shown_to(agreement, sheets)
        when = max(at, contract.start_at)
        seen = [shown for shown in reckoned[agreement] if shown.since <= when]
        if seen:
            result.append(Seen(contract, seen[-1]))
    return result


def followers_of(version: RateCardVersion, at: datetime) -> list[UUID]:
    """The contracts that see this version at an instant."""
    card = version.card
    return [seen.contract.pk for seen in seen_by(following(card, at), card, at) if seen.shown.sheet.pk == version.pk]


def groups_of(question: Question) -> list[Group]:
    """Followers and pins, of a card or of one of its versions, as far as this person may see them."""
    card, version, at, user = question.card, question.version, question.at, question.user
    if not may(user, VIEW):
        return []
    followers = visible(following(card, at).select_related("customer"), user).order_by("customer__name", "number")
    seen = seen_by(followers, card, at)
    if version is not None:
        seen = [each for each in seen if each.shown.sheet.pk == version.pk]
    pins = visible(pinning(at, card=card, version=version).select_related("customer", "pinned_version__card"), user)
    numbers = {each.pk: each.number or 0 for each in card.versions.exclude(number=None)}
    counted = Counter(numbers[each.shown.sheet.pk] for each in seen)
    listed = reverse("admin:contracts_contract_changelist")
    subject = version or card
    return [
        Group(
            "contracts that follow",
            len(seen),
            f"{listed}?follows={subject.pk}",
            tuple(_follower(each) for each in seen[:SHOWN]),
            dict(sorted(counted.items(), reverse=True)) if version is None else {},
        ),
        Group(
            "contracts with pinned prices",
            pins.count(),
            f"{listed}?pins={subject.pk}",
            tuple(
                _party(contract, contract.signed_at, f"pinned {contract.pinned_version}")
                for contract in pins.order_by("customer__name", "number")[:SHOWN]
            ),
        ),
    ]


def uses_of(product: Product, user: Any) -> uses.Kind:
    """The contracts a product is sold by."""
    contracts = selling(product.pk).select_related("customer").order_by("-signed_at")
    if user is not None:
        contracts = visible(contracts, user) if may(user, VIEW) else contracts.none()
    url = f"{reverse('admin:contracts_contract_changelist')}?sells={product.pk}"
    return uses.Kind(
        "Contracts", [uses.Use(f"contract {each.number} of {each.customer}", _url(each)) for each in contracts], url
    )


def known_customers(text: str, user: Any) -> list[Known]:
    """Customers whose name or key holds this text, for the selection rules to be asked about."""
    if not may(user, "contracts.view_customer"):
        return []
    fits = Q(name__icontains=text) | Q(key__icontains=text)
    return [
        Known(each.name, reverse("admin:contracts_customer_change", args=[each.pk]), attributes_of(each))
        for each in visible(Customer.objects.filter(fits), user).order_by("name")[:SHOWN]
    ]


def attributes_by_key(key: str, user: Any) -> dict[str, str] | None:
    """The attributes of the customer with this key, if this person (or with None a system) may see it."""
    customers = Customer.objects.filter(key=key)
    found = (customers if user is None else visible(customers, user)).first()
    return None if found is None else attributes_of(found)


def _alive(at: datetime) -> QuerySet[Contract]:
    return Contract.objects.filter(status=Contract.Status.ACTIVE, end_at__gt=at)


def _follower(seen: Seen) -> Party:
    contract, shown = seen
    if agreement_of(contract).first_agreed_at >= shown.sheet.effective_from:
        how = "signed at these prices"
    else:
        how = HOW.get(Reach(shown.sheet.reach), "its first prices")
    return _party(contract, max(shown.since, contract.start_at), how)


def _party(contract: Contract, since: datetime, how: str) -> Party:
    return Party(contract.number, _url(contract), contract.customer.name, since, how)


def _url(contract: Contract) -> str:
    return reverse("admin:contracts_contract_change", args=[contract.pk])
