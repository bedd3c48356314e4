"""The API of customers' own caps."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Product
from contracts import operations
from contracts.fields import Number, utc_text
from contracts.models import CapReading, Customer, UsageCap
from contracts.operations.caps import cap_problems
from contracts.schema import RefusedOut
from governance.doors import HasScope, act_of, visible
from pricing.money import plain


class CapKey(serializers.Serializer[Any]):
    product = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Product.objects.all(),
        required=False,
        allow_null=True,
        help_text="Key of a usage product; without it everything that is metered.",
    )
    measure = serializers.ChoiceField(UsageCap.Measure.choices, default=UsageCap.Measure.MONEY)


class CapIn(CapKey):
    soft_limit = Number(required=False, allow_null=True, help_text="At which people are told.")
    hard_limit = Number(required=False, allow_null=True, help_text="At which what is metered is refused.")


class CapOut(serializers.Serializer[Any]):
    product = serializers.CharField(allow_null=True)
    measure = serializers.ChoiceField(UsageCap.Measure.choices)
    currency = serializers.CharField(allow_null=True, help_text="Of money.")
    soft_limit = Number(allow_null=True)
    hard_limit = Number(allow_null=True)
    amount = Number(allow_null=True, help_text="What the month comes to so far; null while it was not read.")
    read_at = serializers.DateTimeField(allow_null=True)


class CapsView(APIView):
    """How far a customer wants to go in a calendar month."""

    permission_classes = [HasScope]

    @property
    def required_scope(self) -> str:
        return "entitlements:read" if self.request.method == "GET" else "customers:write"

    @property
    def required_permission(self) -> str:
        return "contracts.view_usagecap" if self.request.method == "GET" else "contracts.change_usagecap"

    @extend_schema(operation_id="list_caps", summary="A customer's own caps", responses={200: CapOut(many=True)})
    def get(self, request: Request, customer: str) -> Response:
        """With what the month comes to so far."""
        return Response(caps_of(self._customer(request, customer)))

    @extend_schema(
        operation_id="set_cap",
        summary="Set a cap",
        request=CapIn,
        responses={200: CapOut(many=True), 409: RefusedOut},
    )
    def put(self, request: Request, customer: str) -> Response:
        """There is one for each product and measure: set again, it is replaced. It counts at once."""
        found = self._customer(request, customer)
        asked = CapIn(data=request.data)
        asked.is_valid(raise_exception=True)
        terms = {"product": None, "soft_limit": None, "hard_limit": None} | asked.validated_data
        if problems := cap_problems(found, **terms):
            raise ValidationError({name: [text] for name, text in problems.items()})
        operations.set_cap(found, **terms, act=act_of(request, "Set through the API"))
        return Response(caps_of(found))

    @extend_schema(
        operation_id="remove_cap", summary="Remove a cap", parameters=[CapKey], responses={200: CapOut(many=True)}
    )
    def delete(self, request: Request, customer: str) -> Response:
        found = self._customer(request, customer)
        asked = CapKey(data=request.query_params)
        asked.is_valid(raise_exception=True)
        cap = found.usage_caps.filter(**{"product": None} | asked.validated_data).first()
        if cap is None:
            raise NotFound("There is no such cap.")
        operations.remove_cap(cap, act=act_of(request, "Removed through the API"))
        return Response(caps_of(found))

    def _customer(self, request: Request, key: str) -> Customer:
        rows = Customer.objects.filter(key=key)
        seen = rows if hasattr(request, "system_key") else visible(rows, request.user)
        found = seen.first()
        if found is None:
            raise NotFound("There is no such customer.")
        return found


def caps_of(customer: Customer) -> list[dict[str, Any]]:
    return [_shape(cap, customer) for cap in customer.usage_caps.select_related("product", "reading")]


def _shape(cap: UsageCap, customer: Customer) -> dict[str, Any]:
    reading: CapReading | None = getattr(cap, "reading", None)
    return {
        "product": cap.product.key if cap.product else None,
        "measure": cap.measure,
        "currency": customer.currency if cap.measure == UsageCap.Measure.MONEY else None,
        "soft_limit": None if cap.soft_limit is None else plain(cap.soft_limit),
        "hard_limit": None if cap.hard_limit is None else plain(cap.hard_limit),
        "amount": plain(reading.amount) if reading else None,
        "read_at": utc_text(reading.read_at) if reading else None,
    }


urlpatterns = [path("customers/<str:customer>/caps", CapsView.as_view(), name="caps")]
