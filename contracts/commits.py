"""The ledger of commits: one append-only row per grant, draw and return. PostgreSQL keeps the balance."""

from decimal import Decimal

from django.db import IntegrityError, transaction

from contracts.models import Commit, CommitEntry
from contracts.words import access_text
from governance.acts import Act, Refused
from governance.models import Change

Kind = CommitEntry.Kind


def grant(commit: Commit, *, act: Act, change: Change) -> CommitEntry:
    """Give the access that was bought. Once: a second grant of the same commit is the first."""
    return record_entry(commit, Kind.GRANT, commit.access_amount, "commit", str(commit.pk), act, change)


def move(
    commit: Commit, units: Decimal, *, taking: str, source_type: str, source_id: str, act: Act, change: Change
) -> CommitEntry:
    """Take so many units (below zero) by an entry of the kind `taking`, or return them. `Refused` if it has less."""
    kind = Kind.RETURN if units > 0 else taking
    return record_entry(commit, kind, units, source_type, source_id, act, change)


def record_entry(
    commit: Commit, kind: str, amount: Decimal, source_type: str, source_id: str, act: Act, change: Change
) -> CommitEntry:
    """Move a commit by a signed amount, inside the open `change`; the entry carries the balance after it.

    A cause moves a commit once: repeated exactly, it answers with the entry there is; with another amount or kind, or
    beyond the balance, it is `Refused`. `commit.balance` of the instance given is brought up to date.
    """
    entry = CommitEntry(
        commit=commit,
        kind=kind,
        amount=amount,
        source_type=source_type,
        source_id=source_id,
        change=change,
        at=act.at,
    )
    try:
        with transaction.atomic():
            entry.save()
    except IntegrityError as error:
        entry = _explained(error, entry)
    entry.refresh_from_db(fields=["balance_after"])
    commit.refresh_from_db(fields=["balance"])
    return entry


def _explained(error: IntegrityError, entry: CommitEntry) -> CommitEntry:
    diagnosis = getattr(error.__cause__, "diag", None)
    match diagnosis and diagnosis.constraint_name:
        case "a_commit_is_never_overdrawn":
            commit = Commit.objects.select_related("contract").get(pk=entry.commit_id)
            currency = commit.contract.currency
            left, asked = (access_text(each, commit.unit, currency) for each in (commit.balance, -entry.amount))
            raise Refused(f"{commit.name} has {left} left; {asked} cannot be drawn.") from error
        case "a_cause_moves_a_commit_once":
            before = CommitEntry.objects.get(
                commit=entry.commit_id, source_type=entry.source_type, source_id=entry.source_id
            )
            if (before.kind, before.amount) == (entry.kind, entry.amount):
                return before
            raise Refused(f"{entry.commit.name} was already moved for this, by another amount.") from error
    raise error
