"""Shapes of commits in the API: as recorded, and as agreed."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from catalog.models import Product
from contracts.fields import Day, MoneyField, Number
from contracts.models import Commit, Contract
from pricing.money import ONE, Money, plain
from pricing.periods import Period, local_day, local_days


class InstalmentShape(serializers.Serializer[Any]):
    """A part of a commit's price, invoiced on that day, local to the contract."""

    amount = MoneyField()
    invoice_on = Day()


class AgreedCommitOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField(Commit.Kind.choices)
    access = MoneyField(allow_null=True, help_text="Null where it is counted in a unit of its own.")
    units = Number(help_text="What it gives access to, in its unit.")
    unit = serializers.CharField(help_text="Empty: money.")
    worth = Number(help_text="The money that one unit pays.")
    price = MoneyField()
    balance = MoneyField(allow_null=True, help_text="Null where it is counted in a unit of its own.")
    units_left = Number()
    product_keys = serializers.ListField(
        child=serializers.CharField(), help_text="With no tags either: every usage product."
    )
    product_tags = serializers.ListField(child=serializers.CharField())
    priority = serializers.IntegerField()
    start_on = serializers.DateField()
    end_on = serializers.DateField(help_text="Its last day.")
    instalments = InstalmentShape(many=True)


class ContractCommitIn(serializers.Serializer[Any]):
    """Usage paid for in advance, given, or committed. Without instalments all of its price is invoiced at the start.

    Either `access` in money, or `units` of a `unit`. A postpaid one has no price.
    """

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(Commit.Kind.choices, default=Commit.Kind.PREPAID.value)
    access = MoneyField(required=False, allow_null=True, default=None)
    units = Number(required=False, allow_null=True, default=None)
    unit = serializers.CharField(required=False, default="", max_length=40, allow_blank=True, help_text="credit")
    worth = Number(
        required=False,
        default=ONE,  # type: ignore[arg-type] # what is not given is not parsed
        help_text="The money that one unit pays: 0.01; 1.25 for rates a fifth below the list's.",
    )
    price = MoneyField(required=False, allow_null=True, default=None, help_text="None: free of charge, or postpaid.")
    product_keys = serializers.SlugRelatedField(
        slug_field="key",
        many=True,
        queryset=Product.objects.filter(kind=Product.Kind.USAGE),
        required=False,
        default=list,  # type: ignore[arg-type] # many=True makes it a field of lists
        help_text="Empty: every usage product.",
    )
    product_tags = serializers.ListField(child=serializers.SlugField(max_length=60), required=False, default=list)
    priority = serializers.IntegerField(required=False, default=100, min_value=0, max_value=32767)
    start_on = Day(required=False, allow_null=True, default=None)
    end_on = Day(required=False, allow_null=True, default=None, help_text="Its last day.")
    instalments = InstalmentShape(many=True, required=False, default=list)

    def validate(self, attrs: Any) -> Any:
        if (attrs["access"] is None) == (attrs["units"] is None):
            raise serializers.ValidationError({"access": ["Give either access in money, or units."]})
        if (attrs["units"] is None) != (attrs["unit"] == ""):
            raise serializers.ValidationError({"unit": ["Units have a unit, and money has none."]})
        return attrs


def commit_shape(commit: Commit, contract: Contract) -> dict[str, Any]:
    """A commit as `AgreedCommitOut` says it, its days local to the contract."""

    def money(amount: Decimal) -> dict[str, str]:
        return Money(amount, contract.currency).as_json()

    def day(instant: datetime) -> Any:
        return local_day(instant, contract.time_zone)

    start_on, end_on = local_days(Period(commit.start_at, commit.end_at), contract.time_zone)
    return {
        "name": commit.name,
        "kind": commit.kind,
        "access": None if commit.unit else money(commit.access_amount),
        "units": plain(commit.access_amount),
        "unit": commit.unit,
        "worth": plain(commit.worth),
        "price": money(commit.price),
        "balance": None if commit.unit else money(commit.balance),
        "units_left": plain(commit.balance),
        "product_keys": commit.product_keys,
        "product_tags": commit.product_tags,
        "priority": commit.priority,
        "start_on": start_on,
        "end_on": end_on,
        "instalments": [
            {"amount": money(each.amount), "invoice_on": day(each.invoice_at)} for each in commit.instalments.all()
        ],
    }
