"""Metering in the admin: meters, the events they count, and what could not be counted."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from metering import queries
from metering.admin.aliases import CustomerAliasAdmin as CustomerAliasAdmin
from metering.admin.billable import ShowsBillable
from metering.admin.flags import UsageFlagAdmin as UsageFlagAdmin
from metering.admin.json import pretty
from metering.admin.links import trace_link
from metering.admin.meters import MeterAdmin as MeterAdmin
from metering.admin.quarantine import QuarantinedEventAdmin as QuarantinedEventAdmin
from metering.admin.types import EventTypeAdmin as EventTypeAdmin
from metering.models import UsageBatch, UsageEvent
from metering.models.events import POSITIONS
from metering.outcomes.admin import OutcomeAdmin as OutcomeAdmin


@admin.register(UsageEvent)
class UsageEventAdmin(ShowsBillable):
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
