"""The API of the catalog: what is sold and at what price, as of any instant; and the verbs that change it.

Reading takes the scope catalog:read, writing catalog:write; people signed in need the permission the admin asks for.
"""

from datetime import datetime
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import operations, queries, shapes
from catalog.models import Product, RateCard, RateCardVersion
from governance import clock
from governance.acts import Act
from governance.doors import HasScope, act_of

Asked = dict[str, Any]
READ_AT: list[Any] = [shapes.AtIn]
REFUSED = {409: shapes.RefusalOut}
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


class CatalogView(APIView):
    """Reads with catalog:read; writes with catalog:write, or as a person who holds `write_permission`."""

    permission_classes = [HasScope]
    write_permission = ""

    @property
    def required_scope(self) -> str:
        return "catalog:read" if self.request.method in SAFE_METHODS else "catalog:write"

    @property
    def required_permission(self) -> str:
        return "catalog.view_ratecard" if self.request.method in SAFE_METHODS else self.write_permission


class ProductsView(CatalogView):
    write_permission = "catalog.add_product"

    @extend_schema(operation_id="list_products", responses=shapes.ProductOut(many=True))
    def get(self, request: Request) -> Response:
        """Everything that is sold, by name."""
        products = Product.objects.select_related("meter")
        return Response(shapes.ProductOut(products, many=True).data)

    @extend_schema(
        operation_id="create_product", request=shapes.ProductIn, responses={201: shapes.ProductOut, **REFUSED}
    )
    def post(self, request: Request) -> Response:
        """Put a product up for sale."""
        asked, act = _asked(request, shapes.ProductIn)
        return Response(shapes.ProductOut(operations.create_product(**asked, act=act)).data, status=201)


class RateCardsView(CatalogView):
    write_permission = "catalog.add_ratecard"

    @extend_schema(operation_id="list_rate_cards", responses=shapes.RateCardRowOut(many=True), parameters=READ_AT)
    def get(self, request: Request) -> Response:
        """Every rate card with the version in force."""
        return Response([shapes.card_row(*row) for row in queries.cards_at(_at(request))])

    @extend_schema(
        operation_id="create_rate_card",
        request=shapes.RateCardIn,
        responses={201: shapes.RateCardRowOut, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Open a rate card; its prices come with its first published version."""
        asked, act = _asked(request, shapes.RateCardIn)
        return Response(shapes.card_row(operations.create_rate_card(**asked, act=act), None), status=201)


class RateCardView(CatalogView):
    @extend_schema(operation_id="get_rate_card", responses=shapes.RateCardOut, parameters=READ_AT)
    def get(self, request: Request, key: str) -> Response:
        """A rate card with the prices in force at an instant: 3 March, 10:00, or now."""
        card, at = _card(key), _at(request)
        return Response(shapes.card_out(card, queries.version_at(card, at), at))


class VersionsView(CatalogView):
    @extend_schema(operation_id="list_versions", responses=shapes.EditionOut(many=True), parameters=READ_AT)
    def get(self, request: Request, key: str) -> Response:
        """All versions of a rate card and where each stands: the live draft, then the latest first."""
        return Response([shapes.edition_out(row) for row in queries.timeline(_card(key), _at(request))])


class VersionView(CatalogView):
    @extend_schema(operation_id="get_version", responses=shapes.VersionOut)
    def get(self, request: Request, key: str, number: int) -> Response:
        """One version and its prices, whatever became of it."""
        return Response(shapes.version_out(_version(key, number), clock.now()))


class DraftView(CatalogView):
    write_permission = "catalog.add_ratecardversion"

    @extend_schema(operation_id="get_draft", responses=shapes.VersionOut)
    def get(self, request: Request, key: str) -> Response:
        """The version being drafted or reviewed; 404 when there is none."""
        return Response(shapes.version_out(_draft(key), clock.now()))

    @extend_schema(operation_id="draft_version", request=shapes.DraftIn, responses={201: shapes.VersionOut, **REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Start the next version with the rates in force. A card has one live draft."""
        asked, act = _asked(request, shapes.DraftIn)
        draft = operations.draft_version(_card(key), **asked, act=act)
        return Response(shapes.version_out(draft, clock.now()), status=201)


class DraftRateView(CatalogView):
    write_permission = "catalog.change_rate"

    @extend_schema(
        operation_id="set_rate",
        request=shapes.RateIn,
        responses={200: shapes.VersionOut, **REFUSED},
        examples=[TIERS],
    )
    def put(self, request: Request, key: str, product: str) -> Response:
        """Price a product in the draft, or price it anew; answers the draft."""
        asked, act = _asked(request, shapes.RateIn)
        draft = _draft(key)
        operations.set_rate(draft, _product(product), **asked, act=act)
        return Response(shapes.version_out(draft, clock.now()))

    @extend_schema(
        operation_id="remove_rate",
        parameters=[shapes.BecauseIn],
        responses={200: shapes.VersionOut, **REFUSED},
    )
    def delete(self, request: Request, key: str, product: str) -> Response:
        """Take a product off the draft; answers the draft."""
        asked = shapes.BecauseIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        draft = _draft(key)
        operations.remove_rate(draft, _product(product), act=act_of(request, asked.validated_data["because"]))
        return Response(shapes.version_out(draft, clock.now()))


class DecisionView(CatalogView):
    """A verb on a version that takes nothing but a reason."""

    write_permission = "catalog.publish_ratecardversion"


class SubmitView(DecisionView):
    @extend_schema(operation_id="submit_draft", request=shapes.BecauseIn, responses={200: shapes.VersionOut, **REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Send the draft for review and ask for the approvals it needs. Only a person can: keys get 409."""
        _, act = _asked(request, shapes.BecauseIn)
        return Response(shapes.version_out(operations.submit_version(_draft(key), act=act), clock.now()))


class ReopenView(DecisionView):
    @extend_schema(operation_id="reopen_draft", request=shapes.BecauseIn, responses={200: shapes.VersionOut, **REFUSED})
    def post(self, request: Request, key: str) -> Response:
        """Take the version back from review to edit it."""
        _, act = _asked(request, shapes.BecauseIn)
        return Response(shapes.version_out(operations.reopen_version(_draft(key), act=act), clock.now()))


class PublishView(DecisionView):
    @extend_schema(
        operation_id="publish_draft", request=shapes.PublishIn, responses={200: shapes.VersionOut, **REFUSED}
    )
    def post(self, request: Request, key: str) -> Response:
        """Publish the reviewed version from an instant on; 409 while an approval is outstanding."""
        asked, act = _asked(request, shapes.PublishIn)
        return Response(shapes.version_out(operations.publish_version(_draft(key), **asked, act=act), clock.now()))


class DiscardView(DecisionView):
    @extend_schema(
        operation_id="discard_draft", request=shapes.BecauseIn, responses={200: shapes.VersionOut, **REFUSED}
    )
    def post(self, request: Request, key: str) -> Response:
        """Give up the draft."""
        _, act = _asked(request, shapes.BecauseIn)
        return Response(shapes.version_out(operations.withdraw_version(_draft(key), act=act), clock.now()))


class WithdrawView(DecisionView):
    @extend_schema(
        operation_id="withdraw_version",
        request=shapes.BecauseIn,
        responses={200: shapes.VersionOut, **REFUSED},
    )
    def post(self, request: Request, key: str, number: int) -> Response:
        """Call off a version that is scheduled and not yet in force."""
        _, act = _asked(request, shapes.BecauseIn)
        version = operations.withdraw_version(_version(key, number), act=act)
        return Response(shapes.version_out(version, clock.now()))


class RollBackView(DecisionView):
    @extend_schema(operation_id="roll_back", request=shapes.BecauseIn, responses={201: shapes.VersionOut, **REFUSED})
    def post(self, request: Request, key: str, number: int) -> Response:
        """Put this version's prices back in force at once, as a new version."""
        _, act = _asked(request, shapes.BecauseIn)
        to = _version(key, number)
        return Response(shapes.version_out(operations.roll_back(to.card, to=to, act=act), clock.now()), status=201)


def _asked(request: Request, shape: type[serializers.Serializer[Any]]) -> tuple[Asked, Act]:
    """The request's fields, and the act made of its `because`; 400 naming each field that is wrong."""
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    asked = dict(form.validated_data)
    return asked, act_of(request, asked.pop("because"))


def _at(request: Request) -> datetime:
    question = shapes.AtIn(data=request.query_params)
    question.is_valid(raise_exception=True)
    at: datetime = question.validated_data.get("at") or clock.now()
    return at


def _card(key: str) -> RateCard:
    return get_object_or_404(RateCard, key=key)


def _product(key: str) -> Product:
    return get_object_or_404(Product, key=key)


def _draft(key: str) -> RateCardVersion:
    draft = queries.live_draft(_card(key))
    if draft is None:
        raise Http404
    return draft


def _version(key: str, number: int) -> RateCardVersion:
    versions = RateCardVersion.objects.select_related("card", "restores")
    return get_object_or_404(versions, card__key=key, number=number)


CARD = "rate-cards/<slug:key>"
urlpatterns = [
    path("products", ProductsView.as_view(), name="products"),
    path("rate-cards", RateCardsView.as_view(), name="rate-cards"),
    path(CARD, RateCardView.as_view(), name="rate-card"),
    path(f"{CARD}/versions", VersionsView.as_view(), name="rate-card-versions"),
    path(f"{CARD}/versions/<int:number>", VersionView.as_view(), name="rate-card-version"),
    path(f"{CARD}/versions/<int:number>/withdraw", WithdrawView.as_view(), name="withdraw-version"),
    path(f"{CARD}/versions/<int:number>/roll-back", RollBackView.as_view(), name="roll-back"),
    path(f"{CARD}/draft", DraftView.as_view(), name="draft"),
    path(f"{CARD}/draft/rates/<slug:product>", DraftRateView.as_view(), name="draft-rate"),
    path(f"{CARD}/draft/submit", SubmitView.as_view(), name="submit-draft"),
    path(f"{CARD}/draft/reopen", ReopenView.as_view(), name="reopen-draft"),
    path(f"{CARD}/draft/publish", PublishView.as_view(), name="publish-draft"),
    path(f"{CARD}/draft/discard", DiscardView.as_view(), name="discard-draft"),
]
