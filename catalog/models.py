"""Tables of the catalog: products and their costs and features, rate cards, versions, rates, rules of selection."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog import guards
from catalog.fields import ChargeField
from governance.entities import Entity, Lifecycle, append_only
from metering.models import Meter
from pricing.money import plain

PRICE: dict[str, Any] = {"max_digits": 28, "decimal_places": 12}


class Product(Entity):
    """A thing sold. Usage products have a meter; the others are sold by quantity or flat."""

    class Kind(models.TextChoices):
        USAGE = "usage", "Usage"
        RECURRING = "recurring", "Recurring"
        ONE_TIME = "one_time", "One-time"

    class Recognition(models.TextChoices):
        AS_DELIVERED = "as_delivered", "As delivered: usage when its period ends, the rest evenly over its period"
        ON_INVOICE = "on_invoice", "On invoice: all at once when invoiced"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    meter = models.ForeignKey(Meter, models.PROTECT, null=True, blank=True, related_name="products")
    unit = models.CharField(max_length=40, default="unit", help_text="as the customer reads it: token, seat, month")
    internal_unit = models.CharField(max_length=40, blank=True, help_text="as engineers count it; empty: the same")
    revenue_account = models.CharField(max_length=20, default="4000", help_text="account the revenue is booked to")
    recognition = models.CharField(max_length=20, choices=Recognition.choices, default=Recognition.AS_DELIVERED)
    tax_code = models.CharField(max_length=40, blank=True, help_text="what the tax office calls it")
    tags = ArrayField(
        models.SlugField(max_length=60),
        default=list,
        blank=True,
        help_text="groups that commits and overrides name",
    )
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


class CostRate(Entity):
    """What a unit of a product costs us from an instant on, for usage with these dimensions (none: for all)."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="cost_rates")
    dimensions = models.JSONField(default=dict, blank=True, help_text='{"model": "large"}; empty: whatever it is')
    since = models.DateTimeField()
    unit_cost = models.DecimalField(**PRICE)
    per = models.DecimalField(**PRICE, default=1, help_text="for how many units the cost is given")
    currency = models.CharField(max_length=3)

    class Meta(Entity.Meta):
        ordering = ["product", "-since"]
        constraints = [
            models.UniqueConstraint("product", "dimensions", "since", name="one_cost_at_an_instant"),
            models.CheckConstraint(condition=Q(unit_cost__gte=0, per__gt=0), name="a_cost_is_not_negative"),
        ]
        triggers = [*Entity.Meta.triggers, *append_only("a cost is superseded, never changed")]

    def __str__(self) -> str:
        return f"cost of {self.product} since {self.since:%Y-%m-%d}"


class Feature(Entity):
    """Something customers can do once they have a product that grants it. A metered one is counted by its meter."""

    class Kind(models.TextChoices):
        BOOLEAN = "boolean", "On or off"
        LIMIT = "limit", "A limit"
        METERED = "metered", "A metered allowance"
        CONFIG = "config", "A value"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BOOLEAN)
    meter = models.ForeignKey(Meter, models.PROTECT, null=True, blank=True, related_name="features")
    description = models.TextField(blank=True)

    class Meta(Entity.Meta):
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="metered", meter__isnull=False) | ~Q(kind="metered") & Q(meter=None),
                name="metered_features_have_a_meter",
            )
        ]
        triggers = [
            *Entity.Meta.triggers,
            guards.never_changes("what_is_granted_stays", "key", "kind", reason="what a feature is never changes"),
        ]

    def __str__(self) -> str:
        return self.name


class FeatureGrant(Entity):
    """A product grants a feature: `value` is the limit or setting, empty for one that is on.

    A metered allowance is granted for a window; several windows of one feature all have to have room.
    """

    class Window(models.TextChoices):
        CYCLE = "cycle", "Billing cycle: a month of the contract"
        MONTH = "month", "Calendar month"
        WEEK = "week", "Week, from Monday"
        DAY = "day", "Day"
        FIVE_HOURS = "five_hours", "5 hours, one after the other"
        ROLLING_FIVE_HOURS = "rolling_five_hours", "Any 5 hours: the last ones at each instant"

    product = models.ForeignKey(Product, models.PROTECT, related_name="grants")
    feature = models.ForeignKey(Feature, models.PROTECT, related_name="grants")
    value = models.CharField(max_length=120, blank=True)
    window = models.CharField(max_length=20, choices=Window.choices, default=Window.CYCLE)
    is_hard = models.BooleanField(default=True, help_text="refused beyond it; otherwise it is overage")
    is_per_seat = models.BooleanField(default=False, help_text="times the quantity agreed")

    class Meta(Entity.Meta):
        ordering = ["feature__name", "product__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "feature", "window"], name="a_product_grants_a_feature_once_a_window"
            )
        ]

    def __str__(self) -> str:
        return f"{self.feature} by {self.product}"


class RateCard(Entity):
    """The prices of one market in one currency; its versions follow each other in time.

    With a `base` its versions hold only the rates that differ: every other price is the base's of that instant.
    """

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    base = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="deltas")
    region = models.CharField(max_length=60, blank=True, help_text="the market it is made for, in words: EU")
    segment = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=60, blank=True)
    customer_type = models.CharField(max_length=60, blank=True)
    notice_days = models.PositiveSmallIntegerField(
        default=0, help_text="a rise reaches existing contracts no sooner than so many days after publication"
    )
    is_public = models.BooleanField(default=False, help_text="its prices in force are shown on the public price page")

    class Meta(Entity.Meta):
        ordering = ["name"]
        triggers = [
            *Entity.Meta.triggers,
            guards.never_changes(
                "currency_stays", "key", "currency", "base_id", reason="the currency and base of a card never change"
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

    class Reach(models.TextChoices):
        """Which of the contracts that follow the card, and were signed before, get the new prices."""

        NEW_ONLY = "new_only", "New contracts only"
        AT_RENEWAL = "at_renewal", "Existing contracts at their renewal"
        FROM_DATE = "from_date", "Existing contracts from a date"
        WHERE_CHEAPER = "where_cheaper", "Existing contracts where it is cheaper for them"

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
    planned_from = models.DateTimeField(null=True, blank=True, help_text="when it is to take effect; empty: at once")
    reach = models.CharField(max_length=20, choices=Reach.choices, default=Reach.FROM_DATE)
    existing_from = models.DateTimeField(
        null=True, blank=True, help_text="from when on existing contracts get it; empty: when it takes effect"
    )
    base_factor = models.DecimalField(
        max_digits=16, decimal_places=9, default=1, help_text="the base's prices are multiplied by this"
    )
    publish_when_approved = models.BooleanField(default=False)
    warnings_accepted = models.TextField(blank=True, help_text="why it may be published in spite of its warnings")
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
            models.CheckConstraint(condition=Q(base_factor__gt=0), name="the_base_is_multiplied_by_something"),
        ]
        triggers = [
            *Entity.Meta.triggers,
            guards.published_after_review(),
            guards.published_is_immutable(),
        ]

    @property
    def factor(self) -> Decimal:
        """`base_factor` without the zeros that its column adds: they would show in every price times it."""
        return Decimal(plain(self.base_factor))

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


class SelectionRule(Entity):
    """Which card a customer gets: of the active rules in order, the first whose every condition holds.

    `conditions` names attributes of the customer with the values that are right:
    `{"region": ["eu"], "channel": ["reseller"]}`; none: everybody.
    """

    ATTRIBUTES = ("region", "country", "segment", "channel", "customer_type", "currency")

    position = models.PositiveSmallIntegerField(unique=True, help_text="the lowest number is asked first")
    name = models.CharField(max_length=120)
    card = models.ForeignKey(RateCard, models.PROTECT, related_name="selection_rules")
    conditions = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta(Entity.Meta):
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.position}. {self.name}"
