"""The live draft over the API: its prices and its plan, what is wrong with it, what it means, and its way out."""

from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import operations
from catalog.api import answers, shapes
from catalog.api.base import (
    PUBLISH,
    REFUSED,
    CatalogView,
    MoneyView,
    asked,
    card_named,
    draft_of,
    holds,
    product_named,
    reason,
)
from catalog.impact import impact_of
from catalog.lint import findings
from governance import clock
from governance.doors import SEE_EVERY_CUSTOMER

TIERS = OpenApiExample(
    "In tiers",
    {
        "charge": {
            "kind": "graduated",
            "per": "1000000",
            "tiers": [
                {"up_to": "10000000", "unit_price": "2.50"},
                {"up_to": None, "unit_price": "2.00"},
            ],
        },
        "because": "Spring prices",
    },
    request_only=True,
)


class DraftView(CatalogView):
    writes = {"POST": "catalog.add_ratecardversion", "PUT": "catalog.change_ratecardversion"}

    @extend_schema(operation_id="get_draft", responses=answers.VersionOut)
    def get(self, request: Request, key: str) -> Response:
        """The version being drafted or reviewed; 404 when there is none."""
        return Response(answers.version_out(draft_of(key), clock.now()))

    @extend_schema(operation_id="draft_version", request=shapes.DraftIn, responses={201: answers.VersionOut, **REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Start the next version with the rates in force. A card has one live draft."""
        fields, act = asked(request, shapes.DraftIn)
        draft = operations.draft_version(card_named(key), **fields, act=act)
        return Response(answers.version_out(draft, act.at), status=201)

    @extend_schema(operation_id="plan_draft", request=shapes.PlanIn, responses={200: answers.VersionOut, **REFUSED})
    def put(self, request: Request, key: str) -> Response:
        """Say when the draft is to take effect, whom it reaches, and what the base's prices are multiplied by."""
        fields, act = asked(request, shapes.PlanIn)
        return Response(answers.version_out(operations.plan_version(draft_of(key), **fields, act=act), act.at))


class DraftRateView(CatalogView):
    writes = {"PUT": "catalog.change_rate", "DELETE": "catalog.delete_rate"}

    @extend_schema(
        operation_id="set_rate",
        request=shapes.RateIn,
        responses={200: answers.VersionOut, **REFUSED},
        examples=[TIERS],
    )
    def put(self, request: Request, key: str, product: str) -> Response:
        """Price a product in the draft, or price it anew; answers the draft."""
        fields, act = asked(request, shapes.RateIn)
        draft = draft_of(key)
        operations.set_rate(draft, product_named(product), **fields, act=act)
        return Response(answers.version_out(draft, act.at))

    @extend_schema(
        operation_id="remove_rate",
        parameters=[shapes.BecauseIn],
        responses={200: answers.VersionOut, **REFUSED},
    )
    def delete(self, request: Request, key: str, product: str) -> Response:
        """Take a product off the draft; answers the draft."""
        act, draft = reason(request), draft_of(key)
        operations.remove_rate(draft, product_named(product), act=act)
        return Response(answers.version_out(draft, act.at))


class DraftRatesView(CatalogView):
    writes = {"PUT": "catalog.change_rate"}

    @extend_schema(operation_id="set_rates", request=shapes.RatesIn, responses={200: answers.VersionOut, **REFUSED})
    def put(self, request: Request, key: str) -> Response:
        """Make these the draft's rates, all of them and no others; answers the draft."""
        fields, act = asked(request, shapes.RatesIn)
        draft = operations.set_rates(draft_of(key), answers.offers(fields["rates"]), act=act)
        return Response(answers.version_out(draft, act.at))


class UnitView(CatalogView):
    writes = {"PUT": "catalog.change_rate"}

    @extend_schema(
        operation_id="set_unit_price", request=shapes.UnitPriceIn, responses={200: answers.VersionOut, **REFUSED}
    )
    def put(self, request: Request, key: str, unit: str) -> Response:
        """Give a custom unit (credit, token) another price in every rate of the draft that is in it."""
        fields, act = asked(request, shapes.UnitPriceIn)
        draft = draft_of(key)
        operations.set_unit_price(draft, unit, fields["price"], act=act)
        return Response(answers.version_out(draft, act.at))


class LintView(MoneyView):
    @extend_schema(operation_id="lint_draft", responses=answers.FindingOut(many=True))
    def get(self, request: Request, key: str) -> Response:
        """What is probably wrong with the draft, errors first. Tells of costs: keys need catalog:write."""
        return Response([answers.finding_out(each) for each in findings(draft_of(key), at=clock.now())])


class ImpactView(MoneyView):
    @extend_schema(operation_id="get_draft_impact", responses={200: answers.ImpactOut, **REFUSED})
    def get(self, request: Request, key: str) -> Response:
        """The last full month of every contract the draft would reach, with and without it. Keys need catalog:write.

        Contracts and quotes are named only to keys with contracts:read and people who see every customer.
        """
        names_them = holds(request, SEE_EVERY_CUSTOMER, "contracts:read")
        return Response(answers.impact_out(impact_of(draft_of(key), at=clock.now()), names_them=names_them))


class SubmitView(CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(operation_id="submit_draft", request=shapes.SubmitIn, responses={200: answers.VersionOut, **REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Send the draft for review and ask for the approvals it needs. Only a person can: keys get 409.

        Refused while lint finds errors; `warnings_accepted` says why its warnings do not matter.
        """
        fields, act = asked(request, shapes.SubmitIn)
        return Response(answers.version_out(operations.submit_version(draft_of(key), **fields, act=act), act.at))


class ReopenView(CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(
        operation_id="reopen_draft", request=shapes.BecauseIn, responses={200: answers.VersionOut, **REFUSED}
    )
    def post(self, request: Request, key: str) -> Response:
        """Take the version back from review to edit it."""
        _, act = asked(request, shapes.BecauseIn)
        return Response(answers.version_out(operations.reopen_version(draft_of(key), act=act), act.at))


class PublishView(CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(
        operation_id="publish_draft", request=shapes.PublishIn, responses={200: answers.VersionOut, **REFUSED}
    )
    def post(self, request: Request, key: str) -> Response:
        """Publish the reviewed version from an instant on; 409 while an approval is outstanding."""
        fields, act = asked(request, shapes.PublishIn)
        return Response(answers.version_out(operations.publish_version(draft_of(key), **fields, act=act), act.at))


class DiscardView(CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(
        operation_id="discard_draft", request=shapes.BecauseIn, responses={200: answers.VersionOut, **REFUSED}
    )
    def post(self, request: Request, key: str) -> Response:
        """Give up the draft."""
        _, act = asked(request, shapes.BecauseIn)
        return Response(answers.version_out(operations.withdraw_version(draft_of(key), act=act), act.at))


DRAFT = "rate-cards/<slug:key>/draft"
urlpatterns = [
    path(DRAFT, DraftView.as_view(), name="draft"),
    path(f"{DRAFT}/rates", DraftRatesView.as_view(), name="draft-rates"),
    path(f"{DRAFT}/rates/<slug:product>", DraftRateView.as_view(), name="draft-rate"),
    path(f"{DRAFT}/units/<str:unit>", UnitView.as_view(), name="draft-unit"),
    path(f"{DRAFT}/lint", LintView.as_view(), name="draft-lint"),
    path(f"{DRAFT}/impact", ImpactView.as_view(), name="draft-impact"),
    path(f"{DRAFT}/submit", SubmitView.as_view(), name="submit-draft"),
    path(f"{DRAFT}/reopen", ReopenView.as_view(), name="reopen-draft"),
    path(f"{DRAFT}/publish", PublishView.as_view(), name="publish-draft"),
    path(f"{DRAFT}/discard", DiscardView.as_view(), name="discard-draft"),
]
