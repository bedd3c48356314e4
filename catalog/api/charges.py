"""Charges over the API: how they are written, and what one comes to. Nothing here asks the catalog's tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import trials
from catalog.api.base import CatalogView
from catalog.api.fields import ChargeField, Number
from catalog.editions import Offer
from governance import clock
from pricing.charges import Charge, ChargeError, load
from pricing.curves import curves
from pricing.measures import WHOLE, Measured
from pricing.money import ONE, exponent, plain
from pricing.schema import charge_schema

EXAMPLE = OpenApiExample(
    "15 million tokens",
    {"charge": {"kind": "per_unit", "unit_price": "2.50", "per": "1000000"}, "currency": "USD", "quantity": "15000000"},
    request_only=True,
)


class TrialPartIn(serializers.Serializer[Any]):
    quantity = serializers.CharField(max_length=28)
    values = serializers.ListField(
        child=serializers.CharField(allow_null=True, max_length=200), required=False, help_text="One for each of `by`."
    )
    at = serializers.CharField(required=False, max_length=6, help_text="In which window of the month, from 0.")


class TrialIn(serializers.Serializer[Any]):
    charge = ChargeField()
    currency = serializers.CharField(max_length=3, min_length=3)
    quantity = Number(required=False, help_text="As text: `15000000`. Not for a flat charge.")
    parts = TrialPartIn(many=True, required=False, help_text="Where the charge tells usage apart.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            exponent(given["currency"])
        except ValueError:
            raise ValidationError({"currency": ["This is not a currency one can be billed in."]}) from None
        try:
            load(self.initial_data["charge"], given["currency"])
        except ChargeError as error:
            raise ValidationError({"charge": [str(error)]}) from None
        return given


class TrialStepOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    amount = serializers.CharField()
    total = serializers.CharField()


class PointOut(serializers.Serializer[Any]):
    quantity = serializers.CharField()
    total = serializers.CharField()
    unit = serializers.CharField(help_text="What each unit costs on average.")


class CurveOut(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment] # DRF's Field has one of its own
    points = PointOut(many=True)


class TrialOut(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    amount = serializers.DictField(child=serializers.CharField(), help_text="Rounded, as it would be billed.")
    steps = TrialStepOut(many=True, help_text="The waterfall.")
    curve = CurveOut(many=True)
    splits_by = serializers.ListField(child=serializers.CharField(), help_text="Properties it tells usage apart by.")


class ChargeSchemaView(CatalogView):
    @extend_schema(operation_id="get_charge_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """JSON Schema (2020-12) of a charge, every kind."""
        return Response(charge_schema())


class PriceView(CatalogView):
    @property
    def required_scope(self) -> str:
        return self.read_scope

    @property
    def required_permission(self) -> str:
        return self.reads

    @extend_schema(operation_id="price_charge", request=TrialIn, responses=TrialOut, examples=[EXAMPLE])
    def post(self, request: Request) -> Response:
        """What a charge comes to for a quantity, or for usage told apart, in one month. Nothing is stored."""
        form = TrialIn(data=request.data)
        form.is_valid(raise_exception=True)
        charge, currency = form.validated_data["charge"], form.validated_data["currency"]
        return Response(_answer(charge, currency, form.validated_data))


def _answer(charge: Charge, currency: str, asked: dict[str, Any]) -> dict[str, Any]:
    at = clock.now()
    line = trials.tried(Offer(charge, 1, False), currency, _usage(charge, asked, at), charge.split, at)
    return {
        "sentence": charge.sentence(currency),
        "amount": line.amount.as_json(),
        "steps": [
            {"text": row.label, "amount": plain(row.amount), "total": plain(row.total)} for row in trials.rows(line)
        ],
        "curve": [
            {"label": curve.label, "points": [_point(*point) for point in curve.points]}
            for curve in curves(charge, currency)
        ],
        "splits_by": list(charge.split.by),
    }


def _usage(charge: Charge, asked: dict[str, Any], at: datetime) -> Measured:
    """What is to be priced: a number, or parts where the charge tells usage apart. 400 naming the field."""
    if "parts" in asked and charge.split == WHOLE:
        raise ValidationError({"parts": ["This charge does not tell usage apart; give a quantity."]})
    if "parts" in asked:
        try:
            return trials.measured(asked, charge.split, at)
        except ChargeError as error:
            raise ValidationError({"parts": [str(error)]}) from None
    if "quantity" not in asked and charge.basis != "none":
        raise ValidationError({"quantity": ["Say how much of it."]})
    return asked.get("quantity", ONE)


def _point(quantity: Decimal, total: Decimal, unit: Decimal) -> dict[str, str]:
    return {"quantity": plain(quantity), "total": plain(total), "unit": plain(unit)}


urlpatterns = [
    path("charge-schema", ChargeSchemaView.as_view(), name="charge-schema"),
    path("charges/price", PriceView.as_view(), name="price-charge"),
]
