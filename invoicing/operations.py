"""The verbs of invoicing: bill, finalize, void, record a payment, credit."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic
from uuid import UUID

from django.db import transaction

from contracts.commits import move
from contracts.models import Commit, CommitEntry, Contract
from contracts.operations import make_due_commits
from contracts.statements import used_of
from contracts.words import access_text
from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import Change
from invoicing.arrears import refresh_arrears
from invoicing.billing import Gathered, bill_contracts, failed, gather, not_made, outcome
from invoicing.closing import close_windows
from invoicing.drafts import last_due_on, says, write_lines
from invoicing.holds import held, must_not_be_held, release_invoice
from invoicing.models import BillingOutcome, BillingRun, Invoice, InvoiceLine, InvoiceSeries, UnpricedUsage
from invoicing.presentation import parties
from invoicing.queries import DRAW_SOURCE, RETURN_SOURCE, already_paid
from invoicing.refunds import refund_commit, refundable
from invoicing.settlement import (
    credit_facts,
    issue_credit_note,
    next_number,
    record_payment,
    request_credit_note,
    settle_if_paid,
)
from invoicing.unpriced import dismiss_unpriced
from pricing.money import shown
from pricing.periods import local_day

__all__ = [
    "bill_again", "bill_contracts", "bill_due", "credit_facts", "dismiss_unpriced", "finalize_invoice",
    "issue_credit_note", "record_payment", "refund_commit", "refundable", "release_invoice",
    "request_credit_note", "void_invoice",
]  # fmt: skip

Moves = CommitEntry.Kind
Result = BillingOutcome.Result
Status = Invoice.Status


def bill_due(*, through: datetime, act: Act, chunk: int = 200) -> BillingRun:
    """Bill every contract for what fell due by `through`, and finalize the drafts whose grace is over by then.

    Before that, the commits that their rules foresee are made, so that none comes too late for what it pays; after it,
    what is left of those whose window is over and billed rolls over or expires.

    Chunk by chunk, each committed by itself. Safe to repeat and to run twice at once; a contract's failure is an
    outcome of the run and stops no other.
    """
    began = monotonic()
    run = BillingRun.objects.create(through=through, started_at=act.at, by_name=act.name)
    contracts = Contract.objects.filter(start_at__lte=through).order_by("pk").values_list("pk", flat=True)
    for ids in _chunks(contracts, chunk):
        unmade = [not_made(each) for each in make_due_commits(ids, at=through, act=act)]
        drafted = bill_contracts(ids, through=through, act=act)
        finalized = _finalize_due(ids, through=through, act=act)
        # What fell due while a draft was still in its grace waited for it to be finalized.
        waited = {each.contract_id for each in finalized if each.result == Result.FINALIZED}
        drafted += bill_contracts(sorted(waited), through=through, act=act) if waited else []
        done = {each.invoice_id for each in finalized if each.invoice_id}
        outcomes = [*unmade, *(each for each in drafted if each.invoice_id not in done), *finalized]
        unbilled = {each.contract_id for each in outcomes if each.result == Result.FAILED}
        outcomes += close_windows([pk for pk in ids if pk not in unbilled], through=through, act=act)
        for each in outcomes:
            each.run = run
        BillingOutcome.objects.bulk_create(outcomes)
    run.finished_at = act.at + timedelta(seconds=monotonic() - began)
    run.save(update_fields=["finished_at"])
    return run


def bill_again(usage: UnpricedUsage, *, act: Act) -> UnpricedUsage:
    """Bill the contract of what had no price, for what is due by now. Gives the row as it is then.

    `Refused` if the contract cannot be billed.
    """
    with transaction.atomic():
        outcomes = bill_contracts([usage.contract_id], through=act.at, act=act)
        if failures := [each.reason for each in outcomes if each.result == Result.FAILED]:
            raise Refused(failures[0])
    usage.refresh_from_db()
    return usage


def finalize_invoice(invoice: Invoice, *, act: Act) -> Invoice:
    """Issue a draft: bring it up to date, draw the commits, copy the parties, number it. From then on it never changes.

    An invoice over nothing is paid at once. `Refused` if it is no draft, is held for review, or comes to less than
    nothing.
    """
    with transaction.atomic():
        until = _until(invoice)
        (facts,) = gather([invoice.contract_id], until)
        draft = facts.drafts.get((invoice.kind, invoice.group))
        if draft is None or draft.pk != invoice.pk:
            locked(invoice).become(Status.FINALIZED)
            raise Refused("This draft has changed meanwhile; look at it again.")
        must_not_be_held(draft)
        return _finalized(facts, draft, act)


def void_invoice(invoice: Invoice, *, act: Act) -> Invoice:
    """Take an unpaid invoice back: what it drew returns to the commits, and the next run bills all of it anew.

    It keeps its number. `Refused` once money was received or credited for it, something was drawn from a commit that it
    sells (then more would be drawn than was ever deferred), a later invoice gave back some of what it drew, or what it
    gave back itself has been drawn since.
    """
    with change("invoice.voided", invoice, act) as row:
        Contract.objects.select_for_update(of=("self",)).get(pk=invoice.contract_id)
        commits = list(invoice.contract.commits.select_for_update(of=("self",)).order_by("pk"))
        invoice = locked(invoice)
        if invoice.status == Status.FINALIZED and (invoice.payments.exists() or invoice.credit_notes.exists()):
            raise Refused("Money was received or credited for this invoice; issue a credit note instead.")
        invoice.become(Status.VOID)
        _must_sell_nothing_drawn(invoice, commits)
        _move_commits(invoice, {str(commit.pk): commit for commit in commits}, row, act, back=True)
        invoice.save()
        _must_leave_no_return_alone(invoice)
        refresh_arrears(act.at, customers=[invoice.contract.customer_id], act=act)
    return invoice


def _must_sell_nothing_drawn(invoice: Invoice, commits: Iterable[Commit]) -> None:
    sold = set(invoice.lines.filter(kind=InvoiceLine.Kind.COMMIT).values_list("commit_id", flat=True))
    used = used_of(sold)
    for commit in commits:
        if used.get(commit.pk, 0) > 0:
            amount = access_text(used[commit.pk], commit.unit, invoice.currency)
            raise Refused(
                f"{amount} of {commit.name}, which this invoice sells, is drawn already. "
                "Void the invoices that drew it first, or issue a credit note instead."
            )


def _must_leave_no_return_alone(invoice: Invoice) -> None:
    still = already_paid([invoice.contract_id]).get(invoice.contract_id, {})
    if any(draw.amount < 0 for draws in still.values() for draw in draws):
        raise Refused("A later invoice gave back some of what this one drew. Void that one first.")


def _finalize_due(ids: list[UUID], *, through: datetime, act: Act) -> list[BillingOutcome]:
    """Finalize the chunk's drafts that are closed and not held, in one transaction, each by itself if one fails."""
    closed = Invoice.objects.filter(
        contract__in=ids, status=Status.DRAFT, closes_at__lte=through, total__gte=0
    ).order_by("closes_at", "contract__number", "kind", "group")
    drafts = list(closed.select_related("contract"))
    waiting = held(drafts)
    drafts = [draft for draft in drafts if draft.pk not in waiting]
    if not drafts:
        return []
    outcomes = []
    with transaction.atomic():
        gathered = {facts.contract.pk: facts for facts in gather({draft.contract_id for draft in drafts}, through)}
        for wanted in drafts:
            facts = gathered[wanted.contract_id]
            draft = facts.drafts.get((wanted.kind, wanted.group))
            if draft is None or draft.pk != wanted.pk:
                continue  # somebody else was faster
            try:
                outcomes.append(outcome(_finalized(facts, draft, act), Result.FINALIZED))
            except Exception as error:  # one contract's failure must not stop the others
                outcomes.append(failed(draft.contract_id, error))
    return outcomes


def _finalized(facts: Gathered, draft: Invoice, act: Act) -> Invoice:
    with change("invoice.finalized", draft, act) as row:
        parts = facts.parts_for(draft)
        if parts is None:
            raise Refused("Nothing on this draft is owed any more; the next billing run discards it.")
        if parts.total < 0:
            owed = shown(parts.total, draft.currency)
            raise Refused(f"This comes to {owed}; what is in the customer's favour goes on the next invoice.")
        if not says(draft, parts):
            write_lines(draft, parts)
        _move_commits(draft, facts.commits, row, act)
        draft.become(Status.FINALIZED)
        draft.measured_through = facts.measured_through
        draft.seller, draft.buyer = parties(facts.contract)
        prefix = facts.contract.legal_entity.invoice_prefix
        series, sequence, draft.number = next_number(facts.contract.legal_entity, prefix)
        draft.series, draft.sequence = series, sequence
        draft.issued_at = max(act.at, _issued_before(series, sequence) or act.at)
        issued_on = local_day(draft.issued_at, draft.time_zone)
        draft.due_on = issued_on + timedelta(days=facts.contract.payment_terms_days)
        draft.save()
    if not draft.total:
        settle_if_paid(draft, act)
    return draft


def _move_commits(
    invoice: Invoice, commits: Mapping[str, Commit], row: Change, act: Act, *, back: bool = False
) -> None:
    """Draw what its lines say or, with `back`, undo that. What goes back goes first, for it may be drawn again.

    What is billed as not used goes last, for it is what all draws leave.
    """
    moved = [
        (line.quantity if back else -line.quantity, line)
        for line in invoice.lines.exclude(commit=None).exclude(kind=InvoiceLine.Kind.COMMIT)
    ]
    for units, line in sorted(moved, key=lambda each: (each[0] < 0, each[1].is_true_up, each[1].position)):
        if units:
            move(
                commits[str(line.commit_id)],
                units,
                taking=Moves.TRUE_UP if line.is_true_up else Moves.DRAW,
                source_type=RETURN_SOURCE if back else DRAW_SOURCE,
                source_id=str(line.pk),
                act=act,
                change=row,
            )


def _issued_before(series: InvoiceSeries, sequence: int) -> datetime | None:
    """When the number before was given: numbers rise with the time of issue, whoever's clock was read first."""
    before = Invoice.objects.filter(series=series, sequence=sequence - 1)
    return before.values_list("issued_at", flat=True).first()


def _until(invoice: Invoice) -> datetime:
    """Up to when to rate for this draft; anything for an invoice that is none, and refused under the lock."""
    lines = invoice.lines.exclude(kind=InvoiceLine.Kind.DRAWDOWN)
    return last_due_on(invoice) if lines.exists() else invoice.period_end


def _chunks(ids: Iterable[UUID], size: int) -> Iterator[list[UUID]]:
    remaining = iter(list(ids))
    while taken := list(islice(remaining, size)):
        yield taken
