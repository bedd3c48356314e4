"""Metering in the admin: meters, the events they count, and what could not be counted."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from governance.acts import Refused
from governance.admin_base import GovernedAdmin
from metering import queries
from metering.admin_aliases import CustomerAliasAdmin as CustomerAliasAdmin
from metering.admin_flags import UsageFlagAdmin as UsageFlagAdmin
from metering.admin_json import pretty
from metering.admin_links import trace_link
from metering.admin_quarantine import QuarantinedEventAdmin as QuarantinedEventAdmin
from metering.admin_types import EventTypeAdmin as EventTypeAdmin
from metering.admin_upload import UploadsUsage
from metering.defining import define_meter
from metering.definitions import filters_from
from metering.models import Meter, UsageBatch, UsageEvent
from metering.models.events import POSITIONS
from metering.outcomes.admin import OutcomeAdmin as OutcomeAdmin


class MeterForm(forms.ModelForm):
    """A new meter, and why it is needed."""

    because = forms.CharField(
        label="Why?",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the history for good.",
        required=False,
    )

    def clean_filters(self) -> Any:
        try:
            return filters_from(self.cleaned_data["filters"] or {})
        except Refused as refusal:
            raise ValidationError(str(refusal)) from None

    def clean_because(self) -> str:
        because: str = self.cleaned_data["because"].strip()
        if not because:
            raise ValidationError("Say why: a reason is needed for this change.")
        return because


@admin.register(Meter)
class MeterAdmin(GovernedAdmin):
    """Which events count, and how. A meter is defined once; it answers for what was stored before it too."""

    operations_for_saving = True
    form = MeterForm
    list_display = ["name", "key", "event_type", "aggregation", "property", "unit"]
    list_filter = ["aggregation", "event_type"]
    search_fields = ["key", "name", "event_type"]
    definition = [("key", "name"), ("event_type", "aggregation"), ("property", "unit")]

    def get_fields(self, request: HttpRequest, obj: Meter | None = None) -> Any:
        return [*self.definition, *(["filters", "because"] if obj is None else ["shown_filters"])]

    def get_readonly_fields(self, request: HttpRequest, obj: Meter | None = None) -> Any:
        return [] if obj is None else ["shown_filters"]

    @display(description="Filters")
    def shown_filters(self, meter: Meter) -> str:
        return pretty(meter.filters) if meter.filters else "none: every event of the type counts"

    def save_model(self, request: HttpRequest, obj: Meter, form: Any, change: bool) -> None:
        fields = dict(form.cleaned_data)
        because = fields.pop("because")
        obj.pk = define_meter(**fields, act=self.act(request, because)).pk


@admin.register(UsageEvent)
class UsageEventAdmin(UploadsUsage):
    """Every counted event, as it was reported. Nothing here can be changed; more can be taken in."""

    list_display = ["event_id", "source", "type", "customer_key", "occurred", "stored", "is_billable"]
    search_fields = ["=event_id", "=customer_key"]
    search_help_text = "The exact id of an event, or the key of a customer."
    ordering = ["-id"]
    fields = [
        ("source", "event_id"),
        ("type", "customer_key"),
        ("alias", "is_billable"),
        ("occurred", "stored"),
        "shown_properties",
        ("counted_by", "traced"),
    ]
    readonly_fields = ["occurred", "stored", "shown_properties", "counted_by", "traced"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[UsageEvent]:
        batch = UsageBatch.objects.filter(pk=OuterRef("id").bitrightshift(POSITIONS))
        return super().get_queryset(request).annotate(taken_in_at=Subquery(batch.values("stored_at")))

    @display(description="Occurred at")
    def occurred(self, event: UsageEvent) -> str:
        return _exactly(event.occurred_at)

    @display(description="Stored at")
    def stored(self, event: Any) -> str:
        return _exactly(event.taken_in_at)

    @display(description="Properties")
    def shown_properties(self, event: UsageEvent) -> SafeString:
        return pretty(event.properties)

    @display(description="Trace")
    def traced(self, event: UsageEvent) -> SafeString:
        return trace_link(event.source, event.event_id)

    @display(description="Counted by")
    def counted_by(self, event: UsageEvent) -> str:
        return ", ".join(meter.name for meter in queries.meters_counting(event)) or "no meter"


def _exactly(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(sep=" ").replace("+00:00", " UTC")
