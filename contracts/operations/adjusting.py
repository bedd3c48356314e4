"""What people do to a commit: give goodwill, or take something away."""

from decimal import Decimal

from contracts.checks import check_money
from contracts.commits import record_entry
from contracts.models import Commit, CommitEntry, Contract
from contracts.words import access_text
from governance import approvals
from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import ApprovalRequest
from pricing.money import ZERO, plain

ADJUSTED = "commit_adjustment"
SOURCE = "adjustment"
FINEST = Decimal(1).scaleb(-9)


def adjust_commit(commit: Commit, *, amount: Decimal, reference: str = "", act: Act) -> CommitEntry:
    """Give so much of its unit (above zero), or take it away (below); `act.because` is the reason.

    The same `reference` again is the same adjustment. Where a policy watches `commit_adjustment`, somebody else must
    have agreed to this very one (see `request_adjustment`). `Refused` beyond the balance, and for a commit that was not
    granted, or is over.
    """
    with change("commit.adjusted", commit, act) as row:
        Contract.objects.select_for_update(of=("self",)).get(pk=commit.contract_id)
        commit = locked(commit)
        known = commit.entries.filter(source_type=SOURCE, source_id=reference).first() if reference else None
        if known is None:
            _must_be_adjustable(commit, amount, act)
            approvals.require_none_outstanding(commit, adjustment_facts(commit, amount))
        return record_entry(commit, CommitEntry.Kind.ADJUSTMENT, amount, SOURCE, reference or str(row.pk), act, row)


def request_adjustment(commit: Commit, *, amount: Decimal, act: Act) -> list[ApprovalRequest]:
    """Ask whoever must agree to this adjustment. No requests: nobody needs to."""
    _must_be_adjustable(commit, amount, act)
    return approvals.ask(commit, adjustment_facts(commit, amount), act=act)


def adjustment_facts(commit: Commit, amount: Decimal) -> list[approvals.Fact]:
    """What approval policies watch: how much money one adjustment is worth; an approval is good for it once."""
    before = [plain(each) for each in _adjusted(commit)]
    inputs = {"commit": commit.pk, "adjusted": before, "adjustment": plain(amount)}
    why = f"adjustment of {access_text(amount, commit.unit, commit.contract.currency)} of {commit}"
    return [approvals.Fact(ADJUSTED, abs(amount) * commit.worth, approvals.hash_of(inputs), why, exact=True)]


def _adjusted(commit: Commit) -> list[Decimal]:
    adjustments = commit.entries.filter(kind=CommitEntry.Kind.ADJUSTMENT)
    return list(adjustments.values_list("amount", flat=True))


def _must_be_adjustable(commit: Commit, amount: Decimal, act: Act) -> None:
    if not amount.is_finite() or amount == ZERO or amount != amount.quantize(FINEST):
        raise Refused("Give an amount above or below zero with no more than nine decimals.")
    if not commit.unit:
        check_money(abs(amount), commit.contract.currency, "adjustment")
    if commit.kind == Commit.Kind.POSTPAID:
        raise Refused(f"{commit.name} is postpaid: nothing of it was given yet.")
    if not commit.entries.filter(kind=CommitEntry.Kind.GRANT).exists():
        raise Refused(f"{commit.name} waits for its payment; there is nothing to adjust yet.")
    if act.at >= min(commit.end_at, commit.contract.end_at):
        raise Refused(f"{commit.name} is over; nothing of it can be used any more.")
