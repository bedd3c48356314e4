"""Statements as people read them: one set of texts for the admin, the customer's page and the PDF."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.template.loader import render_to_string

from contracts.models import Commit, CommitEntry, Customer
from contracts.presentation import access_of, headline
from contracts.statements import Movement, Statement, statements_of
from contracts.words import amount_text, day_text, period_text
from governance import documents
from governance.acts import Refused
from governance.admin_base import page_of
from pricing.periods import local_day

Kind = CommitEntry.Kind
WORDS = {
    Kind.GRANT: "Granted",
    Kind.DRAW: "Drawn",
    Kind.RETURN: "Given back",
    Kind.EXPIRY: "Expired",
    Kind.ROLLOVER: "Rolled over",
    Kind.TRUE_UP: "Trued up",
    Kind.REFUND: "Refunded",
    Kind.ADJUSTMENT: "Adjusted",
}
# What a statement sums up, in this order; what was given back was not drawn.
SUMS = [
    ("Granted", (Kind.GRANT,)),
    ("Drawn", (Kind.DRAW, Kind.RETURN)),
    ("Expired", (Kind.EXPIRY,)),
    ("Rolled over", (Kind.ROLLOVER,)),
    ("Trued up", (Kind.TRUE_UP,)),
    ("Refunded", (Kind.REFUND,)),
    ("Adjusted", (Kind.ADJUSTMENT,)),
]


@dataclass(frozen=True, slots=True)
class ShownMovement:
    """`link` leads to the record behind it in the admin, if it has a page; `paid_for` says which products, in money."""

    on: str
    what: str
    cause: str
    because: str
    link: str
    paid_for: Sequence[tuple[str, str]]
    amount: str
    balance: str


@dataclass(frozen=True, slots=True)
class ShownStatement:
    name: str
    headline: str
    contract: str
    days: str
    opening: str
    sums: Sequence[tuple[str, str]]
    movements: Sequence[ShownMovement]
    closing: str


def shown_statement(statement: Statement) -> ShownStatement:
    commit = statement.commit
    sums = [(title, statement.total(*kinds)) for title, kinds in SUMS]
    return ShownStatement(
        name=commit.name,
        headline=headline(commit),
        contract=commit.contract.number,
        days=period_text(statement.period, commit.contract.time_zone),
        opening=access_of(commit, statement.opening),
        sums=[(title, _signed(commit, amount)) for title, amount in sums if amount],
        movements=[_movement(commit, each) for each in statement.movements],
        closing=access_of(commit, statement.closing),
    )


def statement_pdf(
    customer: Customer, commits: Iterable[Commit], start_on: date | None, end_on: date | None, at: datetime
) -> bytes:
    """The statements of some of a customer's commits as one document. `Refused` if there are none.

    Drawn anew each time, and not kept: the ledger is.
    """
    statements = statements_of(commits, start_on, end_on, at)
    if not statements:
        raise Refused(f"{customer.name} has no commits to state.")
    seller = statements[0].commit.contract.legal_entity
    shown = {
        "seller": {name: getattr(seller, name) for name in ("name", "address", "email", "tax_number")},
        "buyer": customer,
        "statements": [shown_statement(each) for each in statements],
        "as_of": day_text(local_day(at, customer.time_zone)),
    }
    return documents.pdf(render_to_string("contracts/statement_document.html", {"shown": shown}))


def _movement(commit: Commit, movement: Movement) -> ShownMovement:
    entry, cause, currency = movement.entry, movement.cause, commit.contract.currency
    return ShownMovement(
        on=day_text(local_day(entry.at, commit.contract.time_zone)),
        what=WORDS[Kind(entry.kind)],
        cause=cause.title,
        because=entry.change.because,
        link=page_of(cause.subject_type, cause.subject_id),
        paid_for=[(name, amount_text(amount, currency)) for name, amount in cause.paid_for],
        amount=_signed(commit, entry.amount),
        balance=access_of(commit, movement.balance),
    )


def _signed(commit: Commit, amount: Any) -> str:
    return ("+" if amount > 0 else "") + access_of(commit, amount)
