"""The customer's account page: everything they have with us, section by section, behind one signed link."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from contracts import account, portal
from contracts.account import Maker, contracts_of, for_whoever_has_the_link, seller_of, token_of
from contracts.account_use import cap_from, use_section
from contracts.documents import pdf_response
from contracts.models import Customer
from governance import clock
from invoicing.account import invoices_section

# In the order of the page. What an app adds, it adds here.
SECTIONS: list[Maker] = [
    account.contracts_section,
    account.commits_section,
    account.usage_section,
    use_section,
    invoices_section,
]


@require_safe
@for_whoever_has_the_link
def account_page(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    return _page(request, customer)


@csrf_exempt  # there is no session to ride on: only who knows the link can post, and these pages send no origin
@require_POST
@for_whoever_has_the_link
def account_cap(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    """The customer's own cap on everything; what is wrong with it is said next to the field."""
    wrong = cap_from(customer, request.POST, clock.now())
    if wrong:
        return _page(request, customer, wrong=wrong, typed=request.POST)
    return HttpResponseRedirect(reverse("account-page", args=[token_of(customer)]))


def _page(request: HttpRequest, customer: Customer, **more: Any) -> HttpResponse:
    at = clock.now()
    made = [make(customer, at) for make in SECTIONS]
    about = {
        "customer": customer,
        "token": token_of(customer),
        "seller": seller_of(customer),
        "sections": [each for each in made if each is not None],
        **more,
    }
    return render(request, "account/page.html", about)


@require_safe
@for_whoever_has_the_link
def contract_document(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    """One of their contracts on one page."""
    return pdf_response(get_object_or_404(contracts_of(customer), number=rest["number"]))


urlpatterns = [
    path("<str:token>/contracts/<str:number>.pdf", contract_document, name="account-contract"),
    path("<str:token>/cap", account_cap, name="account-cap"),
    path("<str:token>/", account_page, name="account-page"),
    *portal.urlpatterns,
]
