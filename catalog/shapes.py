"""What goes over the wire of the catalog's API: the shapes of requests and answers, as the schema shows them."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog import prices, queries
from catalog.models import Product, RateCard, RateCardVersion
from metering.models import Meter
from pricing import charges

Json = dict[str, Any]


@extend_schema_field(OpenApiTypes.OBJECT)
class ChargeIn(serializers.Field):
    """A charge as JSON; an answer of 400 names the field in it that is wrong."""

    def to_internal_value(self, data: Any) -> charges.Charge:
        try:
            return charges.load(data)
        except charges.ChargeError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: charges.Charge) -> Json:
        return charges.dump(value)


# ---------------------------------------------------------------- what is asked
class AtIn(serializers.Serializer[Any]):
    at = serializers.DateTimeField(required=False, help_text="An instant, RFC 3339 with an offset; now unless given.")


class BecauseIn(serializers.Serializer[Any]):
    because = serializers.CharField(help_text="Why; kept in the history for good.")


class ProductIn(BecauseIn):
    key = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(Product.Kind.choices)
    meter = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Meter.objects.all(),
        required=False,
        help_text="Key of the meter of a usage product.",
    )
    unit = serializers.CharField(max_length=40, default="unit")
    revenue_account = serializers.CharField(max_length=20, default="4000")
    description = serializers.CharField(default="", allow_blank=True)


class RateCardIn(BecauseIn):
    key = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    currency = serializers.CharField(max_length=3, min_length=3)


class DraftIn(BecauseIn):
    note = serializers.CharField(
        default="", allow_blank=True, help_text="What changes and why, for those who review it."
    )


class RateIn(BecauseIn):
    charge = ChargeIn(help_text="`kind` is one of flat, per_unit, graduated, volume, package; numbers as text.")
    cycle_months = serializers.IntegerField(
        default=1, min_value=0, max_value=120, help_text="Billed every so many months; 0 once."
    )
    in_advance = serializers.BooleanField(default=False)


class PublishIn(BecauseIn):
    effective_from = serializers.DateTimeField(help_text="RFC 3339 with an offset; not in the past.")


# ---------------------------------------------------------------- what is answered
class RefusalOut(serializers.Serializer[Any]):
    detail = serializers.CharField()


class ProductOut(serializers.ModelSerializer[Product]):
    meter: serializers.SlugRelatedField[Meter] = serializers.SlugRelatedField(slug_field="key", read_only=True)

    class Meta:
        model = Product
        fields = ["key", "name", "description", "kind", "meter", "unit", "revenue_account", "is_active"]


class RateOut(serializers.Serializer[Any]):
    product = serializers.CharField()
    name = serializers.CharField()
    unit = serializers.CharField()
    sentence = serializers.CharField()
    billed = serializers.CharField()
    cycle_months = serializers.IntegerField()
    in_advance = serializers.BooleanField()
    charge = ChargeIn()


class VersionOut(serializers.Serializer[Any]):
    number = serializers.IntegerField(allow_null=True, help_text="Given on publication.")
    status = serializers.ChoiceField(RateCardVersion.Status.choices)
    effective_from = serializers.DateTimeField(allow_null=True)
    restores = serializers.IntegerField(allow_null=True, help_text="The version this one put back in force.")
    note = serializers.CharField()
    rates = RateOut(many=True)


class EditionOut(serializers.Serializer[Any]):
    number = serializers.IntegerField(allow_null=True)
    standing = serializers.ChoiceField(["draft", "in review", "scheduled", "in force", "superseded", "withdrawn"])
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()


class RateCardOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    at = serializers.DateTimeField()
    version = VersionOut(allow_null=True)


class RateCardRowOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="Number of the version in force at `at`.")
    effective_from = serializers.DateTimeField(allow_null=True)


def card_row(card: RateCard, version: RateCardVersion | None) -> Json:
    return {
        "key": card.key,
        "name": card.name,
        "currency": card.currency,
        "version": version and version.number,
        "effective_from": version and version.effective_from,
    }


def card_out(card: RateCard, version: RateCardVersion | None, at: datetime) -> Json:
    return {
        "key": card.key,
        "name": card.name,
        "currency": card.currency,
        "at": at,
        "version": version and version_out(version, at),
    }


def version_out(version: RateCardVersion, at: datetime) -> Json:
    return {
        "number": version.number,
        "status": version.status,
        "effective_from": version.effective_from,
        "restores": version.restores and version.restores.number,
        "note": version.note,
        "rates": [_rate_out(row) for row in prices.price_list(version, at=at)],
    }


def edition_out(edition: queries.Edition) -> Json:
    return {
        "number": edition.version.number,
        "standing": edition.standing,
        "since": edition.since,
        "until": edition.until,
        "note": edition.version.note,
    }


def _rate_out(row: prices.PriceRow) -> Json:
    return {
        "product": row.product.key,
        "name": row.product.name,
        "unit": row.product.unit,
        "sentence": row.sentence,
        "billed": row.billed,
        "cycle_months": row.offer.cycle_months,
        "in_advance": row.offer.in_advance,
        "charge": charges.dump(row.offer.charge),
    }
