"""The admin's first page: what was billed and is expected, and what waits for this person."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import format_currency
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse

from contracts.models import Contract
from governance import clock
from governance.doors import may, visible
from insights import attention
from insights.revenue import MonthOfRevenue, revenue_by_month
from integrations.models import Delivery
from metering.admin.quarantine import worth_of

GREY = "#6b7280"  # readable on white and on the dark ground alike


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds to the admin index what its template shows; every figure comes with the list behind it."""
    user, at = request.user, clock.now()
    currency = _main_currency(user)
    sees_money = may(user, "invoicing.view_invoice")
    months = revenue_by_month(user, today=at.date(), currency=currency) if sees_money else []
    return {
        **context,
        "title": "Home",
        "currency": currency,
        "chart": json.dumps(_chart(months)) if any(month.billed or month.expected for month in months) else "",
        "chart_options": json.dumps(_chart_options(currency)),
        "chart_table": months,
        "figures": [figure for figure in _figures(user, at, currency, months) if figure is not None],
        "approvals": attention.approvals_for(user),
        "offers": attention.offers_of(user) if may(user, "quoting.view_quote") else [],
        "commits": attention.commits_at_risk(user, at) if may(user, "contracts.view_commit") else [],
        "prices": attention.prices_in_motion(at) if may(user, "catalog.change_ratecardversion") else None,
        "now": at,
    }


def _figures(user: Any, at: Any, currency: str, months: list[MonthOfRevenue]) -> list[dict[str, Any] | None]:
    """The row of cards: title, figure, a word below it, and where it leads."""
    cards: list[dict[str, Any] | None] = []
    if months:
        this_month = at.date().replace(day=1)
        last = [month for month in months if month.first_day < this_month][-1]
        cards.append(_card("Billed for last month", last.billed, currency, _name(last.first_day), "invoicing_invoice"))
        owed = attention.open_invoices(user, currency, at)
        word = f"{owed['count']} open, {owed['overdue']} overdue"
        cards.append(
            _card("Receivable", owed["amount"], currency, word, "invoicing_invoice", "?status__exact=finalized")
        )
    if may(user, "metering.view_quarantinedevent"):
        waiting = attention.quarantined()
        card = _count("Quarantined events", waiting.events, "metering_quarantinedevent")
        cards.append(card | {"word": f"about {worth_of(waiting)} at risk"} if waiting.worth else card)
    if may(user, "metering.view_usageflag") and (flagged := attention.flagged()):
        cards.append(_count("Flagged usage", flagged, "metering_usageflag"))
    if may(user, "invoicing.view_invoice") and (held := attention.held_invoices(user)):
        cards.append(_count("Invoices held", held, "invoicing_invoice", "?held=yes"))
    if may(user, "invoicing.view_unpricedusage") and (unpriced := attention.unpriced_usage(user)):
        cards.append(_count("Unpriced usage", unpriced, "invoicing_unpricedusage"))
    if may(user, "integrations.view_delivery"):
        failed = Delivery.objects.filter(status=Delivery.Status.FAILED).aggregate(n=Count("pk"))["n"]
        cards.append(_count("Failed deliveries", failed, "integrations_delivery", "?status__exact=failed"))
    if may(user, "invoicing.bill_contracts"):
        cards.append(_count("Contracts not billed", attention.failed_billing(), "invoicing_billingrun"))
        if favour := attention.in_customers_favour(at):
            cards.append(_count("In customers' favour", favour, "invoicing_invoice", "?status__exact=draft"))
    return cards


def _card(title: str, amount: Decimal, currency: str, word: str, page: str, query: str = "") -> dict[str, Any]:
    text = format_currency(amount, currency, locale="en_US")
    return {"title": title, "figure": text, "word": word, "link": reverse(f"admin:{page}_changelist") + query}


def _count(title: str, count: int, page: str, query: str = "") -> dict[str, Any]:
    word = "all clear" if count == 0 else "needs a look" if count == 1 else "need a look"
    link = reverse(f"admin:{page}_changelist") + query
    return {"title": title, "figure": f"{count:,}", "word": word, "link": link, "is_bad": count > 0}


def _chart(months: list[MonthOfRevenue]) -> dict[str, Any]:
    return {
        "labels": [_name(month.first_day) for month in months],
        "datasets": [
            {
                "label": "Billed",
                "data": [str(month.billed) for month in months],
                "backgroundColor": "var(--color-primary-600)",
                "barPercentage": 0.7,
                "borderRadius": 4,
                "order": 2,
            },
            {
                "label": "Expected when sold",
                "type": "line",
                "data": [str(month.expected) for month in months],
                "borderColor": "var(--color-primary-300)",
                "backgroundColor": "var(--color-primary-300)",
                "borderWidth": 2,
                "pointRadius": 3,
                "order": 1,
            },
        ],
    }


def _chart_options(currency: str) -> dict[str, Any]:
    whole = {"style": "currency", "currency": currency, "minimumFractionDigits": 0, "maximumFractionDigits": 0}
    legend = {"usePointStyle": True, "pointStyle": "rectRounded", "boxHeight": 8, "color": GREY}
    return {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {"legend": {"display": True, "position": "top", "align": "end", "labels": legend}},
        "scales": {
            "x": {"grid": {"display": False}, "ticks": {"color": GREY}},
            "y": {
                "beginAtZero": True,
                "border": {"display": False},
                "grid": {"lineWidth": 0.5},
                "ticks": {"color": GREY, "format": whole, "maxTicksLimit": 6},
            },
        },
    }


def _main_currency(user: Any) -> str:
    """The currency most of the contracts this person sees are in."""
    most = visible(Contract.objects.all(), user).values_list("currency").annotate(n=Count("pk")).order_by("-n").first()
    return most[0] if most else "USD"


def _name(day: date) -> str:
    return f"{day:%b %Y}"
