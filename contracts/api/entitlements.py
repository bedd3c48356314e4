"""The API of entitlements: what a customer may use, and whether so much more of it now."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contracts import entitled
from contracts.entitlements import Allowance, Answer, Entitlement, Source
from contracts.fields import Number, utc_text
from contracts.models import Customer
from governance import clock
from governance.doors import HasScope, may
from pricing.money import ONE, plain

MOST = Decimal(10) ** 28


class EntitlementsIn(serializers.Serializer[Any]):
    customer = serializers.CharField(max_length=120, help_text="Key of the customer, or an alias of it.")


class CheckIn(EntitlementsIn):
    feature = serializers.CharField(max_length=60, help_text="Key of the feature.")
    quantity = Number(
        required=False, help_text="Of an allowance how much more, of a limit how many in all. Without it: 1."
    )

    def validate_quantity(self, quantity: Decimal) -> Decimal:
        if not 0 <= quantity < MOST:
            raise serializers.ValidationError("A quantity is not negative, and not beyond all bounds.")
        return quantity


class SourceOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["product", "override", "trial"])
    name = serializers.CharField(help_text="The product, or why there is an override or trial.")
    contract = serializers.CharField(allow_null=True)
    value = serializers.CharField(help_text="What it gives; seats already counted in.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)


class AllowanceOut(serializers.Serializer[Any]):
    window = serializers.CharField(allow_null=True, help_text="When it starts anew; null for a limit.")
    limit = Number(allow_null=True, help_text="null: as much as one likes.")
    is_hard = serializers.BooleanField(help_text="Beyond it: refused. Otherwise allowed, as overage.")
    used = Number(allow_null=True, help_text="null for a limit: who asks counts.")
    remaining = Number(allow_null=True)
    resets_at = serializers.DateTimeField(allow_null=True)
    sources = SourceOut(many=True)


class EntitlementOut(serializers.Serializer[Any]):
    feature = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(["boolean", "limit", "metered", "config"])
    granted = serializers.BooleanField()
    value = serializers.CharField(allow_null=True, help_text="The setting of a configured feature.")
    allowances = AllowanceOut(many=True, help_text="All of them must have room.")
    sources = SourceOut(many=True)


class EntitlementsOut(serializers.Serializer[Any]):
    customer = serializers.CharField()
    at = serializers.DateTimeField()
    access_until = serializers.DateTimeField(
        allow_null=True, help_text="An invoice is overdue: hard features are refused from then on."
    )
    entitlements = EntitlementOut(many=True)


class CheckOut(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    is_overage = serializers.BooleanField(help_text="Allowed, beyond what is included.")
    reason = serializers.ChoiceField(
        ["granted", "overage", "not_granted", "limit_reached", "payment_overdue", "cap_reached"]
    )
    detail = serializers.CharField(help_text="The reason as a sentence.")
    soft_caps = serializers.ListField(
        child=serializers.CharField(), help_text="The customer's own soft caps that are reached: tell them."
    )
    value = serializers.CharField(allow_null=True, help_text="The setting of a configured feature.")
    window = serializers.CharField(allow_null=True, help_text="The window that decides.")
    limit = Number(allow_null=True)
    used = Number(allow_null=True)
    remaining = Number(allow_null=True, help_text="Before this use.")
    resets_at = serializers.DateTimeField(allow_null=True)
    sources = SourceOut(many=True)


class EntitlementsView(APIView):
    """What a customer may use."""

    permission_classes = [HasScope]
    required_scope = "entitlements:read"
    required_permission = "contracts.view_entitlementoverride"

    @extend_schema(
        operation_id="list_entitlements",
        summary="What a customer may use",
        parameters=[EntitlementsIn],
        responses={200: EntitlementsOut},
    )
    def get(self, request: Request) -> Response:
        """Every feature that something gives the customer now, with what is used and left, and where it comes from."""
        asked = _valid(EntitlementsIn(data=request.query_params))
        at = clock.now()
        try:
            holder = entitled.entitlements_of(asked["customer"], at)
        except entitled.Unknown as problem:
            raise NotFound(str(problem)) from problem
        _within_sight(request, holder.pk, asked["customer"])
        entitlements = [_entitlement(each) for each in holder.entitlements]
        until = _instant(holder.access_until)
        return _fresh({"customer": holder.key, "at": _instant(at), "access_until": until, "entitlements": entitlements})


class CheckView(EntitlementsView):
    """Whether so much more may be used."""

    @extend_schema(
        operation_id="check_entitlement",
        summary="May a customer use so much of a feature now?",
        parameters=[CheckIn],
        responses={200: CheckOut},
    )
    def get(self, request: Request) -> Response:
        """Answers from usage as it is at this moment. Nothing is reserved: report what was used."""
        return self._checked(request, request.query_params)

    @extend_schema(
        operation_id="check_entitlement_by_post",
        summary="The same, asked by POST",
        request=CheckIn,
        responses={200: CheckOut},
    )
    def post(self, request: Request) -> Response:
        """For clients that keep keys out of addresses."""
        return self._checked(request, request.data)

    def _checked(self, request: Request, given: Any) -> Response:
        asked = _valid(CheckIn(data=given))
        try:
            pk, entitlement, answer = entitled.check(
                asked["customer"], asked["feature"], asked.get("quantity", ONE), clock.now()
            )
        except entitled.Unknown as problem:
            raise NotFound(str(problem)) from problem
        _within_sight(request, pk, asked["customer"])
        return _fresh(_answer(entitlement, answer))


def _valid(given: serializers.Serializer[Any]) -> dict[str, Any]:
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _within_sight(request: Request, customer: Any, key: str) -> None:
    """Of customers that a person does not serve they hear what they hear of those that are not there."""
    if hasattr(request, "system_key"):
        return
    if not may(request.user, "contracts.view_customer", Customer(pk=customer)):
        raise NotFound(f"There is no customer {key}.")


def _fresh(body: dict[str, Any]) -> Response:
    return Response(body, headers={"Cache-Control": "no-store"})


def _entitlement(each: Entitlement) -> dict[str, Any]:
    return {
        "feature": each.feature.key,
        "name": each.feature.name,
        "kind": each.feature.kind,
        "granted": each.is_granted,
        "value": each.value or None,
        "allowances": [{**_allowance(one), "sources": _sources(one.sources)} for one in each.allowances],
        "sources": _sources(each.sources),
    }


def _answer(entitlement: Entitlement, answer: Answer) -> dict[str, Any]:
    tight = answer.allowance
    return {
        "allowed": answer.allowed,
        "is_overage": answer.is_overage,
        "reason": answer.reason,
        "detail": answer.detail,
        "soft_caps": list(answer.soft_caps),
        "value": entitlement.value or None,
        **(_allowance(tight) if tight else dict.fromkeys(("window", "limit", "used", "remaining", "resets_at"))),
        "sources": _sources(tight.sources if tight else entitlement.sources),
    }


def _allowance(each: Allowance) -> dict[str, Any]:
    is_counted = each.period is not None
    return {
        "window": each.window if is_counted else None,
        "limit": _number(each.limit),
        "is_hard": each.is_hard,
        "used": _number(each.used) if is_counted else None,
        "remaining": _number(each.remaining),
        "resets_at": _instant(each.resets_at),
    }


def _sources(sources: Sequence[Source]) -> list[dict[str, Any]]:
    return [
        {
            "kind": each.kind,
            "name": each.name,
            "contract": each.contract or None,
            "value": each.value if each.seats is None else _number(each.amount),
            "since": _instant(each.since),
            "until": _instant(each.until),
        }
        for each in sources
    ]


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)


urlpatterns = [
    path("entitlements", EntitlementsView.as_view(), name="entitlements"),
    path("entitlements/check", CheckView.as_view(), name="entitlement-check"),
]
