"""Tables of governance: changes, approval policies and requests, API keys, ids given by others."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey, APIKeyManager

from governance.entities import Entity, Lifecycle, append_only


class Change(models.Model):
    """One business change: what happened, to what, by whom, why and when. Audit trail and outbox in one row."""

    name = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=80)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    by_name = models.CharField(max_length=200)
    because = models.TextField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now, editable=False)
    relayed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        indexes = [
            models.Index("id", name="change_to_relay", condition=Q(relayed_at=None)),
            models.Index("subject_type", "subject_id", "id", name="change_by_subject"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(because__regex=r"^\s*$") & ~Q(by_name__regex=r"^\s*$"),
                name="change_says_who_and_why",
            )
        ]
        triggers = append_only("a recorded change never changes", may_change=("relayed_at",))
        permissions = [
            ("see_every_customer", "Can see every customer, not only those served"),
            ("see_margin", "Can see costs and margin"),
        ]

    def __str__(self) -> str:
        return f"{self.name} by {self.by_name}"


class ApprovalPolicy(Entity):
    """When a watched value of a kind of subject is above the limit, somebody in `role` must agree."""

    name = models.CharField(max_length=120)
    subject_type = models.CharField(max_length=80, help_text="for example quoting.quoteversion")
    watched = models.CharField(max_length=60, help_text="the value the policy looks at, e.g. discount_percent")
    above = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    role = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=1)
    is_active = models.BooleanField(default=True)

    class Meta(Entity.Meta):
        verbose_name_plural = "approval policies"
        ordering = ["subject_type", "position", "watched"]

    def __str__(self) -> str:
        return self.name


class ApprovalRequest(Entity, Lifecycle):
    """One question put to one role about one subject, bound to a hash of the inputs the rule read.

    It names its subject by id alone, so it cannot say whose customer it is about: who does not see every customer
    sees the questions they asked themselves.
    """

    asker_path = "requested_by"

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        SUPERSEDED = "superseded"

    TRANSITIONS = {
        Status.PENDING: {Status.APPROVED, Status.REJECTED, Status.SUPERSEDED},
        Status.APPROVED: {Status.SUPERSEDED},
        Status.REJECTED: {Status.SUPERSEDED},
        Status.SUPERSEDED: set(),
    }

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    policy = models.ForeignKey(ApprovalPolicy, models.PROTECT, related_name="requests")
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=80)
    subject_name = models.CharField(max_length=200)
    value = models.DecimalField(max_digits=20, decimal_places=6)
    inputs_hash = models.CharField(max_length=64)
    parts = models.JSONField(default=dict, help_text="the values that the watched one was taken from, as text by name")
    why = models.TextField(help_text="why this approval is needed, fit for the requester and the approver")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    because = models.TextField(blank=True, help_text="the approver's words")

    class Meta(Entity.Meta):
        ordering = ["-requested_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="nobody_approves_their_own",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "rejected"])
                | Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(because=""),
                name="decisions_say_who_when_why",
            ),
            models.UniqueConstraint(
                fields=["policy", "subject_type", "subject_id"],
                condition=Q(status="pending"),
                name="one_pending_request_per_policy",
            ),
        ]
        indexes = [models.Index("subject_type", "subject_id", name="approval_by_subject")]
        triggers = [
            *Entity.Meta.triggers,
            pgtrigger.Trigger(
                name="decided_is_decided",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'an approval request is never deleted' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF OLD.status <> 'pending' AND NOT (
                        NEW.status = 'superseded' AND (to_jsonb(NEW) - 'status') = (to_jsonb(OLD) - 'status')) THEN
                        RAISE EXCEPTION 'a decided approval request never changes' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF NEW.value <> OLD.value OR NEW.parts <> OLD.parts OR NEW.inputs_hash <> OLD.inputs_hash
                        OR NEW.requested_by_id <> OLD.requested_by_id OR NEW.subject_id <> OLD.subject_id THEN
                        RAISE EXCEPTION 'what was asked never changes' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.name}: {self.subject_name}"


class SystemKeys(APIKeyManager):  # type: ignore[type-arg] # generic only in the stubs
    """A key is known by its prefix: Django would take the library's id, which holds the hash, into addresses."""

    def assign_key(self, obj: AbstractAPIKey) -> str:
        text: str = super().assign_key(obj)
        obj.id = obj.prefix
        return text


class SystemKey(AbstractAPIKey):
    """An API key of one outside system; `scopes` lists what it may do (`usage:write`). Shown once, stored hashed.

    Its name is the source of the usage it reports: never changed, and taken over only after it was revoked.
    """

    name = models.CharField(max_length=50, help_text="The system that uses it; also the source of its usage events.")
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to the minute")

    objects: ClassVar[SystemKeys] = SystemKeys()

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(revoked=False),
                name="one_usable_key_per_system",
                violation_error_message="There is a key of this name; revoke it first.",
            )
        ]
        triggers = [
            *append_only(
                "a key is revoked for good, and otherwise stays as it was made",
                may_change=("revoked", "last_used_at"),
            ),
            pgtrigger.Trigger(
                name="revoked_is_revoked",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__revoked=True, new__revoked=False),
                func="RAISE EXCEPTION 'a revoked key stays so' USING ERRCODE = 'restrict_violation';",
            ),
        ]


class ExternalId(models.Model):
    """The id that another system gave to one of our records."""

    system = models.SlugField(max_length=40, db_index=False)
    subject_type = models.CharField(max_length=80)
    subject_id = models.CharField(max_length=80)
    external_id = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "subject_type", "subject_id"], name="one_id_per_system"),
            models.UniqueConstraint(fields=["system", "subject_type", "external_id"], name="one_record_per_outside_id"),
        ]

    def __str__(self) -> str:
        return f"{self.system}: {self.external_id}"

    def called_elsewhere(self) -> "models.QuerySet[ExternalId]":
        """Another record of the same kind that the system calls so."""
        same = ExternalId.objects.filter(
            system=self.system, subject_type=self.subject_type, external_id=self.external_id
        )
        return same.exclude(subject_id=self.subject_id)
