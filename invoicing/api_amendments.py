"""The API of amendments: what a change of a contract comes to, making it, and the list of those made.

Here rather than with contracts, because it speaks of money.
"""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contracts.changes import load
from contracts.models import Amendment, Contract
from contracts.operations import amend
from contracts.schema import Day, MoneyField, Number, RefusedOut
from governance.doors import HasScope, act_of, visible
from invoicing.amending import Preview, preview
from invoicing.lines import Line
from pricing.money import Money
from pricing.periods import midnight

Shape = serializers.Serializer[Any]


class AmendmentIn(Shape):
    """`changes` are objects with a `kind`; see the documentation for their fields."""

    effective_on = Day(help_text="Its first day, local to the contract; may have passed.")
    changes = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=500)
    because = serializers.CharField()
    preview = serializers.BooleanField(default=False, help_text="Answer what it comes to, and write nothing.")


class AmendmentOut(Shape):
    number = serializers.IntegerField(help_text="Of the contract's amendments.")
    status = serializers.ChoiceField(Amendment.Status.choices)
    effective_at = serializers.DateTimeField()
    reason = serializers.CharField()
    changes = serializers.ListField(child=serializers.DictField())
    did = serializers.ListField(child=serializers.CharField(), help_text="What it changed, a sentence each.")
    applied_at = serializers.DateTimeField(allow_null=True)


class LegOut(Shape):
    product = serializers.CharField()
    description = serializers.CharField()
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField()
    quantity = Number()
    amount = MoneyField()


class BeforeAfterOut(Shape):
    before = MoneyField()
    after = MoneyField()


class AmendmentPreviewOut(Shape):
    did = serializers.ListField(child=serializers.CharField(), help_text="What it would change, a sentence each.")
    through = serializers.DateTimeField(help_text="When the last of it has fallen due.")
    legs = LegOut(many=True, help_text="What it adds to the next invoices, before tax; credits are below zero.")
    instead_of = LegOut(many=True, help_text="What it leaves out of them.")
    difference = MoneyField(help_text="Of the two.")
    next_invoices = BeforeAfterOut(help_text="Their total, with tax and commits.")
    rest_of_term = BeforeAfterOut(help_text="What is yet to be billed of what changes, before tax and commits.")
    assumed = serializers.CharField(help_text="How usage to come is reckoned; empty where nothing is measured.")


class AmendmentsView(APIView):
    """A key sees every contract, a person those of the customers they serve."""

    permission_classes = [HasScope]

    @property
    def required_scope(self) -> str:
        return "contracts:read" if self.request.method in SAFE_METHODS else "contracts:amend"

    @property
    def required_permission(self) -> str:
        is_reading = self.request.method in SAFE_METHODS
        return "contracts.view_amendment" if is_reading else "contracts.change_amendment"

    def contract(self, number: str) -> Contract:
        rows: QuerySet[Contract] = Contract.objects.filter(number=number)
        rows = rows if hasattr(self.request, "system_key") else visible(rows, self.request.user)
        found = rows.first()
        if found is None:
            raise Http404
        return found

    @extend_schema(
        operation_id="list_amendments", summary="List the amendments of a contract", responses=AmendmentOut(many=True)
    )
    def get(self, request: Request, number: str) -> Response:
        """In order, those that were withdrawn too."""
        return Response(AmendmentOut(self.contract(number).amendments.order_by("number"), many=True).data)

    @extend_schema(
        operation_id="amend_contract",
        summary="Amend a contract",
        request=AmendmentIn,
        responses={
            200: AmendmentPreviewOut,
            201: AmendmentOut,
            409: RefusedOut,
        },
        examples=[
            OpenApiExample(
                "Five more seats",
                {
                    "effective_on": "2026-06-11",
                    "changes": [{"kind": "change_line", "line": "6f1c…", "quantity": "15"}],
                    "because": "They hired.",
                    "preview": True,
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, number: str) -> Response:
        """Make all of the changes or none; with `preview`, only say what they come to (200).

        Declined where somebody must agree first: then draft it in the admin.
        """
        contract = self.contract(number)
        form = AmendmentIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        act = act_of(request, given["because"])
        changes, effective_at = load(given["changes"]), midnight(given["effective_on"], contract.time_zone)
        if given["preview"]:
            return Response(_shape(preview(contract, changes, effective_at=effective_at, at=act.at)))
        made = amend(contract, *changes, effective_at=effective_at, act=act)
        return Response(AmendmentOut(made).data, status=201)


def _shape(found: Preview) -> Any:
    def money(amount: Any) -> Money:
        return Money(amount, found.currency)

    def leg(line: Line) -> dict[str, Any]:
        return {
            "product": line.product_key,
            "description": line.description,
            "period_start": line.period.start,
            "period_end": line.period.end,
            "quantity": line.quantity,
            "amount": money(line.amount),
        }

    return AmendmentPreviewOut(
        {
            "did": found.said,
            "through": found.through,
            "legs": [leg(line) for line in found.owed],
            "instead_of": [leg(line) for line in found.instead_of],
            "difference": money(found.difference),
            "next_invoices": {"before": money(found.invoiced_before), "after": money(found.invoiced_after)},
            "rest_of_term": {"before": money(found.rest_before), "after": money(found.rest_after)},
            "assumed": found.assumed,
        }
    ).data


urlpatterns = [path("contracts/<str:number>/amendments", AmendmentsView.as_view())]
