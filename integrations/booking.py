"""Deliveries to our own books. The act is dated by the change, so that a late delivery books on the right day."""

from datetime import datetime

from governance.acts import Act
from integrations.errors import Permanent
from integrations.models import Delivery
from invoicing.models import CreditNote, Invoice
from ledger import operations
from ledger.models import JournalEntry


def invoice(delivery: Delivery, at: datetime) -> str:
    return _booked(operations.post_invoice(_invoice_of(delivery), act=_act(delivery)))


def void(delivery: Delivery, at: datetime) -> str:
    return _booked(operations.post_void(_invoice_of(delivery), act=_act(delivery)))


def payment(delivery: Delivery, at: datetime) -> str:
    """Every payment of the invoice that is not booked yet, this one and perhaps others."""
    payments = _invoice_of(delivery).payments.order_by("received_at", "id")
    return _booked([entry for each in payments for entry in operations.post_payment(each, act=_act(delivery))])


def credit_note(delivery: Delivery, at: datetime) -> str:
    row = delivery.change
    if row.subject_type == CreditNote._meta.label_lower:
        notes = CreditNote.objects.filter(pk=row.subject_id)
    else:
        notes = CreditNote.objects.filter(invoice__pk=row.subject_id)
    return _booked(
        [
            entry
            for note in notes.order_by("sequence")
            for entry in operations.post_credit_note(note, act=_act(delivery))
        ]
    )


def _invoice_of(delivery: Delivery) -> Invoice:
    row = delivery.change
    if row.subject_type != Invoice._meta.label_lower:
        raise Permanent(f"{row.name} is about {row.subject_type}, not about an invoice.")
    return Invoice.objects.get(pk=row.subject_id)


def _act(delivery: Delivery) -> Act:
    return Act.of_system("Ledger", f"Booked because of {delivery.change.name}", delivery.change.at)


def _booked(entries: list[JournalEntry]) -> str:
    if not entries:
        return "Booked before."
    numbers = ", ".join(str(entry.pk) for entry in entries)
    return f"Booked as journal {'entry' if len(entries) == 1 else 'entries'} {numbers}."
