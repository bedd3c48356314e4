"""Meters in the admin: defining them with a look at what they would count, redefining them without changing bills."""

import json
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from governance import clock
from governance.acts import Refused
from governance.admin_base import GovernedAdmin
from governance.doors import may
from metering.meters.defining import billed_through, define_meter, redefine_meter
from metering.meters.definitions import FIELDS, filters_from, timelines
from metering.meters.explained import EXAMPLES, in_words
from metering.meters.previews import last_month, meter_from, preview
from metering.models import EventType, Meter

CODE = {"class": "font-mono", "spellcheck": "false"}


class MeterForm(forms.ModelForm):
    """A meter's definition, and why it is needed or changed."""

    dimensions = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="properties, with commas between, by which prices and pages tell this usage apart: region, model",
    )
    starts_from = forms.DateTimeField(
        label="From",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2026-12-01 00:00"}),
        help_text="periods that start from then on (UTC) are measured anew. Empty: all that nothing is billed for yet.",
    )
    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the history for good.",
    )

    class Meta:
        model = Meter
        fields = ["key", "name", "unit", *FIELDS]
        widgets = {
            "property": UnfoldAdminTextareaWidget(attrs={"rows": 2, **CODE}),
            "condition": UnfoldAdminTextareaWidget(attrs={"rows": 2, **CODE}),
            "filters": UnfoldAdminTextareaWidget(attrs={"rows": 2, **CODE}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "dimensions" in self.fields:
            self.initial["dimensions"] = ", ".join(self.instance.dimensions)
        if "event_type" in self.fields:
            known = EventType.objects.order_by("key").values_list("key", flat=True)
            self.fields["event_type"].help_text = f"known so far: {', '.join(known[:12])}" if known else ""

    def clean_dimensions(self) -> list[str]:
        return _names(self.cleaned_data["dimensions"])

    def clean_filters(self) -> Any:
        try:
            return filters_from(self.cleaned_data["filters"] or {})
        except Refused as refusal:
            raise ValidationError(str(refusal)) from None

    def clean(self) -> Any:
        """What the operation would refuse is told beside the form."""
        found = super().clean()
        if not self.errors:
            try:
                meter_from(self.cleaned_data)
            except Refused as refusal:
                raise ValidationError(str(refusal)) from None
        return found


@admin.register(Meter)
class MeterAdmin(GovernedAdmin):
    """Which events count, and how. A meter answers for what was stored before it too."""

    operations_for_saving = True
    form = MeterForm
    list_display = ["name", "key", "event_type", "said", "unit"]
    list_filter = ["aggregation", "event_type"]
    search_fields = ["key", "name", "event_type"]
    change_form_outer_after_template = "metering/meter.html"

    def get_fieldsets(self, request: HttpRequest, obj: Meter | None = None) -> Any:
        writes = self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj)
        why = ["because"] if obj is None else [("starts_from", "because")]
        return [
            (None, {"fields": [("key", "name"), ("unit", "event_type")]}),
            ("What is added up", {"fields": [("aggregation", "property"), ("condition", "filters"), "dimensions"]}),
            (
                "In two steps, and from one period to the next",
                {"fields": [("window", "window_zone"), ("per", "over"), "carries_over"]},
            ),
            *([(None, {"fields": why})] if writes else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Meter | None = None) -> Any:
        return ["key"] if obj else []

    @display(description="Counts")
    def said(self, meter: Meter) -> str:
        return in_words(meter)

    def save_model(self, request: HttpRequest, obj: Meter, form: Any, change: bool) -> None:
        fields = dict(form.cleaned_data)
        act = self.act(request, fields.pop("because"))
        from_ = fields.pop("starts_from", None)
        if not change:
            obj.pk = define_meter(**fields, act=act).pk
            return
        # The form wrote into this one; what the operation compares with is what is stored.
        redefine_meter(Meter.objects.get(pk=obj.pk), **fields, from_=from_ and _in_utc(from_), act=act)

    # ------------------------------------------------------------ its page
    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().add_view(request, *args, extra_context=_shared(), **kwargs)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        meter: Meter = self.thing_or_404(request, object_id)
        versions = timelines([meter])[meter.key].versions
        starts = [None, *(version.until for version in versions)]
        extra = _shared() | {
            "meter": meter,
            "billed_until": billed_through(meter),
            "definitions": [
                *((start, version.until, in_words(version)) for start, version in zip(starts, versions, strict=False)),
                (starts[-1], None, in_words(meter)),
            ][::-1],
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        ours = path("preview/", self.admin_site.admin_view(self.preview_view), name="metering_meter_preview")
        return [ours, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """A piece of the page: what the definition in the address would make of what is there."""
        if not may(request.user, "metering.view_meter"):
            return HttpResponse(status=403)
        month, customer = last_month(clock.now()), request.GET.get("customer", "").strip()
        context: dict[str, Any] = {"customer": customer, "month": month.start}
        try:
            meter = meter_from(_asked(request.GET))
            if may(request.user, "metering.view_usageevent"):
                context |= {"meter": meter, "preview": preview(meter, customer, month)}
            context["words"] = in_words(meter)
        except Refused as refusal:
            context["refusal"] = str(refusal)
        return render(request, "metering/meter_preview.html", context)


def _shared() -> dict[str, Any]:
    return {"preview_url": reverse("admin:metering_meter_preview"), "examples": EXAMPLES}


def _asked(given: Any) -> dict[str, Any]:
    said = {name: given.get(name, "").strip() for name in FIELDS if name in given}
    said["dimensions"] = _names(said.get("dimensions", ""))
    said["window_zone"] = said.get("window_zone") or "UTC"
    said["carries_over"] = bool(given.get("carries_over"))
    with suppress(ValueError):  # text that is no JSON stays text, which is refused as filters
        said["filters"] = json.loads(said.get("filters") or "{}")
    return said


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _in_utc(instant: Any) -> Any:
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant, timezone.get_fixed_timezone(0))
