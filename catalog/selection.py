"""Which card a customer gets, and why: the first rule whose every condition holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import RateCard, SelectionRule


@dataclass(frozen=True, slots=True)
class Selection:
    """The card, the rule that chose it, and a sentence for each rule that was asked. No rule held: no card."""

    card: RateCard | None
    rule: SelectionRule | None
    steps: tuple[str, ...]


def select_card(attributes: Mapping[str, str]) -> Selection:
    """Ask the active rules in their order. Attributes are compared without regard to case; a missing one is empty."""
    steps: list[str] = []
    for rule in SelectionRule.objects.filter(is_active=True).select_related("card__base").order_by("position"):
        objection = _objection(rule, attributes)
        if objection:
            steps.append(f"{rule}: no, {objection}.")
            continue
        steps.append(f"{rule}: yes, {_holds(rule)}; the card is {rule.card}.")
        return Selection(rule.card, rule, tuple(steps))
    return Selection(None, None, (*steps, "No rule holds, so no card is chosen."))


def _objection(rule: SelectionRule, attributes: Mapping[str, str]) -> str:
    for name, values in rule.conditions.items():
        given = attributes.get(name, "")
        if given.casefold() not in {value.casefold() for value in values}:
            return f"{name.replace('_', ' ')} is {given or 'not known'}, not {' or '.join(values)}"
    return ""


def _holds(rule: SelectionRule) -> str:
    held = [f"{name.replace('_', ' ')} is {' or '.join(values)}" for name, values in rule.conditions.items()]
    return " and ".join(held) or "it asks for nothing"
