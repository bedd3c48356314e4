"""The customer's account page: everything they have with us, section by section, behind one signed link."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.http import require_safe

from contracts import account
from contracts.account import Maker, contracts_of, for_whoever_has_the_link, token_of
from contracts.documents import pdf_response
from contracts.models import Customer
from governance import clock
from invoicing.account import invoices_section

# In the order of the page. What an app adds, it adds here.
SECTIONS: list[Maker] = [
    account.contracts_section,
    account.commits_section,
    account.usage_section,
    invoices_section,
]


@require_safe
@for_whoever_has_the_link
def account_page(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    at = clock.now()
    latest = contracts_of(customer).select_related("legal_entity").first()
    made = [make(customer, at) for make in SECTIONS]
    about = {
        "customer": customer,
        "token": token_of(customer),
        "seller": latest and latest.legal_entity,
        "sections": [each for each in made if each is not None],
    }
    return render(request, "account/page.html", about)


@require_safe
@for_whoever_has_the_link
def contract_document(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    """One of their contracts on one page."""
    return pdf_response(get_object_or_404(contracts_of(customer), number=rest["number"]))


urlpatterns = [
    path("<str:token>/contracts/<str:number>.pdf", contract_document, name="account-contract"),
    path("<str:token>/", account_page, name="account-page"),
]
