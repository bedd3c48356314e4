"""What becomes of an outcome by somebody's decision: evidence, a dispute and its end, a reversal."""

from django.db import transaction
from msgspec.structs import replace

from governance.acts import Act, Refused
from governance.change import change
from metering.intake import Batch
from metering.models import Outcome, OutcomeEntry
from metering.models.outcomes import OUTCOMES
from metering.operations import judged_rows
from metering.outcomes.counting import REVERSED, count, event_id_of, event_of
from metering.outcomes.entries import Kind, entry, evidence_entry
from metering.outcomes.reports import Evidence

Status = Outcome.Status


def attach_evidence(outcome: Outcome, evidence: Evidence, *, act: Act) -> OutcomeEntry:
    """Keep where its evidence is. The same once more changes nothing."""
    if wrong := evidence.wrong():
        raise Refused(f"{wrong.message}.")
    with transaction.atomic():
        outcome = _locked(outcome)
        known = outcome.entries.filter(kind=Kind.EVIDENCE, evidence_url=evidence.url, evidence_hash=evidence.hash)
        if there := known.first():
            return there
        if outcome.status == Status.REVERSED:
            raise Refused("This outcome is reversed; evidence is of no use to it any more.")
        with change("outcome.evidence_attached", outcome, act):
            made = evidence_entry(outcome, evidence, act)
            made.save()
    return made


def reverse(outcome: Outcome, *, act: Act) -> Outcome:
    """It was none after all. What was counted is taken back in its own period. A second time changes nothing."""
    with transaction.atomic():
        outcome = _locked(outcome)
        if outcome.status == Status.REVERSED:
            return outcome
        with change("outcome.reversed", outcome, act):
            outcome.become(Status.REVERSED)
            event_id = _take_back(outcome, act) if outcome.counted_at else ""
            outcome.save(update_fields=["status"])
            entry(outcome, Kind.REVERSED, act, because=act.because, event_id=event_id).save()
    return outcome


def dispute(outcome: Outcome, *, act: Act) -> Outcome:
    """Call it into question. It does not become final meanwhile; what is final stays counted until it is decided."""
    with transaction.atomic():
        outcome = _locked(outcome)
        if outcome.status == Status.DISPUTED:
            return outcome
        with change("outcome.disputed", outcome, act):
            outcome.become(Status.DISPUTED)
            outcome.save(update_fields=["status"])
            entry(outcome, Kind.DISPUTED, act, because=act.because).save()
    return outcome


def uphold(outcome: Outcome, *, act: Act) -> Outcome:
    """The dispute is settled: it stands. What was final is so again; what was not waits for the end of its window.

    `Refused` unless it is disputed.
    """
    with transaction.atomic():
        outcome = _locked(outcome)
        if outcome.status != Status.DISPUTED:
            raise Refused(f"This outcome is {outcome.status}: there is no dispute to settle.")
        with change("outcome.upheld", outcome, act):
            outcome.become(Status.FINAL if outcome.final_at else Status.PROVISIONAL)
            outcome.save(update_fields=["status"])
            entry(outcome, Kind.UPHELD, act, because=act.because).save()
    return outcome


def _locked(outcome: Outcome) -> Outcome:
    rows = Outcome.objects.select_for_update(of=("self",)).select_related("definition")
    return rows.get(pk=outcome.pk)


def _take_back(outcome: Outcome, act: Act) -> str:
    """Billable as it was when it was counted, whatever the rule says by now."""
    batch = Batch(OUTCOMES, act.at)
    ((row, _),) = judged_rows([event_of(outcome, REVERSED)], source=OUTCOMES, at=act.at)
    count([replace(row, is_billable=outcome.is_billable)], batch)
    return event_id_of(outcome, REVERSED)
