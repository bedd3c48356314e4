"""An offer as people read it: one set of texts for the customer's page, the document and the admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.safestring import SafeString

from contracts.models import Customer, LegalEntity
from contracts.words import (
    amount_text,
    day_text,
    long_day_text,
    months_text,
    percent_text,
    period_text,
    quantity_text,
    tax_text,
    term_text,
)
from governance.acts import name_of
from metering.models import Meter
from pricing.adjustments import WaterfallStep
from pricing.money import Money
from pricing.periods import add_months
from quoting.charts import month_chart
from quoting.models import QuoteCommit, QuoteVersion
from quoting.queries import PricedLine, PricedQuote, priced
from quoting.rules import MonthTotal

Row = tuple[str, str]
CYCLES = {0: "once", 1: "a month", 3: "a quarter", 6: "every six months", 12: "a year"}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step from the list price to the net one."""

    label: str
    amount: str
    total: str
    source: str


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One product: its price in words, what is expected, what is taken off, and what that comes to per cycle."""

    name: str
    sentence: str
    billed: str
    expected: str
    adjustments: Sequence[str]
    listed: str
    amount: str
    per: str
    steps: Sequence[ShownStep]
    line: Any


@dataclass(frozen=True, slots=True)
class ShownCommit:
    """Prepaid usage in plain words."""

    name: str
    headline: str
    explanation: str
    saving: str
    covers: str
    commit: QuoteCommit


@dataclass(frozen=True, slots=True)
class ShownMonth:
    period: str
    charges: str
    commit_price: str
    drawn: str
    due: str


@dataclass(frozen=True, slots=True)
class ShownOffer:
    """Everything an offer shows, as text; `chart` is an SVG."""

    number: str
    version: int
    title: str
    is_draft: bool
    seller: dict[str, str]
    buyer: dict[str, str]
    contact: Row
    start: str
    term: str
    length: str
    valid_until: str
    total: str
    list_total: str
    saving: str
    saving_percent: str
    a_month: str
    discount: str
    currency: str
    lines: Sequence[ShownLine]
    commits: Sequence[ShownCommit]
    months: Sequence[ShownMonth]
    has_prepaid: bool
    chart: SafeString
    prices_hold: str
    tax_note: str
    terms: str


def presented(version: QuoteVersion, offer: PricedQuote | None = None) -> ShownOffer:
    """The version with its numbers. `Refused` if a line has no price."""
    offer = offer or priced(version)
    quote, customer, currency = version.quote, version.quote.customer, version.currency
    saved = offer.list_total - offer.total
    owner = quote.owner
    return ShownOffer(
        number=quote.number,
        version=version.number,
        title=quote.title,
        is_draft=version.sent_at is None,
        seller=seller(quote.legal_entity),
        buyer={name: getattr(customer, name) for name in ("name", "billing_address", "tax_number", "email")},
        contact=(name_of(owner), owner.email),
        start=long_day_text(version.start_on),
        term=term_text(version.start_on, version.months),
        length=months_text(version.months),
        valid_until=long_day_text(version.valid_until),
        total=_text(offer.total),
        list_total=_text(offer.list_total),
        saving=_text(saved) if saved.amount > 0 else "",
        saving_percent=percent_text(saved.amount / offer.list_total.amount * 100) if saved.amount > 0 else "",
        a_month=a_month(offer.months),
        discount=percent_text(offer.discount_percent) if offer.discount_percent else "",
        currency=currency,
        lines=[_line(line, currency) for line in offer.lines],
        commits=[_commit(commit, version) for commit in offer.commits],
        months=[_month(month, customer.time_zone) for month in offer.months],
        has_prepaid=bool(offer.commits),
        chart=month_chart(offer.months, customer.time_zone),
        prices_hold=_prices_hold(version),
        tax_note=_tax_note(customer),
        terms=version.terms,
    )


def seller(entity: LegalEntity) -> dict[str, str]:
    """The seller as a document's head shows it."""
    return {name: getattr(entity, name) for name in ("name", "address", "tax_number", "email")}


def a_month(months: Sequence[MonthTotal]) -> str:
    """`$92.25 a month`, `$88.25 in the first month, then $92.25 a month`, `between $10.00 and $40.00 a month`."""
    due = [month.due for month in months]
    if not due:
        return ""
    first, *rest = due
    if len(set(due)) == 1:
        return f"{_text(first)} a month"
    if len(set(rest)) == 1:
        return f"{_text(first)} in the first month, then {_text(rest[0])} a month"
    return f"between {_text(min(due))} and {_text(max(due))} a month"


def _line(priced_line: PricedLine, currency: str) -> ShownLine:
    line, term, first = priced_line.line, priced_line.term.term, priced_line.first
    per = CYCLES.get(term.cycle_months, f"every {term.cycle_months} months")
    steps = first.waterfall if first else ()
    listed = sum((step.amount for step in steps if step.kind == "list"), Decimal(0))
    amount = first.amount if first else Money.zero(currency)
    return ShownLine(
        name=line.product.name,
        sentence=priced_line.sentence,
        billed=f"{'in advance' if term.in_advance else 'in arrears'}" if term.cycle_months else "once, at the start",
        expected=_expected(priced_line),
        adjustments=_adjustments(priced_line, currency),
        listed=amount_text(listed, currency) if first and listed != amount.amount else "",
        amount=_text(amount),
        per=per,
        steps=[_step(step, currency) for step in steps],
        line=line,
    )


def _expected(priced_line: PricedLine) -> str:
    product, line = priced_line.line.product, priced_line.line
    if product.meter is not None:
        adds_up = product.meter.aggregation in (Meter.Aggregation.COUNT, Meter.Aggregation.SUM)
        every = " a month" if adds_up else ", measured monthly"
        return quantity_text(line.expected_usage or Decimal(0), product.unit) + every
    if priced_line.term.term.prices[0].charge.basis != "quantity":
        return ""
    return quantity_text(Decimal(1) if line.quantity is None else line.quantity, product.unit)


def _adjustments(priced_line: PricedLine, currency: str) -> list[str]:
    line, result = priced_line.line, []
    if line.discount_amount:
        result.append(f"{amount_text(line.discount_amount, currency)} off")
    if line.discount_percent:
        result.append(f"{percent_text(line.discount_percent)} off")
    if line.minimum is not None:
        result.append(f"at least {amount_text(line.minimum, currency)}")
    return result


def _step(step: WaterfallStep, currency: str) -> ShownStep:
    source = step.source if step.kind == "list" else ""
    return ShownStep(step.label, amount_text(step.amount, currency), amount_text(step.total, currency), source)


def _commit(commit: QuoteCommit, version: QuoteVersion) -> ShownCommit:
    currency = version.currency
    access, price = amount_text(commit.access_amount, currency), amount_text(commit.price, currency)
    saved = commit.access_amount - commit.price
    last = day_text(_last_day(version.start_on, version.months))
    return ShownCommit(
        name=commit.name,
        headline=f"{access} of usage for {price}",
        explanation=(
            f"{price} is invoiced at the start. It pays for the first {access} of usage, so nothing is due for that "
            f"usage any more. What is left carries over from month to month until {last}."
        ),
        saving=amount_text(saved, currency) if saved > 0 else "",
        covers=", ".join(commit.product_keys) or "all usage",
        commit=commit,
    )


def _last_day(start_on: date, months: int) -> date:
    return date.fromordinal(add_months(start_on, months).toordinal() - 1)


def _month(month: MonthTotal, zone: str) -> ShownMonth:
    return ShownMonth(
        period=period_text(month.period, zone),
        charges=_text(month.charges),
        commit_price=_text(month.commit_price) if month.commit_price.amount else "—",
        drawn=_text(-month.drawn) if month.drawn.amount else "—",
        due=_text(month.due),
    )


def _prices_hold(version: QuoteVersion) -> str:
    card = version.rate_card_version.card.name
    if version.follows_card:
        return (
            f"Prices follow our price list {card}: when it changes, the new prices apply from the day they take effect."
        )
    return "These prices are fixed for the whole term."


def _text(money: Money) -> str:
    return amount_text(money.amount, money.currency)


def _tax_note(customer: Customer) -> str:
    if note := tax_text(customer):
        return f"before tax; {note[0].lower()}{note[1:]}"
    return f"plus {percent_text(customer.tax_percent)} tax" if customer.tax_percent else "before tax"
