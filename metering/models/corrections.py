"""Corrections of usage: events that count no more, and what counts instead. Nothing is deleted."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from governance.entities import Entity, Lifecycle, append_only
from metering.models.events import ExactDecoder


class UsageCorrection(Entity, Lifecycle):
    """Which events of a customer, a type and a range of time are void, and the events that replace them."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        APPLIED = "applied", "Applied"
        REVERTED = "reverted", "Reverted"
        DISCARDED = "discarded", "Discarded"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        Status.DRAFT: {Status.APPLIED, Status.DISCARDED},
        Status.APPLIED: {Status.REVERTED},
        Status.REVERTED: set(),
        Status.DISCARDED: set(),
    }

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    name = models.CharField(max_length=120)
    customer_key = models.CharField(max_length=120)
    event_type = models.CharField(max_length=120)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    condition = models.CharField(max_length=500, blank=True, help_text="only events of which this is true")
    replacements = models.JSONField(default=list, blank=True, decoder=ExactDecoder, help_text="events counted instead")
    voided = models.PositiveIntegerField(default=0, help_text="how many events it made void")
    applied_in = models.BigIntegerField(null=True, blank=True, help_text="the batch by which it took effect")
    reverted_in = models.BigIntegerField(null=True, blank=True, help_text="the batch by which it was taken back")

    class Meta(Entity.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="a_correction_covers_some_time"),
            models.CheckConstraint(
                condition=Q(status__in=["applied", "reverted"], applied_in__isnull=False)
                | Q(status__in=["draft", "discarded"], applied_in=None),
                name="an_applied_correction_says_since_when",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class UsageVoid(models.Model):
    """That an event does not count from batch `voided_in` on, and counts again from `restored_in` on."""

    correction = models.ForeignKey(UsageCorrection, models.PROTECT, related_name="voids")
    event = models.BigIntegerField(help_text="the event's number")
    occurred_at = models.DateTimeField(help_text="the event's, to find it by")
    voided_in = models.BigIntegerField()
    restored_in = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event"], condition=Q(restored_in=None), name="an_event_is_void_by_one_correction"
            )
        ]
        indexes = [models.Index("event", name="voids_by_event")]
        triggers = append_only("a void is a fact", may_change=("restored_in",))

    def __str__(self) -> str:
        return f"event {self.event} is void"
