"""The editor of a price in the admin: from a preset or from scratch, its meaning beside it; and taking one off."""

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse

from catalog import operations, presets, prices
from catalog.editions import Offer
from catalog.models import Product, Rate, RateCardVersion
from catalog.operations.launches import price_new_product
from catalog.preview_answers import answer
from catalog.previews import preview
from catalog.rate_forms import BLANK, NewRateForm, RateForm, written
from catalog.trials import sample
from governance import clock
from governance.acts import Refused
from governance.admin_base import GovernedAdmin
from governance.doors import may
from pricing.charges import KINDS

EDIT = "catalog.change_rate"
REMOVE = "catalog.delete_rate"
SEE_MARGIN = "governance.see_margin"
CYCLES = [(1, "Monthly"), (3, "Quarterly"), (12, "Yearly"), (0, "Once")]


class RatePages(GovernedAdmin):
    """Of a version's pages those about one rate."""

    def get_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("<uuid:object_id>/rates/add/", wrapped(self.rate_add_view), name="catalog_rate_add"),
            path("<uuid:object_id>/rate-preview/", wrapped(self.rate_preview_view), name="catalog_rate_preview"),
            path("<uuid:object_id>/rates/<slug:product>/", wrapped(self.rate_edit_view), name="catalog_rate_edit"),
            *super().get_urls(),
        ]

    # ------------------------------------------------------------ a price that is new in the draft
    def rate_add_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Choose what to begin with; then name the product, say what it costs, and save all of it in one go."""
        draft = self._draft(request, object_id)
        began = _begun(request, draft)
        if began is None and request.method != "POST":
            return self._page(request, draft, "catalog/presets.html", f"A new price in {draft}", _gallery(request))
        form = NewRateForm(
            request.POST or None,
            draft=draft,
            initial=began or {},
            may_create=may(request.user, "catalog.add_product"),
            may_define_meter=may(request.user, "metering.add_meter"),
        )
        if form.is_valid():
            try:
                return self._saved(request, draft, self._add(request, draft, form))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        return self._editor(request, draft, form, f"A new price in {draft}")

    def _add(self, request: HttpRequest, draft: RateCardVersion, form: NewRateForm) -> Rate:
        typed = form.cleaned_data
        act = self.act(request, typed["because"])
        offer = Offer(typed["charge"], typed["cycle_months"], typed["in_advance"])
        if typed["product"] is not None:
            return _set(draft, typed["product"], offer, act)
        return price_new_product(
            draft,
            offer,
            key=typed["new_key"],
            name=typed["new_name"],
            kind=typed["new_kind"],
            unit=typed["new_unit"],
            meter=typed.get("measured_by"),
            act=act,
        )

    # ------------------------------------------------------------ a price there is
    def rate_edit_view(self, request: HttpRequest, object_id: Any, product: str) -> HttpResponse:
        """Price a product anew, or take it off."""
        draft = self._draft(request, object_id)
        rate = get_object_or_404(draft.rates.select_related("product__meter"), product__key=product)
        form = RateForm(request.POST or None, draft=draft, initial=RateForm.shown(rate))
        if "_remove" in request.POST:
            form.only_because()
        if form.is_valid():
            try:
                if "_remove" in request.POST:
                    return self._removed(request, draft, rate, form)
                typed = form.cleaned_data
                offer = Offer(typed["charge"], typed["cycle_months"], typed["in_advance"])
                return self._saved(
                    request, draft, _set(draft, rate.product, offer, self.act(request, typed["because"]))
                )
            except Refused as refusal:
                form.add_error(None, str(refusal))
        return self._editor(request, draft, form, f"{rate.product} in {draft}", rate)

    def _removed(self, request: HttpRequest, draft: RateCardVersion, rate: Rate, form: RateForm) -> HttpResponse:
        if not may(request.user, REMOVE, draft):
            raise PermissionDenied
        operations.remove_rate(draft, rate.product, act=self.act(request, form.cleaned_data["because"]))
        messages.success(request, f"{rate.product} is off this draft.")
        return redirect(super().page_after(draft))

    # ------------------------------------------------------------ what it would mean
    def rate_preview_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """For the page's script: what the price being typed means, or what is wrong with it. Writes nothing."""
        draft = self._draft(request, object_id)
        if request.method != "POST":
            raise PermissionDenied
        asked = _asked(request)
        if asked is None:
            return JsonResponse({"detail": "Send an object of JSON."}, status=400)
        shows_margin = may(request.user, SEE_MARGIN)
        product = _product(asked)
        seen = preview(
            draft,
            product,
            _text(asked, "text"),
            cycle_months=_months(asked.get("cycle_months")),
            in_advance=asked.get("in_advance") is True,
            trial=asked["trial"] if isinstance(asked.get("trial"), Mapping) else {},
            shows_margin=shows_margin,
            at=clock.now(),
        )
        return JsonResponse(answer(seen, draft.card.currency, product, shows_margin=shows_margin))

    # ------------------------------------------------------------ what they share
    def _draft(self, request: HttpRequest, object_id: Any) -> RateCardVersion:
        draft: RateCardVersion = self.thing_or_404(request, str(object_id))
        if not may(request.user, EDIT, draft):
            raise PermissionDenied
        return draft

    def _saved(self, request: HttpRequest, draft: RateCardVersion, rate: Rate) -> HttpResponse:
        messages.success(request, f"{rate.product}: {prices.sentence_of(rate, draft.card.currency)}.")
        return redirect(super().page_after(draft))

    def _editor(
        self, request: HttpRequest, draft: RateCardVersion, form: RateForm, title: str, rate: Rate | None = None
    ) -> HttpResponse:
        products = Product.objects.filter(is_active=True)
        others = products.exclude(pk=rate.product_id) if rate else products
        given = {
            "currency": draft.card.currency,
            "preview": reverse("admin:catalog_rate_preview", args=[draft.pk]),
            "product": rate.product.key if rate else "",
            "kinds": [kind._asdict() for kind in presets.KINDS],
            "products": list(others.values("key", "name")),
            "posted": form.is_bound,
            "sample": sample(form["charge"].value() or "", draft.card.currency),
        }
        context = {
            "form": form,
            "rate": rate,
            "given": given,
            "cycles": CYCLES,
            "sentence": prices.sentence_of(rate, draft.card.currency) if rate else "",
            "may_remove": rate is not None and may(request.user, REMOVE, draft),
        }
        return self._page(request, draft, "catalog/rate.html", title, context)

    def _page(
        self, request: HttpRequest, draft: RateCardVersion, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        shared = {"title": title, "draft": draft, "opts": self.opts}
        return render(request, template, {**self.admin_site.each_context(request), **shared, **context})


def _set(draft: RateCardVersion, product: Product, offer: Offer, act: Any) -> Rate:
    return operations.set_rate(
        draft, product, offer.charge, cycle_months=offer.cycle_months, in_advance=offer.in_advance, act=act
    )


def _begun(request: HttpRequest, draft: RateCardVersion) -> dict[str, Any] | None:
    """What the form begins with: a preset, a bare kind, or the price that the card's base has; None: not said yet."""
    wanted = Product.objects.filter(key=request.GET.get("product", ""), is_active=True).first()
    product: dict[str, Any] = {"product": wanted} if wanted else {}
    preset = presets.BY_KEY.get(request.GET.get("preset", ""))
    if preset is not None:
        return NewRateForm.of_preset(preset) | product
    if request.GET.get("kind", "") in KINDS:
        return {"charge": written(BLANK | {"kind": request.GET["kind"]})} | product
    if wanted is None or draft.card.base_id is None:
        return None
    rows = prices.price_list(draft, at=clock.now())
    row = next((row for row in rows if row.product.pk == wanted.pk), None)
    if row is None:
        return None
    return {
        "charge": written(row.offer.charge),
        "cycle_months": row.offer.cycle_months,
        "in_advance": row.offer.in_advance,
    } | product


def _gallery(request: HttpRequest) -> dict[str, Any]:
    product = request.GET.get("product", "")
    return {
        "presets": presets.PRESETS,
        "kinds": presets.KINDS,
        "product": Product.objects.filter(key=product).first() if product else None,
        "and_product": f"&product={product}" if product.replace("-", "").replace("_", "").isalnum() else "",
    }


def _asked(request: HttpRequest) -> dict[str, Any] | None:
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    return value if isinstance(value, str) else ""


def _months(value: Any) -> int:
    text = str(value)
    return min(int(text), 120) if text.isascii() and text.isdigit() and len(text) < 5 else 1


def _product(asked: Mapping[str, Any]) -> Product:
    """The product that is being priced; a new one is made up of what the form says of it."""
    chosen = _text(asked, "product")
    found = Product.objects.filter(key=chosen).first() if chosen.isprintable() else None
    if found is not None:
        return found
    kind = _text(asked, "kind")
    return Product(
        name="A new product",
        kind=kind if kind in Product.Kind.values else Product.Kind.USAGE,
        unit=_text(asked, "unit")[:40] or "unit",
    )
