"""The shapes of customers in the API: what is known of them, and the fields that were defined for that."""

from typing import Any, ClassVar

from rest_framework import serializers

from contracts.fields import Day as Day
from contracts.fields import MoneyField as MoneyField
from contracts.fields import Number as Number
from contracts.models import BillingContact, Customer, CustomField


class ContactShape(serializers.ModelSerializer[BillingContact]):
    """A person of the customer's who gets quotes and invoices: addressed (`to`) or in copy (`cc`)."""

    class Meta:
        model = BillingContact
        fields: ClassVar = ["email", "name", "role"]


class CustomFieldOut(serializers.ModelSerializer[CustomField]):
    """Something that may be noted of customers or contracts, under `custom`."""

    class Meta:
        model = CustomField
        fields: ClassVar = ["about", "key", "name", "type", "choices"]


class CustomShape(serializers.Serializer[Any]):
    """Values of custom fields, by key. What is not named stays; null takes a value away."""

    custom = serializers.DictField(child=serializers.JSONField(allow_null=True))


class CustomerShape(serializers.ModelSerializer[Customer]):
    """A party to sell to. Usage events name it by `key`, which never changes.

    Of `external_ids` and `custom` what is named changes, and "" or null takes it away; `contacts` are replaced.
    """

    parent = serializers.SlugRelatedField(  # type: ignore[assignment] # DRF's Field has one of its own
        slug_field="key", queryset=Customer.objects.all(), required=False, allow_null=True
    )
    tax_percent = Number(required=False)
    contacts = ContactShape(many=True, required=False)
    external_ids = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=120), required=False, help_text="By system."
    )
    custom = serializers.DictField(
        child=serializers.JSONField(allow_null=True), required=False, help_text="Values of custom fields, by key."
    )

    class Meta:
        model = Customer
        fields: ClassVar = [
            "key",
            "name",
            "email",
            "billing_address",
            "country",
            "tax_number",
            "tax_percent",
            "tax_status",
            "exemption",
            "exempt_until",
            "currency",
            "time_zone",
            "region",
            "segment",
            "channel",
            "customer_type",
            "parent",
            "billed_to_parent",
            "contacts",
            "external_ids",
            "custom",
        ]
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "key": {"validators": []}
        }  # a key that is taken is refused, not malformed
