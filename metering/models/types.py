"""What may be reported: types of events with their schemas, and other names that customers go by."""

from django.conf import settings
from django.db import models

from governance.entities import Entity, append_only


class EventType(Entity):
    """A kind of event we take: what it must carry, what becomes of one that does not, and which are billable."""

    class OnInvalid(models.TextChoices):
        QUARANTINE = "quarantine", "Keep it in quarantine"
        REJECT = "reject", "Refuse the request"

    key = models.CharField(max_length=120, unique=True, help_text="as events name it: llm.request")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="who puts right what cannot be counted",
    )
    on_invalid = models.CharField(max_length=10, choices=OnInvalid.choices, default=OnInvalid.QUARANTINE)
    billable_when = models.CharField(
        max_length=500, blank=True, help_text="only events of which this is true are billable: status <> 'failed'"
    )

    class Meta(Entity.Meta):
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class EventTypeVersion(models.Model):
    """One edition of a type's schema. The newest is what events are held against, unless they name another."""

    type = models.ForeignKey(EventType, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    schema = models.JSONField(default=dict, help_text="JSON Schema (2020-12) of the properties")
    units = models.JSONField(default=dict, help_text='in which unit a property is: {"duration": "ms"}')
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["type", "number"]
        constraints = [models.UniqueConstraint(fields=["type", "number"], name="a_types_versions_are_numbered")]
        triggers = append_only("a version of a schema never changes")

    def __str__(self) -> str:
        return f"{self.type} v{self.number}"


class CustomerAlias(Entity):
    """Another key under which a customer's usage is reported. What waited for it in quarantine is then counted."""

    key = models.CharField(max_length=120, unique=True)
    customer_key = models.CharField(max_length=120, db_index=True)

    class Meta(Entity.Meta):
        ordering = ["key"]
        verbose_name_plural = "customer aliases"

    def __str__(self) -> str:
        return f"{self.key} → {self.customer_key}"
