"""The invoice as PDF: drawn once, kept with its hash, never drawn again."""

from hashlib import sha256

from django.core.files.base import ContentFile
from django.db import transaction
from django.template.loader import render_to_string

from governance import documents
from governance.acts import Act, Refused
from governance.change import change, locked
from invoicing.models import Invoice
from invoicing.presentation import context

UNISSUED = (Invoice.Status.DRAFT, Invoice.Status.DISCARDED)


def document_of(invoice: Invoice, *, act: Act | None = None) -> bytes:
    """The PDF of an issued invoice. Whoever asks first has it drawn; from then on it is the same bytes for everybody.

    `Refused` for a draft. DocumentDamaged when what is stored does not have the hash it was stored with.
    """
    invoice = Invoice.objects.select_related("contract").get(pk=invoice.pk)
    if invoice.status in UNISSUED:
        raise Refused(f"This invoice is {invoice.status}; it has no document.")
    if not invoice.document_sha256:
        invoice = _kept(invoice, drawn(invoice), act or Act.of_system("invoicing", "The document was first asked for."))
    return documents.kept(invoice.document, invoice.document_sha256)


def drawn(invoice: Invoice) -> bytes:
    """The PDF as it would be drawn now; a draft says that it is one. Nothing is kept."""
    return documents.pdf(render_to_string("invoicing/document.html", context(invoice)))


def _kept(invoice: Invoice, document: bytes, act: Act) -> Invoice:
    with transaction.atomic():
        invoice = locked(invoice)
        if not invoice.document_sha256:  # nobody was faster
            with change("invoice.document_drawn", invoice, act):
                name = f"{invoice.legal_entity.key}-{invoice.number}.pdf"
                invoice.document.save(name, ContentFile(document), save=False)
                invoice.document_sha256 = sha256(document).hexdigest()
                invoice.save()
    return invoice
