"""The API of commits: balances with their pace, and statements."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.api.paging import Pages, within_sight
from contracts.fields import utc_text
from contracts.models import Commit, CommitEntry
from contracts.operations import adjust_commit
from contracts.pace import Pace
from contracts.schema import Day, MoneyField, Number, RefusedOut
from contracts.shown_statements import statement_pdf
from contracts.statements import Movement, Statement, paces_of, statements_of
from governance import clock
from governance.doors import HasScope, act_of
from pricing.money import Money, plain
from pricing.periods import local_days


class PaceOut(serializers.Serializer[Any]):
    """How fast it is used. Shares are from 0 to 1."""

    used_share = Number()
    time_share = Number()
    last_30_days = Number()
    exhausted_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was used up, or will be at this pace; null: not before its end."
    )
    expected_rest = Number(help_text="What is left at its end, at this pace.")


class CommitOut(serializers.Serializer[Any]):
    """A block of access. Its amounts are in `unit`: a currency, or a unit of its own."""

    id = serializers.UUIDField()
    customer = serializers.CharField()
    contract = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Commit.Kind.choices)
    unit = serializers.CharField()
    access = Number()
    price = MoneyField()
    balance = Number()
    start_on = serializers.DateField()
    end_on = serializers.DateField(help_text="Its last day.")
    pace = PaceOut()


class PaidForOut(serializers.Serializer[Any]):
    product = serializers.CharField()
    amount = MoneyField()


class MovementOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(CommitEntry.Kind.choices)
    amount = Number(help_text="Signed: what is taken is below zero.")
    balance = Number(help_text="After it.")
    cause = serializers.CharField()
    because = serializers.CharField(help_text="Why it was done, as the history says.")
    source_type = serializers.CharField()
    source_id = serializers.CharField()
    paid_for = PaidForOut(many=True, help_text="Of a draw: the products it paid for.")


class StatementOut(serializers.Serializer[Any]):
    """`opening` and the movements come to `closing`."""

    commit = serializers.UUIDField()
    unit = serializers.CharField()
    start_on = serializers.DateField()
    end_on = serializers.DateField()
    opening = Number()
    movements = MovementOut(many=True)
    closing = Number()


class StatementDays(serializers.Serializer[Any]):
    start_on = Day(required=False, default=None, help_text="The first day; from the beginning unless given.")
    end_on = Day(required=False, default=None, help_text="The last day; today unless given.")

    def validate(self, days: dict[str, Any]) -> dict[str, Any]:
        if days["start_on"] and days["end_on"] and days["end_on"] < days["start_on"]:
            raise serializers.ValidationError({"end_on": ["It ends before it begins."]})
        return days


class AdjustIn(serializers.Serializer[Any]):
    amount = Number(help_text="So much of its unit: above zero gives, below zero takes away.")
    because = serializers.CharField(max_length=2000)
    reference = serializers.CharField(max_length=80, help_text="Yours: the same one again is the same adjustment.")


class CommitDoor(generics.GenericAPIView[Commit]):
    permission_classes = [HasScope]
    required_scope = "contracts:read"
    required_permission = "contracts.view_commit"
    serializer_class = CommitOut
    pagination_class = Pages
    filter_backends = []
    queryset = Commit.objects.select_related("contract__customer", "contract__legal_entity").order_by(
        "-start_at", "name", "pk"
    )

    def get_queryset(self) -> QuerySet[Commit]:
        return within_sight(super().get_queryset(), self.request)

    def commit(self, pk: UUID) -> Commit:
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise Http404
        return found


class CommitsView(CommitDoor):
    @extend_schema(
        operation_id="list_commits",
        summary="List commits with their balances and pace",
        description="The latest first.",
        parameters=[
            OpenApiParameter("customer", str, description="Only of the customer with this key."),
            OpenApiParameter("contract", str, description="Only of the contract with this number."),
        ],
        responses={200: CommitOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        commits = self.get_queryset()
        for name, lookup in (("customer", "contract__customer__key"), ("contract", "contract__number")):
            if name in request.query_params:
                commits = commits.filter(**{lookup: request.query_params[name]})
        page, at = self.paginate_queryset(commits) or [], clock.now()
        paces = paces_of(page, at)
        return self.get_paginated_response([commit_shape(each, paces[each.pk]) for each in page])


class CommitView(CommitDoor):
    @extend_schema(operation_id="read_commit", summary="Read a commit", responses={200: CommitOut})
    def get(self, request: Request, commit: UUID) -> Response:
        found = self.commit(commit)
        return Response(commit_shape(found, paces_of([found], clock.now())[found.pk]))


class AdjustView(CommitDoor):
    required_scope = "contracts:write"
    required_permission = "contracts.change_commit"

    @extend_schema(
        operation_id="adjust_commit",
        summary="Adjust a commit",
        description="Gives goodwill or takes something away. Refused while somebody must still approve it.",
        request=AdjustIn,
        responses={200: CommitOut, 409: RefusedOut},
    )
    def post(self, request: Request, commit: UUID) -> Response:
        found = self.commit(commit)
        given = AdjustIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked, act = given.validated_data, act_of(request, given.validated_data["because"])
        adjust_commit(found, amount=asked["amount"], reference=asked["reference"], act=act)
        found.refresh_from_db()
        return Response(commit_shape(found, paces_of([found], clock.now())[found.pk]))


class StatementView(CommitDoor):
    @extend_schema(
        operation_id="read_commit_statement",
        summary="The statement of a commit",
        description="What there was on the first day, every movement with its cause, and what is left after the last.",
        parameters=[StatementDays],
        responses={200: StatementOut},
    )
    def get(self, request: Request, commit: UUID) -> Response:
        days = StatementDays(data=request.query_params)
        days.is_valid(raise_exception=True)
        (statement,) = statements_of([self.commit(commit)], **days.validated_data, at=clock.now())
        return Response(statement_shape(statement))


class StatementPdfView(CommitDoor):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Whatever is accepted, the document is PDF and an error is JSON."""
        return JSONRenderer(), "application/json"

    @extend_schema(
        operation_id="read_commit_statement_pdf",
        summary="The statement of a commit as PDF",
        parameters=[StatementDays],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, 409: RefusedOut},
    )
    def get(self, request: Request, commit: UUID) -> HttpResponse:
        days = StatementDays(data=request.query_params)
        days.is_valid(raise_exception=True)
        found = self.commit(commit)
        document = statement_pdf(found.contract.customer, [found], **days.validated_data, at=clock.now())
        headers = {"Content-Disposition": f'attachment; filename="statement-{found.contract.number}.pdf"'}
        return HttpResponse(document, content_type="application/pdf", headers=headers)


def commit_shape(commit: Commit, pace: Pace) -> dict[str, Any]:
    contract = commit.contract
    first, last = local_days(commit.window, contract.time_zone)
    return {
        "id": str(commit.pk),
        "customer": contract.customer.key,
        "contract": contract.number,
        "name": commit.name,
        "kind": commit.kind,
        "unit": commit.unit or contract.currency,
        "access": plain(commit.access_amount),
        "price": Money(commit.price, contract.currency).as_json(),
        "balance": plain(commit.balance),
        "start_on": first,
        "end_on": last,
        "pace": {
            "used_share": _share(pace.used),
            "time_share": _share(pace.gone),
            "last_30_days": plain(pace.lately),
            "exhausted_at": pace.exhausted_at and utc_text(pace.exhausted_at),
            "expected_rest": plain(pace.expected_rest),
        },
    }


def statement_shape(statement: Statement) -> dict[str, Any]:
    contract = statement.commit.contract
    first, last = local_days(statement.period, contract.time_zone)
    return {
        "commit": str(statement.commit.pk),
        "unit": statement.commit.unit or contract.currency,
        "start_on": first,
        "end_on": last,
        "opening": plain(statement.opening),
        "movements": [_movement(each, contract.currency) for each in statement.movements],
        "closing": plain(statement.closing),
    }


def _movement(movement: Movement, currency: str) -> dict[str, Any]:
    entry, cause = movement.entry, movement.cause
    return {
        "at": utc_text(entry.at),
        "kind": entry.kind,
        "amount": plain(entry.amount),
        "balance": plain(movement.balance),
        "cause": cause.title,
        "because": entry.change.because,
        "source_type": entry.source_type,
        "source_id": entry.source_id,
        "paid_for": [
            {"product": product, "amount": Money(amount, currency).as_json()} for product, amount in cause.paid_for
        ],
    }


def _share(share: Decimal) -> str:
    return plain(round(share, 4))


urlpatterns = [
    path("commits", CommitsView.as_view(), name="commits"),
    path("commits/<uuid:commit>", CommitView.as_view(), name="commit"),
    path("commits/<uuid:commit>/adjust", AdjustView.as_view(), name="adjust-commit"),
    path("commits/<uuid:commit>/statement", StatementView.as_view(), name="commit-statement"),
    path("commits/<uuid:commit>/statement/pdf", StatementPdfView.as_view(), name="commit-statement-pdf"),
]
