"""A contract as of an instant: what of it was in force then, as far as was known at the same or another instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Model, Sum, prefetch_related_objects

from contracts.models import Commit, CommitEntry, Contract, ContractLine, Override
from contracts.queries import deals_of
from contracts.terms import agreed_terms
from contracts.words import day_text
from governance.acts import Refused
from pricing.money import ZERO
from pricing.periods import midnight

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class AsOf:
    """The contract's own columns as they were known, and those of its parts that were in force.

    `prices` are in words by the key of the line: those in force at `at`, by all that is known today. Balances are of
    what moved the commits until `at`.
    """

    at: datetime
    known_at: datetime
    contract: Contract
    lines: Sequence[ContractLine]
    overrides: Sequence[Override]
    commits: Sequence[Commit]
    prices: dict[str, str]


def as_of(contract: Contract, at: datetime, known_at: datetime) -> AsOf:
    """`Refused` if nothing was known of the contract then. A constant number of queries."""
    known = next(iter(_known(Contract, known_at, id=contract.pk)), None)
    if known is None:
        raise Refused(f"{contract} was not known then; it was signed on {day_text(contract.signed_at.date())}.")
    lines = [each for each in _known(ContractLine, known_at, contract=contract) if each.start_at <= at < each.end_at]
    overrides = [each for each in _known(Override, known_at, contract=contract) if _acts(each, at)]
    commits = [each for each in _known(Commit, known_at, contract=contract) if each.start_at <= at < each.end_at]
    prefetch_related_objects(lines, "product__meter")
    prefetch_related_objects(overrides, "product")
    prefetch_related_objects(commits, "instalments")
    entries = CommitEntry.objects.filter(commit__in=[each.pk for each in commits], at__lte=at)
    moved = dict(entries.values_list("commit").annotate(Sum("amount")).order_by())
    for commit in commits:
        commit.contract, commit.balance = known, moved.get(commit.pk, ZERO)
    return AsOf(
        at,
        known_at,
        known,
        sorted(lines, key=lambda line: (line.position, line.start_at, str(line.pk))),
        overrides,
        sorted(commits, key=lambda commit: (commit.start_at, commit.name, str(commit.pk))),
        _prices(contract, at),
    )


def instant_of(contract: Contract, day: date, *, is_over: bool) -> datetime:
    """The instant at which a local day begins, or the last one of it."""
    if not is_over:
        return midnight(day, contract.time_zone)
    return midnight(day + timedelta(days=1), contract.time_zone) - timedelta(microseconds=1)


def _known(model: type[M], known_at: datetime, **whose: Any) -> list[M]:
    """The rows as the history has them at an instant."""
    history: Any = model._default_manager.model.history  # type: ignore[attr-defined]
    return list(history.filter(history_date__lte=known_at, **whose).latest_of_each().as_instances())


def _acts(override: Override, at: datetime) -> bool:
    return override.start_at <= at and (override.end_at is None or at < override.end_at)


def _prices(contract: Contract, at: datetime) -> dict[str, str]:
    try:
        terms = [each.term for each in agreed_terms(deals_of([contract])[contract.pk])]
    except Refused:
        return {}
    words = {}
    for term in terms:
        price = next((each for each in reversed(term.prices) if each.since <= at), term.prices[0])
        words[term.key] = price.charge.sentence(contract.currency)
    return words
