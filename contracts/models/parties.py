"""Tables of the parties: the companies of ours that sell, the customers they sell to, and what is noted of them."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from contracts import guards
from governance.entities import Entity

AMOUNT: dict[str, Any] = {"max_digits": 20, "decimal_places": 4}
QUANTITY: dict[str, Any] = {"max_digits": 28, "decimal_places": 9}
PERCENT: dict[str, Any] = {"max_digits": 7, "decimal_places": 4}


class LegalEntity(Entity):
    """A company of ours that sells, and its defaults for new contracts."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    address = models.TextField()
    country = models.CharField(max_length=2)
    tax_number = models.CharField(max_length=40, blank=True)
    email = models.EmailField()
    bank_details = models.TextField(blank=True, help_text="printed on invoices")
    invoice_prefix = models.CharField(max_length=20, default="INV-")
    grace_hours = models.PositiveIntegerField(default=24, help_text="how long a period stays open for late usage")
    payment_terms_days = models.PositiveSmallIntegerField(default=30)
    access_grace_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        default=14,
        help_text="how long customers go on with an invoice overdue; then hard features are refused. Empty: for ever",
    )

    class Meta(Entity.Meta):
        verbose_name_plural = "legal entities"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Customer(Entity):
    """A party we sell to. Usage events name it by `key`.

    A duplicate that was merged stays as a row that says into whom; what was theirs belongs to that one.
    """

    customer_path = "pk"

    class TaxStatus(models.TextChoices):
        TAXABLE = "taxable", "Taxable"
        EXEMPT = "exempt", "Exempt"
        REVERSE_CHARGE = "reverse_charge", "Reverse charge"

    key = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(help_text="where quotes and invoices go, unless there are billing contacts")
    billing_address = models.TextField(blank=True)
    country = models.CharField(max_length=2, default="US")
    tax_number = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(**PERCENT, default=0)
    tax_status = models.CharField(max_length=20, choices=TaxStatus.choices, default=TaxStatus.TAXABLE)
    exemption = models.CharField(max_length=80, blank=True, help_text="number of the certificate of an exempt customer")
    exempt_until = models.DateField(null=True, blank=True, help_text="its last day; empty: for good")
    currency = models.CharField(max_length=3, default="USD")
    time_zone = models.CharField(max_length=60, default="UTC")
    region = models.CharField(max_length=60, blank=True)
    segment = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=60, blank=True, help_text="how they buy: direct, reseller, marketplace")
    customer_type = models.CharField(max_length=60, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    billed_to_parent = models.BooleanField(
        default=False, help_text="its parent pays the contracts it signs from now on"
    )
    custom = models.JSONField(default=dict, blank=True, help_text="values of custom fields, by key")
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")
    is_measured = models.BooleanField(default=True, help_text="usage under its key is counted as its own")

    class Meta(Entity.Meta):
        ordering = ["name"]
        permissions = [("serve_customer", "Serves this customer"), ("merge_customer", "Can merge duplicates")]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_measured=True) | Q(merged_into__isnull=False), name="usage_goes_with_who_was_merged"
            ),
            models.CheckConstraint(
                condition=~Q(tax_status="exempt") | ~Q(exemption=""), name="an_exemption_has_a_certificate"
            ),
            models.CheckConstraint(
                condition=~Q(tax_status="reverse_charge") | ~Q(tax_number=""), name="reverse_charge_needs_a_tax_number"
            ),
            models.CheckConstraint(
                condition=Q(billed_to_parent=False) | Q(parent__isnull=False), name="who_is_billed_to_a_parent_has_one"
            ),
        ]
        triggers = [*Entity.Meta.triggers, guards.nobody_is_their_own_ancestor()]

    def __str__(self) -> str:
        return self.name


class BillingContact(Entity):
    """A person of the customer's who gets quotes and invoices."""

    customer_path = "customer"

    class Role(models.TextChoices):
        TO = "to", "Addressed"
        CC = "cc", "In copy"

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField()
    role = models.CharField(max_length=2, choices=Role.choices, default=Role.TO)

    class Meta(Entity.Meta):
        ordering = [F("role").desc(), "email"]
        constraints = [models.UniqueConstraint(fields=["customer", "email"], name="a_contact_is_named_once")]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email


class CustomField(Entity):
    """Something a company notes of its customers or contracts that we do not know of; values are kept with the row."""

    class About(models.TextChoices):
        CUSTOMER = "customer", "Customers"
        CONTRACT = "contract", "Contracts"

    class Type(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        YES_NO = "yes_no", "Yes or no"
        CHOICE = "choice", "Choice"

    about = models.CharField(max_length=10, choices=About.choices)
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=Type.choices, default=Type.TEXT)
    choices = ArrayField(models.CharField(max_length=80), default=list, blank=True, help_text="of a choice")

    class Meta(Entity.Meta):
        ordering = ["about", "name"]
        constraints = [
            models.UniqueConstraint(fields=["about", "key"], name="a_custom_field_is_defined_once"),
            models.CheckConstraint(
                condition=Q(type="choice", choices__len__gt=0) | ~Q(type="choice") & Q(choices=[]),
                name="a_choice_has_choices",
                violation_error_message="A choice has choices, and nothing else has.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
