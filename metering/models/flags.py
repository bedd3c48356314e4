"""What looks wrong with usage, for a person to look at before it is billed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.entities import append_only
from metering.models.fields import ExactNumber


class UsageFlag(models.Model):
    """One oddity, found once for a customer, a meter or source, and a day. It stays until somebody says what it was."""

    class Kind(models.TextChoices):
        SPIKE = "spike", "Far more than usual"
        SILENCE = "silence", "Nothing where there always was something"
        DUPLICATES = "duplicates", "A burst of duplicates"
        SKEW = "skew", "A clock that is wrong"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    customer_key = models.CharField(max_length=120)
    meter_key = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=120, blank=True)
    day = models.DateField()
    seen = ExactNumber()
    usual = ExactNumber()
    detail = models.TextField()
    found_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    because = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "customer_key", "meter_key", "source", "day"], name="an_oddity_is_flagged_once"
            )
        ]
        indexes = [models.Index("customer_key", name="open_flags", condition=Q(resolved_at=None))]
        triggers = append_only(
            "what was seen stays seen",
            may_change=("seen", "detail", "resolved_at", "resolved_by_id", "because"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.customer_key}"
