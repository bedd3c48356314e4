"""Tables of packages: templates that customers sign as they are, in numbered versions that never change."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.models import Product, RateCard
from contracts import guards
from contracts.models.agreements import Contract
from contracts.models.parties import AMOUNT, PERCENT, QUANTITY, LegalEntity
from governance.entities import Entity, Lifecycle, append_only


class Package(Entity):
    """A deal that anybody of its audience can sign as it is. What it holds is said by its versions."""

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, help_text="for the customer, above the prices")
    audience = models.CharField(max_length=120, blank=True, help_text="who it is for: startups, teams of up to 20")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="+")
    is_open = models.BooleanField(default=True, help_text="customers can sign up to its latest version by themselves")

    class Meta(Entity.Meta):
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PackageVersion(Entity, Lifecycle):
    """One edition of a package. Contracts keep the one they were signed from; once published it never changes."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        WITHDRAWN = "withdrawn"

    TRANSITIONS = {
        Status.DRAFT: {Status.PUBLISHED, Status.WITHDRAWN},
        Status.PUBLISHED: set(),
        Status.WITHDRAWN: set(),
    }

    package = models.ForeignKey(Package, models.PROTECT, related_name="versions")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    number = models.PositiveIntegerField(null=True, blank=True)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, related_name="package_versions")
    follows_card = models.BooleanField(default=False, help_text="else the prices of the day of signature stay")
    months = models.PositiveSmallIntegerField(default=12)
    renews_itself = models.BooleanField(default=False, help_text="for as long again, until it is declined")
    anchor_day = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="day of the month cycles begin on (31: its last); empty: that of the start"
    )
    proration = models.CharField(max_length=10, choices=Contract.Proration.choices, default=Contract.Proration.DAY)
    trial_days = models.PositiveSmallIntegerField(default=0, help_text="free of charge at the start")
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta(Entity.Meta):
        ordering = ["package", "-number"]
        permissions = [("publish_packageversion", "Can submit, publish and withdraw versions of packages")]
        constraints = [
            models.UniqueConstraint(fields=["package"], condition=Q(status="draft"), name="one_draft_per_package"),
            models.UniqueConstraint(fields=["package", "number"], name="versions_of_a_package_are_numbered"),
            models.CheckConstraint(
                condition=Q(status="published", number__isnull=False, published_at__isnull=False)
                | ~Q(status="published") & Q(number=None, published_at=None),
                name="a_published_package_has_number_and_date",
            ),
            models.CheckConstraint(condition=Q(months__gte=1), name="a_package_lasts_a_month"),
            models.CheckConstraint(
                condition=Q(anchor_day=None) | Q(anchor_day__gte=1, anchor_day__lte=31),
                name="an_anchor_of_a_package_is_a_day",
            ),
        ]
        triggers = [*Entity.Meta.triggers, *guards.published_package_stays()]

    def __str__(self) -> str:
        return f"{self.package} v{self.number}" if self.number else f"{self.package} ({self.status})"


class PackageLine(Entity):
    """One product of a package. Phases of a ramp count their months from the start of the contract."""

    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=1)
    label = models.CharField(max_length=60, blank=True, help_text="of a phase: Year 1")
    quantity = models.DecimalField(**QUANTITY, null=True, blank=True, help_text="empty for what is measured")
    is_chosen = models.BooleanField(default=False, help_text="the customer may take more than this quantity")
    discount_percent = models.DecimalField(**PERCENT, default=0)
    discount_amount = models.DecimalField(**AMOUNT, default=0, help_text="off each cycle")
    minimum = models.DecimalField(**AMOUNT, null=True, blank=True, help_text="of each cycle")
    from_month = models.PositiveSmallIntegerField(default=0, help_text="after so many months")
    phase_months = models.PositiveSmallIntegerField(null=True, blank=True, help_text="empty: until the end")

    class Meta(Entity.Meta):
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lte=100, discount_amount__gte=0),
                name="package_discounts_are_sane",
            ),
            models.CheckConstraint(
                condition=Q(is_chosen=False) | Q(quantity__isnull=False), name="what_is_chosen_has_a_quantity"
            ),
            models.CheckConstraint(
                condition=Q(phase_months=None) | Q(phase_months__gte=1), name="a_phase_lasts_a_month"
            ),
        ]
        triggers = [*Entity.Meta.triggers, guards.part_of_a_draft()]

    def __str__(self) -> str:
        return f"{self.product} in {self.version}"


class PackageCommit(Entity):
    """Access that comes with a package: bought with it or, at no price, given."""

    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="commits")
    name = models.CharField(max_length=120)
    access_amount = models.DecimalField(**QUANTITY)
    price = models.DecimalField(**AMOUNT, default=0, help_text="0: a credit")
    product_keys = ArrayField(
        models.SlugField(max_length=60), default=list, blank=True, help_text="none: every usage product"
    )
    priority = models.PositiveSmallIntegerField(default=100, help_text="the lowest number pays first")

    class Meta(Entity.Meta):
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(access_amount__gt=0, price__gte=0), name="a_packaged_commit_has_amounts")
        ]
        triggers = [*Entity.Meta.triggers, guards.part_of_a_draft()]

    def __str__(self) -> str:
        return f"{self.name} in {self.version}"


class SignUp(models.Model):
    """A request to sign up that was served: asked again under its key, it is answered with the same contract."""

    source = models.CharField(max_length=60, help_text="who sent it: a system by its key, or the page")
    request_key = models.CharField(max_length=80)
    asked = models.CharField(max_length=64, help_text="hash of what was asked")
    contract = models.OneToOneField(Contract, models.PROTECT, related_name="sign_up")
    from_ip = models.GenericIPAddressField(null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "request_key"], name="a_request_signs_up_once"),
        ]
        indexes = [models.Index("from_ip", "at", name="sign_ups_from")]
        triggers = append_only("a sign-up is a fact")

    def __str__(self) -> str:
        return f"sign-up to {self.contract}"
