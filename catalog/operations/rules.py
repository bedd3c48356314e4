"""The verbs of selection: which card a customer gets, rule by rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from catalog.models import RateCard, SelectionRule
from governance.acts import Act, Refused
from governance.change import change, locked

NOT_ALL = "Name every rule once; somebody may have added or taken one away meanwhile."


def create_rule(*, name: str, card: RateCard, conditions: Mapping[str, Sequence[str]], act: Act) -> SelectionRule:
    """Add a rule after those there are."""
    rule = SelectionRule(name=name, card=card, conditions=_conditions(conditions))
    with change("selection_rule.created", rule, act):
        last = SelectionRule.objects.aggregate(last=Max("position"))["last"] or 0
        rule.position = last + 1
        rule.save()
    return rule


def update_rule(
    rule: SelectionRule,
    *,
    name: str,
    card: RateCard,
    conditions: Mapping[str, Sequence[str]],
    is_active: bool = True,
    act: Act,
) -> SelectionRule:
    with change("selection_rule.updated", rule, act):
        rule = locked(rule)
        rule.name, rule.card, rule.conditions, rule.is_active = name, card, _conditions(conditions), is_active
        rule.save()
    return rule


def delete_rule(rule: SelectionRule, *, act: Act) -> None:
    with change("selection_rule.deleted", rule, act):
        locked(rule).delete()


def order_rules(rules: Sequence[SelectionRule], *, act: Act) -> None:
    """Ask the rules in this order from now on; every rule must be named once."""
    if not rules:
        if SelectionRule.objects.exists():
            raise Refused(NOT_ALL)
        return
    with change("selection_rule.ordered", rules[0], act):
        there = {rule.pk: rule for rule in SelectionRule.objects.select_for_update(of=("self",)).order_by("pk")}
        if sorted(str(rule.pk) for rule in rules) != sorted(map(str, there)):
            raise Refused(NOT_ALL)
        # Out of the way first: positions are unique at every instant.
        above = max(rule.position for rule in there.values()) + len(there)
        for offset in (above, 0):
            for position, rule in enumerate(rules, start=1):
                row = there[rule.pk]
                row.position = offset + position
                row.save()


def _conditions(conditions: Mapping[str, Any]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for name, values in conditions.items():
        if name not in SelectionRule.ATTRIBUTES:
            raise Refused(f"A rule asks for {', '.join(SelectionRule.ATTRIBUTES)}; not for {name}.")
        if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) and value for value in values):
            raise Refused(f"{name}: give the values that are right, as a list of texts.")
        if values:
            result[name] = list(values)
    return result
