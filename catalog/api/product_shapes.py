"""The shapes of products, their costs and features in the API."""

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.api.fields import Number
from catalog.api.shapes import BecauseIn, Json
from catalog.models import CostRate, Feature, Product
from metering.models import Meter
from pricing.money import ONE


class _Described(BecauseIn):
    name = serializers.CharField(max_length=120)
    unit = serializers.CharField(max_length=40, default="unit", help_text="As the customer reads it: token, seat.")
    internal_unit = serializers.CharField(max_length=40, default="", allow_blank=True)
    revenue_account = serializers.CharField(max_length=20, default="4000")
    recognition = serializers.ChoiceField(Product.Recognition.choices, default=Product.Recognition.AS_DELIVERED)
    tax_code = serializers.CharField(max_length=40, default="", allow_blank=True)
    description = serializers.CharField(default="", allow_blank=True)


class ProductIn(_Described):
    key = serializers.SlugField(max_length=60)
    kind = serializers.ChoiceField(Product.Kind.choices)
    meter = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Meter.objects.all(),
        required=False,
        help_text="Key of the meter of a usage product.",
    )


class ProductChangeIn(_Described):
    is_active = serializers.BooleanField(default=True, help_text="Whether it can be priced and sold.")


class ProductOut(serializers.ModelSerializer[Product]):
    meter: serializers.SlugRelatedField[Meter] = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = Product
        fields: ClassVar = [
            "key", "name", "description", "kind", "meter", "unit", "internal_unit", "revenue_account", "recognition",
            "tax_code", "is_active",
        ]  # fmt: skip


class GrantOut(serializers.Serializer[Any]):
    feature = serializers.CharField()
    name = serializers.CharField()
    value = serializers.CharField()


class ProductDetailOut(ProductOut):
    features = GrantOut(many=True, help_text="What it grants.")

    class Meta(ProductOut.Meta):
        fields: ClassVar = [*ProductOut.Meta.fields, "features"]


class GrantIn(BecauseIn):
    value = serializers.CharField(
        max_length=120, default="", allow_blank=True, help_text="The limit or setting; empty for one that is on."
    )


class FeatureIn(BecauseIn):
    key = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(Feature.Kind.choices, default=Feature.Kind.BOOLEAN)
    description = serializers.CharField(default="", allow_blank=True)


class FeatureChangeIn(BecauseIn):
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(default="", allow_blank=True)


class FeatureOut(serializers.ModelSerializer[Feature]):
    class Meta:
        model = Feature
        fields: ClassVar = ["key", "name", "kind", "description"]


class CostIn(BecauseIn):
    since = serializers.DateTimeField(help_text="RFC 3339 with an offset.")
    unit_cost = Number()
    per = Number(default=ONE, help_text="For how many units the cost is given.")
    currency = serializers.CharField(min_length=3, max_length=3)
    dimensions = serializers.DictField(
        child=serializers.CharField(max_length=200), required=False, help_text="Only for usage that has these values."
    )


class CostOut(serializers.ModelSerializer[CostRate]):
    unit_cost = Number()
    per = Number()
    dimensions = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = CostRate
        fields: ClassVar = ["since", "unit_cost", "per", "currency", "dimensions"]


def product_detail(product: Product) -> Json:
    grants = product.grants.select_related("feature").order_by("feature__name")
    features = [{"feature": each.feature.key, "name": each.feature.name, "value": each.value} for each in grants]
    return {**ProductOut(product).data, "features": features}
