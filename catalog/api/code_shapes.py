"""The shapes of prices as code in the API."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from catalog.api.answers import DIFFERENCES, FindingOut, ImpactOut, finding_out, impact_out
from catalog.api.shapes import BecauseIn, Json
from catalog.models import RateCardVersion
from catalog.portable.planning import Difference, Plan
from catalog.portable.report import Report, summary


class ApplyIn(BecauseIn):
    warnings_accepted = serializers.CharField(
        default="", allow_blank=True, help_text="Why it may be published in spite of lint's warnings."
    )


class ProblemOut(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="0 where none is known: JSON has no lines.")
    field = serializers.CharField()
    text = serializers.CharField()


class ProblemsOut(serializers.Serializer[Any]):
    detail = serializers.CharField()
    problems = ProblemOut(many=True)


class PlannedChangeOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(DIFFERENCES)
    path = serializers.CharField()
    field = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class PlannedCardOut(serializers.Serializer[Any]):
    rate_card = serializers.CharField()
    state = serializers.ChoiceField(["new", "as it is", "scheduled", "in review", "blocked"])
    says = serializers.CharField()
    changes = PlannedChangeOut(many=True)
    findings = FindingOut(many=True)
    impact = ImpactOut(allow_null=True)


class PlanOut(serializers.Serializer[Any]):
    is_empty = serializers.BooleanField(help_text="Whether there is nothing to do.")
    summary = serializers.CharField()
    changes = PlannedChangeOut(many=True, help_text="What takes effect at once, without a request.")
    rate_cards = PlannedCardOut(many=True)


class AppliedCardOut(serializers.Serializer[Any]):
    rate_card = serializers.CharField()
    status = serializers.ChoiceField(RateCardVersion.Status.choices)


class AppliedOut(serializers.Serializer[Any]):
    summary = serializers.CharField()
    says = serializers.ListField(child=serializers.CharField(), help_text="Why of a card nothing was asked.")
    requests = AppliedCardOut(many=True)


def plan_out(found: Report, *, names_them: bool) -> Json:
    return {
        "is_empty": found.plan.is_empty,
        "summary": summary(found.plan),
        "changes": [_change(each) for each in found.plan.differences],
        "rate_cards": [
            {
                "rate_card": each.key,
                "state": each.state,
                "says": each.says,
                "changes": [_change(one) for one in each.differences],
                "findings": [finding_out(one) for one in found.findings.get(each.key, [])],
                "impact": impact_out(found.impacts[each.key], names_them=names_them)
                if each.key in found.impacts
                else None,
            }
            for each in found.plan.cards
        ],
    }


def applied_out(asked: Plan, versions: Iterable[RateCardVersion]) -> Json:
    return {
        "summary": summary(asked),
        "says": [each.says for each in asked.cards if each.state != "new"],
        "requests": [{"rate_card": each.card.key, "status": each.status} for each in versions],
    }


def _change(each: Difference) -> dict[str, str]:
    return {"kind": each.kind, "path": each.path, "field": each.what, "before": each.before, "after": each.after}
