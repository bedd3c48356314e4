"""Fields that the catalog's shapes share: charges, numbers as text."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pricing import charges
from pricing.money import parse, plain

MOST_DIGITS, MOST_DECIMALS = 16, 12


@extend_schema_field(OpenApiTypes.OBJECT)
class ChargeField(serializers.Field):
    """A charge as JSON (its schema is at /api/v1/charge-schema); 400 names the field in it that is wrong."""

    def to_internal_value(self, data: Any) -> charges.Charge:
        try:
            return charges.load(data)
        except charges.ChargeError as error:
            raise serializers.ValidationError(str(error)) from None

    def to_representation(self, value: charges.Charge) -> dict[str, Any]:
        return charges.dump(value)


@extend_schema_field(OpenApiTypes.STR)
class Number(serializers.Field[Decimal, str, str, Any]):
    """A number as text, in plain digits and not negative: `"12.5"`. JSON numbers are refused: they may be rounded."""

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            number = parse(data)
        except ValueError as error:
            raise serializers.ValidationError(f"This {error}.") from None
        whole, _, decimals = str(data).partition(".")
        if number < 0 or len(whole.lstrip("0")) > MOST_DIGITS or len(decimals.rstrip("0")) > MOST_DECIMALS:
            raise serializers.ValidationError(
                f"This must not be negative, and fit in {MOST_DIGITS} digits and {MOST_DECIMALS} decimals."
            )
        return number

    def to_representation(self, value: Any) -> str:
        return plain(value)
