"""Pages of the admin that belong to no table: an event's trace, usage as it comes in, what is not connected."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import condition, require_safe

from contracts.models import Customer
from governance import clock
from governance.doors import may, visible
from insights import live
from insights.coverage import DAYS, MOST_DAYS, coverage
from insights.hour import hour_chart
from insights.live import Live
from insights.trace import sight_of, sources_of, trace
from metering.flags.day_chart import day_chart
from metering.flags.operations import day_totals
from metering.models import Meter, UsageFlag
from pricing.money import ZERO

SEE_USAGE = "metering.view_usageevent"
CHART_DAYS = 30
LISTED = 500
View = Callable[[HttpRequest], HttpResponse]


def page(name: str, *, permission: str) -> Callable[[View], URLPattern]:
    """A page of the admin at `name`/, for people with the permission."""

    def made(view: View) -> URLPattern:
        def guarded(request: HttpRequest) -> HttpResponse:
            if not may(request.user, permission):
                raise PermissionDenied
            return require_safe(view)(request)

        return path(f"{name}/", admin.site.admin_view(guarded), name=f"insights_{name.replace('/', '_')}")

    return made


def trace_page(request: HttpRequest) -> HttpResponse:
    """Ask for an event by its id; where several sources used it, choose one."""
    event_id, source = request.GET.get("id", "").strip()[:200], request.GET.get("source", "").strip()[:120]
    sources = [source] if source or not event_id else sources_of(event_id)
    sight = sight_of(request.user)
    found = trace(sources[0], event_id, sight, at=clock.now()) if event_id and len(sources) == 1 else None
    return _shown(request, "trace", "Trace an event", event_id=event_id, source=source, sources=sources, trace=found)


def live_page(request: HttpRequest) -> HttpResponse:
    """The figures, which `live_figures` keeps moving, and the days of one meter."""
    customer, at = _customer(request), clock.now()
    meters = list(Meter.objects.order_by("name"))
    chosen = next((meter for meter in meters if meter.key == request.GET.get("meter")), None)
    moving = _live(request, customer, at)
    if chosen is None and customer is not None:
        chosen = moving.figures[0].meter if moving.figures else None
    return _shown(
        request,
        "live",
        "Live usage",
        customer=customer,
        customers=visible(Customer.objects.order_by("name"), request.user)[:LISTED],
        live=moving,
        hour=hour_chart(moving.minutes),
        meters=meters,
        meter=chosen,
        days=_days(customer, chosen, at) if customer is not None and chosen is not None else "",
        etag=_etag(request, at),
    )


def _etag(request: HttpRequest, at: datetime | None = None) -> str:
    key = request.GET.get("customer", "")[:120].encode("ascii", "replace").decode()
    return live.etag(key, at or clock.now())


@condition(etag_func=_etag)
def live_figures(request: HttpRequest) -> HttpResponse:
    """The part of the page that moves; 304 while it does not."""
    customer = _customer(request)
    moving = _live(request, customer, clock.now())
    context = {"live": moving, "hour": hour_chart(moving.minutes), "customer": customer}
    return render(request, "insights/live_figures.html", context | {"sees_money": _sees_money(request)})


def coverage_page(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("days", "")
    days = min(max(int(text), 1), MOST_DAYS) if text.isascii() and text.isdigit() and len(text) < 6 else DAYS
    sees = may(request.user, "contracts.view_contract")
    found = coverage(days, clock.now(), user=request.user, sees_contracts=sees)
    return _shown(request, "coverage", "Coverage", coverage=found, choices=[7, 30, 90], sees_contracts=sees)


def _customer(request: HttpRequest) -> Customer | None:
    """The one asked for; None for everybody. 404 for one that is not there, or not to be seen."""
    key = request.GET.get("customer", "").strip()
    if not key:
        return None
    customers: QuerySet[Customer] = visible(Customer.objects.filter(key=key), request.user)
    found = customers.first()
    if found is None:
        raise Http404
    return found


def _live(request: HttpRequest, customer: Customer | None, at: datetime) -> Live:
    if customer is None:
        return live.of_everybody(request.user, at)
    return live.of_customer(customer, request.user, at, sees_money=_sees_money(request))


def _sees_money(request: HttpRequest) -> bool:
    return may(request.user, "invoicing.view_invoice")


def _days(customer: Customer, meter: Meter, at: datetime) -> SafeString:
    today = at.date()
    first = today - timedelta(days=CHART_DAYS - 1)
    seen = day_totals([customer.key], [meter], first, today)[customer.key, meter.key]
    flagged = UsageFlag.objects.filter(customer_key=customer.key, meter_key=meter.key, day__gte=first)
    days = [first + timedelta(days=place) for place in range(CHART_DAYS)]
    marked = set(flagged.filter(resolved_at=None).values_list("day", flat=True))
    return day_chart([(day, seen.get(day, ZERO)) for day in days], meter.unit, marked=marked)


def _shown(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    given = {**admin.site.each_context(request), "title": title, "sees_money": _sees_money(request), **context}
    return render(request, f"insights/{name}.html", given)


urlpatterns = [
    page("trace", permission=SEE_USAGE)(trace_page),
    page("live", permission=SEE_USAGE)(live_page),
    page("live/figures", permission=SEE_USAGE)(live_figures),
    page("coverage", permission="metering.view_meter")(coverage_page),
]
