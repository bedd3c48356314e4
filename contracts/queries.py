"""Questions to contracts, answered for many at once in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from catalog.editions import Agreement, Edition, PriceBook
from catalog.models import SelectionRule
from catalog.prices import price_book
from contracts.models import Commit, Contract, ContractLine, Customer, Override
from contracts.overrides import AgreedOverride
from contracts.terms import ContractTerm, Deal, DealCommit, DealLine, agreed_terms, instruments
from metering.postgres.copying import array
from pricing.drawdown import Instrument


def editions_of(contract: Contract, product: UUID, book: PriceBook) -> list[Edition]:
    """A product's editions for a contract: of the pinned version the only one, of a followed card those it reaches."""
    if contract.pinned_version_id is not None:
        return book.pinned(product, contract.pinned_version_id, contract.pinned_base_id)
    return book.editions(product, contract.rate_card_id, agreement_of(contract))


def attributes_of(customer: Customer) -> dict[str, str]:
    """What selection rules may ask about a customer."""
    return {name: str(getattr(customer, name)) for name in SelectionRule.ATTRIBUTES}


def agreement_of(contract: Contract) -> Agreement:
    """What decides which versions of a followed card reach a contract."""
    renewed_at = contract.start_at if contract.renews_id is not None else None
    return Agreement(contract.first_agreed_at or contract.signed_at, renewed_at)


def terms_of(contracts: Iterable[Contract]) -> dict[Any, list[ContractTerm]]:
    """Each contract's agreed terms, by contract id; six queries for any number. `Refused` if one has no price."""
    found = {each.pk: each for each in _with_customers(contracts)}
    lines, overrides, commits = _lines(found), overrides_in(found), _commits(found)
    book = price_book(
        {each.rate_card_id for each in found.values() if each.pinned_version_id is None},
        {pin for each in found.values() for pin in (each.pinned_version_id, each.pinned_base_id) if pin},
        {line.product_id for some in lines.values() for line in some},
    )
    return {
        pk: agreed_terms(_deal(contract, lines[pk], overrides, commits[pk], book)) for pk, contract in found.items()
    }


def instruments_of(contracts: Iterable[Contract]) -> dict[Any, list[Instrument]]:
    """What can pay for each contract's usage, with the balances of now, by contract id. Two queries."""
    found = {each.pk: each for each in _with_customers(contracts)}
    commits = _commits(found)
    return {pk: instruments(commits[pk], contract.currency) for pk, contract in found.items()}


def known_customers(keys: set[str]) -> set[str]:
    """Which of these keys name a customer. In SQL: the ORM takes longer over a thousand keys than the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM contracts_customer WHERE key = ANY (%s::text[])", [array(sorted(keys))])
        return {key for (key,) in cursor}


def customer_keys() -> list[str]:
    """The keys of all customers."""
    return list(Customer.objects.order_by().values_list("key", flat=True))


def _with_customers(contracts: Iterable[Contract]) -> Iterable[Contract]:
    return Contract.objects.filter(pk__in=[each.pk for each in contracts]).select_related("customer")


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
                editions_of(contract, line.product_id, book),
                overrides.get((contract.pk, line.product_id), ()),
            )
            for line in lines
        ],
        commits=commits,
    )
