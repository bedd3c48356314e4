"""The shapes of a contract's own prices in the API."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from catalog.api.fields import ChargeField
from catalog.models import Product
from contracts.fields import Day, Number
from contracts.models import Override
from pricing.charges import dump
from pricing.money import plain
from pricing.periods import zone_named

MICROSECOND = timedelta(microseconds=1)


class FactorShape(serializers.Serializer[Any]):
    """What prices of units up to and including `up_to`, counted from the first, are multiplied by; null: of all."""

    up_to = Number(allow_null=True)
    multiplier = Number()


class AgreedPriceOut(serializers.Serializer[Any]):
    product = serializers.CharField(allow_null=True, help_text="Null: for the products with all of its tags, or all.")
    product_tags = serializers.ListField(child=serializers.CharField())
    dimensions = serializers.DictField(child=serializers.CharField())
    charge = ChargeField(allow_null=True)
    multiplier = Number(allow_null=True)
    tiers = FactorShape(many=True)
    priority = serializers.IntegerField()
    start_on = serializers.DateField()
    end_on = serializers.DateField(allow_null=True, help_text="The last day. Null: as long as the contract.")


class ContractPriceIn(serializers.Serializer[Any]):
    """A price of the contract alone: exactly one of `charge`, `multiplier` (of the list price) and `tiers` of them.

    For a `product` (with `dimensions`, where its usage has these values), for the products with all of
    `product_tags`, or for all. Of several that meet the more specific acts, then the lowest `priority`; but a `charge`
    goes before whatever multiplies.
    """

    product = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Product.objects.select_related("meter"),
        required=False,
        allow_null=True,
        default=None,
    )
    product_tags = serializers.ListField(
        child=serializers.SlugField(max_length=60), required=False, default=list, max_length=20
    )
    dimensions = serializers.DictField(child=serializers.CharField(max_length=200), required=False, default=dict)
    charge = ChargeField(required=False, allow_null=True, default=None)
    multiplier = Number(required=False, allow_null=True, default=None)
    tiers = FactorShape(many=True, required=False, default=list)
    priority = serializers.IntegerField(required=False, default=100, min_value=0, max_value=32767)
    start_on = Day(required=False, allow_null=True, default=None)
    end_on = Day(required=False, allow_null=True, default=None, help_text="Its last day.")


def price_shape(price: Override, zone: str) -> dict[str, Any]:
    """An override as `AgreedPriceOut` says it, its days local to the contract."""
    local = zone_named(zone)
    return {
        "product": price.product.key if price.product else None,
        "product_tags": price.product_tags,
        "dimensions": price.dimensions,
        "charge": None if price.charge is None else dump(price.charge),
        "multiplier": None if price.multiplier is None else plain(price.multiplier),
        "tiers": price.tiers,
        "priority": price.priority,
        "start_on": price.start_at.astimezone(local).date(),
        "end_on": None if price.end_at is None else (price.end_at - MICROSECOND).astimezone(local).date(),
    }
