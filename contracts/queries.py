"""Questions to contracts, answered for many at once in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from catalog.models import Rate, RateCardVersion
from contracts.models import Commit, Contract, ContractLine, Customer, Override
from contracts.overrides import AgreedOverride
from contracts.terms import ContractTerm, Deal, DealCommit, DealLine, Edition, agreed_terms, instruments
from pricing.drawdown import Instrument


@dataclass(frozen=True, slots=True)
class PriceList:
    """The published prices of some versions and cards, by product."""

    pinned: Mapping[tuple[UUID, UUID], Edition]
    followed: Mapping[tuple[UUID, UUID], list[Edition]]

    def editions(self, product: UUID, *, card: UUID, version: UUID | None) -> list[Edition]:
        """A product's editions: the pinned version's one, or without a version all of the card's, in order of time."""
        if version is None:
            return self.followed.get((card, product), [])
        edition = self.pinned.get((version, product))
        return [] if edition is None else [edition]


def price_list(versions: Collection[UUID], cards: Collection[UUID]) -> PriceList:
    """What these versions say, and what the published versions of these cards say in turn. One query."""
    pinned: dict[tuple[UUID, UUID], Edition] = {}
    followed: dict[tuple[UUID, UUID], list[Edition]] = defaultdict(list)
    published = Q(version__card__in=cards, version__status=RateCardVersion.Status.PUBLISHED)
    rates = Rate.objects.filter(Q(version__in=versions) | published).select_related("version__card")
    for rate in rates.order_by("version__effective_from"):
        version = rate.version
        if version.effective_from is None:
            continue
        edition = Edition(version.effective_from, rate.charge, rate.cycle_months, rate.in_advance, str(version))
        if version.pk in versions:
            pinned[version.pk, rate.product_id] = edition
        if version.card_id in cards and version.status == RateCardVersion.Status.PUBLISHED:
            followed[version.card_id, rate.product_id].append(edition)
    return PriceList(pinned, followed)


def terms_of(contracts: Iterable[Contract]) -> dict[Any, list[ContractTerm]]:
    """Each contract's agreed terms, by contract id; five queries for any number. `Refused` if one has no price."""
    found = {each.pk: each for each in _with_customers(contracts)}
    lines, overrides, commits = _lines(found), _overrides(found), _commits(found)
    prices = price_list(
        {each.pinned_version_id for each in found.values() if each.pinned_version_id},
        {each.rate_card_id for each in found.values() if each.pinned_version_id is None},
    )
    return {
        pk: agreed_terms(_deal(contract, lines[pk], overrides, commits[pk], prices)) for pk, contract in found.items()
    }


def instruments_of(contracts: Iterable[Contract]) -> dict[Any, list[Instrument]]:
    """What can pay for each contract's usage, with the balances of now, by contract id. Two queries."""
    found = {each.pk: each for each in _with_customers(contracts)}
    commits = _commits(found)
    return {pk: instruments(commits[pk], contract.currency) for pk, contract in found.items()}


def known_customers(keys: set[str]) -> set[str]:
    """Which of these keys name a customer."""
    return set(Customer.objects.filter(key__in=keys).values_list("key", flat=True))


def _with_customers(contracts: Iterable[Contract]) -> Iterable[Contract]:
    return Contract.objects.filter(pk__in=[each.pk for each in contracts]).select_related("customer")


def _lines(contracts: Collection[UUID]) -> dict[UUID, list[ContractLine]]:
    result = defaultdict(list)
    lines = ContractLine.objects.filter(contract__in=contracts).select_related("product__meter")
    for line in lines.order_by("position", "start_at", "pk"):
        result[line.contract_id].append(line)
    return result


def _overrides(contracts: Collection[UUID]) -> dict[tuple[UUID, UUID], list[AgreedOverride]]:
    result = defaultdict(list)
    for each in Override.objects.filter(contract__in=contracts):
        result[each.contract_id, each.product_id].append(
            AgreedOverride(
                str(each.pk), each.charge, each.multiplier, each.priority, each.start_at, each.end_at, each.agreed_at
            )
        )
    return result


def _commits(contracts: Collection[UUID]) -> dict[UUID, list[DealCommit]]:
    result = defaultdict(list)
    for commit in Commit.objects.filter(contract__in=contracts).order_by("start_at", "name", "pk"):
        result[commit.contract_id].append(
            DealCommit(
                pk=commit.pk,
                name=commit.name,
                access_amount=commit.access_amount,
                price=commit.price,
                product_keys=commit.product_keys,
                invoice_at=commit.invoice_at,
                start=commit.start_at,
                end=commit.end_at,
                balance=commit.balance,
                priority=commit.priority,
            )
        )
    return result


def _deal(
    contract: Contract,
    lines: Iterable[ContractLine],
    overrides: Mapping[tuple[UUID, UUID], list[AgreedOverride]],
    commits: Sequence[DealCommit],
    prices: PriceList,
) -> Deal:
    card, version = contract.rate_card_id, contract.pinned_version_id
    return Deal(
        source=f"Contract {contract.number}",
        currency=contract.currency,
        zone=contract.time_zone,
        tax_percent=contract.customer.tax_percent,
        lines=[
            DealLine(
                str(line.pk),
                line,
                line.start_at,
                line.end_at,
                prices.editions(line.product_id, card=card, version=version),
                overrides.get((contract.pk, line.product_id), ()),
            )
            for line in lines
        ],
        commits=commits,
    )
