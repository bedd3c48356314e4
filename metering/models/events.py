"""Usage events: who said what, kept by month; identities, kept for ever; batches, the order in which all came in."""

import json
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q

from governance.entities import append_only

POSITIONS = 14
"""Bits of an event's number that count within its batch; the rest is the number of the batch."""


class ExactDecoder(json.JSONDecoder):
    """Reads JSON numbers as int or Decimal: what was reported never passes through a float."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"parse_float": Decimal}))


class UsageBatch(models.Model):
    """What one transaction took in. Its number says where it stands in the order of everything ever stored.

    `id` is drawn under a shared lock (see `metering.cutoffs`), so "all batches up to N" is a set that never grows:
    the cut-off by which a question about usage has one answer for ever.
    """

    source = models.CharField(max_length=120, help_text="who sent it: the API key's name, or how it came in")
    stored_at = models.DateTimeField()
    events = models.PositiveIntegerField(default=0, help_text="counted in this batch")
    duplicates = models.PositiveIntegerField(default=0)
    conflicts = models.PositiveIntegerField(default=0)
    quarantined = models.PositiveIntegerField(default=0)
    duplicates_of = models.JSONField(default=dict, help_text="how many duplicates, by customer")
    is_open = models.BooleanField(
        default=False, help_text="being written to a store elsewhere: its events do not count yet, or never will"
    )
    is_rolled_up = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "usage batches"
        indexes = [
            models.Index("id", name="batches_to_roll_up", condition=Q(is_rolled_up=False)),
            models.Index("stored_at", name="batches_by_time"),
            models.Index("id", name="open_batches", condition=Q(is_open=True)),
        ]
        triggers = append_only(
            "a usage batch never changes",
            may_change=("is_open", "is_rolled_up", "events", "duplicates", "conflicts", "quarantined", "duplicates_of"),
        )

    def __str__(self) -> str:
        return f"batch {self.pk}"


class UsageIdentity(models.Model):
    """That an event is counted, for ever: kept when the event itself is retired. `event` is the event's number.

    `body_hash` (16 bytes of SHA-256 over everything that was said) tells a resend from a contradiction.
    """

    pk = models.CompositePrimaryKey("source", "event_id")
    source = models.CharField(max_length=120)
    event_id = models.CharField(max_length=200)
    body_hash = models.BinaryField(max_length=16)
    event = models.BigIntegerField()

    class Meta:
        triggers = append_only("an identity is kept for ever")

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id}"


class UsageEvent(models.Model):
    """One reported fact, never changed. Partitioned by the UTC month of `occurred_at` (SQL function `usage_month`).

    `id` is the number of its batch, shifted left by POSITIONS, plus its place in the batch: the order of arrival.
    """

    id = models.BigIntegerField(primary_key=True)
    source = models.CharField(max_length=120)
    event_id = models.CharField(max_length=200)
    type = models.CharField(max_length=120)
    customer_key = models.CharField(max_length=120)
    alias = models.CharField(max_length=120, blank=True, help_text="the key it was reported under, if that is an alias")
    occurred_at = models.DateTimeField()
    is_billable = models.BooleanField(default=True, help_text="whether meters count it, by the rule of its type")
    properties = models.JSONField(default=dict, decoder=ExactDecoder)

    class Meta:
        indexes = [
            models.Index("id", name="usage_by_arrival"),
            models.Index(
                models.Func(F("customer_key"), F("type"), function="usage_slot"),
                "occurred_at",
                name="usage_by_customer",
            ),
        ]
        triggers = append_only("a usage event never changes")

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id}"

    @property
    def batch_id(self) -> int:
        return self.id >> POSITIONS


class RetiredMonth(models.Model):
    """A month whose events were dropped by the policy of retention. Identities and daily totals remain."""

    month = models.DateField(primary_key=True, help_text="its first day")
    events = models.BigIntegerField()
    retired_at = models.DateTimeField()

    class Meta:
        triggers = append_only("what was retired stays retired")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
