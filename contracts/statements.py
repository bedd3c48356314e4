"""Statements of commits: what there was, what moved it and why, what is left. Set-based: a few queries for any number.

Why an entry is there is known to whoever made it: apps above say so for their kind of source (`explains`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Max, Q, Sum

from contracts.models import Commit, CommitEntry
from contracts.pace import LATELY, Drawn, Pace, pace_of
from pricing.money import ZERO
from pricing.periods import Period, local_days, midnight

Kind = CommitEntry.Kind


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a commit moved: in words, the record behind it (as a `Change` names its subject), and what was paid for."""

    title: str
    subject_type: str = ""
    subject_id: str = ""
    paid_for: Sequence[tuple[str, Decimal]] = ()  # product and money


@dataclass(frozen=True, slots=True)
class Movement:
    entry: CommitEntry
    balance: Decimal
    cause: Cause


@dataclass(frozen=True, slots=True)
class Statement:
    """A commit's movements during a period, in order of time. Opening and movements come to the closing, always."""

    commit: Commit
    period: Period
    opening: Decimal
    movements: Sequence[Movement]

    @property
    def closing(self) -> Decimal:
        return self.movements[-1].balance if self.movements else self.opening

    def total(self, *kinds: str) -> Decimal:
        """What the movements of these kinds come to."""
        return sum((each.entry.amount for each in self.movements if each.entry.kind in kinds), ZERO)


Explainer = Callable[[Sequence[CommitEntry]], dict[int, Cause]]
_EXPLAINERS: dict[str, Explainer] = {}


def explains(*source_types: str) -> Callable[[Explainer], Explainer]:
    """Mark what knows the causes of entries with these types of source: given entries, causes by entry id."""

    def register(explainer: Explainer) -> Explainer:
        _EXPLAINERS.update(dict.fromkeys(source_types, explainer))
        return explainer

    return register


def statements_of(
    commits: Iterable[Commit], start_on: date | None, end_on: date | None, at: datetime
) -> list[Statement]:
    """A statement of each, from the first to the last of these days, local to its contract and both inclusive.

    No first day: from when it was agreed on; no last day: until today. Give commits with their contracts.
    """
    asked = [(commit, _period(commit, start_on, end_on, at)) for commit in commits]
    entries: dict[UUID, list[CommitEntry]] = defaultdict(list)
    found = CommitEntry.objects.filter(commit__in=[commit.pk for commit, _ in asked]).select_related("change")
    for entry in found.order_by("at", "pk"):
        entries[entry.commit_id].append(entry)
    shown = [entry for commit, period in asked for entry in entries[commit.pk] if period.start <= entry.at < period.end]
    causes = _causes(shown)
    return [_statement(commit, period, entries[commit.pk], causes) for commit, period in asked]


def drawn_of(commits: Iterable[UUID], at: datetime) -> dict[UUID, Drawn]:
    """What was drawn of each of these commits, as of an instant. One query."""
    rows = (
        CommitEntry.objects.filter(commit__in=list(commits), kind__in=[Kind.DRAW, Kind.RETURN], at__lte=at)
        .order_by()
        .values("commit")
        .annotate(
            total=-Sum("amount"),
            lately=-Sum("amount", filter=Q(at__gt=at - LATELY), default=ZERO),
            last_at=Max("at", filter=Q(kind=Kind.DRAW)),
        )
    )
    return {row["commit"]: Drawn(row["total"], row["lately"], row["last_at"]) for row in rows}


def used_of(commits: Iterable[UUID]) -> dict[UUID, Decimal]:
    """What is drawn of each of these commits and not given back. One query."""
    moved = CommitEntry.objects.filter(commit__in=list(commits), kind__in=[Kind.DRAW, Kind.RETURN]).order_by()
    return {row["commit"]: -row["sum"] for row in moved.values("commit").annotate(sum=Sum("amount"))}


def granted_of(commits: Iterable[UUID]) -> set[UUID]:
    """Those of these commits that were granted; others wait to be paid. One query."""
    grants = CommitEntry.objects.filter(commit__in=list(commits), kind=Kind.GRANT)
    return set(grants.values_list("commit", flat=True))


def paces_of(commits: Iterable[Commit], at: datetime) -> dict[UUID, Pace]:
    """How fast each of these is used, by its id. One query."""
    asked = list(commits)
    drawn = drawn_of([commit.pk for commit in asked], at)
    return {each.pk: pace_of(each.balance, each.window, drawn.get(each.pk, Drawn()), at) for each in asked}


def _period(commit: Commit, start_on: date | None, end_on: date | None, at: datetime) -> Period:
    zone = commit.contract.time_zone
    agreed_at = min(commit.contract.signed_at, commit.start_at)
    first, today = local_days(Period(agreed_at, max(at, agreed_at)), zone)
    last = end_on or max(today, first)
    start = midnight(min(start_on or first, last), zone)
    return Period(start, midnight(last + timedelta(days=1), zone))


def _statement(commit: Commit, period: Period, entries: Sequence[CommitEntry], causes: dict[int, Cause]) -> Statement:
    opening = sum((each.amount for each in entries if each.at < period.start), ZERO)
    balance, movements = opening, []
    for each in entries:
        if period.start <= each.at < period.end:
            balance += each.amount
            movements.append(Movement(each, balance, causes[each.pk]))
    return Statement(commit, period, opening, movements)


def _causes(entries: Sequence[CommitEntry]) -> dict[int, Cause]:
    """Each entry's cause as its app tells it; none for what people did, whose reasons are in the history."""
    by_explainer: dict[Explainer, list[CommitEntry]] = defaultdict(list)
    for entry in entries:
        if entry.source_type in _EXPLAINERS:
            by_explainer[_EXPLAINERS[entry.source_type]].append(entry)
    causes = {entry.pk: Cause("") for entry in entries}
    for explainer, known in by_explainer.items():
        causes |= explainer(known)
    return causes


@explains("commit")
def _granted(entries: Sequence[CommitEntry]) -> dict[int, Cause]:
    """A grant stands on what was agreed: the contract, the rule that made it, or the commit whose rest it is."""
    related = ("contract", "rule", "rolled_from")
    commits = Commit.objects.select_related(*related).in_bulk({entry.commit_id for entry in entries})
    return {entry.pk: _agreed(commits[entry.commit_id]) for entry in entries}


def _agreed(commit: Commit) -> Cause:
    if commit.rolled_from is not None:
        return Cause(f"Rest of {commit.rolled_from.name}", "contracts.commit", str(commit.rolled_from_id))
    title = f"{commit.rule.name}, as agreed" if commit.rule is not None else f"Contract {commit.contract.number}"
    return Cause(title, "contracts.contract", str(commit.contract_id))
