"""The whole contract on one page, in sentences that a customer and a lawyer both understand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from catalog.models import Product
from contracts.charges_page import when_text
from contracts.models import Commit, Contract
from contracts.presentation import ShownContractLine, shown_lines
from contracts.queries import taxation_of
from contracts.renewals import last_day, months_of
from contracts.sentences import renewal_sentences
from contracts.words import amount_text, long_day_text, months_text, percent_text, quantity_text
from pricing.money import ONE, plain
from pricing.periods import Period, local_day, local_days

Kind = Commit.Kind


@dataclass(frozen=True, slots=True)
class Clause:
    """A few sentences, under a name where there are several of a kind."""

    sentences: Sequence[str]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    clauses: Sequence[Clause]


def one_page(contract: Contract) -> list[Chapter]:
    """Who, how long, what at which price, what is paid in advance, how it is invoiced, how it changes."""
    lines, problem = shown_lines(contract)
    commits = list(contract.commits.filter(rule=None).prefetch_related("instalments").order_by("start_at", "name"))
    keys = {key for commit in commits for key in commit.product_keys}
    names = dict(Product.objects.filter(key__in=keys).values_list("key", "name"))
    chapters = [
        Chapter("Who", [Clause(_parties(contract))]),
        Chapter("How long", [Clause([_term(contract), *renewal_sentences(contract)])]),
        Chapter("What, and at what price", [*(_line(each) for each in lines), Clause(_prices(contract, problem))]),
        Chapter("What is charged once", [Clause([sentence]) for sentence in _charges(contract)]),
        Chapter("What is agreed in advance", [_commit(each, contract, names) for each in commits]),
        Chapter("Invoices", [Clause(_invoices(contract))]),
        Chapter("When something changes", [Clause(_changes(contract))]),
    ]
    return [chapter for chapter in chapters if chapter.clauses]


def _parties(contract: Contract) -> list[str]:
    signed = long_day_text(_day(contract, contract.signed_at))
    sentences = [
        f"{contract.legal_entity} sells to {contract.customer}, by contract {contract}.",
        f"{contract.signed_by} signed it for {contract.customer} on {signed}.",
    ]
    if contract.renews is not None:
        sentences.append(f"It renews contract {contract.renews}.")
    if contract.purchase_order:
        sentences.append(f"The purchase order is {contract.purchase_order}.")
    return sentences


def _term(contract: Contract) -> str:
    first, last = long_day_text(_day(contract, contract.start_at)), long_day_text(last_day(contract))
    return f"From {first} to {last}, {months_text(months_of(contract))}. Days are those of {contract.time_zone}."


def _line(line: ShownContractLine) -> Clause:
    how_many = line.quantity or ("as much as is used" if line.is_measured else "")
    sentences = [f"{line.days}: {how_many}." if how_many else f"{line.days}."]
    for price in line.prices:
        since = f"{price.since.capitalize()}: " if price.since else ""
        sentences.append(f"{since}{price.sentence}.")
    if line.adjustments:
        sentences.append(f"On that {', '.join(line.adjustments)}.")
    if line.billed:
        sentences.append(f"Charged {line.billed}.")
    return Clause(sentences, line.name)


def _prices(contract: Contract, problem: str) -> list[str]:
    if problem:
        return [problem]
    if contract.pinned_version is None:
        return [f"Prices are those of the list {contract.rate_card} as it is in force, announced before they change."]
    return [f"Prices are those of {contract.pinned_version} and stay until the contract ends."]


def _charges(contract: Contract) -> list[str]:
    charges = contract.scheduled_charges.order_by("due_at", "name", "pk")
    return [
        f"{each.name}: {amount_text(each.amount, contract.currency)}, {when_text(each, contract)}." for each in charges
    ]


def _commit(commit: Commit, contract: Contract, names: Mapping[str, str]) -> Clause:
    currency = contract.currency
    first, last = map(long_day_text, local_days(Period(commit.start_at, commit.end_at), contract.time_zone))
    access = amount_text(commit.access_amount, currency)
    if commit.unit:
        access = quantity_text(commit.access_amount, commit.unit)
    price = amount_text(commit.price, currency)
    sentences = [_promise(commit, access, price, first, last)]
    if commit.unit or commit.worth != ONE:
        worth = amount_text(commit.worth, currency)
        sentences.append(f"One {commit.unit or 'of it'} pays for {worth} of usage.")
    sentences.append(f"It is for {_scope(commit, names)}.")
    instalments = list(commit.instalments.all())
    if commit.kind != Kind.POSTPAID and commit.price:
        days = [long_day_text(_day(contract, each.invoice_at)) for each in instalments]
        amounts = [amount_text(each.amount, currency) for each in instalments]
        parts = [f"{amount} on {day}" for amount, day in zip(amounts, days, strict=True)]
        sentences.append(f"Invoiced: {', '.join(parts)}.")
    if commit.is_gated:
        sentences.append("It can be used once its invoices are paid.")
    if commit.kind != Kind.POSTPAID:
        sentences.append("When it is used up, usage is invoiced at the prices above.")
        sentences.append(_rest(commit, last))
    return Clause(sentences, commit.name)


def _promise(commit: Commit, access: str, price: str, first: str, last: str) -> str:
    if commit.kind == Kind.POSTPAID:
        return (
            f"From {first} to {last} at least {access} of usage is bought. "
            "What is short of that at the end is invoiced then."
        )
    given = f"costs {price}" if commit.price else "is given"
    return f"From {first} to {last} usage worth {access} is paid from this before it is invoiced; it {given}."


def _rest(commit: Commit, last: str) -> str:
    if not commit.rollover_percent:
        return f"What is left after {last} expires."
    most = ""
    if commit.rollover_limit is not None:
        unit = commit.unit or commit.contract.currency
        most = f", at most {plain(commit.rollover_limit)} {unit},"
    return (
        f"Of what is left after {last} {percent_text(commit.rollover_percent)}{most} can be used for "
        f"{months_text(commit.rollover_months)} more; the rest expires."
    )


def _scope(commit: Commit, names: Mapping[str, str]) -> str:
    named = [*(names[key] for key in commit.product_keys), *(f"everything tagged {tag}" for tag in commit.product_tags)]
    return ", ".join(named) or "all usage"


def _invoices(contract: Contract) -> list[str]:
    taxation = taxation_of(contract.payer, contract.time_zone)
    tax, untaxed_until = taxation["tax_percent"], taxation.get("untaxed_until")
    from_on = f" from {long_day_text(_day(contract, untaxed_until))}" if untaxed_until else ""
    months, groups = contract.invoice_months, sorted({line.invoice_group for line in contract.lines.all()} - {""})
    return [
        _cycles(contract),
        *([f"What falls due is invoiced together, every {months} months."] if months > 1 else []),
        *([f"There are invoices apart for {', '.join(groups)}."] if groups else []),
        f"An invoice is drawn up when what is on it is due, and open for {contract.grace_hours} hours for late usage.",
        f"It is to be paid within {contract.payment_terms_days} days, in {contract.currency}.",
        f"{percent_text(tax)} of tax is added{from_on}." if tax else "No tax is added.",
    ]


def _cycles(contract: Contract) -> str:
    day = contract.anchor_day or _day(contract, contract.start_at).day
    return f"Months and other cycles begin on {'the last day' if day == 31 else f'day {day}'} of a month."


PARTS = {
    Contract.Proration.DAY: "A part of a cycle is charged by its days.",
    Contract.Proration.SECOND: "A part of a cycle is charged by its seconds.",
    Contract.Proration.NONE: "A part of a cycle is charged like a whole one.",
}


def _changes(contract: Contract) -> list[str]:
    return [
        "What is written here changes only by an amendment, from the day that it names.",
        PARTS[Contract.Proration(contract.proration)],
        "What is found later, or was wrong, is invoiced or given back as a difference, for the period it is of.",
    ]


def _day(contract: Contract, instant: datetime) -> date:
    return local_day(instant, contract.time_zone)
