"""Tables of entitlements: what one customer may use beside what the products of its contracts grant."""

from django.db import models
from django.db.models import F, Q

from catalog.models import Feature, FeatureGrant, Product
from contracts import guards
from contracts.models.agreements import Contract
from contracts.models.parties import QUANTITY, Customer
from governance.entities import Entity


class EntitlementOverride(Entity):
    """What a customer has of a feature instead of what is granted to it, or (a trial) in addition, for a time.

    With a contract it stands for what that contract grants. Terms are those of a grant; `off` takes a feature away.
    """

    customer_path = ("customer",)

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="entitlement_overrides")
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="entitlement_overrides", help_text="empty: of all"
    )
    feature = models.ForeignKey(Feature, models.PROTECT, related_name="overrides")
    value = models.CharField(max_length=120, blank=True)
    window = models.CharField(max_length=20, choices=FeatureGrant.Window.choices, default=FeatureGrant.Window.CYCLE)
    is_hard = models.BooleanField(default=True)
    is_trial = models.BooleanField(default=False, help_text="added to what is granted, until it ends")
    reason = models.CharField(max_length=200)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True, blank=True, help_text="empty: until it is ended")

    class Meta(Entity.Meta):
        ordering = ["feature__name", "-start_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_at=None) | Q(end_at__gte=F("start_at")), name="an_entitlement_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=Q(is_trial=False) | Q(end_at__isnull=False), name="a_trial_has_an_end"),
        ]
        triggers = [*Entity.Meta.triggers, *guards.ends_only("what was given of a feature changes only in its end")]

    def __str__(self) -> str:
        return f"{self.feature} of {self.customer}"


class Arrears(Entity):
    """An invoice of this customer's contracts is overdue: hard features are refused from `access_until` on.

    Written by invoicing, which knows what is paid; there is a row as long as something is overdue.
    """

    customer_path = ("customer",)

    customer = models.OneToOneField(Customer, models.PROTECT, related_name="arrears")
    invoice = models.CharField(max_length=40, help_text="number of the one that ends access first")
    due_on = models.DateField()
    access_until = models.DateTimeField()

    class Meta(Entity.Meta):
        verbose_name_plural = "arrears"

    def __str__(self) -> str:
        return f"arrears of {self.customer}"


class UsageCap(Entity):
    """How far a customer wants to go in a calendar month of its zone: in money or in a product's quantity.

    At the soft limit people are told; at the hard one, what is metered is refused until the month is over.
    """

    customer_path = ("customer",)

    class Measure(models.TextChoices):
        MONEY = "money", "Money"
        QUANTITY = "quantity", "Quantity"

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="usage_caps")
    product = models.ForeignKey(
        Product,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty: of everything that is metered",
    )
    measure = models.CharField(max_length=10, choices=Measure.choices, default=Measure.MONEY)
    soft_limit = models.DecimalField(**QUANTITY, null=True, blank=True)
    hard_limit = models.DecimalField(**QUANTITY, null=True, blank=True)

    class Meta(Entity.Meta):
        ordering = ["customer", "measure", "product__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "product", "measure"], nulls_distinct=False, name="a_customer_caps_a_thing_once"
            ),
            models.CheckConstraint(
                condition=Q(measure="money") | Q(product__isnull=False), name="quantities_are_of_a_product"
            ),
            models.CheckConstraint(
                condition=Q(soft_limit__gt=0) & (Q(hard_limit=None) | Q(hard_limit__gte=F("soft_limit")))
                | Q(soft_limit=None, hard_limit__gt=0),
                name="a_cap_has_a_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"cap on {self.product or 'everything'} of {self.customer}"


class CapReading(models.Model):
    """What a cap's month comes to, as far as it was read: worked out again every few seconds, and no promise."""

    cap = models.OneToOneField(UsageCap, models.CASCADE, related_name="reading")
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    amount = models.DecimalField(**QUANTITY)
    read_at = models.DateTimeField()
    told = models.CharField(max_length=4, blank=True, help_text="soft or hard: what people were told of this month")
