"""Tables of integrations: deliveries owed, messages received."""

from django.db import models
from django.db.models import Q

from governance.models import Change


class Delivery(models.Model):
    """What one listener is owed about one change. Its id is the idempotency key of whatever the handler calls."""

    class Status(models.TextChoices):
        DUE = "due"
        DONE = "done"
        FAILED = "failed", "Failed, gave up"

    change = models.ForeignKey(Change, models.PROTECT, related_name="deliveries")
    route = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="what was done, or why nothing was")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["change", "route"], name="one_delivery_per_listener")]
        indexes = [models.Index("next_at", name="delivery_due", condition=Q(status="due"))]
        permissions = [("retry_delivery", "Can retry failed deliveries")]

    def __str__(self) -> str:
        return f"{self.route} of {self.change.name}"


class InboundMessage(models.Model):
    """A message an outsider sent, stored as it came once its signature was right; applied later, once."""

    class Status(models.TextChoices):
        NEW = "new"
        APPLIED = "applied"
        IGNORED = "ignored"
        FAILED = "failed"

    sender = models.CharField(max_length=40)
    message_id = models.CharField(max_length=120)
    type = models.CharField(max_length=80)
    body = models.JSONField()
    times_received = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField()
    next_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="what it led to, or why to nothing")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["sender", "message_id"], name="a_message_is_kept_once")]
        indexes = [models.Index("next_at", name="message_to_apply", condition=Q(status="new"))]

    def __str__(self) -> str:
        return f"{self.sender} {self.type} {self.message_id}"
