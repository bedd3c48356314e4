"""Rules of price lint that look at contracts: those that follow the card, or one based on it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet

from catalog.candidates import Candidate, offers_at
from catalog.editions import Offer
from catalog.lint import Severity, rule
from catalog.lint.walk import listed
from catalog.models import Product, RateCardVersion
from contracts.following import followers_of
from contracts.models import ContractLine, Override
from contracts.overrides import AgreedOverride
from contracts.queries import agreed_override
from pricing.charges import Charge

Found = Iterable[tuple[str, str]]
Reach = RateCardVersion.Reach


@rule("needed_by_contracts", Severity.ERROR, "products that contracts following the card need and it does not price")
def needed_by_contracts(candidate: Candidate) -> Found:
    if candidate.sheet.reach == Reach.NEW_ONLY:
        return
    starts = candidate.sheet.effective_from
    needed = (
        ContractLine.objects.filter(contract__in=_followers(candidate), end_at__gt=starts)
        .values("contract__rate_card", "product")
        .annotate(contracts=Count("contract", distinct=True), first=Min("contract__number"))
        .order_by("first")
    )
    offered = _offered(candidate)
    missing = [row for row in needed if row["product"] not in offered[row["contract__rate_card"]]]
    names = dict(Product.objects.filter(pk__in={row["product"] for row in missing}).values_list("pk", "name"))
    for row in missing:
        card = candidate.cards[row["contract__rate_card"]]
        yield (
            names[row["product"]],
            (
                f"{_need(row['contracts'], row['first'])} it on {card}, but it would have no price. Price it, or let "
                "these prices reach new contracts only."
            ),
        )


@rule("contract_in_other_currency", Severity.ERROR, "contracts on the card in another currency")
def contract_in_other_currency(candidate: Candidate) -> Found:
    cards = candidate.cards
    wrong = [Q(rate_card=card.pk) & ~Q(currency=card.currency) for card in cards.values()]
    found: dict[UUID, list[str]] = defaultdict(list)
    for contract in followers_of(cards, candidate.at).filter(reduce(or_, wrong)).order_by("number"):
        found[contract.rate_card_id].append(f"{contract.number} in {contract.currency}")
    for card, contracts in found.items():
        yield (
            str(cards[card]),
            (
                f"{listed(contracts)} would be billed prices in {cards[card].currency}. Move them to a card in their "
                "currency."
            ),
        )


@rule("idle_override", Severity.WARNING, "overrides of following contracts that change nothing")
def idle_override(candidate: Candidate) -> Found:
    starts = candidate.sheet.effective_from
    overrides = (
        Override.objects.filter(contract__in=_followers(candidate))
        .exclude(end_at__lte=starts)
        .select_related("contract", "product")
        .order_by("contract__number", "pk")
    )
    offered = _offered(candidate)
    products = Product.objects.in_bulk({product for offers in offered.values() for product in offers})
    idle: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in overrides:
        price, offers = agreed_override(each), offered[each.contract.rate_card_id]
        covered = [offer.charge for product, offer in offers.items() if price.covers(products[product])]
        if why := _why_idle(price, covered):
            idle[each.product.name if each.product else price.target.strip(), why].append(each.contract.number)
    for (where, why), numbers in idle.items():
        yield where, f"The override in {listed(numbers)} shadows nothing: {why}. Take it out with the next amendment."


@rule("renewed_by_nobody", Severity.NOTE, "prices for renewals on a card that no contract follows")
def renewed_by_nobody(candidate: Candidate) -> Found:
    if candidate.sheet.reach == Reach.AT_RENEWAL and not _followers(candidate).exists():
        yield "reach", "They reach contracts when these are renewed, but no contract follows the card."


def _followers(candidate: Candidate) -> QuerySet[Any, Any]:
    return followers_of(candidate.cards, candidate.at).order_by().values("pk")


def _offered(candidate: Candidate) -> Mapping[UUID, Mapping[UUID, Offer]]:
    """What each card would offer when the candidate takes effect."""
    book, starts = candidate.book_with_it, candidate.sheet.effective_from
    return {card: offers_at(book, card, starts) for card in candidate.cards}


def _why_idle(price: AgreedOverride, covered: Collection[Charge]) -> str:
    if not covered:
        return "the card does not price the product" if price.product else "the card prices nothing that it is for"
    if price.multiplier == 1 or (price.tiers and all(each.multiplier == 1 for each in price.tiers)):
        return "it multiplies the price by 1"
    is_list = not price.dimensions and all(price.charge == charge for charge in covered)
    return "it is the list price" if is_list else ""


def _need(count: int, first: str) -> str:
    return f"Contract {first} needs" if count == 1 else f"{count:,} contracts ({first} and others) need"
