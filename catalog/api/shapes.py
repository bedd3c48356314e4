"""What the API of rate cards, versions and drafts is asked, as its schema shows it."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from catalog.api.fields import ChargeField, Number
from catalog.models import Product, RateCard, RateCardVersion
from pricing.money import ONE

Json = dict[str, Any]
VERSION = r"^(draft|[0-9]{1,6})$"


class AtIn(serializers.Serializer[Any]):
    at = serializers.DateTimeField(required=False, help_text="An instant, RFC 3339 with an offset; now unless given.")


class BecauseIn(serializers.Serializer[Any]):
    because = serializers.CharField(help_text="Why; kept in the history for good.")


class RateCardChangeIn(BecauseIn):
    name = serializers.CharField(max_length=120)
    region = serializers.CharField(max_length=60, default="", allow_blank=True, help_text="The market: EU.")
    segment = serializers.CharField(max_length=60, default="", allow_blank=True)
    channel = serializers.CharField(max_length=60, default="", allow_blank=True)
    customer_type = serializers.CharField(max_length=60, default="", allow_blank=True)
    notice_days = serializers.IntegerField(
        default=0, min_value=0, max_value=3650, help_text="A rise reaches existing contracts no sooner than that."
    )
    is_public = serializers.BooleanField(default=False, help_text="Its prices in force are on the public price page.")


class RateCardIn(RateCardChangeIn):
    key = serializers.SlugField(max_length=60)
    currency = serializers.CharField(max_length=3, min_length=3)
    base = serializers.SlugRelatedField(
        slug_field="key",
        queryset=RateCard.objects.all(),
        required=False,
        help_text="The card whose prices hold wherever this one says nothing.",
    )


class DraftIn(BecauseIn):
    note = serializers.CharField(
        default="", allow_blank=True, help_text="What changes and why, for those who review it."
    )


class PlanIn(DraftIn):
    planned_from = serializers.DateTimeField(
        required=False, allow_null=True, help_text="RFC 3339 with an offset; at once when published unless given."
    )
    reach = serializers.ChoiceField(
        RateCardVersion.Reach.choices, default=RateCardVersion.Reach.FROM_DATE, help_text="Which existing contracts."
    )
    existing_from = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With the reach from_date: when existing contracts get it."
    )
    base_factor = Number(default=ONE, help_text="The base's prices are multiplied by this.")
    publish_when_approved = serializers.BooleanField(default=False, help_text="Publish itself once all have agreed.")

    def validate_base_factor(self, value: Decimal) -> Decimal:
        if value != value.quantize(Decimal("1e-9")) or value >= Decimal("1e7"):
            raise serializers.ValidationError("This must fit in 7 digits and 9 decimals.")
        return value


class RateIn(BecauseIn):
    charge = ChargeField(help_text="Its schema is at /api/v1/charge-schema; numbers as text.")
    cycle_months = serializers.IntegerField(
        default=1, min_value=0, max_value=120, help_text="Billed every so many months; 0 once."
    )
    in_advance = serializers.BooleanField(default=False)


class OfferIn(serializers.Serializer[Any]):
    product = serializers.SlugRelatedField(slug_field="key", queryset=Product.objects.all())
    charge = ChargeField()
    cycle_months = serializers.IntegerField(default=1, min_value=0, max_value=120)
    in_advance = serializers.BooleanField(default=False)


class RatesIn(BecauseIn):
    rates = OfferIn(many=True)

    def validate_rates(self, rates: list[Json]) -> list[Json]:
        if len({each["product"].pk for each in rates}) < len(rates):
            raise serializers.ValidationError("A product has one rate.")
        return rates


class UnitPriceIn(BecauseIn):
    price = Number(help_text="What one unit is worth, in the currency of the card.")


class SubmitIn(BecauseIn):
    warnings_accepted = serializers.CharField(
        default="", allow_blank=True, help_text="Why it may be published in spite of lint's warnings."
    )


class PublishIn(BecauseIn):
    effective_from = serializers.DateTimeField(
        required=False, help_text="RFC 3339 with an offset; as planned, or at once, unless given."
    )


class DifferenceIn(serializers.Serializer[Any]):
    before = serializers.RegexField(VERSION, help_text="A version's number, or `draft`.")
    after = serializers.RegexField(VERSION, help_text="A version's number, or `draft`.")


class RefusalOut(serializers.Serializer[Any]):
    detail = serializers.CharField()
