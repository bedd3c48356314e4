"""The table of amendments: the one way in which a signed contract changes."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contracts import guards
from contracts.models.agreements import Contract
from governance.entities import Entity, Lifecycle


class Amendment(Entity, Lifecycle):
    """What is to change of a contract, from when and why; once applied, what it did.

    `changes` is the JSON of `contracts.changes`. `basis` says what the contract was when the changes were submitted:
    they are applied to nothing else.
    """

    customer_path = ("contract__customer", "contract__payer")

    class Status(models.TextChoices):
        DRAFT = "draft"
        IN_REVIEW = "in_review", "In review"
        APPLIED = "applied"
        WITHDRAWN = "withdrawn"

    TRANSITIONS = {
        Status.DRAFT: {Status.IN_REVIEW, Status.WITHDRAWN},
        Status.IN_REVIEW: {Status.DRAFT, Status.APPLIED, Status.WITHDRAWN},
        Status.APPLIED: set(),
        Status.WITHDRAWN: set(),
    }

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="amendments")
    number = models.PositiveSmallIntegerField(help_text="of the contract's amendments")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    effective_at = models.DateTimeField(help_text="may have passed: what was billed is then corrected")
    reason = models.TextField()
    changes = models.JSONField()
    basis = models.CharField(max_length=64, blank=True, editable=False)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    applied_at = models.DateTimeField(null=True, blank=True)
    did = ArrayField(models.TextField(), default=list, blank=True, help_text="what it changed, a sentence each")

    class Meta(Entity.Meta):
        ordering = ["contract", "number"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="amendments_are_numbered"),
            models.CheckConstraint(
                condition=Q(status="applied", applied_at__isnull=False) & ~Q(basis="")
                | ~Q(status="applied") & Q(applied_at=None),
                name="an_applied_amendment_says_when",
            ),
        ]
        triggers = [*Entity.Meta.triggers, guards.applied_is_applied()]

    def __str__(self) -> str:
        return f"Amendment {self.number} of {self.contract}"
