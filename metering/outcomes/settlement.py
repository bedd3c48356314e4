"""Settling: provisional outcomes whose window is over become final, and are counted."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet, Subquery

from governance.acts import Act
from metering.intake import Batch
from metering.models import Outcome, OutcomeDefinition, OutcomeEntry
from metering.models.outcomes import OUTCOMES
from metering.operations import judged_rows
from metering.outcomes.counting import FINAL, count, event_id_of, event_of
from metering.outcomes.entries import Kind, entry, tell

AT_ONCE = 500


def settle_due(*, act: Act, limit: int = AT_ONCE) -> int:
    """Make final what is due by `act.at`, up to `limit`, in one transaction. Gives how many.

    Whoever runs at the same time takes others. Killed at any line, it has settled all of them or none.
    """
    with transaction.atomic():
        due = list(
            due_by(act.at)
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("definition")
            .order_by("settles_at", "pk")[:limit]
        )
        if due:
            _settle(due, act)
    return len(due)


def due_by(at: datetime) -> QuerySet[Outcome]:
    """Provisional outcomes whose window is over, and that have the evidence they need."""
    entries = OutcomeEntry.objects.filter(outcome=OuterRef("pk")).order_by().values("outcome")
    evidence, upheld = entries.filter(kind=Kind.EVIDENCE), entries.filter(kind=Kind.UPHELD)
    return Outcome.objects.filter(
        Q(definition__evidence_required=False) | Exists(evidence), status=Outcome.Status.PROVISIONAL, settles_at__lte=at
    ).annotate(
        evidence_at=Subquery(evidence.annotate(first=Min("at")).values("first")),
        upheld_at=Subquery(upheld.annotate(last=Max("at")).values("last")),
    )


def _settle(due: Sequence[Outcome], act: Act) -> None:
    for outcome in due:
        outcome.become(Outcome.Status.FINAL)
        outcome.final_at = _final_at(outcome)
        in_final = outcome.definition.counts_in == OutcomeDefinition.CountsIn.FINAL
        outcome.counted_at = outcome.final_at if in_final else outcome.occurred_at
    batch = Batch(OUTCOMES, act.at)
    rows = [row for row, _ in judged_rows([event_of(each, FINAL) for each in due], source=OUTCOMES, at=act.at)]
    for outcome, row in zip(due, rows, strict=True):
        outcome.is_billable = row.is_billable
    count(rows, batch)
    Outcome.objects.bulk_update(due, ["status", "final_at", "counted_at", "is_billable"])
    OutcomeEntry.objects.bulk_create(entry(each, Kind.SETTLED, act, event_id=event_id_of(each, FINAL)) for each in due)
    tell("outcome.settled", due, act)


def _final_at(outcome: Outcome) -> datetime:
    """When nothing stood against it any more: however late this runs, it comes to the same."""
    evidence_at = outcome.evidence_at if outcome.definition.evidence_required else None  # type: ignore[attr-defined]
    moments = (outcome.settles_at, evidence_at, outcome.upheld_at)  # type: ignore[attr-defined]
    return max(moment for moment in moments if moment is not None)
