"""A contract as people read it: its lines with their prices in words, and how far its commits are used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.models import Commit, CommitEntry, Contract, ContractLine
from contracts.queries import deals_of
from contracts.terms import ContractTerm, agreed_terms
from contracts.words import amount_text, day_text, percent_text, period_text, quantity_text
from governance.acts import Refused
from pricing.money import ZERO
from pricing.periods import Period, zone_named
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
class ShownEntry:
    on: str
    what: str
    amount: str
    balance: str


@dataclass(frozen=True, slots=True)
class ShownCommit:
    """A commit's state. `used_percent` of what was granted is drawn; `gone_percent` of its time has passed."""

    commit: Commit
    headline: str
    covers: str
    days: str
    balance: str
    used: str
    used_percent: int
    gone_percent: int
    entries: Sequence[ShownEntry]
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


def shown_commit(commit: Commit, at: datetime, *, with_entries: bool = True) -> ShownCommit:
    """The commit as of now, with its ledger."""
    contract = commit.contract
    currency, zone = contract.currency, contract.time_zone
    used = commit.access_amount - commit.balance
    return ShownCommit(
        commit=commit,
        headline=f"{amount_text(commit.access_amount, currency)} of usage for {amount_text(commit.price, currency)}",
        covers=", ".join(commit.product_keys) or "all usage",
        days=period_text(Period(commit.start_at, commit.end_at), zone),
        balance=amount_text(commit.balance, currency),
        used=amount_text(used, currency),
        used_percent=percent_of(used, commit.access_amount),
        gone_percent=percent_of(
            Decimal(int((min(max(at, commit.start_at), commit.end_at) - commit.start_at).total_seconds())),
            Decimal(int((commit.end_at - commit.start_at).total_seconds())),
        ),
        entries=[_entry(entry, contract) for entry in commit.entries.select_related("change")] if with_entries else [],
        instalments=[
            (day_text(each.invoice_at.astimezone(zone_named(zone)).date()), amount_text(each.amount, currency))
            for each in commit.instalments.all()
        ],
    )


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
    since = price.since.astimezone(zone_named(contract.time_zone)).date()
    listed = f" (list: {price.list_charge.sentence(contract.currency)})" if price.list_charge is not None else ""
    return ShownPrice(
        price.charge.sentence(contract.currency) + listed, f"from {day_text(since)}" if index else "", price.source
    )


def _entry(entry: CommitEntry, contract: Contract) -> ShownEntry:
    sign = "+" if entry.amount > ZERO else ""
    return ShownEntry(
        on=day_text(entry.at.astimezone(zone_named(contract.time_zone)).date()),
        what=f"{entry.get_kind_display()}: {entry.change.because}",
        amount=sign + amount_text(entry.amount, contract.currency),
        balance=amount_text(entry.balance_after, contract.currency),
    )
