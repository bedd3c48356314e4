"""Fields of the API's shapes: numbers as text, money with its currency, days."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework import serializers

from contracts.checks import YEARS
from pricing.money import Money, parse, plain


class Number(serializers.CharField):
    """A decimal number as text, in plain digits: `"12.5"`. JSON numbers are refused, for they may be rounded."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return parse(data)
        except ValueError as error:
            raise serializers.ValidationError(f"This {error}.") from None

    def to_representation(self, value: Any) -> str:
        return plain(value)


class MoneyField(serializers.Serializer[Any]):
    """`{"amount": "12.34", "currency": "USD"}`, never minor units."""

    amount = serializers.CharField(help_text="Plain digits: 12.34")
    currency = serializers.CharField(help_text="ISO 4217: USD")

    def to_internal_value(self, data: Any) -> Any:
        try:
            return Money.from_json(data if isinstance(data, Mapping) else {})
        except ValueError:
            raise serializers.ValidationError('Money is {"amount": "12.34", "currency": "USD"}.') from None

    def to_representation(self, instance: Money) -> dict[str, str]:
        return instance.as_json()


class Day(serializers.DateField):
    """A day that can be agreed on."""

    def to_internal_value(self, data: Any) -> Any:
        day = super().to_internal_value(data)
        if day.year not in YEARS:
            raise serializers.ValidationError(f"A day of the years {YEARS[0]} to {YEARS[-1]}.")
        return day


def utc_text(instant: datetime) -> str:
    """`2026-03-01T12:00:00Z`."""
    return instant.isoformat().replace("+00:00", "Z")
