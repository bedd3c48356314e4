"""Why invoices moved a commit: which invoice, and for which products."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from contracts.models import CommitEntry
from contracts.statements import Cause, explains
from invoicing.models import CreditNote, InvoiceLine
from invoicing.queries import DRAW_SOURCE, RETURN_SOURCE
from invoicing.refunds import SOURCE as REFUND_SOURCE


@explains(DRAW_SOURCE, RETURN_SOURCE)
def invoices_behind(entries: Sequence[CommitEntry]) -> dict[int, Cause]:
    """One query for any number of entries."""
    wanted = {UUID(entry.source_id) for entry in entries}
    lines = {str(line.pk): line for line in InvoiceLine.objects.filter(pk__in=wanted).select_related("invoice")}
    return {entry.pk: _cause(entry, lines[entry.source_id]) for entry in entries if entry.source_id in lines}


def _cause(entry: CommitEntry, line: InvoiceLine) -> Cause:
    number = f"Invoice {line.invoice.number}"
    drawn = (step for step in line.waterfall if step["kind"] == "drawn")
    paid_for = [(step["label"], Decimal(step.get("paid", step["amount"]))) for step in drawn]
    return Cause(
        f"{number} was cancelled" if entry.source_type == RETURN_SOURCE else number,
        "invoicing.invoice",
        str(line.invoice_id),
        [] if entry.source_type == RETURN_SOURCE else paid_for,
    )


@explains(REFUND_SOURCE)
def credit_notes_behind(entries: Sequence[CommitEntry]) -> dict[int, Cause]:
    """One query for any number of entries."""
    notes = CreditNote.objects.in_bulk({UUID(entry.source_id) for entry in entries})
    known = [(entry.pk, notes[UUID(entry.source_id)]) for entry in entries]
    return {pk: Cause(f"Credit note {note.number}", "invoicing.creditnote", str(note.pk)) for pk, note in known}
