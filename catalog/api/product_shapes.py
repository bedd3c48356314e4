"""The shapes of products, their costs and features in the API."""

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.api.fields import Number
from catalog.api.shapes import BecauseIn, Json
from catalog.models import CostRate, Feature, FeatureGrant, Product
from metering.models import Meter
from pricing.money import ONE


def meter_field(help_text: str) -> serializers.SlugRelatedField[Meter]:
    return serializers.SlugRelatedField(
        slug_field="key", queryset=Meter.objects.all(), required=False, help_text=help_text
    )


class _Described(BecauseIn):
    name = serializers.CharField(max_length=120)
    unit = serializers.CharField(max_length=40, default="unit", help_text="As the customer reads it: token, seat.")
    internal_unit = serializers.CharField(max_length=40, default="", allow_blank=True)
    revenue_account = serializers.CharField(max_length=20, default="4000")
    recognition = serializers.ChoiceField(Product.Recognition.choices, default=Product.Recognition.AS_DELIVERED)
    tax_code = serializers.CharField(max_length=40, default="", allow_blank=True)
    tags = serializers.ListField(
        child=serializers.SlugField(max_length=60),
        default=list,
        max_length=50,
        help_text="Groups that commits and prices of contracts may name.",
    )
    description = serializers.CharField(default="", allow_blank=True)


class ProductIn(_Described):
    key = serializers.SlugField(max_length=60)
    kind = serializers.ChoiceField(Product.Kind.choices)
    meter = meter_field("Key of the meter of a usage product.")


class ProductChangeIn(_Described):
    is_active = serializers.BooleanField(default=True, help_text="Whether it can be priced and sold.")


class ProductOut(serializers.ModelSerializer[Product]):
    meter: serializers.SlugRelatedField[Meter] = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = Product
        fields: ClassVar = [
            "key", "name", "description", "kind", "meter", "unit", "internal_unit", "revenue_account", "recognition",
            "tax_code", "tags", "is_active",
        ]  # fmt: skip


class GrantOut(serializers.Serializer[Any]):
    feature = serializers.CharField()
    name = serializers.CharField()
    value = serializers.CharField()
    window = serializers.ChoiceField(FeatureGrant.Window.choices, help_text="Counts for metered features only.")
    is_hard = serializers.BooleanField()
    is_per_seat = serializers.BooleanField()


class ProductDetailOut(ProductOut):
    features = GrantOut(many=True, help_text="What it grants.")

    class Meta(ProductOut.Meta):
        fields: ClassVar = [*ProductOut.Meta.fields, "features"]


class GrantIn(BecauseIn):
    value = serializers.CharField(
        max_length=120,
        default="",
        allow_blank=True,
        help_text="The limit (a number or “unlimited”) or setting; empty for one that is on.",
    )
    window = serializers.ChoiceField(
        FeatureGrant.Window.choices,
        default=FeatureGrant.Window.CYCLE,
        help_text="When a metered allowance starts anew.",
    )
    is_hard = serializers.BooleanField(default=True, help_text="Beyond it: refused. Otherwise allowed, as overage.")
    is_per_seat = serializers.BooleanField(default=False, help_text="Times the quantity agreed of the product.")


class RevokeIn(BecauseIn):
    window = serializers.ChoiceField(
        FeatureGrant.Window.choices, default="", help_text="Only what is granted in this window."
    )


class FeatureIn(BecauseIn):
    key = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(Feature.Kind.choices, default=Feature.Kind.BOOLEAN)
    meter = meter_field("Key of the meter that counts a metered feature.")
    description = serializers.CharField(default="", allow_blank=True)


class FeatureChangeIn(BecauseIn):
    name = serializers.CharField(max_length=120)
    meter = meter_field("Another meter for a metered feature.")
    description = serializers.CharField(default="", allow_blank=True)


class FeatureOut(serializers.ModelSerializer[Feature]):
    meter: serializers.SlugRelatedField[Meter] = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = Feature
        fields: ClassVar = ["key", "name", "kind", "meter", "description"]


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
    grants = product.grants.select_related("feature").order_by("feature__name", "window")
    features = [
        {
            "feature": each.feature.key,
            "name": each.feature.name,
            "value": each.value,
            "window": each.window,
            "is_hard": each.is_hard,
            "is_per_seat": each.is_per_seat,
        }
        for each in grants
    ]
    return {**ProductOut(product).data, "features": features}
