"""A plan as people and programs read it: the differences, what lint finds, what it means in money, and what follows.

The last three are asked of the very drafts that applying would make; these are made, looked at, and unmade again.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from catalog import lint
from catalog.impact import Impact, impact_lines, impact_of
from catalog.portable.applying import rehearsed
from catalog.portable.planning import CardPlan, Difference, Plan
from governance.acts import Act


@dataclass(frozen=True, slots=True)
class Report:
    """A plan with what is found about each request it makes, by the card's key."""

    plan: Plan
    findings: dict[str, list[lint.Finding]] = field(default_factory=dict)
    impacts: dict[str, Impact] = field(default_factory=dict)


def report(asked: Plan, *, act: Act) -> Report:
    """Look at what the plan would make. Nothing is kept; `Refused` if it could not be made."""
    found = Report(asked)
    if not asked.requests:
        return found
    with transaction.atomic():
        for key, version in rehearsed(asked, act=act).items():
            found.findings[key] = lint.findings(version, at=act.at)
            found.impacts[key] = impact_of(version, at=act.at)
        transaction.set_rollback(True)
    return found


def text(found: Report) -> str:
    """The report as a terminal shows it."""
    asked = found.plan
    if asked.is_empty:
        return "\n".join([*(card.says for card in asked.cards), "Nothing to do."])
    lines = []
    if asked.differences:
        lines += ["At once:", *_indented(asked.differences), ""]
    for card in asked.cards:
        lines += [card.says, *_indented(card.differences)]
        lines += [f"  {each.severity}: {each.where}: {each.text}" for each in found.findings.get(card.key, [])]
        if card.key in found.impacts:
            lines += [f"  {line}" for line in impact_lines(found.impacts[card.key])]
        lines.append("")
    return "\n".join([*lines, summary(asked)])


def summary(asked: Plan) -> str:
    """`2 changes at once, 1 change request.`"""
    at_once, requests = len(asked.differences), len(asked.requests)
    counted = [f"{at_once} change{'' if at_once == 1 else 's'} at once"] if at_once else []
    counted += [f"{requests} change request{'' if requests == 1 else 's'}"] if requests else []
    return f"{', '.join(counted) or 'nothing to do'}."


def data(found: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "is_empty": found.plan.is_empty,
        "summary": summary(found.plan),
        "changes": [_difference(each) for each in found.plan.differences],
        "rate_cards": [_card(each, found) for each in found.plan.cards],
    }


def _card(card: CardPlan, found: Report) -> dict[str, Any]:
    return {
        "rate_card": card.key,
        "state": card.state,
        "says": card.says,
        "changes": [_difference(each) for each in card.differences],
        "findings": [
            {"rule": each.rule, "severity": str(each.severity), "where": each.where, "text": each.text}
            for each in found.findings.get(card.key, [])
        ],
        "impact": impact_lines(found.impacts[card.key]) if card.key in found.impacts else [],
    }


def _difference(each: Difference) -> dict[str, str]:
    return {"kind": each.kind, "path": each.path, "field": each.what, "before": each.before, "after": each.after}


def _indented(differences: tuple[Difference, ...]) -> list[str]:
    return [f"  {each}" for each in differences]
