"""A contract as people read it: its lines with their prices in words, and how far its commits are used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.models import Commit, CommitRule, CommitTerms, Contract, ContractLine
from contracts.pace import Drawn, Pace, pace_of
from contracts.queries import deals_of
from contracts.statements import drawn_of, granted_of
from contracts.terms import ContractTerm, agreed_terms
from contracts.words import access_text, amount_text, day_text, months_text, percent_text, period_text, quantity_text
from governance.acts import Refused
from pricing.money import EXACT, ONE, round_amount
from pricing.periods import Period, local_day
from pricing.rating import Price

CYCLES = {0: "once", 1: "monthly", 3: "quarterly", 6: "twice a year", 12: "yearly"}


@dataclass(frozen=True, slots=True)
class ShownPrice:
    sentence: str
    since: str
    source: str


@dataclass(frozen=True, slots=True)
class ShownContractLine:
    """A product agreed. `prices` are in force one after the other; the first has no `since`."""

    name: str
    quantity: str
    adjustments: Sequence[str]
    billed: str
    days: str
    prices: Sequence[ShownPrice]
    is_measured: bool


@dataclass(frozen=True, slots=True)
class ShownCommit:
    """A commit's state. `used_percent` of what there was is drawn; `gone_percent` of its time has passed.

    `outlook` says where that leads; `lately` what was drawn in the last thirty days; `rollover` what becomes of a rest.
    """

    commit: Commit
    headline: str
    covers: str
    days: str
    balance: str
    used: str
    lately: str
    used_percent: int
    gone_percent: int
    outlook: str
    rollover: str
    awaits_payment: bool
    instalments: Sequence[tuple[str, str]]


def shown_lines(contract: Contract) -> tuple[list[ShownContractLine], str]:
    """The lines, and what keeps them from being priced ("" if nothing does)."""
    return shown_lines_of([contract])[contract.pk]


def shown_lines_of(contracts: Iterable[Contract]) -> dict[Any, tuple[list[ShownContractLine], str]]:
    """The same of many, by contract id, in a constant number of queries."""
    by_id = {contract.pk: contract for contract in contracts}
    lines: dict[Any, list[ContractLine]] = {pk: [] for pk in by_id}
    found = ContractLine.objects.filter(contract__in=by_id).select_related("product")
    for line in found.order_by("position", "start_at", "pk"):
        lines[line.contract_id].append(line)
    shown = {}
    for pk, deal in deals_of(by_id.values()).items():
        try:
            terms, problem = {each.term.key: each for each in agreed_terms(deal)}, ""
        except Refused as refusal:
            terms, problem = {}, str(refusal)
        shown[pk] = [_line(line, terms.get(str(line.pk)), by_id[pk]) for line in lines[pk]], problem
    return shown


def shown_commits(commits: Iterable[Commit], at: datetime) -> list[ShownCommit]:
    """Commits as of now; give those with their contracts and instalments fetched. Two queries."""
    asked = list(commits)
    drawn = drawn_of([commit.pk for commit in asked], at)
    granted = granted_of([commit.pk for commit in asked])
    return [_commit(commit, drawn.get(commit.pk, Drawn()), commit.pk in granted, at) for commit in asked]


def access_of(commit: Commit, amount: Decimal) -> str:
    """So much of a commit, in its unit."""
    return access_text(amount, commit.unit, commit.contract.currency)


def headline(commit: Commit) -> str:
    """`$40.00 of usage for $36.00`."""
    currency = commit.contract.currency
    access = worth_text(commit.access_amount, commit, currency)
    if commit.kind == Commit.Kind.POSTPAID:
        return f"{access} of usage committed; what is not used is invoiced at its end"
    price = f"for {amount_text(commit.price, currency)}" if commit.price else "free of charge"
    return f"{access}, {price}" if commit.unit or commit.worth != ONE else f"{access} of usage {price}"


def outlook(commit: Commit, pace: Pace, at: datetime) -> str:
    """Where the pace leads, in words; nothing before its start or after its end."""
    if not commit.start_at <= at < commit.end_at:
        return ""
    if not commit.balance:
        return "It is used up." if pace.exhausted_at is not None else ""
    if pace.exhausted_at is not None:
        day = local_day(pace.exhausted_at, commit.contract.time_zone)
        return f"At this pace it is used up by {day_text(day)}."
    return f"At this pace {access_of(commit, _readable(commit, pace.expected_rest))} is left when it ends."


def _readable(commit: Commit, expected: Decimal) -> Decimal:
    """What is only expected is no more exact than money is."""
    return round_amount(expected, commit.contract.currency)


def _commit(commit: Commit, drawn: Drawn, is_granted: bool, at: datetime) -> ShownCommit:
    contract = commit.contract
    pace = pace_of(commit.balance, commit.window, drawn, at)
    return ShownCommit(
        commit=commit,
        headline=headline(commit),
        covers=covers_text(commit),
        days=period_text(commit.window, contract.time_zone),
        balance=access_of(commit, commit.balance),
        used=access_of(commit, drawn.total),
        lately=access_of(commit, drawn.lately),
        used_percent=percent_of(pace.used, ONE),
        gone_percent=percent_of(pace.gone, ONE),
        outlook=outlook(commit, pace, at),
        rollover=rollover_text(commit),
        awaits_payment=commit.is_gated and bool(commit.price) and not is_granted,
        instalments=[
            (
                day_text(local_day(each.invoice_at, contract.time_zone)),
                amount_text(each.amount, contract.currency),
            )
            for each in commit.instalments.all()
        ],
    )


def rule_text(rule: CommitRule) -> str:
    """`1,000 credits every month for $90.00, to be used within 1 month`."""
    currency = rule.contract.currency
    amount = access_text(rule.access_amount, rule.unit, currency)
    price = f" for {amount_text(rule.price, currency)}" if rule.price else ""
    seat = f" per {rule.per_seat_of.unit or rule.per_seat_of.name}" if rule.per_seat_of is not None else ""
    lasts = f", to be used within {months_text(rule.lasts_months)}"
    if rule.threshold is None:
        every = "every month" if rule.cycle_months == 1 else f"every {rule.cycle_months} months"
        return f"{amount}{seat} {every}{price}{lasts}"
    limit = f", at most {amount_text(rule.monthly_limit, currency)} a month" if rule.monthly_limit is not None else ""
    below = access_text(rule.threshold, rule.unit, currency)
    return f"{amount}{seat}{price} whenever less than {below} is left{limit}{lasts}"


def rollover_text(terms: Commit | CommitRule) -> str:
    """What becomes of a rest; empty if all of it expires."""
    if not terms.rollover_percent:
        return ""
    most = terms.rollover_limit
    limit = "" if most is None else f", at most {access_text(most, terms.unit, terms.contract.currency)},"
    share = "What" if terms.rollover_percent == 100 else f"{percent_text(terms.rollover_percent)} of what"
    return f"{share} is left{limit} rolls over for {months_text(terms.rollover_months)}."


def worth_text(amount: Decimal, commit: CommitTerms, currency: str) -> str:
    """So much of a commit and, unless that is money at face value, what it pays for: `1,200 credits, worth $12.00`."""
    text = access_text(amount, commit.unit, currency)
    if commit.unit or commit.worth != ONE:
        text += f", worth {amount_text(EXACT.multiply(amount, commit.worth), currency)}"
    return text


def covers_text(commit: CommitTerms) -> str:
    """What it pays for: its products, and all with one of its tags."""
    return ", ".join([*commit.product_keys, *(f"all tagged {tag}" for tag in commit.product_tags)]) or "all usage"


def percent_of(part: Decimal, whole: Decimal) -> int:
    """Whole percent, between 0 and 100."""
    return min(max(int(part * 100 / whole), 0), 100) if whole > 0 else 0


def standing_of(contract: Contract, at: datetime) -> tuple[str, str]:
    """ended, upcoming, over or running: what was decided, and what only time decides."""
    if contract.status == Contract.Status.ENDED:
        return "ended", "Ended"
    if at < contract.start_at:
        return "upcoming", "Upcoming"
    return ("over", "Over") if at >= contract.end_at else ("running", "Running")


def _line(line: ContractLine, term: ContractTerm | None, contract: Contract) -> ShownContractLine:
    adjustments = []
    if line.discount_amount:
        adjustments.append(f"{amount_text(line.discount_amount, contract.currency)} off each cycle")
    if line.discount_percent:
        adjustments.append(f"{percent_text(line.discount_percent)} off")
    if line.minimum is not None:
        adjustments.append(f"at least {amount_text(line.minimum, contract.currency)}")
    is_empty = line.end_at <= line.start_at
    return ShownContractLine(
        name=f"{line.product.name} ({line.label})" if line.label else line.product.name,
        quantity="" if line.quantity is None else quantity_text(line.quantity, line.product.unit),
        adjustments=adjustments,
        billed=_billed(term) if term else "",
        days="never in force" if is_empty else period_text(Period(line.start_at, line.end_at), contract.time_zone),
        prices=[_price(price, index, contract) for index, price in enumerate(term.term.prices)] if term else [],
        is_measured=line.product.meter_id is not None,
    )


def _billed(term: ContractTerm) -> str:
    months = term.term.cycle_months
    return f"{CYCLES.get(months, f'every {months} months')}, {'in advance' if term.term.in_advance else 'in arrears'}"


def _price(price: Price, index: int, contract: Contract) -> ShownPrice:
    since = local_day(price.since, contract.time_zone)
    listed = f" (list: {price.list_charge.sentence(contract.currency)})" if price.list_charge is not None else ""
    return ShownPrice(
        price.charge.sentence(contract.currency) + listed, f"from {day_text(since)}" if index else "", price.source
    )
