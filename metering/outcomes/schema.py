"""What the API says about outcomes: the shapes of requests and answers, with examples."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework import serializers

from metering.models import Outcome, OutcomeEntry
from metering.outcomes.reporting import Answer
from metering.outcomes.reports import Evidence
from pricing.figures import plain

Shape = serializers.Serializer[Any]
_WRONG_CURSOR = "This cursor is not one of ours."


class EvidenceIn(Shape):
    """Where it can be seen: an address, or a hash, or both."""

    url = serializers.CharField(max_length=500, required=False, default="", help_text="http:// or https://")
    hash = serializers.CharField(max_length=128, required=False, default="", help_text="sha256:…")
    note = serializers.CharField(max_length=2000, required=False, default="")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if wrong := Evidence(**given).wrong():
            field = str(wrong.path[0]) if wrong.path else "url"
            raise serializers.ValidationError({field: [f"{wrong.message}."]})
        return given


class DecisionIn(Shape):
    because = serializers.CharField(max_length=2000, help_text="Kept with the outcome for good.")


class OutcomeIn(Shape):
    """One result. Numbers may be JSON numbers or decimal strings; both are kept exactly."""

    outcome = serializers.CharField(max_length=60, help_text="The key of its definition.")
    customer = serializers.CharField(max_length=120, help_text="The customer's key.")
    attribution = serializers.CharField(
        max_length=200, help_text="What it is about: one outcome stands for each, however often it is reported."
    )
    time = serializers.DateTimeField(help_text="When it happened, RFC 3339 with an offset.")
    value = serializers.CharField(required=False, help_text="What it was worth, if measured.")
    confidence = serializers.CharField(required=False, help_text="From 0 to 1.")
    source = serializers.ChoiceField(Outcome.Source.choices, required=False)  # type: ignore[assignment] # DRF's own
    properties = serializers.DictField(required=False, help_text="What meters and conditions may ask about.")
    evidence = EvidenceIn(many=True, required=False)


class OutcomesIn(Shape):
    customer = serializers.CharField(required=False, help_text="The customer's key.")
    outcome = serializers.CharField(required=False, help_text="The key of a definition.")
    status = serializers.ChoiceField(Outcome.Status.choices, required=False)
    attribution = serializers.CharField(required=False, help_text="What it is about.")
    limit = serializers.IntegerField(min_value=1, max_value=1_000, default=100)
    cursor = serializers.CharField(required=False, help_text="`next` of the page before.")

    def validate_cursor(self, text: str) -> tuple[datetime, UUID]:
        try:
            at, _, pk = urlsafe_b64decode(text.encode()).decode().partition(" ")
            return datetime.fromisoformat(at), UUID(pk)
        except ValueError:
            raise serializers.ValidationError(_WRONG_CURSOR) from None

    def conditions(self) -> Q:
        """The filters asked for, as one condition on outcomes."""
        asked = self.validated_data
        lookups = {
            "customer": "customer_key",
            "outcome": "definition__key",
            "status": "status",
            "attribution": "attribution",
        }
        found = Q(**{lookup: asked[name] for name, lookup in lookups.items() if name in asked})
        if "cursor" in asked:
            at, pk = asked["cursor"]
            found &= Q(reported_at__lt=at) | Q(reported_at=at, pk__gt=pk)
        return found


class OutcomeOut(Shape):
    id = serializers.UUIDField()
    outcome = serializers.CharField()
    customer = serializers.CharField()
    attribution = serializers.CharField()
    status = serializers.ChoiceField(Outcome.Status.choices)
    value = serializers.CharField(allow_null=True)
    confidence = serializers.CharField(allow_null=True)
    source = serializers.ChoiceField(Outcome.Source.choices)  # type: ignore[assignment] # DRF's Field has one of its own
    properties = serializers.DictField()
    time = serializers.DateTimeField()
    reported_at = serializers.DateTimeField()
    settles_at = serializers.DateTimeField(help_text="When its window is over.")
    final_at = serializers.DateTimeField(allow_null=True)
    counted_at = serializers.DateTimeField(allow_null=True, help_text="Where in time its usage stands.")
    is_billable = serializers.BooleanField()


class AnsweredOut(OutcomeOut):
    result = serializers.ChoiceField(["reported", "existing"])


class AnswersOut(Shape):
    reported = serializers.IntegerField()
    existing = serializers.IntegerField()
    outcomes = AnsweredOut(many=True)


class OutcomesOut(Shape):
    results = OutcomeOut(many=True)
    next = serializers.CharField(allow_null=True)


class EntryOut(Shape):
    kind = serializers.ChoiceField(OutcomeEntry.Kind.choices)
    at = serializers.DateTimeField()
    by = serializers.CharField()
    because = serializers.CharField()
    evidence_url = serializers.CharField()
    evidence_hash = serializers.CharField()
    event_id = serializers.CharField(help_text="The usage event by which it was counted, or taken back.")


class OutcomeWithEntriesOut(OutcomeOut):
    entries = EntryOut(many=True)


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.pk,
        "outcome": outcome.definition.key,
        "customer": outcome.customer_key,
        "attribution": outcome.attribution,
        "status": outcome.status,
        "value": None if outcome.value is None else format(outcome.value, "f"),
        "confidence": None if outcome.confidence is None else plain(outcome.confidence),
        "source": outcome.source,
        "properties": outcome.properties,
        "time": outcome.occurred_at,
        "reported_at": outcome.reported_at,
        "settles_at": outcome.settles_at,
        "final_at": outcome.final_at,
        "counted_at": outcome.counted_at,
        "is_billable": outcome.is_billable,
    }


def outcome_shape(outcome: Outcome) -> dict[str, Any]:
    fields = ("kind", "at", "by", "because", "evidence_url", "evidence_hash", "event_id")
    return outcome_row(outcome) | {"entries": list(outcome.entries.values(*fields))}


def answers_shape(answers: Iterable[Answer]) -> dict[str, Any]:
    rows = [{"result": answer.result, **outcome_row(answer.outcome)} for answer in answers]
    new = sum(row["result"] == "reported" for row in rows)
    return {"reported": new, "existing": len(rows) - new, "outcomes": rows}


def cursor_of(outcome: Outcome) -> str:
    return urlsafe_b64encode(f"{outcome.reported_at.isoformat()} {outcome.pk}".encode()).decode()


RESOLUTION = {
    "outcome": "resolved",
    "customer": "contoso",
    "attribution": "conversation-7f3a",
    "time": "2026-11-24T09:30:00Z",
    "value": "4.20",
    "properties": {"csat": 5},
    "evidence": [{"url": "https://desk.example/conversations/7f3a", "hash": "sha256:9f86d081"}],
}
REPORTING = (
    "One outcome or many, all or nothing. Each subject (definition, customer, attribution, and the month or day if the "
    "definition says so) has one: a report of one that stands already answers it, `existing`, and changes nothing, so "
    "send again whenever in doubt. An outcome is provisional until its settlement window is over; then it is final and "
    "counted as usage of type `outcome.<key>`, with `quantity` 1 and its `value`. What cannot be taken refuses the "
    "whole request, and the answer points at it and its field (RFC 6901)."
)
