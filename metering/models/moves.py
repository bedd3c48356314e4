"""Where usage events are kept: moves to a store elsewhere, and how far each has come."""

import uuid

from django.db import models

from governance.entities import append_only


class EventMove(models.Model):
    """That events are copied to a store elsewhere; from `switched_at` on it is the one that keeps them.

    `token` is written into that store too: whoever is configured with the address of another one notices.
    """

    location = models.CharField(max_length=300, help_text="its address, without the password")
    token = models.UUIDField(unique=True, default=uuid.uuid4)
    started_at = models.DateTimeField()
    switched_at = models.DateTimeField(null=True)

    class Meta:
        triggers = append_only("a move is a fact", may_change=("location", "switched_at"))

    def __str__(self) -> str:
        return f"events to {self.location}"


class EventMoveMonth(models.Model):
    """How far a move has come with the events of one UTC month: those with a smaller number than `below` are copied."""

    move = models.ForeignKey(EventMove, models.CASCADE, related_name="months")
    month = models.DateField(help_text="its first day")
    below = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0, help_text="copied so far")

    class Meta:
        ordering = ["month"]
        constraints = [models.UniqueConstraint(fields=["move", "month"], name="a_move_has_a_month_once")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
