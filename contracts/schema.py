"""Shapes that the API's requests and answers share: numbers as text, money with its currency, customers, contracts."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from rest_framework import serializers

from contracts.models import Contract, Customer
from pricing.money import Money, parse, plain
from pricing.periods import Period, local_days


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


class RefusedOut(serializers.Serializer[Any]):
    """Understood and declined; the sentence is fit for whoever asked."""

    detail = serializers.CharField()


class CustomerShape(serializers.ModelSerializer[Customer]):
    """A party to sell to. Usage events name it by `key`, which never changes."""

    parent = serializers.SlugRelatedField(  # type: ignore[assignment] # DRF's Field has one of its own
        slug_field="key", queryset=Customer.objects.all(), required=False, allow_null=True
    )
    tax_percent = Number(required=False)

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
            "currency",
            "time_zone",
            "parent",
        ]
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "key": {"validators": []}
        }  # a key that is taken is refused, not malformed


class AgreedLineOut(serializers.Serializer[Any]):
    product = serializers.CharField(source="product.key")
    quantity = Number(allow_null=True)
    discount_percent = Number()
    discount_amount = MoneyField()
    minimum = MoneyField(allow_null=True)


class AgreedCommitOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    access = MoneyField()
    price = MoneyField()
    balance = MoneyField()
    product_keys = serializers.ListField(child=serializers.CharField(), help_text="Empty: every usage product.")


class ContractOut(serializers.Serializer[Any]):
    """What was agreed. `start_on` and `end_on` are the first and last day, local to the contract."""

    number = serializers.CharField()
    customer = serializers.CharField()
    status = serializers.ChoiceField(Contract.Status.choices)
    rate_card = serializers.CharField()
    pinned_version = serializers.IntegerField(allow_null=True, help_text="Null: the version in force applies.")
    currency = serializers.CharField()
    time_zone = serializers.CharField()
    start_on = serializers.DateField()
    end_on = serializers.DateField()
    signed_at = serializers.DateTimeField()
    signed_by = serializers.CharField()
    opportunity_key = serializers.CharField()
    lines = AgreedLineOut(many=True)
    commits = AgreedCommitOut(many=True)


def contract_shape(contract: Contract) -> dict[str, Any]:
    """A contract as `ContractOut` says it; give it one whose lines and commits are prefetched."""

    def money(amount: Decimal | None) -> dict[str, str] | None:
        return None if amount is None else Money(amount, contract.currency).as_json()

    start_on, end_on = _days(contract)
    return {
        "number": contract.number,
        "customer": contract.customer.key,
        "status": contract.status,
        "rate_card": contract.rate_card.key,
        "pinned_version": contract.pinned_version.number if contract.pinned_version else None,
        "currency": contract.currency,
        "time_zone": contract.time_zone,
        "start_on": start_on,
        "end_on": end_on,
        "signed_at": _utc(contract.signed_at),
        "signed_by": contract.signed_by,
        "opportunity_key": contract.opportunity_key,
        "lines": [
            {
                "product": line.product.key,
                "quantity": None if line.quantity is None else plain(line.quantity),
                "discount_percent": plain(line.discount_percent),
                "discount_amount": money(line.discount_amount),
                "minimum": money(line.minimum),
            }
            for line in contract.lines.all()
        ],
        "commits": [
            {
                "name": commit.name,
                "access": money(commit.access_amount),
                "price": money(commit.price),
                "balance": money(commit.balance),
                "product_keys": commit.product_keys,
            }
            for commit in contract.commits.all()
        ],
    }


def _days(contract: Contract) -> tuple[date, date]:
    return local_days(Period(contract.start_at, contract.end_at), contract.time_zone)


def _utc(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
