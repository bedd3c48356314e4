"""The statement on the customer's account page, as page and as PDF."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from contracts.account import contracts_of, for_whoever_has_the_link, seller_of, token_of
from contracts.forms import DaysForm
from contracts.models import Commit, Customer
from contracts.shown_statements import shown_statement, statement_pdf
from contracts.statements import statements_of
from governance import clock
from governance.acts import Refused


@require_safe
@for_whoever_has_the_link
def statement_page(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    days = DaysForm(request.GET)
    statements = statements_of(_commits(customer), *days.days(), clock.now()) if days.is_valid() else []
    about = {
        "customer": customer,
        "token": token_of(customer),
        "seller": seller_of(customer),
        "days": days,
        "asked": f"?{request.GET.urlencode()}" if request.GET else "",
        "statements": [shown_statement(each) for each in statements],
    }
    return render(request, "account/statement.html", about)


@require_safe
@for_whoever_has_the_link
def statement_document(request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse:
    days = DaysForm(request.GET)
    if not days.is_valid():
        raise Http404
    try:
        document = statement_pdf(customer, _commits(customer), *days.days(), clock.now())
    except Refused as refusal:
        raise Http404 from refusal
    headers = {"Content-Disposition": f'inline; filename="statement-{customer.key}.pdf"'}
    return HttpResponse(document, content_type="application/pdf", headers=headers)


def _commits(customer: Customer) -> QuerySet[Commit]:
    commits = Commit.objects.filter(contract__in=contracts_of(customer)).select_related("contract__legal_entity")
    return commits.order_by("-start_at", "name", "pk")


urlpatterns = [
    path("<str:token>/statement", statement_page, name="account-statement"),
    path("<str:token>/statement/pdf", statement_document, name="account-statement-pdf"),
]
