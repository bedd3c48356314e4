"""The customer's page of an invoice, behind a signed link: what is owed and why, what was paid, the PDF."""

from functools import wraps
from typing import Any, Protocol

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from contracts.words import amount_text, day_text
from governance import clock
from governance.acts import Act
from invoicing.documents import document_of
from invoicing.links import invoice_of, token_of
from invoicing.models import Invoice
from invoicing.presentation import context
from invoicing.queries import still_open
from pricing.periods import local_day


class Page(Protocol):
    def __call__(self, request: HttpRequest, invoice: Invoice) -> HttpResponse: ...


def for_whoever_has_the_link(page: Page) -> Any:
    """Finds the invoice by its token, or answers 404; nothing about it is cached, indexed or told to other sites."""

    @require_safe
    @wraps(page)
    def answer(request: HttpRequest, token: str) -> HttpResponse:
        invoice = invoice_of(token)
        response = page(request, invoice) if invoice else render(request, "invoicing/unknown.html", status=404)
        patch_cache_control(response, private=True, no_store=True)
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response

    return answer


@for_whoever_has_the_link
def invoice_page(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    today = local_day(clock.now(), invoice.time_zone)
    left = still_open(invoice)
    payments = [
        (day_text(each.received_at.date()), f"Payment by {each.method}", amount_text(-each.amount, each.currency))
        for each in invoice.payments.order_by("received_at")
    ]
    credits_ = [
        (day_text(each.issued_at.date()), f"Credit note {each.number}", amount_text(-each.amount, each.currency))
        for each in invoice.credit_notes.order_by("issued_at")
    ]
    return render(
        request,
        "invoicing/page.html",
        {
            **context(invoice),
            "token": token_of(invoice),
            "open": amount_text(left, invoice.currency),
            "is_open": bool(left),
            "is_overdue": bool(left) and invoice.due_on is not None and invoice.due_on < today,
            "movements": [*payments, *credits_],
        },
    )


@for_whoever_has_the_link
def invoice_pdf(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    document = document_of(invoice, act=Act.of_system("customer's page", "The customer asked for the document."))
    response = HttpResponse(document, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{invoice.number}.pdf"'
    return response


urlpatterns = [
    path("<str:token>/", invoice_page, name="invoice-page"),
    path("<str:token>/pdf", invoice_pdf, name="invoice-pdf"),
]
