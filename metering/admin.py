"""Metering in the admin: meters, the events they count, and what could not be counted."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin, ReasonForm, operation
from governance.admin_filters import OpenFirst
from governance.doors import may
from metering import operations, quarantine, queries
from metering.admin_flags import UsageFlagAdmin as UsageFlagAdmin
from metering.admin_links import trace_link
from metering.admin_upload import UploadsUsage
from metering.defining import define_meter
from metering.definitions import filters_from
from metering.events import json_of
from metering.models import Meter, QuarantinedEvent, UsageEvent

REPLAY = "metering.change_quarantinedevent"
AT_ONCE = 500
STATE_COLOURS = {"": "warning", "counted": "success", "dismissed": "info"}


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
        return _pretty(meter.filters) if meter.filters else "none: every event of the type counts"

    def save_model(self, request: HttpRequest, obj: Meter, form: Any, change: bool) -> None:
        fields = dict(form.cleaned_data)
        because = fields.pop("because")
        obj.pk = define_meter(**fields, act=self.act(request, because)).pk


@admin.register(UsageEvent)
class UsageEventAdmin(UploadsUsage):
    """Every counted event, as it was reported. Nothing here can be changed; more can be taken in."""

    list_display = ["event_id", "source", "type", "customer_key", "occurred", "stored"]
    search_fields = ["=event_id", "=customer_key"]
    search_help_text = "The exact id of an event, or the key of a customer."
    ordering = ["-id"]
    fields = [
        ("source", "event_id"),
        ("type", "customer_key"),
        ("occurred", "stored"),
        "shown_properties",
        ("counted_by", "traced"),
    ]
    readonly_fields = ["occurred", "stored", "shown_properties", "counted_by", "traced"]

    @display(description="Occurred at")
    def occurred(self, event: UsageEvent) -> str:
        return _exactly(event.occurred_at)

    @display(description="Stored at")
    def stored(self, event: UsageEvent) -> str:
        return _exactly(event.stored_at)

    @display(description="Properties")
    def shown_properties(self, event: UsageEvent) -> SafeString:
        return _pretty(event.properties)

    @display(description="Trace")
    def traced(self, event: UsageEvent) -> SafeString:
        return trace_link(event.source, event.event_id)

    @display(description="Counted by")
    def counted_by(self, event: UsageEvent) -> str:
        return ", ".join(meter.name for meter in queries.meters_counting(event)) or "no meter"


class ReplayAllForm(ReasonForm):
    """Which reason was put right, and why to count now."""

    reason = forms.ChoiceField(
        label="Everything that waits because of",
        choices=[
            (value, label)
            for value, label in QuarantinedEvent.Reason.choices
            if value != QuarantinedEvent.Reason.CONFLICT
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    field_order = ["reason", "because"]


class Waiting(OpenFirst):
    """What waits for a decision, unless somebody asks for the rest."""

    open_words = "Waiting"
    resolutions = QuarantinedEvent.Resolution.choices


def _is_waiting(event: QuarantinedEvent) -> bool:
    return event.resolved_at is None


def _is_not_counted(event: QuarantinedEvent) -> bool:
    return event.resolution != QuarantinedEvent.Resolution.COUNTED


@admin.register(QuarantinedEvent)
class QuarantinedEventAdmin(GovernedAdmin):
    """Events that could not be counted. Put right what was wrong and replay them, or dismiss them."""

    list_display = ["event_id", "source", "shown_reason", "detail", "received_at", "shown_resolution"]
    list_filter = [Waiting, "reason", "source"]
    search_fields = ["=event_id", "=body__customer"]
    search_help_text = "The exact id of an event, or the key of a customer."
    ordering = ["-id"]
    fields = [
        ("source", "event_id"),
        ("reason", "received_at"),
        "detail",
        "shown_body",
        ("state", "resolved_at", "traced"),
    ]
    readonly_fields = ["shown_body", "state", "traced"]
    actions_detail = ["replay", "dismiss"]
    actions_list = ["replay_all"]

    @display(description="Reason", ordering="reason")
    def shown_reason(self, event: QuarantinedEvent) -> str:
        return event.get_reason_display()

    @display(description="State", ordering="resolution", label=STATE_COLOURS)
    def shown_resolution(self, event: QuarantinedEvent) -> tuple[str, str]:
        return event.resolution, self.state(event)

    @display(description="State")
    def state(self, event: QuarantinedEvent) -> str:
        return event.get_resolution_display() or "Waiting"

    @display(description="Trace")
    def traced(self, event: QuarantinedEvent) -> SafeString:
        return trace_link(event.source, event.event_id)

    @display(description="As reported")
    def shown_body(self, event: QuarantinedEvent) -> SafeString:
        return _pretty(event.body)

    @operation(
        "Replay",
        permission=REPLAY,
        icon="replay",
        when=_is_not_counted,
        variant=ActionVariant.SUCCESS,
        explain="Counts the event in its own period, if nothing stands against it any more.",
    )
    def replay(self, event: QuarantinedEvent, act: Act) -> str:
        quarantine.replay(event, act=act)
        return f"Counted: {event.event_id}."

    @operation(
        "Dismiss",
        permission=REPLAY,
        icon="block",
        when=_is_waiting,
        variant=ActionVariant.DANGER,
        explain="The event is kept, but not counted. It can still be replayed.",
    )
    def dismiss(self, event: QuarantinedEvent, act: Act) -> str:
        quarantine.dismiss(event, act=act)
        return f"Dismissed: {event.event_id}."

    @action(
        description="Replay waiting events",
        icon="replay",
        permissions=["replay"],
        dialog={
            "title": "Replay waiting events",
            "description": f"Counts those that nothing stands against any more, the {AT_ONCE} oldest at a time.",
            "form_class": ReplayAllForm,
            "form_submit_text": "Replay",
        },
    )
    def replay_all(self, request: HttpRequest, filled: ReplayAllForm) -> HttpResponse:
        waiting = self.get_queryset(request).filter(resolved_at=None, reason=filled.cleaned_data["reason"])
        act = self.act(request, filled.cleaned_data["because"])
        replayed = quarantine.replay_waiting(waiting, act=act)
        messages.add_message(request, messages.SUCCESS if replayed.counted else messages.WARNING, replayed.words)
        return HttpResponse(headers={"HX-Redirect": reverse("admin:metering_quarantinedevent_changelist")})

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, REPLAY)


def _exactly(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(sep=" ").replace("+00:00", " UTC")


def _pretty(value: Any) -> SafeString:
    text = msgspec.json.format(json_of(value), indent=2).decode()
    return format_html('<pre class="font-mono whitespace-pre-wrap">{}</pre>', text)
