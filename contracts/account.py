"""The customer's account page: its signed link, and what apps put on it (config.account lists their sections).

Who has the link may look, and nobody can make one up. It names the customer and nothing else, and is good for as long
as the secret key stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, Protocol

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from contracts.models import Commit, Contract, Customer, LegalEntity
from contracts.presentation import shown_commits, shown_lines_of, standing_of
from contracts.queries import terms_of
from contracts.words import period_text, quantity_text
from governance import links
from governance.acts import Refused
from governance.doors import belonging
from metering.queries import usage
from pricing.measures import WHOLE, total
from pricing.periods import Period

SALT = "contracts.account"
PILLS = {"running": "good", "upcoming": "warn", "over": "", "ended": "bad"}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its heading, and the template that shows `about` (the customer is `customer`, too)."""

    title: str
    template: str
    about: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[Customer, datetime], Section | None]  # None: there is nothing to show


class Page(Protocol):
    def __call__(self, request: HttpRequest, customer: Customer, **rest: Any) -> HttpResponse: ...


def contracts_of(customer: Customer) -> QuerySet[Contract]:
    """The customer's own, and those they pay."""
    return Contract.objects.filter(belonging(Contract, [customer.pk]))


def token_of(customer: Customer) -> str:
    return links.signed(customer.pk, SALT)


def link_to(customer: Customer) -> str:
    """The address of the page: with host, and always the same."""
    return settings.PUBLIC_URL + reverse("account-page", args=[token_of(customer)])


def seller_of(customer: Customer) -> LegalEntity | None:
    """Whose page it is: the company of the latest contract."""
    latest = contracts_of(customer).select_related("legal_entity").first()
    return latest.legal_entity if latest else None


def customer_of(token: str) -> Customer | None:
    """The customer this token was made for, or whom they were merged into; None if it is forged or they are gone."""
    if (pk := links.named(token, SALT)) is None:
        return None
    customer = Customer.objects.filter(pk=pk).select_related("merged_into").first()
    return customer.merged_into or customer if customer else None


def for_whoever_has_the_link(page: Page) -> Any:
    """Finds the customer by the token, or answers 404; what it shows is not told to other sites."""

    @wraps(page)
    def answer(request: HttpRequest, token: str, **rest: Any) -> HttpResponse:
        customer = customer_of(token)
        found = page(request, customer, **rest) if customer else render(request, "account/unknown.html", status=404)
        found["Referrer-Policy"] = "no-referrer"
        return found

    return answer


# ------------------------------------------------------------ what contracts themselves put there
def contracts_section(customer: Customer, at: datetime) -> Section | None:
    """Contracts that run or will, with their lines in words."""
    rows, live = [], _live(customer, at)
    shown = shown_lines_of(live)
    for contract in live:
        state, words = standing_of(contract, at)
        lines, _ = shown[contract.pk]
        days = period_text(Period(contract.start_at, contract.end_at), contract.time_zone)
        rows.append({"contract": contract, "pill": PILLS[state], "words": words, "days": days, "lines": lines})
    return Section("Contracts", "account/contracts.html", {"contracts": rows}) if rows else None


def commits_section(customer: Customer, at: datetime) -> Section | None:
    """What was bought in advance, of contracts that run or will."""
    commits = Commit.objects.filter(contract__in=_live(customer, at)).select_related("contract")
    shown = shown_commits(commits.prefetch_related("instalments").order_by("start_at", "name", "pk"), at)
    about = {"commits": shown, "token": token_of(customer)}
    return Section("Prepaid usage", "account/commits.html", about) if shown else None


def usage_section(customer: Customer, at: datetime) -> Section | None:
    """What was measured so far in the present cycle of each line."""
    contracts = _live(customer, at)
    try:
        agreed = terms_of(contracts)
    except Refused:
        return None  # what has no price is our business, not the customer's
    rows, slots = [], []
    for contract in contracts:
        for each in agreed[contract.pk]:
            cycle = each.term.cycle_at(at) if each.term.meter else None
            if cycle is not None:
                so_far = Period(cycle.start, at)
                slots.append((contract.usage_key, each.term.meter, so_far, WHOLE))
                rows.append((each.name, period_text(so_far, contract.time_zone), each.unit))
    measured = usage(slots) if slots else {}
    shown = [
        {"name": name, "period": period, "quantity": quantity_text(total(measured[slot]), unit)}
        for (name, period, unit), slot in zip(rows, slots, strict=True)
    ]
    return Section("Usage so far", "account/usage.html", {"rows": shown}) if shown else None


def _live(customer: Customer, at: datetime) -> list[Contract]:
    theirs = contracts_of(customer).filter(end_at__gt=at)
    return list(theirs.select_related("customer", "payer").order_by("start_at", "number"))
