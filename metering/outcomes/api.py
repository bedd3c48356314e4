"""The API of outcomes: report them, look at them, attach evidence, reverse, dispute, settle a dispute."""

from collections.abc import Callable
from typing import IO, Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from governance.acts import Act
from governance.doors import act_of
from metering.api import Malformed
from metering.api.doors import EveryCustomerDoor, json_answer
from metering.api.schema import UsageRefusalOut
from metering.models import Outcome
from metering.outcomes import decisions
from metering.outcomes.reporting import NotReported, report
from metering.outcomes.reports import FORM, Evidence
from metering.outcomes.schema import (
    REPORTING,
    RESOLUTION,
    AnswersOut,
    DecisionIn,
    EvidenceIn,
    OutcomeIn,
    OutcomesIn,
    OutcomesOut,
    OutcomeWithEntriesOut,
    answers_shape,
    cursor_of,
    outcome_row,
    outcome_shape,
)
from metering.wire.compression import inflated
from metering.wire.events import MAX_BYTES, MAX_ERRORS, Problem, Unreadable
from metering.wire.reading import read


class OutcomesParser(BaseParser):
    """Decodes straight into reports, as events are; remembers whether the body was one of them by itself."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        request = parser_context["request"]
        try:
            body = inflated(stream.read(MAX_BYTES + 1), request.headers.get("Content-Encoding", ""))
            request.is_single = FORM.is_single(body)
            return read(body, FORM)
        except Unreadable as refusal:
            raise Malformed(refusal) from None


class OutcomeDoor(EveryCustomerDoor):
    """Who reads needs one scope, who writes another; people decide about outcomes, but systems report them."""

    @property
    def required_scope(self) -> str:
        return "outcomes:read" if self.request.method == "GET" else "outcomes:write"

    @property
    def required_permission(self) -> str:
        return "metering.view_outcome" if self.request.method == "GET" else "metering.change_outcome"

    def outcome(self, outcome: UUID) -> Outcome:
        found = Outcome.objects.select_related("definition").filter(pk=outcome).first()
        if found is None:
            raise Http404
        return found


class OutcomesView(OutcomeDoor):
    parser_classes = [OutcomesParser]

    @property
    def required_permission(self) -> str:
        return "metering.view_outcome" if self.request.method == "GET" else ""

    @extend_schema(
        operation_id="report_outcomes",
        summary="Report outcomes",
        description=REPORTING,
        request=OutcomeIn(many=True),
        responses={200: AnswersOut, 400: UsageRefusalOut, 413: UsageRefusalOut},
        examples=[OpenApiExample("A resolved conversation", RESOLUTION, request_only=True)],
    )
    def post(self, request: Request) -> HttpResponse:
        reports = request.data
        if not isinstance(reports, list):  # a request without a body has no stream to parse
            raise Malformed(Unreadable("The body is empty: send outcomes."))
        try:
            answers = report(reports, act=act_of(request, "Reported through the API"))
        except NotReported as refusal:
            raise Malformed(_located(refusal, request.is_single)) from None  # type: ignore[attr-defined]
        return json_answer(answers_shape(answers))

    @extend_schema(
        operation_id="list_outcomes",
        summary="List outcomes",
        description="Newest report first. Follow `next` as `cursor`: nothing is missed while new ones come in.",
        parameters=[OutcomesIn],
        responses={200: OutcomesOut},
    )
    def get(self, request: Request) -> HttpResponse:
        asked = OutcomesIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        limit = asked.validated_data["limit"]
        rows = Outcome.objects.filter(asked.conditions()).select_related("definition").order_by("-reported_at", "pk")
        found = list(rows[: limit + 1])
        following = cursor_of(found[limit - 1]) if len(found) > limit else None
        return json_answer({"results": [outcome_row(each) for each in found[:limit]], "next": following})


class OutcomeView(OutcomeDoor):
    @extend_schema(
        operation_id="read_outcome",
        summary="Read an outcome",
        description="With everything that happened to it, in order.",
        responses={200: OutcomeWithEntriesOut},
    )
    def get(self, request: Request, outcome: UUID) -> HttpResponse:
        return json_answer(outcome_shape(self.outcome(outcome)))


class EvidenceView(OutcomeDoor):
    @extend_schema(
        operation_id="attach_evidence",
        summary="Attach evidence to an outcome",
        description="The same address and hash once more changes nothing.",
        request=EvidenceIn,
        responses={200: OutcomeWithEntriesOut},
    )
    def post(self, request: Request, outcome: UUID) -> HttpResponse:
        given = EvidenceIn(data=request.data)
        given.is_valid(raise_exception=True)
        found, act = self.outcome(outcome), act_of(request, "Evidence came through the API")
        decisions.attach_evidence(found, Evidence(**given.validated_data), act=act)
        return json_answer(outcome_shape(self.outcome(outcome)))


class DecisionView(OutcomeDoor):
    """One of the decisions, as the class that is made of it says."""

    decide: Callable[..., Outcome]

    def decided(self, request: Request, outcome: UUID) -> HttpResponse:
        given = DecisionIn(data=request.data)
        given.is_valid(raise_exception=True)
        act: Act = act_of(request, given.validated_data["because"])
        type(self).decide(self.outcome(outcome), act=act)
        return json_answer(outcome_shape(self.outcome(outcome)))


def _decision(name: str, decide: Callable[..., Outcome], summary: str, description: str) -> Any:
    @extend_schema(
        operation_id=f"{name}_outcome",
        summary=summary,
        description=description,
        request=DecisionIn,
        responses={200: OutcomeWithEntriesOut},
    )
    def post(self: DecisionView, request: Request, outcome: UUID) -> HttpResponse:
        return self.decided(request, outcome)

    view: Any = type(f"{name.title()}OutcomeView", (DecisionView,), {"decide": staticmethod(decide), "post": post})
    return path(f"outcomes/<uuid:outcome>/{name}", view.as_view())


def _located(refusal: NotReported, is_single: bool) -> Unreadable:
    """The same with pointers into the body as it was sent."""
    problems = [
        Problem(each.index, each.pointer.removeprefix(f"/{each.index}") if is_single else each.pointer, each.message)
        for each in refusal.problems[:MAX_ERRORS]
    ]
    return Unreadable(str(refusal), problems)


urlpatterns = [
    path("outcomes", OutcomesView.as_view()),
    path("outcomes/<uuid:outcome>", OutcomeView.as_view()),
    path("outcomes/<uuid:outcome>/evidence", EvidenceView.as_view()),
    _decision(
        "reverse",
        decisions.reverse,
        "Reverse an outcome",
        "It was none after all. What was counted is taken back in the period in which it was counted. Repeatable.",
    ),
    _decision(
        "dispute",
        decisions.dispute,
        "Dispute an outcome",
        "It does not become final meanwhile; what is final stays counted until the dispute is decided. Repeatable.",
    ),
    _decision(
        "uphold",
        decisions.uphold,
        "Settle a dispute: the outcome stands",
        "What was final is so again; what was not becomes so when its window is over.",
    ),
]
