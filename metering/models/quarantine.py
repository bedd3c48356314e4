"""Quarantine: events that could not be counted, and wait with a reason."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.entities import append_only
from metering.models.events import ExactDecoder
from metering.models.fields import ExactNumber


class QuarantinedEvent(models.Model):
    """An event that could not be counted, with the reason; it waits until somebody replays or dismisses it.

    The body stays as it was reported, for ever; only what became of it is added.
    """

    class Reason(models.TextChoices):
        CONFLICT = "conflict", "Same id, other body"
        UNKNOWN_TYPE = "unknown_type", "No such event type"
        UNKNOWN_CUSTOMER = "unknown_customer", "No such customer"
        MISSING_PROPERTY = "missing_property", "A property that is needed is missing or not a number"
        INVALID = "invalid", "Not as the schema of its type wants it"
        WRONG_UNIT = "wrong_unit", "In another unit than its type"
        TOO_LATE = "too_late", "Older than the window for late usage"
        TOO_EARLY = "too_early", "From the future"

    class Resolution(models.TextChoices):
        COUNTED = "counted", "Counted"
        DISMISSED = "dismissed", "Dismissed"

    source = models.CharField(max_length=120)
    event_id = models.CharField(max_length=200)
    body = models.JSONField(decoder=ExactDecoder)
    body_hash = models.BinaryField(max_length=16)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    detail = models.TextField()
    received_at = models.DateTimeField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="who puts it right",
    )
    at_risk = ExactNumber(null=True, help_text="about what it would be billed at, if that is known")
    at_risk_currency = models.CharField(max_length=3, blank=True)
    estimated_at = models.DateTimeField(null=True, blank=True, help_text="when the money at risk was estimated")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=20, choices=Resolution.choices, blank=True)
    resolved_in = models.ForeignKey(
        "governance.Change",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="the change that counted or dismissed it: who, and why",
    )

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
        triggers = append_only(
            "what was reported never changes",
            may_change=(
                "resolved_at",
                "resolution",
                "resolved_in_id",
                "owner_id",
                "at_risk",
                "at_risk_currency",
                "estimated_at",
            ),
        )

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id}: {self.get_reason_display()}"
