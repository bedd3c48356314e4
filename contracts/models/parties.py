"""Tables of the parties: the companies of ours that sell, and the customers they sell to."""

from typing import Any

from django.db import models

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

    class Meta(Entity.Meta):
        verbose_name_plural = "legal entities"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Customer(Entity):
    """A party we sell to. Usage events name it by `key`."""

    customer_path = "pk"

    key = models.CharField(max_length=120, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField(help_text="where quotes and invoices go")
    billing_address = models.TextField(blank=True)
    country = models.CharField(max_length=2, default="US")
    tax_number = models.CharField(max_length=40, blank=True)
    tax_percent = models.DecimalField(**PERCENT, default=0)
    currency = models.CharField(max_length=3, default="USD")
    time_zone = models.CharField(max_length=60, default="UTC")
    region = models.CharField(max_length=60, blank=True)
    segment = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=60, blank=True, help_text="how they buy: direct, reseller, marketplace")
    customer_type = models.CharField(max_length=60, blank=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")

    class Meta(Entity.Meta):
        ordering = ["name"]
        permissions = [("serve_customer", "Serves this customer")]

    def __str__(self) -> str:
        return self.name
