"""The form of a rate in the admin: price a product in a draft, price it anew, take it off."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path

from catalog import operations, prices
from catalog.forms import RateForm
from catalog.models import Rate, RateCardVersion
from governance.acts import Refused
from governance.admin_base import GovernedAdmin
from governance.doors import may

EDIT = "catalog.change_rate"


class RatePages(GovernedAdmin):
    """Of a version's pages those about one rate."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rate_view)
        return [
            path("<uuid:object_id>/rates/add/", view, name="catalog_rate_add"),
            path("<uuid:object_id>/rates/<slug:product>/", view, name="catalog_rate_edit"),
            *super().get_urls(),
        ]

    def rate_view(self, request: HttpRequest, object_id: Any, product: str | None = None) -> HttpResponse:
        """Price a product in a draft, price it anew, or take it off."""
        draft = self.thing_or_404(request, str(object_id))
        if not may(request.user, EDIT, draft):
            raise PermissionDenied
        rates = draft.rates.select_related("product", "version__card")
        rate = get_object_or_404(rates, product__key=product) if product else None
        form = RateForm(request.POST or None, draft=draft, rate=rate)
        if form.is_valid():
            try:
                messages.success(request, self._save_rate(request, draft, rate, form))
                return redirect(super().page_after(draft))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        title = f"{rate.product} in {draft.card}" if rate else f"Add a rate to {draft.card}"
        context = {"title": title, "form": form, "draft": draft, "rate": rate, "opts": self.opts}
        if rate:
            context["sentence"] = prices.sentence_of(rate, draft.card.currency)
        return render(request, "catalog/rate.html", {**self.admin_site.each_context(request), **context})

    def _save_rate(self, request: HttpRequest, draft: RateCardVersion, rate: Rate | None, form: RateForm) -> str:
        typed = form.cleaned_data
        act = self.act(request, typed["because"])
        if rate and "_remove" in request.POST:
            if not may(request.user, "catalog.delete_rate", draft):
                raise PermissionDenied
            operations.remove_rate(draft, rate.product, act=act)
            return f"{rate.product} is off this draft."
        saved = operations.set_rate(
            draft,
            typed["product"],
            typed["charge"],
            cycle_months=typed["cycle_months"],
            in_advance=typed["in_advance"],
            act=act,
        )
        return f"{saved.product}: {prices.sentence_of(saved, draft.card.currency)}."
