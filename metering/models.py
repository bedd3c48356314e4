"""Tables of metering: meters, usage events (append-only), quarantine."""

import json
from decimal import Decimal
from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from governance.entities import Entity, append_only


class ExactDecoder(json.JSONDecoder):
    """Reads JSON numbers as int or Decimal: what was reported never passes through a float."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"parse_float": Decimal}))


class Meter(Entity):
    """Which events count, and how they are added up."""

    class Aggregation(models.TextChoices):
        COUNT = "count", "Count of events"
        SUM = "sum", "Sum of a property"
        MAX = "max", "Highest value of a property"
        UNIQUE = "unique", "Number of different values of a property"
        LATEST = "latest", "Latest value of a property"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    event_type = models.CharField(max_length=120)
    aggregation = models.CharField(max_length=10, choices=Aggregation.choices)
    property = models.CharField(max_length=60, blank=True, help_text="the event property that is added up")
    filters = models.JSONField(
        default=dict, blank=True, help_text='only events whose property has one of these values: {"region": ["eu"]}'
    )
    unit = models.CharField(max_length=40, default="unit", help_text="what one is called: token, call, GB")

    class Meta(Entity.Meta):
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(aggregation="count") | ~Q(property=""), name="meters_other_than_count_name_a_property"
            )
        ]

    def __str__(self) -> str:
        return self.name


class UsageEvent(models.Model):
    """One reported fact. Append-only; (source, event_id) makes a resend harmless."""

    source = models.CharField(max_length=120)
    event_id = models.CharField(max_length=200)
    type = models.CharField(max_length=120)
    customer_key = models.CharField(max_length=120)
    occurred_at = models.DateTimeField()
    stored_at = models.DateTimeField()
    properties = models.JSONField(default=dict, decoder=ExactDecoder)
    body_hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "event_id"], name="an_event_is_counted_once")]
        indexes = [
            models.Index("customer_key", "type", "occurred_at", name="usage_by_customer"),
            BrinIndex("occurred_at", name="usage_by_time"),  # for questions about everybody; next to free to keep
        ]
        triggers = append_only("a usage event never changes")

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id}"


class QuarantinedEvent(models.Model):
    """An event that could not be counted, with the reason; it waits until somebody replays or dismisses it.

    The body stays as it was reported, for ever; only what became of it is added.
    """

    class Reason(models.TextChoices):
        CONFLICT = "conflict", "Same id, other body"
        UNKNOWN_TYPE = "unknown_type", "No meter counts this type"
        UNKNOWN_CUSTOMER = "unknown_customer", "No such customer"
        MISSING_PROPERTY = "missing_property", "A property that a meter adds up is missing or not a number"
        TOO_LATE = "too_late", "Older than the window for late usage"
        TOO_EARLY = "too_early", "From the future"

    class Resolution(models.TextChoices):
        COUNTED = "counted", "Counted"
        DISMISSED = "dismissed", "Dismissed"

    source = models.CharField(max_length=120)
    event_id = models.CharField(max_length=200)
    body = models.JSONField(decoder=ExactDecoder)
    body_hash = models.BinaryField(max_length=32)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    detail = models.TextField()
    received_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=20, choices=Resolution.choices, blank=True)

    class Meta:
        indexes = [models.Index("received_at", name="quarantine_open", condition=Q(resolved_at=None))]
        constraints = [
            models.UniqueConstraint("source", "event_id", "body_hash", "reason", name="a_rejected_body_is_kept_once"),
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolution="")
                | Q(resolved_at__isnull=False, resolution__in=["counted", "dismissed"]),
                name="a_resolved_event_says_how",
            ),
        ]
        triggers = append_only("what was reported never changes", may_change=("resolved_at", "resolution"))

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id}: {self.get_reason_display()}"
