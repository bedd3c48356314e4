"""The public door of packages: what one holds, what its first invoice comes to, and signing it by name.

It takes no payment: the first invoice comes by e-mail like every other. Signing leads to the account page. Who signs
up is a new customer always; one that is there already changes its contract instead.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import available_timezones

from babel import Locale
from django import forms
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from contracts.account import token_of
from contracts.models import Contract, Customer, Package, SignUp
from contracts.operations import sign_up
from contracts.operations.packages import Request
from contracts.package_presentation import shown_offer
from contracts.package_queries import deal_of, offer_of, version_on_offer
from contracts.packages import PackageOffer, signed_terms
from contracts.words import amount_text, day_text, period_text
from governance import clock
from governance.acts import Act, Refused
from invoicing.first_invoices import FirstInvoices, first_invoices
from metering.models import Meter
from pricing.figures import plural
from pricing.money import ZERO, parse, plain
from pricing.periods import Period, add_months, local_day, midnight

COUNTRIES = sorted(
    ((code, name) for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()),
    key=lambda each: each[1],
)
ZONES = [(zone, zone.replace("_", " ")) for zone in sorted(available_timezones())]
LARGEST = Decimal(10) ** 15
SIGNING = {"company", "email", "name", "consent"}


class Quantity(forms.CharField):
    """A number as people write it: 1,000 or 2.5."""

    def __init__(self, least: Decimal = ZERO, **kwargs: Any) -> None:
        self.least, self.least_text = least, plain(least)
        super().__init__(required=False, max_length=40, **kwargs)

    def clean(self, value: Any) -> Decimal:
        text = str(super().clean(value)).replace(",", "").replace(" ", "")
        try:
            quantity = parse(text) if text else self.least
        except ValueError:
            raise forms.ValidationError("Please type a number, like 1,000 or 2.5.") from None
        if not self.least <= quantity <= LARGEST:
            raise forms.ValidationError(f"Please type at least {plain(self.least)}.")
        return quantity


class SignUpForm(forms.Form):
    """Who signs, and how much of what can be chosen. What is expected to be used only makes the estimate."""

    request_key = forms.UUIDField(widget=forms.HiddenInput)
    stamp = forms.CharField(widget=forms.HiddenInput)
    company = forms.CharField(max_length=200, error_messages={"required": "Please type the name of your company."})
    email = forms.EmailField(error_messages={"required": "Please type where invoices should go."})
    country = forms.ChoiceField(choices=COUNTRIES)
    time_zone = forms.ChoiceField(choices=ZONES)
    billing_address = forms.CharField(required=False, max_length=2000, widget=forms.Textarea)
    name = forms.CharField(max_length=200, error_messages={"required": "Please type your name."})
    consent = forms.BooleanField(error_messages={"required": "Please confirm that you may sign for your company."})

    def __init__(self, offer: PackageOffer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chosen = {f"q-{line.product.key}": line for line in offer.chosen}
        measured = [line.product for line in offer.terms.lines if line.product.meter is not None]
        self.expected = {f"u-{product.key}": product.meter for product in measured if product.meter is not None}
        for name, line in self.chosen.items():
            self.fields[name] = Quantity(line.quantity or ZERO, label=line.product.name)
        for product in measured:
            self.fields[f"u-{product.key}"] = Quantity(label=product.name)
        self.units = {f"{kind}-{line.product.key}": line.product.unit for line in offer.terms.lines for kind in "qu"}

    def quantities(self) -> dict[str, Decimal]:
        """Of what can be chosen, by product key; what was not typed well is the package's."""
        typed = {line.product.key: self.cleaned_data.get(name) for name, line in self.chosen.items()}
        return {key: quantity for key, quantity in typed.items() if quantity is not None}

    def usage(self) -> dict[str, Decimal]:
        """What is expected to be measured a month, by meter key."""
        typed = {name: self.cleaned_data.get(name) for name in self.expected}
        return {self.expected[name].key: quantity for name, quantity in typed.items() if quantity}

    def fields_of(self, names: Iterable[str]) -> list[tuple[Any, str]]:
        """These fields, each with what it counts."""
        return [(self[name], plural(self.units[name])) for name in names]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def signup(request: HttpRequest, key: str) -> HttpResponse:
    """The page. POST with `decision=estimate` only works the first invoice out; with `sign` it signs."""
    now = clock.now()
    offer = _offer_or_404(key, now)
    if request.method != "POST":
        first = {"request_key": uuid4(), "stamp": offer.stamp, "country": "US", "time_zone": "UTC"}
        return _page(request, offer, SignUpForm(offer, initial=first), now)
    form = SignUpForm(offer, request.POST)
    is_whole = form.is_valid()
    if request.POST.get("decision") == "estimate":
        for name in SIGNING & form.errors.keys():
            del form.errors[name]
        return _page(request, offer, form, now)
    if not is_whole:
        return _page(request, offer, form, now, status=400)
    try:
        contract = _signed(request, offer.version.package, form, now)
    except Refused as refusal:
        status = 429 if isinstance(refusal, _TooMany) else 409
        return _page(request, offer, form, now, refusal=str(refusal), status=status)
    return HttpResponseRedirect(reverse("account-page", args=[token_of(contract.customer)]))


class _TooMany(Refused):
    """More sign-ups from one address than people make."""


def _signed(request: HttpRequest, package: Package, form: SignUpForm, now: datetime) -> Contract:
    typed, ip = form.cleaned_data, request.META.get("REMOTE_ADDR") or None
    with transaction.atomic():
        asked = Request(
            source="page",
            key=str(typed["request_key"]),
            customer={
                "key": _key_for(typed["company"], typed["request_key"]),
                "name": typed["company"],
                "email": typed["email"],
                "country": typed["country"],
                "time_zone": typed["time_zone"],
                "billing_address": typed["billing_address"],
            },
            signed_by=typed["name"],
            quantities=form.quantities(),
            stamp=typed["stamp"],
            from_ip=ip,
        )
        act = Act(None, f"{typed['name']} (customer)", "Signed on the package's page", now)
        contract, is_new = sign_up(package, asked, act=act)
        lately = SignUp.objects.filter(from_ip=ip, at__gt=now - timedelta(hours=1)).count()
        if is_new and lately > settings.SIGN_UPS_AN_HOUR:
            raise _TooMany("There were many sign-ups from your network just now. Please try again in an hour.")
    return contract


def _key_for(company: str, request_key: UUID) -> str:
    """A key that is nobody's yet, and the same for the same request: nobody signs for a customer there is."""
    return f"{slugify(company)[:60] or 'customer'}-{request_key.hex[:8]}"


def _offer_or_404(key: str, at: datetime) -> PackageOffer:
    package = Package.objects.filter(key=key, is_open=True).first()
    version = version_on_offer(package) if package else None
    if version is None:
        raise Http404
    try:
        return offer_of(version, at=at)
    except Refused:
        raise Http404 from None


def _page(
    request: HttpRequest, offer: PackageOffer, form: SignUpForm, now: datetime, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    package = offer.version.package
    is_bound = form.is_bound
    estimate = _estimate(offer, form.quantities() if is_bound else {}, form.usage() if is_bound else {}, now)
    context = {
        "package": package,
        "seller": package.legal_entity,
        "shown": shown_offer(offer, at=now),
        "form": form,
        "chosen": form.fields_of(form.chosen),
        "expected": form.fields_of(form.expected),
        "estimate": _shown_estimate(estimate, offer.terms.rate_card.currency) if estimate else None,
        "refusal": refusal,
    }
    return render(request, "invoicing/signup.html", context, status=status)


def _estimate(
    offer: PackageOffer, quantities: Mapping[str, Decimal], used: Mapping[str, Decimal], now: datetime
) -> FirstInvoices | None:
    """For somebody in UTC who pays no tax: who signs is not known yet."""
    anybody = Customer(currency=offer.terms.rate_card.currency)
    today = local_day(now, anybody.time_zone)
    terms = signed_terms(offer, anybody, start_on=today, signed_by="Anybody", quantities=quantities)
    start, month = midnight(today, "UTC"), Period(midnight(today, "UTC"), midnight(add_months(today, 1), "UTC"))
    whole = (Meter.Aggregation.COUNT, Meter.Aggregation.SUM)
    grows = {
        line.product.meter.key: line.product.meter.aggregation in whole
        for line in offer.terms.lines
        if line.product.meter is not None
    }

    def expected(meter: str, period: Period) -> Decimal:
        quantity = used.get(meter, ZERO)
        if not quantity or not grows[meter]:
            return quantity
        share = Period(max(period.start, start), period.end).share_of(month)
        return (quantity * share.numerator / share.denominator).quantize(Decimal(1).scaleb(-9))

    return first_invoices(deal_of(terms, at=now), expected)


def _shown_estimate(found: FirstInvoices, currency: str) -> dict[str, Any]:
    lines = [line for parts in found.parts for line in parts.lines]
    return {
        "on": day_text(local_day(found.due_at, "UTC")),
        "total": amount_text(found.total, currency),
        "lines": [
            {
                "what": line.description,
                "days": period_text(line.period, "UTC") if line.kind != "commit" else "",
                "amount": amount_text(line.amount, currency),
            }
            for line in lines
        ],
    }


urlpatterns = [
    path("<slug:key>/", signup, name="signup"),
]
