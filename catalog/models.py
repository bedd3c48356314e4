"""Tables of the catalog: products, rate cards, versions, rates."""

from django.db import models
from django.db.models import Q

from catalog import guards
from catalog.fields import ChargeField
from governance.entities import Entity, Lifecycle
from metering.models import Meter


class Product(Entity):
    """A thing sold. Usage products have a meter; the others are sold by quantity or flat."""

    class Kind(models.TextChoices):
        USAGE = "usage", "Usage"
        RECURRING = "recurring", "Recurring"
        ONE_TIME = "one_time", "One-time"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    meter = models.ForeignKey(Meter, models.PROTECT, null=True, blank=True, related_name="products")
    unit = models.CharField(max_length=40, default="unit", help_text="as the customer reads it: token, seat, month")
    revenue_account = models.CharField(max_length=20, default="4000", help_text="account the revenue is booked to")
    is_active = models.BooleanField(default=True)

    class Meta(Entity.Meta):
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="usage", meter__isnull=False) | ~Q(kind="usage") & Q(meter=None),
                name="usage_products_have_a_meter",
            )
        ]
        triggers = [
            *Entity.Meta.triggers,
            guards.never_changes(
                "what_is_sold_stays", "key", "kind", "meter_id", reason="what a product is never changes"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RateCard(Entity):
    """The prices of one market in one currency; its versions follow each other in time."""

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)

    class Meta(Entity.Meta):
        ordering = ["name"]
        triggers = [
            *Entity.Meta.triggers,
            guards.never_changes(
                "currency_stays", "key", "currency", reason="the currency of a rate card never changes"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RateCardVersion(Entity, Lifecycle):
    """One edition of a rate card. Once published, neither it nor its rates change."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        IN_REVIEW = "in_review"
        PUBLISHED = "published"
        WITHDRAWN = "withdrawn"

    TRANSITIONS = {
        Status.DRAFT: {Status.IN_REVIEW, Status.WITHDRAWN},
        Status.IN_REVIEW: {Status.DRAFT, Status.PUBLISHED, Status.WITHDRAWN},
        Status.PUBLISHED: {Status.WITHDRAWN},
        Status.WITHDRAWN: set(),
    }

    card = models.ForeignKey(RateCard, models.PROTECT, related_name="versions")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    number = models.PositiveIntegerField(null=True, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)
    restores = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="restored_by")
    note = models.TextField(blank=True, help_text="what changes and why, for those who review it")

    class Meta(Entity.Meta):
        ordering = ["card", "-number"]
        permissions = [("publish_ratecardversion", "Can submit, publish, withdraw and roll back rate card versions")]
        constraints = [
            models.UniqueConstraint(
                fields=["card"], condition=Q(status__in=["draft", "in_review"]), name="one_live_draft_per_card"
            ),
            models.UniqueConstraint(fields=["card", "number"], name="version_numbers_are_unique"),
            models.UniqueConstraint(
                fields=["card", "effective_from"],
                condition=Q(status="published"),
                name="one_version_takes_effect_at_an_instant",
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(number__isnull=False, effective_from__isnull=False),
                name="published_has_number_and_date",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            guards.published_after_review(),
            guards.published_is_immutable(),
        ]

    def __str__(self) -> str:
        return f"{self.card} v{self.number}" if self.number else f"{self.card} ({self.get_status_display().lower()})"


class Rate(Entity):
    """One product's price in one version, and how often it is billed."""

    version = models.ForeignKey(RateCardVersion, models.CASCADE, related_name="rates")
    product = models.ForeignKey(Product, models.PROTECT, related_name="rates")
    charge = ChargeField()
    cycle_months = models.PositiveSmallIntegerField(default=1, help_text="billed every so many months; 0 once")
    in_advance = models.BooleanField(default=False)

    class Meta(Entity.Meta):
        ordering = ["product__name"]
        constraints = [models.UniqueConstraint(fields=["version", "product"], name="one_rate_per_product")]
        triggers = [
            *Entity.Meta.triggers,
            guards.rates_change_in_drafts_only(),
        ]

    def __str__(self) -> str:
        return f"{self.product} in {self.version}"
