"""Versions over the API: where each stands, what differs between two, and how one is called off or brought back."""

from django.http import Http404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import operations, queries
from catalog.api import answers, shapes
from catalog.api.base import (
    PUBLISH,
    READ_AT,
    REFUSED,
    CatalogView,
    asked,
    card_named,
    draft_of,
    instant,
    question,
    version_numbered,
)
from catalog.models import RateCardVersion
from governance import clock

DRAFT = "draft"


class VersionsView(CatalogView):
    @extend_schema(operation_id="list_versions", responses=answers.EditionOut(many=True), parameters=READ_AT)
    def get(self, request: Request, key: str) -> Response:
        """All versions of a rate card and where each stands: the live draft, then the latest first."""
        return Response([answers.edition_out(row) for row in queries.timeline(card_named(key), instant(request))])


class VersionView(CatalogView):
    @extend_schema(operation_id="get_version", responses=answers.VersionOut)
    def get(self, request: Request, key: str, number: int) -> Response:
        """One version and its prices, whatever became of it."""
        return Response(answers.version_out(version_numbered(key, number), clock.now()))


class DifferenceView(CatalogView):
    @extend_schema(
        operation_id="compare_versions", responses=answers.DifferenceOut, parameters=[shapes.DifferenceIn, *READ_AT]
    )
    def get(self, request: Request, key: str) -> Response:
        """What differs between two versions, or one and the live draft: rates field by field, and whom they reach."""
        card_named(key)
        named = question(request, shapes.DifferenceIn)
        before, after = (_named(key, name, named[name]) for name in ("before", "after"))
        return Response(answers.difference_out(before, after, instant(request)))


class WithdrawView(CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(
        operation_id="withdraw_version", request=shapes.BecauseIn, responses={200: answers.VersionOut, **REFUSED}
    )
    def post(self, request: Request, key: str, number: int) -> Response:
        """Call off a version that is scheduled and not yet in force."""
        _, act = asked(request, shapes.BecauseIn)
        version = operations.withdraw_version(version_numbered(key, number), act=act)
        return Response(answers.version_out(version, act.at))


class RollBackView(CatalogView):
    writes = {"POST": PUBLISH}

    @extend_schema(operation_id="roll_back", request=shapes.BecauseIn, responses={201: answers.VersionOut, **REFUSED})
    def post(self, request: Request, key: str, number: int) -> Response:
        """Put this version's prices back in force at once, as a new version."""
        _, act = asked(request, shapes.BecauseIn)
        to = version_numbered(key, number)
        return Response(answers.version_out(operations.roll_back(to.card, to=to, act=act), act.at), status=201)


def _named(key: str, name: str, text: str) -> RateCardVersion:
    try:
        return draft_of(key) if text == DRAFT else version_numbered(key, int(text))
    except Http404:
        words = "There is no live draft." if text == DRAFT else f"There is no version {text}."
        raise ValidationError({name: [words]}) from None


CARD = "rate-cards/<slug:key>"
urlpatterns = [
    path(f"{CARD}/versions", VersionsView.as_view(), name="rate-card-versions"),
    path(f"{CARD}/versions/<int:number>", VersionView.as_view(), name="rate-card-version"),
    path(f"{CARD}/versions/<int:number>/withdraw", WithdrawView.as_view(), name="withdraw-version"),
    path(f"{CARD}/versions/<int:number>/roll-back", RollBackView.as_view(), name="roll-back"),
    path(f"{CARD}/difference", DifferenceView.as_view(), name="version-difference"),
]
