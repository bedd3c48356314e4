"""Billing: gather what is agreed, measured and billed for a chunk of contracts; compute; record the drafts."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db import transaction

from contracts.models import Commit, Contract
from contracts.operations.granting import NotMade
from contracts.queries import deals_of, invoiced_at
from contracts.terms import (
    SHORTFALL_ACCOUNT,
    ContractTerm,
    Deal,
    DealCommit,
    agreed_terms,
    instruments,
    last_due,
)
from governance.acts import Act
from invoicing.calculation import Parts, horizon, invoice_parts, still_owed
from invoicing.drafts import discarded, drafted, last_due_on, says
from invoicing.drawing import Payer, TrueUp
from invoicing.lines import Line, Paid
from invoicing.models import BillingOutcome, Invoice, UnpricedUsage
from invoicing.queries import already_billed, already_paid
from invoicing.unpriced import unpriced_changes, write_unpriced
from metering.cutoffs import Cutoff, cutoff_now
from metering.queries import usage
from pricing.drawdown import Instrument
from pricing.measures import Measured, Split
from pricing.periods import Period
from pricing.rating import RatedLine, rate, slots

log = logging.getLogger(__name__)
Result = BillingOutcome.Result


@dataclass
class Gathered:
    """Everything that decides what one contract owes, read while it is locked."""

    contract: Contract
    terms: list[ContractTerm]
    billed: list[Line]
    payers: list[Payer]
    paid: Paid
    commits: dict[str, Commit]
    rated_through: datetime
    usage: dict[tuple[str, str, Period, Split], Measured] = field(default_factory=dict)
    measured_through: int | None = None
    drafts: dict[tuple[str, str], Invoice] = field(default_factory=dict)
    unpriced: list[UnpricedUsage] = field(default_factory=list)

    @cached_property
    def rated(self) -> list[RatedLine]:
        """What the terms come to, as far as is due or was billed."""
        return self._rated(self.rated_through)

    def parts(self, through: datetime) -> list[Parts]:
        """The invoices this contract should have as drafts now."""
        rated = self._invoiced(self.rated, self.rated_through)
        return self._parts(rated, through, timedelta(hours=self.contract.grace_hours))

    def parts_for(self, draft: Invoice) -> Parts | None:
        """What this draft should say now: what fell due when its lines did, and what came in for that since."""
        until = last_due_on(draft)
        through = horizon(self.billed, until)
        again = self._parts(self._invoiced(self._rated(through), through), until, timedelta(0))
        found = next((parts for parts in again if (parts.kind, parts.group) == (draft.kind, draft.group)), None)
        return found and replace(found, closes_at=draft.closes_at or found.closes_at)

    def _rated(self, through: datetime) -> list[RatedLine]:
        return rate([each.term for each in self.terms], self._measured, through)

    def _invoiced(self, rated: list[RatedLine], through: datetime) -> list[RatedLine]:
        """What of it is invoiced by then, or was: charges fall due at the end of their invoicing cycle."""
        if self.contract.invoice_months == 1:
            return rated
        charges = {each.term.key for each in self.terms if each.kind == "charge"}
        moved = [
            replace(line, due_at=invoiced_at(self.contract, line.due_at)) if line.key in charges else line
            for line in rated
        ]
        billed = {(line.term, line.period) for line in self.billed}
        return [line for line in moved if line.due_at <= through or (line.key, line.period) in billed]

    def _parts(self, rated: list[RatedLine], through: datetime, grace: timedelta) -> list[Parts]:
        return invoice_parts(
            still_owed(self.terms, rated, self.billed),
            self.payers,
            self.paid,
            currency=self.contract.currency,
            ends_at=self.contract.end_at,
            grace=grace,
            through=through,
        )

    def _measured(self, meter: str, period: Period, split: Split) -> Measured:
        return self.usage[self.contract.usage_key, meter, period, split]


def gather(contract_ids: Iterable[UUID], through: datetime, *, as_of: Cutoff | None = None) -> list[Gathered]:
    """Lock contracts, commits and drafts, and read what billing needs; always the same number of queries.

    Usage is what is stored up to a cut-off, taken here unless one is given, so that an invoice can say what it knew.
    """
    contracts = list(
        Contract.objects.select_for_update(of=("self",))
        .filter(pk__in=list(contract_ids))
        .select_related("customer", "payer", "legal_entity")
        .order_by("pk")
    )
    ids = [contract.pk for contract in contracts]
    commits: dict[UUID, dict[str, Commit]] = {pk: {} for pk in ids}
    for commit in Commit.objects.select_for_update(of=("self",)).filter(contract__in=ids).order_by("pk"):
        commits[commit.contract_id][str(commit.pk)] = commit
    deals, billed, paid = deals_of(contracts), already_billed(ids), already_paid(ids)
    gathered = []
    for contract in contracts:
        deal, been = deals[contract.pk], billed.get(contract.pk, [])
        terms = agreed_terms(deal)
        payers = payers_of(deal, terms, been, contract)
        was_paid = paid.get(contract.pk, {})
        gathered.append(Gathered(contract, terms, been, payers, was_paid, commits[contract.pk], horizon(been, through)))
    _add_usage(gathered, as_of)
    _add_drafts(gathered)
    _add_unpriced(gathered)
    return gathered


def bill_contracts(contract_ids: Sequence[UUID], *, through: datetime, act: Act) -> list[BillingOutcome]:
    """Draft invoices for whatever fell due by `through` and was not billed; bring existing drafts up to date.

    One transaction for the chunk. Safe to repeat: what is as it should be is not written. A contract that fails is
    undone alone and comes back as FAILED with its reason; the outcomes are not saved here.
    """
    outcomes: list[BillingOutcome] = []
    with transaction.atomic():
        for pk, facts in _gathered_or_failed(contract_ids, through):
            if isinstance(facts, Exception):
                outcomes.append(failed(pk, facts))
                continue
            try:
                outcomes += _record(facts, facts.parts(through), act)
            except Exception as error:  # one contract's failure must not stop the others
                outcomes.append(failed(pk, error))
    return outcomes


def payers_of(
    deal: Deal, terms: Sequence[ContractTerm], billed: Iterable[Line], contract: Contract | None = None
) -> list[Payer]:
    """A deal's commits, as they may pay; of what is not signed yet there is no contract."""
    trued_up = {str(line.commit_id): line for line in billed if line.is_true_up}
    return [
        _payer(
            commit,
            instrument,
            deal,
            _due_at(contract, last_due(commit, terms)),
            trued_up.get(instrument.key),
        )
        for commit, instrument in zip(deal.commits, instruments(deal.commits, deal.currency), strict=True)
    ]


def _due_at(contract: Contract | None, due_at: datetime) -> datetime:
    return due_at if contract is None else invoiced_at(contract, due_at)


def _payer(commit: DealCommit, instrument: Instrument, deal: Deal, due_at: datetime, billed: Line | None) -> Payer:
    if commit.kind != Commit.Kind.POSTPAID:
        return Payer(instrument, commit.name, commit.unit)
    true_up = TrueUp(
        period=Period(commit.start, commit.end),
        due_at=due_at,
        access=commit.access_amount,
        tax_percent=deal.tax_percent,
        revenue_account=SHORTFALL_ACCOUNT,
        billed=billed,
    )
    if billed is not None:
        instrument = replace(instrument, balance=instrument.balance + billed.quantity)
    return Payer(instrument, commit.name, commit.unit, true_up)


def _gathered_or_failed(ids: Sequence[UUID], through: datetime) -> list[tuple[UUID, Gathered | Exception]]:
    """All at once; if something in the chunk cannot even be read, one by one, to find out what."""
    try:
        with transaction.atomic():
            return [(facts.contract.pk, facts) for facts in gather(ids, through)]
    except Exception as error:
        if len(ids) == 1:
            return [(ids[0], error)]
    return [result for pk in sorted(ids) for result in _gathered_or_failed([pk], through)]


def _add_usage(gathered: list[Gathered], as_of: Cutoff | None) -> None:
    wanted = {
        (facts.contract.usage_key, *slot)
        for facts in gathered
        for slot in slots([each.term for each in facts.terms], facts.rated_through)
    }
    as_of = as_of or cutoff_now()
    measured = usage(wanted, as_of=as_of)
    for facts in gathered:
        facts.usage, facts.measured_through = measured, as_of.batch


def _add_drafts(gathered: list[Gathered]) -> None:
    by_contract = {facts.contract.pk: facts for facts in gathered}
    drafts = Invoice.objects.filter(contract__in=by_contract, status=Invoice.Status.DRAFT).prefetch_related("lines")
    for draft in drafts.select_for_update(of=("self",)).order_by("pk"):
        facts = by_contract[draft.contract_id]
        draft.contract = facts.contract
        facts.drafts[draft.kind, draft.group] = draft


def _add_unpriced(gathered: list[Gathered]) -> None:
    by_contract = {facts.contract.pk: facts for facts in gathered}
    for row in UnpricedUsage.objects.filter(contract__in=by_contract).order_by("first_seen_at", "pk"):
        by_contract[row.contract_id].unpriced.append(row)


def _record(facts: Gathered, wanted: list[Parts], act: Act) -> list[BillingOutcome]:
    unwanted = dict(facts.drafts)
    changed = [
        (draft, parts)
        for parts in wanted
        if (draft := unwanted.pop((parts.kind, parts.group), None)) is None or not says(draft, parts)
    ]
    found = unpriced_changes(
        facts.contract, facts.terms, facts.rated, facts.unpriced, through=facts.rated_through, at=act.at
    )
    if not changed and not unwanted and not found:
        return []
    with transaction.atomic():
        write_unpriced(found, act)
        outcomes = [
            outcome(drafted(facts.contract, *each, facts.measured_through, act), Result.DRAFTED) for each in changed
        ]
        return outcomes + [outcome(discarded(draft, act), Result.DISCARDED) for draft in unwanted.values()]


def outcome(invoice: Invoice, result: str, reason: str = "") -> BillingOutcome:
    return BillingOutcome(contract=invoice.contract, invoice=invoice, result=result, reason=reason)


def failed(contract_id: UUID, error: Exception) -> BillingOutcome:
    log.error("contract %s could not be billed: %s", contract_id, error, exc_info=error)
    return BillingOutcome(contract_id=contract_id, result=Result.FAILED, reason=str(error) or type(error).__name__)


def not_made(commits: NotMade) -> BillingOutcome:
    reason = f"Its commits could not be made: {commits.reason}"
    return BillingOutcome(contract_id=commits.contract_id, result=Result.FAILED, reason=reason)
