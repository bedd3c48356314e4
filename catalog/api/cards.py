"""Rate cards over the API: the cards themselves, and their prices as of any instant."""

from django.http import Http404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import operations, queries
from catalog.api import answers, shapes
from catalog.api.base import READ_AT, REFUSED, CatalogView, asked, card_named, instant, product_named
from catalog.prices import price_list, rate_at


class RateCardsView(CatalogView):
    writes = {"POST": "catalog.add_ratecard"}

    @extend_schema(operation_id="list_rate_cards", responses=answers.RateCardRowOut(many=True), parameters=READ_AT)
    def get(self, request: Request) -> Response:
        """Every rate card with the version in force."""
        return Response([answers.card_row(*row) for row in queries.cards_at(instant(request))])

    @extend_schema(
        operation_id="create_rate_card",
        request=shapes.RateCardIn,
        responses={201: answers.RateCardRowOut, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Open a rate card; its prices come with its first published version."""
        fields, act = asked(request, shapes.RateCardIn)
        return Response(answers.card_row(operations.create_rate_card(**fields, act=act), None), status=201)


class RateCardView(CatalogView):
    writes = {"PUT": "catalog.change_ratecard"}

    @extend_schema(operation_id="get_rate_card", responses=answers.RateCardOut, parameters=READ_AT)
    def get(self, request: Request, key: str) -> Response:
        """A rate card with the prices in force at an instant: 3 March, 10:00, or now."""
        card, at = card_named(key), instant(request)
        return Response(answers.card_out(card, queries.version_at(card, at), at))

    @extend_schema(
        operation_id="update_rate_card",
        request=shapes.RateCardChangeIn,
        responses={200: answers.RateCardOut, **REFUSED},
    )
    def put(self, request: Request, key: str) -> Response:
        """Describe a card and its market anew, publish its price page or take it down; key, currency, base stay."""
        fields, act = asked(request, shapes.RateCardChangeIn)
        card = operations.update_rate_card(card_named(key), **fields, act=act)
        return Response(answers.card_out(card, queries.version_at(card, act.at), act.at))


class PriceListView(CatalogView):
    @extend_schema(operation_id="list_rates", responses=answers.RateOut(many=True), parameters=READ_AT)
    def get(self, request: Request, key: str) -> Response:
        """The effective price list at an instant, rows inherited from the base among them; [] before the first."""
        card, at = card_named(key), instant(request)
        version = queries.version_at(card, at)
        return Response([answers.rate_out(row) for row in price_list(version, at=at)] if version else [])


class RateAtView(CatalogView):
    @extend_schema(operation_id="get_rate", responses=answers.RateAtOut, parameters=READ_AT)
    def get(self, request: Request, key: str, product: str) -> Response:
        """What a product cost on a card at an instant, and who put that price in force, when and why; or 404."""
        at = instant(request)
        found = rate_at(card_named(key), product_named(product), at)
        if found is None:
            raise Http404
        return Response(answers.rate_at_out(found, at))


CARD = "rate-cards/<slug:key>"
urlpatterns = [
    path("rate-cards", RateCardsView.as_view(), name="rate-cards"),
    path(CARD, RateCardView.as_view(), name="rate-card"),
    path(f"{CARD}/rates", PriceListView.as_view(), name="rates"),
    path(f"{CARD}/rates/<slug:product>", RateAtView.as_view(), name="rate"),
]
