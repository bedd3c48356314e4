"""Questions to contracts, answered for many at once in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from catalog.editions import Agreement, Edition, PriceBook
from catalog.models import Product, RateCardVersion, SelectionRule
from catalog.prices import price_book
from contracts.amending import Amended
from contracts.changes import Change, packages_in, pins_in, products_in
from contracts.models import (
    BillingContact,
    Commit,
    CommitInstalment,
    Contract,
    ContractLine,
    Customer,
    Override,
    PackageVersion,
    ScheduledCharge,
)
from contracts.overrides import AgreedOverride, factors_of
from contracts.scheduled import DealCharge
from contracts.terms import (
    AgreedCommit,
    ContractTerm,
    Deal,
    DealCommit,
    DealInstalment,
    DealLine,
    agreed_terms,
)
from governance import external_ids
from governance.acts import Refused
from metering.postgres.copying import array
from pricing.drawdown import Kind
from pricing.money import ZERO
from pricing.periods import anchored, cycles, midnight
from pricing.rating import Proration

Prices = ContractLine.Prices
KNOWN = "SELECT key FROM contracts_customer WHERE key = ANY (%s::text[]) AND is_measured"


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


def invoiced_at(contract: Contract, due_at: datetime) -> datetime:
    """When what falls due then is invoiced: at the end of the invoicing cycle, where there is one."""
    if contract.invoice_months == 1 or not contract.start_at < due_at <= contract.end_at:
        return due_at
    before = due_at - timedelta(microseconds=1)  # what is due at a boundary is on the invoice of that day
    cycle = next(cycles(before, contract.time_zone, contract.invoice_months, contract.end_at, anchor_of(contract)))
    return min(cycle.end, contract.end_at)


def attributes_of(customer: Customer) -> dict[str, str]:
    """What selection rules may ask about a customer."""
    return {name: str(getattr(customer, name)) for name in SelectionRule.ATTRIBUTES}


def agreement_of(contract: Contract) -> Agreement:
    """What decides which versions of a followed card reach a contract."""
    renewed_at = contract.start_at if contract.renews_id is not None else None
    return Agreement(contract.first_agreed_at or contract.signed_at, renewed_at)


def terms_of(contracts: Iterable[Contract]) -> dict[Any, list[ContractTerm]]:
    """Each contract's agreed terms, by contract id; eight queries for any number. `Refused` if one has no price."""
    return {pk: agreed_terms(deal) for pk, deal in deals_of(contracts).items()}


def deals_of(contracts: Iterable[Contract]) -> dict[Any, Deal]:
    """What each contract holds now, as plain values with the editions of its prices, by contract id. Eight queries."""
    found = {
        each.pk: each
        for each in Contract.objects.filter(pk__in=[each.pk for each in contracts]).select_related("payer")
    }
    lines, overrides, commits, charges = _lines(found), overrides_in(found), _commits(found), _charges(found)
    book = _book(found.values(), lines)
    return {pk: _deal(contract, lines[pk], overrides, commits[pk], book, charges[pk]) for pk, contract in found.items()}


def amended(
    contract: Contract, changes: Sequence[Change], *, effective_at: datetime, at: datetime
) -> tuple[Deal, Deal, Amended]:
    """What the contract holds, what it would hold after these changes, and the rows that make it so, not saved.

    Always the same number of queries. `Refused` if the changes cannot be made, or what they come to cannot be priced.
    """
    contract = Contract.objects.select_related("customer").get(pk=contract.pk)
    lines, overrides, commits = _lines([contract.pk])[contract.pk], overrides_in([contract.pk]), _commits([contract.pk])
    products = Product.objects.filter(key__in=products_in(changes)).select_related("meter")
    # Another product may come at the contract's prices, or following its card.
    candidates = [ContractLine(product=each, prices=prices) for each in products for prices in Prices.values[:2]]
    pins = RateCardVersion.objects.filter(pk__in=pins_in(changes), status="published").select_related("card")
    packages = PackageVersion.objects.filter(package__key__in=packages_in(changes)).select_related("package")
    candidates += [
        ContractLine(product=each, prices=Prices.PINNED, pinned_version=pin)
        for each in [*products, *(line.product for line in lines)]
        for pin in pins
    ]
    book = _book([contract], {contract.pk: [*lines, *candidates]})
    charges = _charges([contract.pk])[contract.pk]
    before = _deal(contract, lines, overrides, commits[contract.pk], book, charges)

    def term_of(line: ContractLine) -> ContractTerm | None:
        return next(iter(agreed_terms(_deal(contract, [line], overrides, [], book, []))), None)

    by_key = {each.key: each for each in products}
    by_key.update((line.product.key, line.product) for line in lines)
    ended_at = contract.end_at
    rows = Amended(
        contract,
        [*lines],
        term_of,
        by_key,
        effective_at,
        at,
        pins={str(each.pk): each for each in pins},
        packages={(each.package.key, each.number): each for each in packages},
    ).apply(changes)
    if contract.end_at > ended_at and contract.renewed_by.filter(start_at__lt=contract.end_at).exists():
        raise Refused(f"{contract} was renewed; what renews it has begun by then.")
    for override in rows.overrides:
        overrides[contract.pk].append(agreed_override(override))
    added = [_unsaved_commit(agreed, start, contract.end_at) for agreed, start in rows.commits]
    after = _deal(contract, rows.lines, overrides, [*commits[contract.pk], *added], book, charges)
    agreed_terms(after)
    return before, after, rows


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


def taxation_of(customer: Customer, zone: str) -> dict[str, Any]:
    """What its invoices are taxed at, as a `Deal` says it."""
    if customer.tax_status == Customer.TaxStatus.TAXABLE:
        return {"tax_percent": customer.tax_percent}
    if customer.tax_status == Customer.TaxStatus.REVERSE_CHARGE or customer.exempt_until is None:
        return {"tax_percent": ZERO}
    until = midnight(customer.exempt_until + timedelta(days=1), zone)
    return {"tax_percent": customer.tax_percent, "untaxed_until": until}


def ancestors_of(customer: Customer) -> list[Customer]:
    """The customers it belongs to, the nearest first."""
    found, above = [], customer.parent
    while above is not None and above not in found:
        found.append(above)
        above = above.parent
    return found


def payer_of(customer: Customer) -> Customer:
    """Who pays what this customer signs now: the customer, or the first above them who is not billed to a parent."""
    while customer.billed_to_parent and customer.parent is not None:
        customer = customer.parent
    return customer


def tree_of(customer: Customer) -> list[tuple[int, Customer]]:
    """Everybody above it, itself, and everybody below it, each with how deep they stand; a query for each level."""
    above = ancestors_of(customer)[::-1]
    rows: list[tuple[int, Customer]] = list(enumerate([*above, customer]))
    below: dict[UUID, list[Customer]] = defaultdict(list)
    level = [customer.pk]
    while level:
        found = list(Customer.objects.filter(parent__in=level).order_by("name", "pk"))
        for child in found:
            below[cast(UUID, child.parent_id)].append(child)
        level = [child.pk for child in found]
    return rows + [each for child in below[customer.pk] for each in _with_children(len(above) + 1, child, below)]


def _with_children(depth: int, customer: Customer, below: Mapping[UUID, list[Customer]]) -> list[tuple[int, Customer]]:
    rows = [(depth, customer)]
    for child in below[customer.pk]:
        rows += _with_children(depth + 1, child, below)
    return rows


def addresses_of(customer: Customer) -> tuple[list[str], list[str]]:
    """Where its quotes and invoices go: to, and in copy. Without a contact who is addressed, to its own address."""
    by_role: dict[str, list[str]] = {role: [] for role in BillingContact.Role.values}
    for contact in customer.contacts.order_by("email"):
        by_role[contact.role].append(contact.email)
    return by_role[BillingContact.Role.TO] or [customer.email], by_role[BillingContact.Role.CC]


def called(text: str) -> Q:
    """Customers who are called something like this: by us, by another system, or by a person of theirs."""
    contacts = BillingContact.objects.filter(
        Q(email__icontains=text) | Q(name__icontains=text), customer=OuterRef("pk")
    )
    own = [Q(**{f"{name}__icontains": text}) for name in ("name", "key", "email", "tax_number")]
    found = Q(Exists(contacts)) | Q(external_ids.called(Customer, text))
    for each in own:
        found |= each
    return found


def known_customers(keys: set[str]) -> set[str]:
    """Which of these keys name a customer that usage is counted as.

    In SQL: the ORM takes longer over a thousand keys than the database.
    """
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [array(sorted(keys))])
        return {key for (key,) in cursor}


def product_names() -> list[tuple[str, str]]:
    """Keys and names of all products, by name."""
    return list(Product.objects.order_by("name").values_list("key", "name"))


def customer_keys() -> list[str]:
    """The keys of all customers that usage is counted as."""
    return list(Customer.objects.filter(is_measured=True).order_by().values_list("key", flat=True))


def _lines(contracts: Collection[UUID]) -> dict[UUID, list[ContractLine]]:
    result = defaultdict(list)
    lines = ContractLine.objects.filter(contract__in=contracts).select_related("product__meter")
    for line in lines.order_by("position", "start_at", "pk"):
        result[line.contract_id].append(line)
    return result


def overrides_in(contracts: Collection[UUID] | QuerySet[Any]) -> dict[UUID, list[AgreedOverride]]:
    """The overrides of these contracts, given by id or as a query for ids, by contract. One query."""
    result = defaultdict(list)
    for each in Override.objects.filter(contract__in=contracts):
        result[each.contract_id].append(agreed_override(each))
    return result


def agreed_override(row: Override) -> AgreedOverride:
    """The price as the deal holds it."""
    return AgreedOverride(
        str(row.pk),
        row.charge,
        row.multiplier,
        row.priority,
        row.start_at,
        row.end_at,
        row.agreed_at,
        tiers=factors_of(row.tiers),
        product=row.product_id,
        product_tags=tuple(row.product_tags),
        dimensions=tuple(sorted(row.dimensions.items())),
    )


def _charges(contracts: Collection[UUID]) -> dict[UUID, list[DealCharge]]:
    """The charges of these contracts that have a day to be invoiced on, by contract."""
    result = defaultdict(list)
    charges = ScheduledCharge.objects.filter(contract__in=contracts).exclude(is_milestone=True, accepted_at=None)
    for each in charges.select_related("product").order_by("due_at", "name", "pk"):
        product = each.product
        about = {"product_key": product.key, "revenue_account": product.revenue_account} if product else {}
        due = each.accepted_at or each.due_at
        result[each.contract_id].append(DealCharge(each.pk, each.name, each.amount, due, each.until_at, **about))
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


def _unsaved_commit(agreed: AgreedCommit, start: datetime, end: datetime) -> DealCommit:
    return DealCommit(
        pk=uuid4(),
        name=agreed.name,
        access_amount=agreed.access_amount,
        price=agreed.price,
        product_keys=agreed.product_keys,
        instalments=[DealInstalment(1, agreed.price, start)],
        start=start,
        end=end,
        balance=agreed.access_amount,
        priority=agreed.priority,
    )


def _deal(
    contract: Contract,
    lines: Iterable[ContractLine],
    overrides: Mapping[UUID, list[AgreedOverride]],
    commits: Sequence[DealCommit],
    book: PriceBook,
    charges: Iterable[DealCharge],
) -> Deal:
    return Deal(
        source=f"Contract {contract.number}",
        currency=contract.currency,
        zone=contract.time_zone,
        **taxation_of(contract.payer, contract.time_zone),
        lines=[
            DealLine(
                str(line.pk),
                line,
                line.start_at,
                line.end_at,
                editions_of(contract, line, book),
                [each for each in overrides.get(contract.pk, ()) if each.covers(line.product)],
                line.label,
                line.price_factor,
                line.invoice_group,
            )
            for line in lines
        ],
        commits=commits,
        anchor=anchor_of(contract),
        proration=cast(Proration, contract.proration),
        # What was to be invoiced after the end is not; what was accepted is.
        charges=[each for each in charges if each.due < contract.end_at],
    )
