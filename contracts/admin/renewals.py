"""Pages of contracts in the admin beside their own: what is ahead and the buttons that decide it; all on one page."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from unfold.enums import ActionVariant

from contracts import operations
from contracts.admin.forms import AsOfForm, DeclineForm
from contracts.as_of import AsOf, as_of, instant_of
from contracts.documents import pdf_response
from contracts.models import Contract
from contracts.one_page import one_page
from contracts.presentation import standing_of
from contracts.renewals import ahead, due_renewals, last_day_to_decline
from contracts.words import amount_text, day_text, percent_text, period_text, quantity_text
from governance import clock
from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin, amount_words, operation
from pricing.money import ZERO
from pricing.periods import Period, local_day

CHOICES = (30, 60, 90)
LISTED = 200
CHANGE = "contracts.change_contract"


def is_open(contract: Contract) -> bool:
    """Whether what follows it is still to be decided."""
    is_active = contract.status == Contract.Status.ACTIVE and contract.declined_at is None
    return is_active and not contract.renewed_by.exists()


class RenewalPages(GovernedAdmin):
    """The buttons on a contract's page, and the list of what is ahead."""

    @operation(
        "Renew now",
        permission=CHANGE,
        icon="autorenew",
        when=is_open,
        explain="Signs the next contract by the rule of this one. It begins when this one is over.",
    )
    def renew(self, contract: Contract, act: Act) -> str:
        renewed = operations.renew_contract(contract, act=act)
        return f"{contract} is renewed by {renewed}."

    @operation(
        "Decline renewal",
        permission=CHANGE,
        icon="event_busy",
        form=DeclineForm,
        when=lambda contract: contract.renewal != Contract.Renewal.NONE and is_open(contract),
        variant=ActionVariant.DANGER,
        explain="It ends with its term.",
    )
    def decline(self, contract: Contract, act: Act, **said: Any) -> str:
        operations.decline_renewal(contract, **said, act=act)
        return f"{contract} ends with its term."

    @operation(
        "Take back the decline",
        permission=CHANGE,
        icon="undo",
        when=lambda contract: contract.declined_at is not None,
        explain="Its renewal rule holds again.",
    )
    def reopen(self, contract: Contract, act: Act) -> str:
        operations.reopen_renewal(contract, act=act)
        return f"The renewal of {contract} is open again, until {day_text(last_day_to_decline(contract))}."

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "renewals": ("renewals/", self.renewals_view),
            "one_page": ("<uuid:object_id>/page/", self.one_page_view),
            "pdf": ("<uuid:object_id>/pdf/", self.pdf_view),
            "as_of": ("<uuid:object_id>/as-of/", self.as_of_view),
        }
        ours = [
            path(route, self.admin_site.admin_view(view), name=f"contracts_contract_{name}")
            for name, (route, view) in pages.items()
        ]
        return [*ours, *super().get_urls()]

    def one_page_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The contract in sentences."""
        contract = self._seen(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{contract}, {contract.customer}",
            "contract": contract,
            "chapters": one_page(contract),
        }
        return render(request, "contracts/one_page.html", context)

    def pdf_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The same as a document."""
        return pdf_response(self._seen(request, object_id))

    def as_of_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """What was in force on a day, as far as was known on the same or another day."""
        contract = self._seen(request, object_id)
        at = clock.now()
        today = local_day(at, contract.time_zone)
        form = AsOfForm(request.GET or {"on": today})
        then, problem = None, ""
        if form.is_valid():
            on, known_on = form.cleaned_data["on"], form.cleaned_data["known_on"]
            known_at = instant_of(contract, known_on, is_over=True) if known_on else at
            try:
                then = as_of(contract, instant_of(contract, on, is_over=False), known_at)
            except Refused as refusal:
                problem = str(refusal)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{contract}, {contract.customer}",
            "contract": contract,
            "form": form,
            "problem": problem,
            "then": then and _shown(then),
        }
        return render(request, "contracts/as_of.html", context)

    def _seen(self, request: HttpRequest, object_id: Any) -> Contract:
        contract: Contract = self.thing_or_404(request, str(object_id))
        if not self.has_view_permission(request, contract):
            raise PermissionDenied
        return contract

    def renewals_view(self, request: HttpRequest) -> HttpResponse:
        """Contracts whose last day to decline comes in so many days, with what they come to in a year."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        days = next((each for each in CHOICES if str(each) == request.GET.get("days")), CHOICES[-1])
        at = clock.now()
        found = ahead(self.get_queryset(request).select_related("customer"), at, days)
        rows, today = due_renewals(found[:LISTED]), at.date()
        stake: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for each in rows:
            stake[each.contract.currency] += each.a_year
        context = {
            **self.admin_site.each_context(request),
            "title": "Renewals",
            "days": days,
            "choices": CHOICES,
            "rows": [
                {
                    "due": each,
                    "a_year": amount_words(each.a_year, each.contract.currency),
                    "days_left": (each.decline_by - today).days,
                }
                for each in rows
            ],
            "stake": [amount_words(amount, currency) for currency, amount in sorted(stake.items())],
            "is_cut": len(rows) == LISTED,
        }
        return render(request, "contracts/renewals.html", context)


def _shown(then: AsOf) -> dict[str, Any]:
    """What was in force, in words."""
    contract = then.contract
    currency, zone = contract.currency, contract.time_zone
    return {
        "standing": standing_of(contract, then.at)[1],
        "days": period_text(Period(contract.start_at, contract.end_at), zone),
        "lines": [
            {
                "name": f"{line.product} ({line.label})" if line.label else str(line.product),
                "quantity": "" if line.quantity is None else quantity_text(line.quantity, line.product.unit),
                "price": then.prices.get(str(line.pk), ""),
                "discount": percent_text(line.discount_percent) if line.discount_percent else "",
                "days": period_text(Period(line.start_at, line.end_at), zone),
            }
            for line in then.lines
        ],
        "commits": [
            {
                "name": commit.name,
                "access": _amount(commit.access_amount, commit.unit, currency),
                "balance": _amount(commit.balance, commit.unit, currency),
                "days": period_text(Period(commit.start_at, commit.end_at), zone),
            }
            for commit in then.commits
        ],
    }


def _amount(amount: Decimal, unit: str, currency: str) -> str:
    return quantity_text(amount, unit) if unit else amount_text(amount, currency)
