"""Agreed terms, from words to arithmetic: the one way from lines and commits to the `Term`s that rating takes.

A quote's preview and a contract's billing both build a `Deal` and call `agreed_terms`; so what was quoted is what is
billed, by construction. Nothing here asks the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal, Protocol

from catalog.editions import Edition
from catalog.models import Product, RateCardVersion
from contracts.models import Contract, Customer, LegalEntity
from contracts.overrides import AgreedOverride, overridden
from governance.acts import Refused
from pricing.adjustments import Adjustment, AmountOff, Minimum, PercentOff
from pricing.charges import Charge, Flat
from pricing.drawdown import Instrument
from pricing.money import EXACT, ZERO
from pricing.periods import Period, add_months, local_days, midnight
from pricing.rating import Price, Term

COMMIT_PRODUCT = "commit"
COMMIT_ACCOUNT = "2100"  # what is paid for access is owed to the customer until it is used


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
    product: Product
    quantity: Decimal | None = None
    discount_percent: Decimal = ZERO
    discount_amount: Decimal = ZERO
    minimum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AgreedCommit:
    """Access to `access_amount` of usage for `price`; no product keys: every usage product."""

    name: str
    access_amount: Decimal
    price: Decimal
    product_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgreedPrice:
    """An override to be signed: a charge or a multiplier. No dates: as long as the contract."""

    product: Product
    charge: Charge | None = None
    multiplier: Decimal | None = None
    priority: int = 100
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedTerms:
    """Everything a signature says. `signed_by` is the customer's person, as they wrote their name.

    On a card with a base, `base_version` is what fills the rate card version where the contract pins it.
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
    follows_card: bool = False
    opportunity_key: str = ""
    base_version: RateCardVersion | None = None
    renews: Contract | None = None


@dataclass(frozen=True, slots=True)
class DealLine:
    """A line with the editions of its price (at least one, in order of time) and what overrides them."""

    key: str
    agreed: LineTerms
    start: datetime
    end: datetime
    editions: Sequence[Edition]
    overrides: Sequence[AgreedOverride] = ()


@dataclass(frozen=True, slots=True)
class DealCommit:
    """A commit offered or signed: what it gives access to, what is paid for that, and what is left of it."""

    pk: object
    name: str
    access_amount: Decimal
    price: Decimal
    product_keys: Sequence[str]
    invoice_at: datetime
    start: datetime
    end: datetime
    balance: Decimal
    priority: int = 100

    @property
    def key(self) -> str:
        return f"commit:{self.pk}"


@dataclass(frozen=True, slots=True)
class Deal:
    """What a quote offers and a contract holds, as plain values. `source` names it where a price is explained."""

    source: str
    currency: str
    zone: str
    lines: Sequence[DealLine]
    commits: Sequence[DealCommit] = ()
    tax_percent: Decimal = ZERO


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

    @property
    def is_drawable(self) -> bool:
        """Commits pay for usage, and for nothing else."""
        return bool(self.term.meter)


def agreed_terms(deal: Deal) -> list[ContractTerm]:
    """The deal as terms to rate: its lines in order, then its commits. `Refused` if something cannot be priced."""
    return [*(_line(deal, line) for line in deal.lines), *(_commit(deal, commit) for commit in deal.commits)]


def instruments(commits: Sequence[DealCommit], currency: str) -> list[Instrument]:
    """Commits as drawdown takes them, keyed by their ids. What nothing else decides goes by their order here."""
    return [
        Instrument(
            key=str(commit.pk),
            kind="prepaid",
            balance=commit.balance,
            currency=currency,
            start=commit.start,
            end=commit.end,
            created_at=commit.start + timedelta(microseconds=position),
            priority=commit.priority,
            cost_basis=EXACT.divide(commit.price, commit.access_amount),
            products=frozenset(commit.product_keys),
        )
        for position, commit in enumerate(commits)
    ]


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
            prices=overridden(prices, line.overrides, line.start, line.end),
            currency=deal.currency,
            start=line.start,
            end=line.end if meter or first.cycle_months else _end_of_day(line, deal.zone),
            zone=deal.zone,
            cycle_months=first.cycle_months,
            in_advance=first.in_advance,
            quantity=None if meter else line.agreed.quantity,
            meter=meter,
            adjustments=_adjustments(f"{deal.source}: {product.name}", line.agreed),
            unit=product.unit,
        )
    except ValueError as error:
        raise Refused(f"{product.name} cannot be priced: {error}") from error
    return ContractTerm(
        term,
        product.name,
        product.unit,
        "charge",
        product.revenue_account,
        deal.tax_percent,
        earned_on_invoice=product.recognition == Product.Recognition.ON_INVOICE,
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


def _end_of_day(line: DealLine, zone: str) -> datetime:
    """What is charged once falls due on its first day, so ending the contract early does not touch it."""
    day, _ = local_days(Period(line.start, line.start), zone)
    return min(line.end, midnight(day + timedelta(days=1), zone))


def _adjustments(source: str, agreed: LineTerms) -> tuple[Adjustment, ...]:
    result: list[Adjustment] = []
    if agreed.discount_amount:
        result.append(AmountOff(agreed.discount_amount, source))
    if agreed.discount_percent:
        result.append(PercentOff(agreed.discount_percent, source))
    if agreed.minimum is not None:
        result.append(Minimum(agreed.minimum, source))
    return tuple(result)


def _commit(deal: Deal, commit: DealCommit) -> ContractTerm:
    term = Term(
        key=commit.key,
        product=COMMIT_PRODUCT,
        prices=(Price(commit.invoice_at, Flat(commit.price), f"{deal.source}: {commit.name}"),),
        currency=deal.currency,
        start=commit.invoice_at,
        end=commit.end,
        zone=deal.zone,
        cycle_months=0,
        in_advance=True,
    )
    return ContractTerm(
        term, commit.name, "", "commit", COMMIT_ACCOUNT, deal.tax_percent, commit.pk, tuple(commit.product_keys)
    )
