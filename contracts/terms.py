"""Agreed terms, from words to arithmetic: the one way from lines and commits to the `Term`s that rating takes.

A quote's preview and a contract's billing both build a `Deal` and call `agreed_terms`; so what was quoted is what is
billed, by construction. Nothing here asks the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal, Protocol

from catalog.editions import Edition
from catalog.models import Product, RateCardVersion
from contracts.agreed_commits import AgreedAccess as AgreedAccess
from contracts.agreed_commits import AgreedCommit as AgreedCommit
from contracts.agreed_commits import AgreedInstalment as AgreedInstalment
from contracts.agreed_commits import AgreedRule as AgreedRule
from contracts.models import Contract, ContractLine, Customer, LegalEntity, PackageVersion
from contracts.overrides import AgreedOverride, overridden
from contracts.overrides import AgreedPrice as AgreedPrice
from contracts.scheduled import AgreedCharge, DealCharge, end_of_day
from governance.acts import Refused
from pricing.adjustments import Adjustment, AmountOff, Minimum, PercentOff
from pricing.charges import Flat
from pricing.drawdown import Instrument, Kind
from pricing.money import EXACT, ONE, ZERO, plain
from pricing.periods import Period, add_months, midnight
from pricing.rating import Price, Proration, Term

COMMIT_PRODUCT = "commit"
COMMIT_ACCOUNT = "2100"  # what is paid for access is owed to the customer until it is used
SHORTFALL_ACCOUNT = "4200"  # what was committed and not used


class LineTerms(Protocol):
    """What was agreed for one product; lines of quotes, of contracts and `AgreedLine` all are this."""

    @property
    def product(self) -> Product: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def discount_percent(self) -> Decimal: ...
    @property
    def discount_amount(self) -> Decimal: ...
    @property
    def minimum(self) -> Decimal | None: ...


@dataclass(frozen=True, slots=True)
class AgreedLine:
    """A product to be signed. No days: as long as the contract; a phase of a ramp has its first day and the day after.

    `prices`: as the contract has them, or followed, or pinned (to `pinned_version`).
    """

    product: Product
    quantity: Decimal | None = None
    discount_percent: Decimal = ZERO
    discount_amount: Decimal = ZERO
    minimum: Decimal | None = None
    label: str = ""
    start_on: date | None = None
    end_on: date | None = None
    prices: str = ContractLine.Prices.CONTRACT
    pinned_version: RateCardVersion | None = None
    price_factor: Decimal = ONE
    invoice_group: str = ""


@dataclass(frozen=True, slots=True)
class RenewalRule:
    """What happens when the term is over. `months` None: the next term is as long as this one.

    The last day to decline is `notice_days` before the last of the contract.
    """

    renewal: str = Contract.Renewal.NONE
    months: int | None = None
    notice_days: int = 0
    uplift_percent: Decimal = ZERO
    prices: str = Contract.RenewalPrices.KEPT


@dataclass(frozen=True, slots=True)
class SignedTerms:
    """Everything a signature says. `signed_by` is the customer's person, as they wrote their name.

    On a card with a base, `base_version` is what fills the rate card version where the contract pins it. Grace and
    payment terms are the seller's unless said; a contract that renews another keeps the time zone of that. Without a
    `payer` the customer pays, or whoever above them is billed for them.
    """

    customer: Customer
    legal_entity: LegalEntity
    rate_card_version: RateCardVersion
    currency: str
    start_on: date
    months: int
    lines: Sequence[AgreedLine]
    signed_by: str
    commits: Sequence[AgreedCommit] = ()
    overrides: Sequence[AgreedPrice] = ()
    charges: Sequence[AgreedCharge] = ()
    rules: Sequence[AgreedRule] = ()
    follows_card: bool = False
    opportunity_key: str = ""
    base_version: RateCardVersion | None = None
    renews: Contract | None = None
    anchor_day: int | None = None
    proration: Proration = "day"
    purchase_order: str = ""
    grace_hours: int | None = None
    payment_terms_days: int | None = None
    payer: Customer | None = None
    invoice_months: int = 1
    renewal: RenewalRule = RenewalRule()
    package_version: PackageVersion | None = None

    @property
    def time_zone(self) -> str:
        return self.renews.time_zone if self.renews else self.customer.time_zone


@dataclass(frozen=True, slots=True)
class DealLine:
    """A line with the editions of its price (at least one, in order of time) and what overrides them."""

    key: str
    agreed: LineTerms
    start: datetime
    end: datetime
    editions: Sequence[Edition]
    overrides: Sequence[AgreedOverride] = ()
    label: str = ""
    price_factor: Decimal = ONE
    invoice_group: str = ""

    @property
    def name(self) -> str:
        """The product and, of a ramp, the phase."""
        name = self.agreed.product.name
        return f"{name} ({self.label})" if self.label else name


@dataclass(frozen=True, slots=True)
class DealInstalment:
    """A part of a commit's price, numbered from 1, and when it is invoiced."""

    number: int
    amount: Decimal
    invoice_at: datetime


@dataclass(frozen=True, slots=True)
class DealCommit:
    """A commit offered or signed: what it gives access to, what is paid for that and when, and what is left of it."""

    pk: object
    name: str
    access_amount: Decimal
    price: Decimal
    product_keys: Sequence[str]
    instalments: Sequence[DealInstalment]
    start: datetime
    end: datetime
    balance: Decimal
    priority: int = 100
    kind: Kind = "prepaid"
    unit: str = ""
    worth: Decimal = ONE
    product_tags: Sequence[str] = ()
    is_rolled_over: bool = False

    @property
    def key(self) -> str:
        return f"commit:{self.pk}"

    def instalment_key(self, number: int) -> str:
        """The term of one instalment; the first one has the key of the commit itself."""
        return self.key if number == 1 else f"{self.key}:{number}"


@dataclass(frozen=True, slots=True)
class Deal:
    """What a quote offers and a contract holds, as plain values. `source` names it where a price is explained."""

    source: str
    currency: str
    zone: str
    lines: Sequence[DealLine]
    commits: Sequence[DealCommit] = ()
    tax_percent: Decimal = ZERO
    untaxed_until: datetime | None = None
    anchor: datetime | None = None
    proration: Proration = "day"
    charges: Sequence[DealCharge] = ()


@dataclass(frozen=True, slots=True)
class ContractTerm:
    """A term to rate, and what an invoice says about it. `commit_id` is set for the purchase of a commit."""

    term: Term
    name: str
    unit: str
    kind: Literal["charge", "commit"]
    revenue_account: str
    tax_percent: Decimal
    commit_id: object = None
    commit_product_keys: tuple[str, ...] = field(default=())
    earned_on_invoice: bool = False
    tags: frozenset[str] = frozenset()
    untaxed_until: datetime | None = None
    invoice_group: str = ""

    @property
    def is_drawable(self) -> bool:
        """Commits pay for usage, and for nothing else."""
        return bool(self.term.meter)


def agreed_terms(deal: Deal) -> list[ContractTerm]:
    """The deal as terms to rate: its lines in order, its charges, then the instalments of its commits.

    A line that was ended before it began is none. `Refused` if something cannot be priced.
    """
    return [
        *(_line(deal, line) for line in deal.lines if line.start < line.end),
        *(_scheduled(deal, each) for each in deal.charges),
        *(_instalment(deal, commit, each) for commit in deal.commits for each in commit.instalments),
    ]


def instruments(commits: Sequence[DealCommit], currency: str) -> list[Instrument]:
    """Commits as drawdown takes them, keyed by their ids. What nothing else decides goes by their order here."""
    return [
        Instrument(
            key=str(commit.pk),
            kind=commit.kind,
            balance=commit.balance,
            currency=currency,
            start=commit.start,
            end=commit.end,
            created_at=commit.start + timedelta(microseconds=position),
            priority=commit.priority,
            cost_basis=EXACT.divide(commit.price, commit.access_amount),
            products=frozenset(commit.product_keys),
            rolled_over=commit.is_rolled_over,
            worth=commit.worth,
            tags=frozenset(commit.product_tags),
        )
        for position, commit in enumerate(commits)
    ]


def last_due(commit: DealCommit, terms: Iterable[ContractTerm]) -> datetime:
    """When the last usage that can be drawn from it falls due: that of the cycle in which it ends."""
    last = commit.end - timedelta(microseconds=1)
    running = ((each.term, each.term.cycle_at(last)) for each in terms if each.is_drawable)
    return max([commit.end, *(term.due_at(cycle) for term, cycle in running if cycle is not None)])


def term_of_contract(start_on: date, months: int, zone: str) -> Period:
    """From the local midnight of the first day, for so many months."""
    return Period(midnight(start_on, zone), midnight(add_months(start_on, months), zone))


def months_of(start_on: date, months: int, zone: str) -> list[Period]:
    """The months of a term, counted from its first day."""
    edges = [midnight(add_months(start_on, count), zone) for count in range(months + 1)]
    return [Period(start, end) for start, end in pairwise(edges)]


def _line(deal: Deal, line: DealLine) -> ContractTerm:
    product = line.agreed.product
    if not line.editions:
        raise Refused(f"{product.name} has no price in this rate card.")
    meter = product.meter.key if product.meter is not None else ""
    editions = _editions_in_force(line)
    first = editions[0]
    prices = [
        Price(line.start if each is first else each.since, each.charge, each.source)
        for each in editions
        if each is first or suits(line.agreed, first, each)
    ]
    try:
        term = Term(
            key=line.key,
            product=product.key,
            prices=_raised(overridden(prices, line.overrides, line.start, line.end), line.price_factor),
            currency=deal.currency,
            start=line.start,
            end=line.end if meter or first.cycle_months else min(line.end, end_of_day(line.start, deal.zone)),
            zone=deal.zone,
            cycle_months=first.cycle_months,
            in_advance=first.in_advance,
            quantity=None if meter else line.agreed.quantity,
            meter=meter,
            adjustments=_adjustments(f"{deal.source}: {product.name}", line.agreed),
            unit=product.unit,
            proration=deal.proration,
            anchor=deal.anchor if first.cycle_months else None,
        )
    except ValueError as error:
        raise Refused(f"{product.name} cannot be priced: {error}") from error
    return ContractTerm(
        term,
        line.name,
        product.unit,
        "charge",
        product.revenue_account,
        deal.tax_percent,
        earned_on_invoice=product.recognition == Product.Recognition.ON_INVOICE,
        tags=frozenset(product.tags),
        untaxed_until=deal.untaxed_until,
        invoice_group=line.invoice_group,
    )


def _raised(prices: tuple[Price, ...], factor: Decimal) -> tuple[Price, ...]:
    """The prices as renewals have raised them: list price or override, times the factor.

    A share of other lines stays what it is: those have been raised themselves.
    """
    if factor == ONE:
        return prices
    percent = plain((factor - ONE) * 100)
    return tuple(
        replace(
            each,
            charge=each.charge.exchanged(factor) if each.charge.basis == "lines" else each.charge.scaled(factor),
            source=f"{each.source}, {percent} % more since renewed"[:200],
            list_charge=each.list_charge or each.charge,
            list_source=each.list_source or each.source,
        )
        for each in prices
    )


def _editions_in_force(line: DealLine) -> list[Edition]:
    """The editions in force during the line, by time. One that came only after its start is taken back to the start."""
    before = [edition for edition in line.editions if edition.since <= line.start]
    during = [edition for edition in line.editions if line.start < edition.since < line.end]
    return [*before[-1:], *during] or list(line.editions[:1])


def suits(agreed: LineTerms, first: Edition, later: Edition) -> bool:
    """Whether a later price can apply to what was agreed at first.

    One that needs no quantity (a flat one, a share of other lines) not to measured units or several of a thing, and one
    that does not to neither; nor one for another rhythm: a yearly amount is not a monthly one. One that cannot leaves
    the price before it in force.
    """
    if (first.cycle_months, first.in_advance) != (later.cycle_months, later.in_advance):
        return False
    if later.charge.basis == "quantity":
        return agreed.product.meter is not None or agreed.quantity is not None
    return agreed.product.meter is None and agreed.quantity in (None, 1)


def _adjustments(source: str, agreed: LineTerms) -> tuple[Adjustment, ...]:
    result: list[Adjustment] = []
    if agreed.discount_amount:
        result.append(AmountOff(agreed.discount_amount, source))
    if agreed.discount_percent:
        result.append(PercentOff(agreed.discount_percent, source))
    if agreed.minimum is not None:
        result.append(Minimum(agreed.minimum, source))
    return tuple(result)


def _scheduled(deal: Deal, each: DealCharge) -> ContractTerm:
    term, account = each.term(deal.source, deal.currency, deal.zone), each.revenue_account
    return ContractTerm(term, each.name, "", "charge", account, deal.tax_percent, earned_on_invoice=each.until is None)


def _instalment(deal: Deal, commit: DealCommit, each: DealInstalment) -> ContractTerm:
    """The purchase of a commit, or a part of it: an amount that falls due at an instant."""
    term = Term(
        key=commit.instalment_key(each.number),
        product=COMMIT_PRODUCT,
        prices=(Price(each.invoice_at, Flat(each.amount), f"{deal.source}: {commit.name}"),),
        currency=deal.currency,
        start=each.invoice_at,
        end=max(commit.end, each.invoice_at),
        zone=deal.zone,
        cycle_months=0,
        in_advance=True,
    )
    return ContractTerm(
        term, commit.name, "", "commit", COMMIT_ACCOUNT, deal.tax_percent, commit.pk, tuple(commit.product_keys)
    )
