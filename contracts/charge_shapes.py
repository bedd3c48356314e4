"""The shapes of scheduled charges and milestones in the API."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from catalog.models import Product
from contracts.fields import Day, MoneyField, utc_text
from contracts.models import ScheduledCharge
from pricing.money import Money
from pricing.periods import zone_named

MICROSECOND = timedelta(microseconds=1)


class ChargeOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    product = serializers.CharField(allow_null=True, help_text="Whose revenue it is.")
    amount = MoneyField()
    due_on = serializers.DateField(help_text="When it is invoiced; of a milestone when its acceptance is expected.")
    until_on = serializers.DateField(allow_null=True, help_text="The last day it is earned over. Null: at once.")
    is_milestone = serializers.BooleanField()
    accepted_at = serializers.DateTimeField(allow_null=True)
    accepted_by = serializers.CharField()
    evidence = serializers.CharField()


class ScheduledChargeIn(serializers.Serializer[Any]):
    """An amount agreed once, invoiced on its day. A milestone is expected by then, and invoiced when it is accepted."""

    name = serializers.CharField(max_length=120)
    product = serializers.SlugRelatedField(
        slug_field="key", queryset=Product.objects.all(), required=False, allow_null=True, default=None
    )
    amount = MoneyField()
    due_on = Day()
    until_on = Day(required=False, allow_null=True, default=None, help_text="The last day it is earned over.")
    is_milestone = serializers.BooleanField(required=False, default=False)


class AcceptIn(serializers.Serializer[Any]):
    """Who accepted the milestone for the customer, where that is to be found, and why it is written down."""

    by = serializers.CharField(max_length=200)
    evidence = serializers.CharField(max_length=2000)
    because = serializers.CharField(max_length=2000)


def charge_shape(charge: ScheduledCharge, currency: str, zone: str) -> dict[str, Any]:
    """A charge as `ChargeOut` says it, its days local to the contract."""
    local = zone_named(zone)
    return {
        "id": str(charge.pk),
        "name": charge.name,
        "product": charge.product.key if charge.product else None,
        "amount": Money(charge.amount, currency).as_json(),
        "due_on": charge.due_at.astimezone(local).date(),
        "until_on": charge.until_at and (charge.until_at - MICROSECOND).astimezone(local).date(),
        "is_milestone": charge.is_milestone,
        "accepted_at": charge.accepted_at and utc_text(charge.accepted_at),
        "accepted_by": charge.accepted_by,
        "evidence": charge.evidence,
    }
