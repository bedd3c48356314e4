"""The contract on one page as PDF: as it is when somebody asks. Nothing is kept, for the contract is."""

from django.http import HttpResponse
from django.template.loader import render_to_string

from contracts.models import Contract
from contracts.one_page import one_page
from governance import documents


def document_of(contract: Contract) -> bytes:
    """The PDF; the same contract gives the same bytes."""
    shown = {"seller": contract.legal_entity, "contract": contract, "chapters": one_page(contract)}
    return documents.pdf(render_to_string("contracts/document.html", {"shown": shown}))


def pdf_response(contract: Contract) -> HttpResponse:
    """The PDF as a browser shows it."""
    headers = {"Content-Disposition": f'inline; filename="{contract.number}.pdf"'}
    return HttpResponse(document_of(contract), content_type="application/pdf", headers=headers)
