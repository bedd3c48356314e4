"""The shapes of what makes commits in the API."""

from typing import Any

from rest_framework import serializers

from catalog.models import Product
from contracts.fields import MoneyField, Number
from contracts.models import CommitRule, Contract
from contracts.presentation import rule_text
from pricing.money import Money, plain
from pricing.periods import Period, local_days


class CommitRuleIn(serializers.Serializer[Any]):
    """What makes commits: one every cycle, or, with a threshold, whenever less than that is left.

    With `per_seat_of` access and price are those of one seat. `access` is in money unless a `unit` is given.
    """

    name = serializers.CharField(max_length=120)
    access = Number(help_text="So much of its unit.")
    price = MoneyField(required=False, allow_null=True, default=None)
    kind = serializers.ChoiceField(CommitRule.Kind.choices, default=CommitRule.Kind.PREPAID.value)
    unit = serializers.CharField(required=False, default="", max_length=40, allow_blank=True, help_text="Empty: money.")
    worth = Number(required=False, default="1", help_text="The money that one unit pays for.")
    product_keys = serializers.SlugRelatedField(
        slug_field="key",
        many=True,
        queryset=Product.objects.filter(kind=Product.Kind.USAGE),
        required=False,
        default=list,  # type: ignore[arg-type] # many=True makes it a field of lists
        help_text="Empty: every usage product.",
    )
    priority = serializers.IntegerField(required=False, default=100, min_value=0, max_value=32767)
    is_gated = serializers.BooleanField(required=False, default=False, help_text="Usable once its invoice is paid.")
    rollover_percent = Number(required=False, default="0", help_text="Of what is left when it ends.")
    rollover_limit = Number(required=False, allow_null=True, default=None, help_text="At most so much of its unit.")
    rollover_months = serializers.IntegerField(required=False, default=0, min_value=0, max_value=120)
    cycle_months = serializers.IntegerField(required=False, default=1, min_value=1, max_value=120)
    lasts_months = serializers.IntegerField(required=False, default=1, min_value=1, max_value=120)
    per_seat_of = serializers.SlugRelatedField(
        slug_field="key", queryset=Product.objects.all(), required=False, allow_null=True, default=None
    )
    threshold = Number(required=False, allow_null=True, default=None, help_text="Recharged when less is left.")
    monthly_limit = MoneyField(
        required=False, allow_null=True, default=None, help_text="Recharges cost at most so much a month."
    )


class CommitRuleOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    when = serializers.ChoiceField(CommitRule.When.choices)
    says = serializers.CharField(help_text="The rule in words.")
    access = Number()
    price = MoneyField()
    kind = serializers.ChoiceField(CommitRule.Kind.choices)
    unit = serializers.CharField(help_text="A currency, or a unit of its own.")
    worth = Number()
    product_keys = serializers.ListField(child=serializers.CharField())
    priority = serializers.IntegerField()
    is_gated = serializers.BooleanField()
    rollover_percent = Number()
    rollover_limit = Number(allow_null=True)
    rollover_months = serializers.IntegerField()
    cycle_months = serializers.IntegerField()
    lasts_months = serializers.IntegerField()
    per_seat_of = serializers.CharField(allow_null=True)
    threshold = Number(allow_null=True)
    monthly_limit = MoneyField(allow_null=True)
    end_on = serializers.DateField(help_text="The last day on which it makes commits.")


def rule_shape(rule: CommitRule, contract: Contract) -> dict[str, Any]:
    """A rule as `CommitRuleOut` says it."""
    same = ("name", "when", "kind", "product_keys", "priority", "is_gated", "rollover_months", "cycle_months")
    limit = rule.monthly_limit
    return {name: getattr(rule, name) for name in same} | {
        "says": rule_text(rule),
        "access": plain(rule.access_amount),
        "price": Money(rule.price, contract.currency).as_json(),
        "unit": rule.unit or contract.currency,
        "worth": plain(rule.worth),
        "rollover_percent": plain(rule.rollover_percent),
        "rollover_limit": None if rule.rollover_limit is None else plain(rule.rollover_limit),
        "lasts_months": rule.lasts_months,
        "per_seat_of": rule.per_seat_of.key if rule.per_seat_of is not None else None,
        "threshold": None if rule.threshold is None else plain(rule.threshold),
        "monthly_limit": None if limit is None else Money(limit, contract.currency).as_json(),
        "end_on": local_days(Period(rule.start_at, rule.end_at), contract.time_zone)[1],
    }
