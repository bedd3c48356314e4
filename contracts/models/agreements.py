"""Tables of what was agreed: contracts, their lines, and the prices of one deal alone."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.fields import ChargeField
from catalog.models import Product, RateCard, RateCardVersion
from contracts import guards
from contracts.models.parties import AMOUNT, PERCENT, QUANTITY, Customer, LegalEntity
from governance.entities import Entity, Lifecycle


class Contract(Entity, Lifecycle):
    """What a customer and a legal entity agreed on, for a time.

    It either *pins* a rate card version (agreed prices stay) or *follows* the card (the version in force applies);
    `pinned_version` empty means it follows. Zone, grace, payment terms and who pays are frozen here at signature: the
    invoices are made out to the `payer`, which is the customer or somebody above them.
    """

    customer_path = ("customer", "payer")

    class Status(models.TextChoices):
        ACTIVE = "active"
        ENDED = "ended"

    class Proration(models.TextChoices):
        DAY = "day", "By the day"
        SECOND = "second", "By the second"
        NONE = "none", "Not at all"

    class Renewal(models.TextChoices):
        NONE = "none", "It ends"
        MANUAL = "manual", "By agreement"
        AUTOMATIC = "automatic", "Automatically"

    class RenewalPrices(models.TextChoices):
        KEPT = "kept", "As agreed"
        CARD = "card", "Rate card at renewal"

    TRANSITIONS = {Status.ACTIVE: {Status.ENDED}, Status.ENDED: {Status.ACTIVE}}

    number = models.CharField(max_length=40, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contracts")
    payer = models.ForeignKey(Customer, models.PROTECT, related_name="paid_contracts")
    usage_key = models.CharField(max_length=120, editable=False, help_text="the key its usage is reported under")
    legal_entity = models.ForeignKey(LegalEntity, models.PROTECT, related_name="+")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    rate_card = models.ForeignKey(RateCard, models.PROTECT, related_name="contracts")
    pinned_version = models.ForeignKey(
        RateCardVersion, models.PROTECT, null=True, blank=True, related_name="pinned_by", help_text="empty: follows"
    )
    pinned_base = models.ForeignKey(
        RateCardVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="pinned_as_base_by",
        help_text="the version of the base card that fills what the pinned one leaves out",
    )
    package_version = models.ForeignKey(
        "PackageVersion", models.PROTECT, null=True, blank=True, related_name="contracts", help_text="signed from"
    )
    renews = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="renewed_by")
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=60)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    anchor_day = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="day of the month cycles begin on (31: its last); empty: that of the start"
    )
    proration = models.CharField(
        max_length=10, choices=Proration.choices, default=Proration.DAY, help_text="how a part of a cycle is counted"
    )
    first_agreed_at = models.DateTimeField(
        null=True, blank=True, help_text="when the first of the contracts it renews was signed; empty: it renews none"
    )
    grace_hours = models.PositiveIntegerField()
    payment_terms_days = models.PositiveSmallIntegerField()
    invoice_months = models.PositiveSmallIntegerField(
        default=1, help_text="what falls due waits for the end of a cycle of so many months; 1: it does not wait"
    )
    purchase_order = models.CharField(max_length=80, blank=True, help_text="the customer's number, printed on invoices")
    signed_at = models.DateTimeField()
    signed_by = models.CharField(max_length=200, help_text="the person who accepted for the customer")
    opportunity_key = models.CharField(max_length=80, blank=True, help_text="our id of the opportunity in the CRM")
    renewal = models.CharField(
        max_length=10, choices=Renewal.choices, default=Renewal.NONE, help_text="what happens when its term is over"
    )
    renewal_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="of the next term; empty: as many as this one has"
    )
    notice_days = models.PositiveSmallIntegerField(
        default=0, help_text="so many days before its last one is the last to decline the renewal"
    )
    uplift_percent = models.DecimalField(**PERCENT, default=0, help_text="by which its prices rise at renewal")
    renewal_prices = models.CharField(max_length=10, choices=RenewalPrices.choices, default=RenewalPrices.KEPT)
    declined_at = models.DateTimeField(null=True, blank=True, help_text="when its renewal was declined")
    declined_by = models.CharField(max_length=200, blank=True, help_text="the person who declined it")
    declined_because = models.TextField(blank=True)
    renewal_problem = models.TextField(blank=True, help_text="why it could not be renewed when it was due")
    custom = models.JSONField(default=dict, blank=True, help_text="values of custom fields, by key")

    class Meta(Entity.Meta):
        ordering = ["-signed_at"]
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="a_contract_ends_after_it_starts"),
            models.CheckConstraint(condition=Q(invoice_months__gte=1), name="invoices_come_in_months"),
            models.UniqueConstraint(fields=["renews"], name="a_contract_is_renewed_once"),
            models.CheckConstraint(
                condition=Q(uplift_percent__gte=0) & (Q(renewal_prices="kept") | Q(uplift_percent=0)),
                name="prices_rise_or_are_those_of_the_card",
            ),
            models.CheckConstraint(
                condition=Q(renewal_months=None) | Q(renewal_months__gte=1), name="a_renewal_lasts_a_month_or_more"
            ),
            models.CheckConstraint(
                condition=Q(declined_at=None, declined_by="") | Q(declined_at__isnull=False) & ~Q(declined_by=""),
                name="a_declined_renewal_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(anchor_day=None) | Q(anchor_day__gte=1, anchor_day__lte=31), name="an_anchor_is_a_day"
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.signed_is_signed(),
            guards.paid_within_the_family(),
            guards.changes_hands_by_a_merge("customer_id", "payer_id"),
        ]

    def __str__(self) -> str:
        return self.number


class ContractLine(Entity):
    """One product agreed for a time. Metered products have no quantity; the price comes from the rate card version.

    A ramp is several lines of a product, one after the other, each with its `label`; a free period is one with all of
    its price off. What an amendment changes of a line ends it, and another line replaces it.
    """

    customer_path = ("contract__customer", "contract__payer")

    class Prices(models.TextChoices):
        CONTRACT = "contract", "As the contract"
        FOLLOWED = "followed", "Follows the rate card"
        PINNED = "pinned", "Pinned"

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=1)
    label = models.CharField(max_length=60, blank=True, help_text="of a phase: Year 1, Free period")
    quantity = models.DecimalField(**QUANTITY, null=True, blank=True)
    discount_percent = models.DecimalField(**PERCENT, default=0)
    discount_amount = models.DecimalField(**AMOUNT, default=0, help_text="off each cycle")
    minimum = models.DecimalField(**AMOUNT, null=True, blank=True, help_text="of each cycle")
    price_factor = models.DecimalField(
        max_digits=22, decimal_places=18, default=1, help_text="times its price: what renewals raised it by"
    )
    invoice_group = models.CharField(
        max_length=80, blank=True, help_text="lines of a group have an invoice of their own: a purchase order, a label"
    )
    prices = models.CharField(max_length=10, choices=Prices.choices, default=Prices.CONTRACT)
    pinned_version = models.ForeignKey(
        RateCardVersion, models.PROTECT, null=True, blank=True, related_name="pinned_by_lines"
    )
    replaces = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="replaced_by", help_text="the line it goes on from"
    )
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()

    class Meta(Entity.Meta):
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gte=F("start_at")), name="a_line_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lte=100, discount_amount__gte=0),
                name="contract_discounts_are_sane",
            ),
            models.CheckConstraint(condition=Q(price_factor__gt=0), name="a_price_factor_is_positive"),
            models.CheckConstraint(
                condition=Q(prices="pinned", pinned_version__isnull=False)
                | ~Q(prices="pinned") & Q(pinned_version=None),
                name="a_pinned_line_names_its_version",
            ),
        ]
        triggers = [
            *Entity.Meta.triggers,
            *guards.agreed_with_the_contract("an agreed line never changes but in its end", amended=("end_at",)),
        ]

    def __str__(self) -> str:
        return f"{self.product} in {self.contract}"


class Override(Entity):
    """A price of this contract alone, for a time: another charge, a multiplier of the card's, or several by tiers.

    For a product, for the products with all of these tags, or (neither) for all; of a measured product maybe only for
    what has these values of its properties. Which of several acts, `contracts.overrides` says.
    """

    customer_path = ("contract__customer", "contract__payer")

    contract = models.ForeignKey(Contract, models.PROTECT, related_name="overrides")
    product = models.ForeignKey(Product, models.PROTECT, null=True, blank=True, related_name="+")
    product_tags = ArrayField(models.SlugField(max_length=60), default=list, blank=True)
    dimensions = models.JSONField(default=dict, blank=True, help_text='{"model": "large"}; empty: whatever it is')
    charge = ChargeField(null=True, blank=True)
    multiplier = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    tiers = models.JSONField(default=list, blank=True, help_text="multipliers by how much there is, the last open")
    priority = models.PositiveSmallIntegerField(default=100, help_text="the lowest number acts")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True, blank=True)
    agreed_at = models.DateTimeField(help_text="of two with the same priority the newest acts")

    class Meta(Entity.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(charge__isnull=False, multiplier=None, tiers=[])
                | Q(charge=None, multiplier__isnull=False, tiers=[])
                | Q(charge=None, multiplier=None) & ~Q(tiers=[]),
                name="an_override_is_a_charge_or_multiplies",
            ),
            models.CheckConstraint(
                condition=Q(product=None, dimensions={}) | Q(product__isnull=False, product_tags=[]),
                name="an_override_has_one_target",
            ),
            models.CheckConstraint(
                condition=Q(multiplier=None) | Q(multiplier__gte=0), name="a_multiplier_is_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(end_at=None) | Q(end_at__gt=F("start_at")), name="an_override_ends_after_it_starts"
            ),
        ]
        triggers = [*Entity.Meta.triggers, *guards.agreed_with_the_contract("an agreed price never changes")]
