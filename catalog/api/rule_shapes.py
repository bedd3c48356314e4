"""The shapes of selection rules in the API."""

from typing import Any

from rest_framework import serializers

from catalog.api.shapes import BecauseIn, Json
from catalog.models import RateCard, SelectionRule
from catalog.selection import Selection


class RuleIn(BecauseIn):
    name = serializers.CharField(max_length=120)
    card = serializers.SlugRelatedField(slug_field="key", queryset=RateCard.objects.all())
    conditions = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=200)),
        default=dict,
        help_text='`{"region": ["eu", "uk"]}`: attributes with the values that are right; {}: everybody.',
    )


class RuleChangeIn(RuleIn):
    is_active = serializers.BooleanField(default=True)


class OrderIn(BecauseIn):
    rules = serializers.PrimaryKeyRelatedField(
        many=True, queryset=SelectionRule.objects.all(), pk_field=serializers.UUIDField()
    )


class RuleOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    position = serializers.IntegerField()
    name = serializers.CharField()
    card = serializers.CharField()
    conditions = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    is_active = serializers.BooleanField()


class SelectIn(serializers.Serializer[Any]):
    """A customer by key, or attributes; attributes given beside a customer replace theirs."""

    customer = serializers.CharField(required=False, max_length=120)

    def get_fields(self) -> dict[str, Any]:
        attributes = {name: serializers.CharField(required=False, max_length=200) for name in SelectionRule.ATTRIBUTES}
        return {**super().get_fields(), **attributes}


class SelectionOut(serializers.Serializer[Any]):
    card = serializers.CharField(allow_null=True, help_text="null: no rule holds.")
    name = serializers.CharField(allow_null=True)
    rule = serializers.CharField(allow_null=True)
    steps = serializers.ListField(child=serializers.CharField(), help_text="A sentence for each rule asked.")


def rule_out(rule: SelectionRule) -> Json:
    return {
        "id": rule.pk,
        "position": rule.position,
        "name": rule.name,
        "card": rule.card.key,
        "conditions": rule.conditions,
        "is_active": rule.is_active,
    }


def selection_out(selection: Selection) -> Json:
    card, rule = selection.card, selection.rule
    return {
        "card": card and card.key,
        "name": card and card.name,
        "rule": rule and rule.name,
        "steps": list(selection.steps),
    }
