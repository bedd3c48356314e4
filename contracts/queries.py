"""Questions to contracts, answered for many at once in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, QuerySet

from catalog.editions import Agreement, Edition, PriceBook
from catalog.models import SelectionRule
from catalog.prices import price_book
from contracts.models import (
    Commit,
    CommitInstalment,
    Contract,
    ContractLine,
    Customer,
    Override,
)
from contracts.overrides import AgreedOverride
from contracts.terms import (
    ContractTerm,
    Deal,
    DealCommit,
    DealInstalment,
    DealLine,
    agreed_terms,
)
from metering.postgres.copying import array
from pricing.drawdown import Kind
from pricing.periods import anchored
from pricing.rating import Proration

Prices = ContractLine.Prices


def editions_of(contract: Contract, line: ContractLine, book: PriceBook) -> list[Edition]:
    """A line's editions: of a pinned version the only one, of a followed card those that reach the contract."""
    if line.prices == Prices.PINNED and line.pinned_version_id is not None:
        return book.pinned(line.product_id, line.pinned_version_id, None)
    if line.prices == Prices.CONTRACT and contract.pinned_version_id is not None:
        return book.pinned(line.product_id, contract.pinned_version_id, contract.pinned_base_id)
    return book.editions(line.product_id, contract.rate_card_id, agreement_of(contract))


def anchor_of(contract: Contract) -> datetime:
    """The instant that all cycles of the contract count from."""
    if contract.anchor_day is None:
        return contract.start_at
    return anchored(contract.start_at, contract.time_zone, contract.anchor_day)


def attributes_of(customer: Customer) -> dict[str, str]:
    """What selection rules may ask about a customer."""
    return {name: str(getattr(customer, name)) for name in SelectionRule.ATTRIBUTES}


def agreement_of(contract: Contract) -> Agreement:
    """What decides which versions of a followed card reach a contract."""
    renewed_at = contract.start_at if contract.renews_id is not None else None
    return Agreement(contract.first_agreed_at or contract.signed_at, renewed_at)


def terms_of(contracts: Iterable[Contract]) -> dict[Any, list[ContractTerm]]:
    """Each contract's agreed terms, by contract id; seven queries for any number. `Refused` if one has no price."""
    return {pk: agreed_terms(deal) for pk, deal in deals_of(contracts).items()}


def deals_of(contracts: Iterable[Contract]) -> dict[Any, Deal]:
    """What each contract holds now, as plain values with the editions of its prices, by contract id. Seven queries."""
    found = {
        each.pk: each
        for each in Contract.objects.filter(pk__in=[each.pk for each in contracts]).select_related("customer")
    }
    lines, overrides, commits = _lines(found), overrides_in(found), _commits(found)
    book = _book(found.values(), lines)
    return {pk: _deal(contract, lines[pk], overrides, commits[pk], book) for pk, contract in found.items()}


def _book(contracts: Iterable[Contract], lines: Mapping[UUID, list[ContractLine]]) -> PriceBook:
    """Every price that the lines of these contracts may need."""
    cards: set[UUID] = set()
    pins: set[UUID] = set()
    for contract in contracts:
        own = {line.prices for line in lines[contract.pk]}
        if Prices.FOLLOWED in own or contract.pinned_version_id is None:
            cards.add(contract.rate_card_id)
        pins.update(pin for pin in (contract.pinned_version_id, contract.pinned_base_id) if pin)
    pins.update(line.pinned_version_id for some in lines.values() for line in some if line.pinned_version_id)
    return price_book(cards, pins, {line.product_id for some in lines.values() for line in some})


def known_customers(keys: set[str]) -> set[str]:
    """Which of these keys name a customer. In SQL: the ORM takes longer over a thousand keys than the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM contracts_customer WHERE key = ANY (%s::text[])", [array(sorted(keys))])
        return {key for (key,) in cursor}


def customer_keys() -> list[str]:
    """The keys of all customers."""
    return list(Customer.objects.order_by().values_list("key", flat=True))


def _lines(contracts: Collection[UUID]) -> dict[UUID, list[ContractLine]]:
    result = defaultdict(list)
    lines = ContractLine.objects.filter(contract__in=contracts).select_related("product__meter")
    for line in lines.order_by("position", "start_at", "pk"):
        result[line.contract_id].append(line)
    return result


def overrides_in(contracts: Collection[UUID] | QuerySet[Any]) -> dict[tuple[UUID, UUID], list[AgreedOverride]]:
    """The overrides of these contracts, given by id or as a query for ids, by contract and product. One query."""
    result = defaultdict(list)
    for each in Override.objects.filter(contract__in=contracts):
        result[each.contract_id, each.product_id].append(
            AgreedOverride(
                str(each.pk), each.charge, each.multiplier, each.priority, each.start_at, each.end_at, each.agreed_at
            )
        )
    return result


def _commits(contracts: Collection[UUID]) -> dict[UUID, list[DealCommit]]:
    """The commits of these contracts with their instalments, by contract; two queries."""
    result = defaultdict(list)
    commits = Commit.objects.filter(contract__in=contracts).order_by("start_at", "name", "pk")
    for commit in commits.prefetch_related(Prefetch("instalments", CommitInstalment.objects.order_by("number"))):
        instalments = [DealInstalment(each.number, each.amount, each.invoice_at) for each in commit.instalments.all()]
        result[commit.contract_id].append(
            DealCommit(
                pk=commit.pk,
                name=commit.name,
                access_amount=commit.access_amount,
                price=commit.price,
                product_keys=commit.product_keys,
                instalments=instalments,
                start=commit.start_at,
                end=commit.end_at,
                balance=commit.balance,
                priority=commit.priority,
                kind=cast(Kind, commit.kind),
                unit=commit.unit,
                worth=commit.worth,
                product_tags=commit.product_tags,
                is_rolled_over=commit.rolled_from_id is not None,
            )
        )
    return result


def _deal(
    contract: Contract,
    lines: Iterable[ContractLine],
    overrides: Mapping[tuple[UUID, UUID], list[AgreedOverride]],
    commits: Sequence[DealCommit],
    book: PriceBook,
) -> Deal:
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
                editions_of(contract, line, book),
                overrides.get((contract.pk, line.product_id), ()),
                line.label,
                line.price_factor,
            )
            for line in lines
        ],
        commits=commits,
        anchor=anchor_of(contract),
        proration=cast(Proration, contract.proration),
    )
