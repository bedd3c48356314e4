"""Outcomes: results with evidence, billed when they are final."""

import json
import uuid
from typing import Any, ClassVar

import msgspec
from django.db import models
from django.db.models import Q

from governance.entities import Entity, Lifecycle, append_only
from metering.models.events import ExactDecoder
from metering.models.fields import ExactNumber

OUTCOME = "outcome."
"""What the types of outcomes' usage events begin with."""
OUTCOMES = "outcomes"
"""The source of outcomes' usage events, and of no others."""

_numbers_as_they_are = msgspec.json.Encoder(decimal_format="number")


class ExactEncoder(json.JSONEncoder):
    """Writes a Decimal as the JSON number it is."""

    def encode(self, o: Any) -> str:
        return _numbers_as_they_are.encode(o).decode()


class OutcomeDefinition(Entity):
    """What counts as a result, what it is about, and how long it may be called into question."""

    class Scope(models.TextChoices):
        CUSTOMER = "customer", "One for each subject of a customer"
        MONTH = "month", "One for each subject of a customer in a calendar month (UTC)"
        DAY = "day", "One for each subject of a customer in a day (UTC)"

    class CountsIn(models.TextChoices):
        FINAL = "final", "The period in which it became final"
        OCCURRED = "occurred", "The period in which it happened"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text="what was agreed to be a result, in words for the customer")
    attribution_key = models.CharField(max_length=60, help_text="what it is about: conversation_id, ticket")
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.CUSTOMER)
    settlement_hours = models.PositiveIntegerField(default=72, help_text="how long it is provisional")
    evidence_required = models.BooleanField(default=False, help_text="without evidence it does not become final")
    counts_in = models.CharField(
        max_length=10, choices=CountsIn.choices, default=CountsIn.FINAL, help_text="which period its usage belongs to"
    )
    sources = models.JSONField(default=list, blank=True, help_text="who may report it; anybody if empty")

    class Meta(Entity.Meta):
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name

    @property
    def event_type(self) -> str:
        """The type of the usage events by which meters count its outcomes."""
        return f"{OUTCOME}{self.key}"


class Outcome(Lifecycle):
    """One result: provisional while it can be called into question, then final and counted, or reversed, or disputed.

    What was reported never changes; only its status moves. It is counted from `final_at` on, in the period of
    `counted_at`, and a dispute does not change that: only a reversal takes it back, in the same period.
    """

    class Status(models.TextChoices):
        PROVISIONAL = "provisional", "Provisional"
        FINAL = "final", "Final"
        REVERSED = "reversed", "Reversed"
        DISPUTED = "disputed", "Disputed"

    class Source(models.TextChoices):
        VENDOR = "vendor", "Vendor"
        CUSTOMER = "customer", "Customer"
        THIRD_PARTY = "third_party", "Third party"

    TRANSITIONS: ClassVar[dict[str, set[str]]] = {
        Status.PROVISIONAL: {Status.FINAL, Status.REVERSED, Status.DISPUTED},
        Status.FINAL: {Status.REVERSED, Status.DISPUTED},
        Status.DISPUTED: {Status.FINAL, Status.REVERSED, Status.PROVISIONAL},
        Status.REVERSED: set(),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    definition = models.ForeignKey(OutcomeDefinition, models.PROTECT, related_name="outcomes")
    customer_key = models.CharField(max_length=120, db_index=True)
    attribution = models.CharField(max_length=200, help_text="the value of the attribution key")
    scope = models.CharField(max_length=20, blank=True, help_text="the month or day it is the only one of")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PROVISIONAL)
    value = ExactNumber(null=True, help_text="what it was worth, if measured")
    confidence = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    source = models.CharField(max_length=12, choices=Source.choices, default=Source.VENDOR)
    properties = models.JSONField(default=dict, encoder=ExactEncoder, decoder=ExactDecoder)
    occurred_at = models.DateTimeField()
    reported_at = models.DateTimeField()
    settles_at = models.DateTimeField()
    final_at = models.DateTimeField(null=True, help_text="when it became final")
    counted_at = models.DateTimeField(null=True, help_text="where in time its usage stands: the period it is billed in")
    is_billable = models.BooleanField(default=True, help_text="by the rule of its event type, when it became final")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "customer_key", "attribution", "occurred_at"], name="a_report_is_one_outcome"
            ),
            models.CheckConstraint(
                condition=(Q(final_at=None, counted_at=None) & ~Q(status="final"))
                | (Q(final_at__isnull=False, counted_at__isnull=False) & ~Q(status="provisional")),
                name="a_final_outcome_says_since_when",
            ),
            models.UniqueConstraint(
                fields=["definition", "customer_key", "attribution", "scope"],
                condition=~Q(status="reversed"),
                name="one_outcome_for_a_subject",
            ),
        ]
        indexes = [
            models.Index("settles_at", name="outcomes_to_settle", condition=Q(status="provisional")),
            models.Index(fields=["-reported_at", "id"], name="outcomes_by_report"),
        ]
        triggers = append_only(
            "what was reported never changes", may_change=("status", "final_at", "counted_at", "is_billable")
        )

    def __str__(self) -> str:
        return f"{self.definition.key}: {self.attribution}"


class OutcomeEntry(models.Model):
    """What happened to an outcome, in order. `event_id` is the usage event it was counted, or taken back, by."""

    class Kind(models.TextChoices):
        REPORTED = "reported", "Reported"
        EVIDENCE = "evidence", "Evidence attached"
        SETTLED = "settled", "Final"
        REVERSED = "reversed", "Reversed"
        DISPUTED = "disputed", "Disputed"
        UPHELD = "upheld", "Dispute settled: it stands"

    outcome = models.ForeignKey(Outcome, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    because = models.TextField(blank=True)
    evidence_url = models.URLField(max_length=500, blank=True)
    evidence_hash = models.CharField(max_length=128, blank=True)
    event_id = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["outcome", "id"]
        verbose_name_plural = "outcome entries"
        triggers = append_only("what happened to an outcome stays")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d}"
