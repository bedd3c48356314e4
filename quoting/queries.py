"""Questions to quoting: what an offer comes to, month by month and line by line, and what must be agreed first."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from catalog.editions import Agreement, Edition, PriceBook
from catalog.models import RateCard, RateCardVersion
from catalog.prices import PriceRow, base_of, price_book, price_rows
from catalog.queries import version_at
from catalog.selection import select_card
from contracts.models import Customer
from contracts.queries import attributes_of, payer_of, taxation_of
from contracts.terms import (
    ContractTerm,
    Deal,
    DealCommit,
    DealInstalment,
    DealLine,
    agreed_terms,
    instruments,
    months_of,
    term_of_contract,
)
from governance import clock
from governance.acts import Refused
from governance.approvals import Fact, Need, hash_of, needs
from metering.models import Meter
from pricing import charges
from pricing.money import ZERO, Money, plain
from pricing.periods import Period, local_day
from pricing.rating import RatedLine, Usage
from quoting import rules
from quoting.models import Quote, QuoteCommit, QuoteLine, QuoteVersion
from quoting.rules import LineTotal, MonthTotal

Aggregation = Meter.Aggregation


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line: its term, what it comes to over the whole term, and its price in words."""

    line: QuoteLine
    term: ContractTerm
    rated: tuple[RatedLine, ...]
    total: LineTotal
    sentence: str

    @property
    def first(self) -> RatedLine | None:
        """The first billed cycle: its quantity, amount and waterfall stand for all of the same price."""
        return self.rated[0] if self.rated else None


@dataclass(frozen=True, slots=True)
class PricedQuote:
    """A version with its numbers, before tax. `discount_percent` is the one on usage, commits not counted."""

    version: QuoteVersion
    period: Period
    months: tuple[MonthTotal, ...]
    lines: tuple[PricedLine, ...]
    commits: tuple[QuoteCommit, ...]
    list_total: Money
    charges_total: Money
    total: Money
    discount_percent: Decimal
    max_line_discount_percent: Decimal
    commit_discount_percent: Decimal

    @property
    def total_by_month(self) -> list[Money]:
        return [month.due for month in self.months]


def priced(version: QuoteVersion) -> PricedQuote:
    """What will be invoiced if usage is as expected. A constant number of queries. `Refused` if a line has no price."""
    return _priced(version, _contents([version]))


def priced_if_possible(versions: Collection[QuoteVersion]) -> dict[UUID, PricedQuote]:
    """Many at once, by version id, in as many queries as one; a version with a line that has no price is left out."""
    contents, found = _contents(versions), {}
    for version in versions:
        with suppress(Refused):
            found[version.pk] = _priced(version, contents)
    return found


def _priced(version: QuoteVersion, contents: "_Contents") -> PricedQuote:
    customer, currency = version.quote.customer, version.currency
    lines, commits = contents.lines[version.pk], contents.commits[version.pk]
    period = term_of_contract(version.start_on, version.months, customer.time_zone)
    months = months_of(version.start_on, version.months, customer.time_zone)
    deal = _deal(version, customer, lines, commits, period, contents.book)
    terms = agreed_terms(deal)
    rated = rules.rated(terms, {str(line.pk): _expected(line, months) for line in lines}, period)
    totals = rules.month_totals(terms, rated, instruments(deal.commits, currency), months, currency)
    priced_lines = tuple(_priced_line(line, term, rated, currency) for line, term in zip(lines, terms, strict=False))
    return PricedQuote(
        version=version,
        period=period,
        months=tuple(totals),
        lines=priced_lines,
        commits=tuple(commits),
        list_total=Money(sum((each.total.list_total for each in priced_lines), ZERO), currency).rounded(),
        charges_total=sum((month.charges for month in totals), Money.zero(currency)),
        total=sum((month.due for month in totals), Money.zero(currency)),
        discount_percent=rules.usage_discount(each.total for each in priced_lines if each.term.is_drawable),
        max_line_discount_percent=max((each.total.discount_percent for each in priced_lines), default=ZERO),
        commit_discount_percent=max(map(_commit_discount, commits), default=ZERO),
    )


def approval_facts(version: QuoteVersion) -> list[Fact]:
    """What approval policies may watch: `discount_percent` and `commit_discount_percent`.

    The discount is the larger of the one on all usage and the largest on any line, so that none hides behind the rest,
    and an approval covers each of them only as far as it went. A commit's own discount is watched apart.
    """
    quote = priced(version)
    discount = max(quote.discount_percent, quote.max_line_discount_percent)
    deal = [version.currency, version.start_on, version.months, version.follows_card, str(version.quote.customer_id)]
    return [
        Fact(
            "discount_percent",
            discount,
            hash_of([deal, [_line_inputs(each) for each in quote.lines]]),
            _why(quote, discount),
            parts={
                "usage": quote.discount_percent,
                **{each.line.product.key: each.total.discount_percent for each in quote.lines},
            },
        ),
        Fact(
            "commit_discount_percent",
            quote.commit_discount_percent,
            hash_of([deal, [_commit_inputs(commit) for commit in quote.commits]]),
            f"{plain(quote.commit_discount_percent)} % off a prepaid commit",
            parts={commit.name: _commit_discount(commit) for commit in quote.commits},
        ),
    ]


def approvals_needed(version: QuoteVersion) -> list[Need]:
    """Every approval that policies want for this version as it is, given or not."""
    return needs(version, approval_facts(version))


def card_for(customer: Customer) -> RateCard:
    """The card that the selection rules choose for a customer; `Refused`, saying what each rule asked, if none does."""
    selection = select_card(attributes_of(customer))
    if selection.card is None:
        raise Refused(f"Choose a rate card for {customer}. {' '.join(selection.steps)}")
    return selection.card


def current_version(card: RateCard, start_at: datetime, at: datetime) -> RateCardVersion:
    """The prices to offer: those in force now or, where none are yet, at the start. `Refused` if there are none."""
    version = version_at(card, at) or version_at(card, start_at)
    if version is None:
        raise Refused(f"{card} has no published prices yet.")
    return version


def newer_prices(version: QuoteVersion, at: datetime) -> RateCardVersion | None:
    """The version of the card, or of its base, that came into force after those this offer fixes; None: they hold.

    An offer that is out keeps its prices until it expires; a draft can take the new ones.
    """
    if version.follows_card or version.status in (QuoteVersion.Status.ACCEPTED, QuoteVersion.Status.DECLINED):
        return None
    prices = version.rate_card_version
    now = version_at(prices.card, at)
    if now is not None and now != prices and (prices.effective_from is None or prices.effective_from <= at):
        return now
    base = base_of(prices, at)
    return base if base != version.base_version else None


def offered(version: QuoteVersion) -> list[PriceRow]:
    """What this version can offer, by product name: the prices of its rate card version and of its base."""
    return price_rows(version.rate_card_version, version.base_version)


def live_version(quote: Quote) -> QuoteVersion | None:
    """The version that is being worked on, out with the customer, or accepted."""
    dead = (QuoteVersion.Status.DECLINED, QuoteVersion.Status.SUPERSEDED)
    return QuoteVersion.objects.filter(quote=quote).exclude(status__in=dead).first()


def latest_version(quote: Quote) -> QuoteVersion:
    """What the quote stands at: its live version or, when it has none, its last one."""
    version = live_version(quote) or quote.versions.order_by("-number").first()
    if version is None:
        raise Refused(f"{quote} has no version.")
    return version


def is_expired(version: QuoteVersion, at: datetime) -> bool:
    """Whether its last day, where the customer is, has passed."""
    return local_day(at, version.quote.customer.time_zone) > version.valid_until


@dataclass(frozen=True, slots=True)
class _Contents:
    """Lines and commits of some versions, and every price they may need."""

    lines: dict[UUID, list[QuoteLine]]
    commits: dict[UUID, list[QuoteCommit]]
    book: PriceBook


def _contents(versions: Collection[QuoteVersion]) -> _Contents:
    keys = [version.pk for version in versions]
    lines: dict[UUID, list[QuoteLine]] = {key: [] for key in keys}
    commits: dict[UUID, list[QuoteCommit]] = {key: [] for key in keys}
    for line in QuoteLine.objects.filter(version__in=keys).select_related("product__meter").order_by("position", "pk"):
        lines[line.version_id].append(line)
    for commit in QuoteCommit.objects.filter(version__in=keys).order_by("name", "pk"):
        commits[commit.version_id].append(commit)
    followed = {version.rate_card_version.card_id for version in versions if version.follows_card}
    pins = {
        pin
        for version in versions
        if not version.follows_card
        for pin in (version.rate_card_version_id, version.base_version_id)
        if pin
    }
    products = {line.product_id for some in lines.values() for line in some}
    return _Contents(lines, commits, price_book(followed, pins, products))


def _deal(
    version: QuoteVersion,
    customer: Customer,
    lines: Sequence[QuoteLine],
    commits: Sequence[QuoteCommit],
    period: Period,
    book: PriceBook,
) -> Deal:
    """The offer as the deal that its contract will be."""
    return Deal(
        source=f"Offer {version}",
        currency=version.currency,
        zone=customer.time_zone,
        **taxation_of(payer_of(customer), customer.time_zone),
        lines=[
            DealLine(
                str(line.pk),
                line,
                period.start,
                period.end,
                _editions(version, line.product_id, book),
            )
            for line in lines
        ],
        commits=[
            DealCommit(
                pk=commit.pk,
                name=commit.name,
                access_amount=commit.access_amount,
                price=commit.price,
                product_keys=commit.product_keys,
                start=period.start,
                end=period.end,
                balance=commit.access_amount,
                instalments=[DealInstalment(1, commit.price, period.start)],
            )
            for commit in commits
        ],
    )


def _editions(version: QuoteVersion, product: UUID, book: PriceBook) -> list[Edition]:
    """What the contract will see: the pinned prices, or those of the card as they reach whoever signs now."""
    if not version.follows_card:
        return book.pinned(product, version.rate_card_version_id, version.base_version_id)
    signs_at, renews = version.decided_at or clock.now(), version.quote.renews
    agreement = Agreement(signs_at)
    if renews is not None:
        start_at = term_of_contract(version.start_on, version.months, renews.time_zone).start
        agreement = Agreement(renews.first_agreed_at or renews.signed_at, start_at)
    return book.editions(product, version.rate_card_version.card_id, agreement)


def _expected(line: QuoteLine, months: Sequence[Period]) -> Usage:
    meter = line.product.meter
    adds_up = meter is None or meter.aggregation in (Aggregation.COUNT, Aggregation.SUM)
    return rules.expected_usage(line.expected_usage or ZERO, months, adds_up=adds_up)


def _priced_line(line: QuoteLine, term: ContractTerm, rated: Sequence[RatedLine], currency: str) -> PricedLine:
    mine = tuple(each for each in rated if each.key == term.term.key)
    total = rules.line_total(mine, line.discount_percent, bool(line.discount_amount))
    return PricedLine(line, term, mine, total, term.term.prices[0].charge.sentence(currency))


def _commit_discount(commit: QuoteCommit) -> Decimal:
    return rules.percent_below(commit.access_amount, commit.price)


def _line_inputs(priced_line: PricedLine) -> list[object]:
    line, term = priced_line.line, priced_line.term.term
    numbers = (line.quantity, line.expected_usage, line.discount_percent, line.discount_amount, line.minimum)
    return [
        term.product,
        [None if number is None else plain(number) for number in numbers],
        [[price.since.isoformat(), charges.dump(price.charge)] for price in term.prices],
        term.cycle_months,
        term.in_advance,
    ]


def _commit_inputs(commit: QuoteCommit) -> list[object]:
    return [plain(commit.access_amount), plain(commit.price), sorted(commit.product_keys)]


def _why(quote: PricedQuote, discount: Decimal) -> str:
    if discount > quote.discount_percent:
        most = max(quote.lines, key=lambda each: each.total.discount_percent)
        return f"{plain(discount)} % off {most.line.product.name}"
    return f"{plain(discount)} % off usage"
