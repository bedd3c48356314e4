"""What the doors to usage share: who may enter, what was asked, and how it is answered."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from governance.acts import Act
from governance.doors import SEE_EVERY_CUSTOMER, HasScope, act_of, may
from metering.wire.events import json_of

Shape = serializers.Serializer[Any]


class EveryCustomerDoor(APIView):
    """Usage names customers, so people must be allowed to see every customer."""

    permission_classes = [HasScope]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not hasattr(request, "system_key") and not may(request.user, SEE_EVERY_CUSTOMER):
            raise PermissionDenied


class RegistryDoor(EveryCustomerDoor):
    """Keys read with usage:read and write with usage:manage; people need `reads`, or what `writes` has for a method."""

    reads: ClassVar[str]
    writes: ClassVar[Mapping[str, str]] = {}

    @property
    def required_scope(self) -> str:
        return "usage:read" if self.request.method in SAFE_METHODS else "usage:manage"

    @property
    def required_permission(self) -> str:
        method = str(self.request.method)
        return self.reads if method in SAFE_METHODS else self.writes.get(method, "")


class BecauseIn(Shape):
    because = serializers.CharField(help_text="Why; kept in the history.")


class RegistryRefusalOut(Shape):
    detail = serializers.CharField()


REFUSED = {409: RegistryRefusalOut}


def asked(request: Request, shape: type[Shape]) -> tuple[dict[str, Any], Act]:
    """The request's fields, and the act made of its `because`; 400 naming each field that is wrong."""
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    fields = dict(form.validated_data)
    return fields, act_of(request, fields.pop("because"))


def question(request: Request, shape: type[Shape]) -> dict[str, Any]:
    """The fields of the address; 400 naming each that is wrong."""
    form = shape(data=request.query_params)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def json_answer(body: Any) -> HttpResponse:
    """The body as JSON, its numbers as exact as they were reported."""
    return HttpResponse(json_of(body), content_type="application/json")
