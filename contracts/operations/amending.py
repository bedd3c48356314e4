"""Amending a contract: drafted, submitted to those who must agree, applied. Nothing else changes what was signed.

Every operation locks the contract first; so of two that meet, one is first and the other sees what it did.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max, Q

from contracts import queries
from contracts.amending import Amended
from contracts.changes import Cancel, Change, Reactivate, dump, load
from contracts.checks import checked
from contracts.guards import AMENDABLE
from contracts.models import Amendment, Contract
from contracts.operations.writing import write_commit
from contracts.words import amount_text
from governance import approvals
from governance.acts import Act, Refused
from governance.approvals import Fact, hash_of
from governance.change import change, locked
from pricing.money import ZERO, plain
from pricing.periods import midnight

Status = Amendment.Status

# What the customer gets back by an amendment: invoicing knows, and names its function here; contracts stand below it.
credit_sources: list[Callable[[Amendment, datetime], Decimal]] = []


def draft_amendment(
    contract: Contract, *, changes: Sequence[Change], effective_at: datetime, reason: str = "", act: Act
) -> Amendment:
    """Write down what is to change, from when and why (the act's reason unless said).

    `Refused` if the contract as it is cannot be changed so. Nothing of it changes yet.
    """
    amendment = Amendment(contract=contract, reason=reason or act.because)
    with change("amendment.drafted", amendment, act):
        contract = locked(contract)
        amendment.number = (contract.amendments.aggregate(last=Max("number"))["last"] or 0) + 1
        _set(amendment, changes, effective_at, act)
    return amendment


def redraft_amendment(
    amendment: Amendment, *, changes: Sequence[Change], effective_at: datetime, reason: str, act: Act
) -> Amendment:
    """Let it change something else. Questions that nobody has answered are taken back."""
    with change("amendment.redrafted", amendment, act):
        locked(amendment.contract)
        amendment = locked(amendment)
        if amendment.status != Status.DRAFT:
            amendment.become(Status.DRAFT)
            approvals.close(amendment, act=act)
        amendment.reason, amendment.basis, amendment.submitted_by = reason or act.because, "", None
        _set(amendment, changes, effective_at, act)
    return amendment


def submit_amendment(amendment: Amendment, *, act: Act) -> Amendment:
    """Finish a draft, bound to the contract as it is now, and ask those who must agree. Asking takes a person."""
    with change("amendment.submitted", amendment, act):
        contract = locked(amendment.contract)
        amendment = locked(amendment)
        amendment.become(Status.IN_REVIEW)
        amendment.basis = basis_of(contract)
        amendment.submitted_by = act.by
        amendment.save()
        facts = amendment_facts(amendment, at=act.at)
        if approvals.outstanding(amendment, facts):
            approvals.ask(amendment, facts, act=act)
    return amendment


def apply_amendment(amendment: Amendment, *, act: Act) -> Amendment:
    """Make the changes, all or none. From here on the amendment never changes.

    `Refused` while somebody must still agree, or if the contract is not any more what it was when this was submitted.
    """
    with change("amendment.applied", amendment, act):
        contract = locked(amendment.contract)
        amendment = locked(amendment)
        amendment.become(Status.APPLIED)
        if amendment.basis != basis_of(contract):
            raise Refused(f"{contract} has changed since this was submitted; look at what it comes to again.")
        approvals.require_none_outstanding(amendment, amendment_facts(amendment, at=act.at))
        rows = rows_of(amendment, at=act.at)
        amendment.applied_at, amendment.did = act.at, rows.said
        amendment.save()  # first: PostgreSQL lets a contract change where an amendment of it has been applied
        with change(_name_of(amendment), contract, act):
            _save(rows, contract.end_at, act)
    return amendment


def withdraw_amendment(amendment: Amendment, *, act: Act) -> Amendment:
    """Give it up; it was never applied."""
    with change("amendment.withdrawn", amendment, act):
        locked(amendment.contract)
        amendment = locked(amendment)
        amendment.become(Status.WITHDRAWN)
        amendment.save()
        approvals.close(amendment, act=act)
    return amendment


def amend(contract: Contract, *changes: Change, effective_at: datetime, act: Act) -> Amendment:
    """Draft, submit and apply at once. `Refused`, and nothing is written, where somebody else must agree first."""
    with transaction.atomic():
        amendment = draft_amendment(contract, changes=changes, effective_at=effective_at, act=act)
        approvals.require_none_outstanding(amendment, amendment_facts(amendment, at=act.at))
        return apply_amendment(submit_amendment(amendment, act=act), act=act)


def end_contract(contract: Contract, *, end_on: date, act: Act) -> Contract:
    """End it before the first instant of `end_on` (local). What was used until then is still billed.

    What was billed in advance for the time after comes back; commits are not given back here.
    """
    end_at = midnight(end_on, contract.time_zone)
    amend(contract, Cancel(), effective_at=end_at, act=act)
    contract.refresh_from_db()
    return contract


def rows_of(amendment: Amendment, *, at: datetime) -> Amended:
    """What the contract would become, as rows that are not saved."""
    _, _, rows = queries.amended(
        amendment.contract, load(amendment.changes), effective_at=amendment.effective_at, at=at
    )
    return rows


def basis_of(contract: Contract) -> str:
    """A hash of what is agreed; it differs once anything of that has changed."""
    parts = [
        list(rows.order_by("pk").values_list(*columns))
        for rows, columns in (
            (Contract.objects.filter(pk=contract.pk), AMENDABLE),
            (contract.lines.all(), ("pk", "end_at")),
            (contract.overrides.all(), ("pk", "end_at")),
            (contract.commits.all(), ("pk", "end_at")),
        )
    ]
    return hash_of(parts)


def amendment_facts(amendment: Amendment, *, at: datetime) -> list[Fact]:
    """What policies may watch: the highest discount newly agreed, the credit given, the days taken off the term."""
    rows = rows_of(amendment, at=at)
    inputs = hash_of([amendment.effective_at, amendment.changes])
    credit = sum((given(amendment, at) for given in credit_sources), ZERO)
    return [
        Fact("discount_percent", rows.discount_percent, inputs, f"{plain(rows.discount_percent)} % off"),
        Fact("credit_given", credit, inputs, f"{amount_text(credit, rows.contract.currency)} of credit"),
        Fact("days_shorter", Decimal(rows.days_shorter), inputs, f"{rows.days_shorter} days taken off the term"),
    ]


def _set(amendment: Amendment, changes: Sequence[Change], effective_at: datetime, act: Act) -> None:
    amendment.changes, amendment.effective_at = dump(changes), effective_at
    checked(amendment)
    rows_of(amendment, at=act.at)
    amendment.save()


def _name_of(amendment: Amendment) -> str:
    kinds = {type(each) for each in load(amendment.changes)}
    return f"contract.{'ended' if Cancel in kinds else 'reactivated' if Reactivate in kinds else 'amended'}"


def _save(rows: Amended, old_end: datetime, act: Act) -> None:
    contract = rows.contract
    checked(contract).save()
    for line in [*rows.moved, *rows.added]:
        checked(line).save()
    for override in rows.overrides:
        checked(override).save()
    for agreed, start_at in rows.commits:
        write_commit(contract, agreed, act, start_at=start_at)
    if contract.end_at != old_end:
        rules = contract.commitrules.filter(Q(end_at=old_end) | Q(end_at__gt=contract.end_at))
        for rule in rules.filter(start_at__lt=contract.end_at).select_for_update():
            rule.end_at = contract.end_at
            rule.save()
