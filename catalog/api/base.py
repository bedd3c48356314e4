"""What the catalog's doors share: who may enter, what was asked, and where it is found."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api import shapes
from catalog.models import Product, RateCard, RateCardVersion
from catalog.queries import live_draft
from governance import clock
from governance.acts import Act
from governance.doors import HasScope, act_of, may

Asked = dict[str, Any]
READ, WRITE = "catalog:read", "catalog:write"
SEE_MARGIN = "governance.see_margin"
PUBLISH = "catalog.publish_ratecardversion"
REFUSED = {409: shapes.RefusalOut}
READ_AT: list[Any] = [shapes.AtIn]


class CatalogView(APIView):
    """Reads with `read_scope`, or as a person who holds `reads`; writes with catalog:write, or as one who holds the
    permission that `writes` has for the method. What has none is for no person."""

    permission_classes = [HasScope]
    read_scope = READ
    reads = "catalog.view_ratecard"
    writes: ClassVar[Mapping[str, str]] = {}

    @property
    def required_scope(self) -> str:
        return self.read_scope if self.request.method in SAFE_METHODS else WRITE

    @property
    def required_permission(self) -> str:
        method = str(self.request.method)
        return self.reads if method in SAFE_METHODS else self.writes.get(method, "")


class MoneyView(CatalogView):
    """Tells what things cost us or bring us."""

    read_scope = WRITE
    reads = SEE_MARGIN


def asked(request: Request, shape: type[serializers.Serializer[Any]]) -> tuple[Asked, Act]:
    """The request's fields, and the act made of its `because`; 400 naming each field that is wrong."""
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    fields = dict(form.validated_data)
    return fields, act_of(request, fields.pop("because"))


def question(request: Request, shape: type[serializers.Serializer[Any]]) -> Asked:
    """The fields of the address; 400 naming each that is wrong."""
    form = shape(data=request.query_params)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def reason(request: Request) -> Act:
    """The act of a request that has no body: its `because` stands in the address."""
    return act_of(request, question(request, shapes.BecauseIn)["because"])


def instant(request: Request) -> datetime:
    at: datetime = question(request, shapes.AtIn).get("at") or clock.now()
    return at


def holds(request: Request, permission: str, scope: str = WRITE) -> bool:
    """Whether whoever asks holds something beyond what the door asks for: a person the permission, a key the scope."""
    key = getattr(request, "system_key", None)
    return scope in key.scopes if key is not None else may(request.user, permission)


def card_named(key: str) -> RateCard:
    return get_object_or_404(RateCard.objects.select_related("base"), key=key)


def product_named(key: str) -> Product:
    return get_object_or_404(Product.objects.select_related("meter"), key=key)


def draft_of(key: str) -> RateCardVersion:
    draft = live_draft(card_named(key))
    if draft is None:
        raise Http404
    return draft


def version_numbered(key: str, number: int) -> RateCardVersion:
    versions = RateCardVersion.objects.select_related("card__base", "restores")
    return get_object_or_404(versions, card__key=key, number=number)
