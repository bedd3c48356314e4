"""When the window of a commit is over for good: its last usage is billed, out of grace, and on no draft any more."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Q

from contracts.models import Commit
from contracts.operations import close_commit
from contracts.queries import terms_of
from contracts.terms import ContractTerm
from governance.acts import Act
from invoicing.billing import failed
from invoicing.models import BillingOutcome, Invoice

log = logging.getLogger(__name__)
INSTANT = timedelta(microseconds=1)


def close_windows(contract_ids: Iterable[UUID], *, through: datetime, act: Act) -> list[BillingOutcome]:
    """Close the commits of these contracts that nothing can draw any more; what is left rolls over or expires.

    Give contracts that were billed through that instant. Safe to repeat; one that fails is undone alone and is an
    outcome.
    """
    outcomes = []
    for commit in _over(contract_ids, through):
        try:
            with transaction.atomic():
                close_commit(commit, act=act.saying(f"{commit.name} is over"))
        except Exception as error:  # one commit's failure must not stop the others
            outcomes.append(failed(commit.contract_id, error))
    return outcomes


def _over(contract_ids: Iterable[UUID], through: datetime) -> list[Commit]:
    left = Commit.objects.filter(contract__in=list(contract_ids), balance__gt=0).exclude(kind=Commit.Kind.POSTPAID)
    ended = left.filter(Q(end_at__lte=through) | Q(contract__end_at__lte=through)).select_related("contract")
    commits = list(ended.order_by("end_at", "pk"))
    if not commits:
        return []
    contracts = {commit.contract_id: commit.contract for commit in commits}
    terms = terms_of(contracts.values())
    drafts = Invoice.objects.filter(contract__in=contracts, status=Invoice.Status.DRAFT, kind=Invoice.Kind.PERIOD)
    drafted = dict(drafts.order_by().values_list("contract").annotate(Min("lines__period_start")))
    return [
        commit
        for commit in commits
        if _billed_at(commit, terms[commit.contract_id]) <= through
        and not (commit.contract_id in drafted and drafted[commit.contract_id] < commit.end_at)
    ]


def _billed_at(commit: Commit, terms: Iterable[ContractTerm]) -> datetime:
    """When the last usage it may pay for is due and out of grace; a cycle may begin in its window and end after it."""
    end = min(commit.end_at, commit.contract.end_at)
    last = [
        each.term.due_at(cycle)
        for each in terms
        if each.is_drawable and (cycle := each.term.cycle_at(end - INSTANT)) is not None
    ]
    return max([end, *last]) + timedelta(hours=commit.contract.grace_hours)
