"""Outcomes: results with evidence, billed when they are final."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from governance.entities import Entity, Lifecycle, append_only
from metering.models.fields import ExactNumber


class OutcomeDefinition(Entity):
    """What counts as a result, what it is about, and how long it may be called into question."""

    class Scope(models.TextChoices):
        CUSTOMER = "customer", "One for each subject of a customer"
        MONTH = "month", "One for each subject of a customer in a calendar month (UTC)"
        DAY = "day", "One for each subject of a customer in a day (UTC)"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text="what was agreed to be a result, in words for the customer")
    attribution_key = models.CharField(max_length=60, help_text="what it is about: conversation_id, ticket")
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.CUSTOMER)
    settlement_hours = models.PositiveIntegerField(default=72, help_text="how long it is provisional")
    evidence_required = models.BooleanField(default=False, help_text="without evidence it does not become final")
    sources = models.JSONField(default=list, blank=True, help_text="who may report it; anybody if empty")

    class Meta(Entity.Meta):
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name

    @property
    def event_type(self) -> str:
        """The type of the usage events by which meters count its outcomes."""
        return f"outcome.{self.key}"


class Outcome(Lifecycle):
    """One result: provisional while it can be called into question, then final and billed, or reversed, or disputed."""

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
    properties = models.JSONField(default=dict)
    occurred_at = models.DateTimeField()
    reported_at = models.DateTimeField()
    settles_at = models.DateTimeField()
    final_at = models.DateTimeField(null=True, help_text="when it became final; the period it is billed in")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "customer_key", "attribution", "scope"],
                condition=~Q(status="reversed"),
                name="one_outcome_for_a_subject",
            )
        ]
        indexes = [models.Index("settles_at", name="outcomes_to_settle", condition=Q(status="provisional"))]

    def __str__(self) -> str:
        return f"{self.definition.key} {self.attribution}"


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
