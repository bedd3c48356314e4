"""The customer's invoices on their account page."""

from datetime import datetime

from contracts.account import Section
from contracts.models import Customer
from contracts.words import amount_text, day_text
from invoicing.links import token_of
from invoicing.models import Invoice
from invoicing.queries import amount_open
from pricing.money import ZERO
from pricing.periods import local_day

SHOWN = 24  # the latest; older ones are found again by their own links


def invoices_section(customer: Customer, at: datetime) -> Section | None:
    """The latest invoices, with what is open of each and a link to its page."""
    issued = Invoice.objects.filter(customer=customer).exclude(number=None).annotate(still_open=amount_open())
    rows = [_row(invoice, at) for invoice in issued.order_by("-issued_at", "-sequence")[:SHOWN]]
    return Section("Invoices", "account/invoices.html", {"rows": rows}) if rows else None


def _row(invoice: Invoice, at: datetime) -> dict[str, str]:
    zone = invoice.time_zone
    awaits = invoice.status == Invoice.Status.FINALIZED
    still_open = invoice.still_open if awaits else ZERO  # type: ignore[attr-defined]
    pill, words = {"paid": ("good", "Paid"), "void": ("bad", "Cancelled")}.get(invoice.status, ("warn", "Open"))
    if awaits and invoice.due_on is not None and invoice.due_on < local_day(at, zone):
        pill, words = "bad", "Overdue"
    return {
        "number": invoice.number or "",
        "token": token_of(invoice),
        "issued": day_text(local_day(invoice.issued_at, zone)) if invoice.issued_at else "",
        "due": day_text(invoice.due_on) if awaits and invoice.due_on else "",
        "total": amount_text(invoice.total, invoice.currency),
        "open": amount_text(still_open, invoice.currency) if still_open else "",
        "pill": pill,
        "words": words,
    }
