"""What is written beside an outcome: its own entries, and the changes that tell everybody else."""

from collections.abc import Iterable

from governance.acts import Act
from governance.models import Change
from metering.models import Outcome, OutcomeEntry
from metering.outcomes.reports import Evidence

Kind = OutcomeEntry.Kind


def entry(outcome: Outcome, kind: str, act: Act, *, because: str = "", event_id: str = "") -> OutcomeEntry:
    return OutcomeEntry(outcome=outcome, kind=kind, at=act.at, by=act.name[:150], because=because, event_id=event_id)


def evidence_entry(outcome: Outcome, evidence: Evidence, act: Act) -> OutcomeEntry:
    made = entry(outcome, Kind.EVIDENCE, act, because=evidence.note)
    made.evidence_url, made.evidence_hash = evidence.url, evidence.hash
    return made


def tell(name: str, outcomes: Iterable[Outcome], act: Act) -> None:
    """One change for each of many outcomes, in one statement."""
    Change.objects.bulk_create(
        Change(
            name=name,
            subject_type=Outcome._meta.label_lower,
            subject_id=str(outcome.pk),
            by=act.by,
            by_name=act.name,
            because=act.because,
            at=act.at,
        )
        for outcome in outcomes
    )
