"""The page on which usage that is billed and usage that is not stand side by side."""

from datetime import UTC
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.decorators import action

from governance import clock
from metering import queries
from metering.admin.upload import UploadsUsage
from metering.meters.billable import Tally
from metering.models import EventType, Meter
from pricing.figures import grouped
from pricing.periods import Period, add_months, midnight


class BillableForm(forms.Form):
    """Whose, and of which month (UTC)."""

    month = forms.DateField(
        label="Month",
        input_formats=["%Y-%m"],
        widget=forms.DateInput(format="%Y-%m", attrs={"type": "month", "class": "quoin-input"}),
    )
    customer = forms.CharField(
        label="Customer",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"class": "quoin-input", "placeholder": "Key; empty: everybody"}),
    )

    def clean_customer(self) -> str:
        key: str = self.cleaned_data["customer"].strip()
        if not key:
            return ""
        known = queries.resolve_customers({key})
        if not known:
            raise forms.ValidationError(f"No customer has the key {key}.")
        return known[key]


class ShowsBillable(UploadsUsage):
    """A list with a button that leads to the page."""

    actions_list = [*UploadsUsage.actions_list, "billable"]

    @action(description="Billable or not", icon="balance", url_path="billable")
    def billable(self, request: HttpRequest) -> HttpResponse:
        """By meter, what is billable, what is not, and all, which is their sum."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = {"month": f"{clock.now().astimezone(UTC):%Y-%m}"} | request.GET.dict()
        form = BillableForm(asked)
        context = {
            **self.admin_site.each_context(request),
            "title": "Billable or not",
            "opts": self.opts,
            "form": form,
            "rows": _rows(form.cleaned_data) if form.is_valid() else [],
            "rules": EventType.objects.exclude(billable_when=""),
        }
        return render(request, "metering/billable.html", context)


def _rows(asked: dict[str, Any]) -> list[dict[str, Any]]:
    first = asked["month"].replace(day=1)
    month = Period(midnight(first, "UTC"), midnight(add_months(first, 1), "UTC"))
    meters = list(Meter.objects.all())
    found = queries.tallies(meters, month, asked["customer"] or None)
    return [_row(meter, found[meter.key]) for meter in meters if found[meter.key].events[2]]


def _row(meter: Meter, tally: Tally) -> dict[str, Any]:
    quantities = tally.quantities or (None, None, None)
    cells = [
        (f"{events:,}", "" if quantity is None else grouped(quantity))
        for events, quantity in zip(tally.events, quantities, strict=True)
    ]
    return {"meter": meter, "cells": cells, "is_reconciled": tally.is_reconciled}
