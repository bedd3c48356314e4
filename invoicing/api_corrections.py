"""The API of corrections: draft one, see what it comes to in money, apply it as a whole, revert it."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contracts.schema import MoneyField, Number, RefusedOut
from governance import clock
from governance.acts import Refused
from governance.doors import HasScope, act_of
from invoicing.corrections import Effect, Preview, preview
from metering import corrections
from metering.api.schema import EVENT, UsageEventIn
from metering.models import UsageCorrection
from pricing.money import Money
from pricing.periods import Period

Shape = serializers.Serializer[Any]


class CorrectionIn(Shape):
    """`from` is a word of Python, hence the fields by name."""

    name = serializers.CharField(max_length=120)
    customer = serializers.CharField(max_length=120)
    event_type = serializers.CharField(max_length=120)
    condition = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="region = 'eu' AND tokens > 1000"
    )
    replacements = serializers.ListField(
        child=serializers.DictField(), required=False, default=list, help_text="Events that count instead."
    )
    because = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        instants = {name: serializers.DateTimeField() for name in ("from", "to")}
        return {**super().get_fields(), **instants}


class CorrectionReasonIn(Shape):
    because = serializers.CharField()


class CorrectionOut(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(UsageCorrection.Status.choices)
    customer = serializers.CharField(source="customer_key")
    event_type = serializers.CharField()
    condition = serializers.CharField()
    voided = serializers.IntegerField(help_text="How many events it made void.")
    replacements = UsageEventIn(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            **super().get_fields(),
            "from": serializers.DateTimeField(source="start_at"),
            "to": serializers.DateTimeField(source="end_at"),
        }


class EffectOut(Shape):
    contract = serializers.CharField(source="contract.number")
    line = serializers.CharField(source="description")
    unit = serializers.CharField()
    period_start = serializers.DateTimeField(source="period.start")
    period_end = serializers.DateTimeField(source="period.end")
    quantity_before = Number()
    quantity_after = Number()
    amount_before = serializers.SerializerMethodField()
    amount_after = serializers.SerializerMethodField()
    difference = serializers.SerializerMethodField()

    def get_amount_before(self, effect: Effect) -> Any:
        return Money(effect.amount_before, effect.contract.currency).as_json()

    def get_amount_after(self, effect: Effect) -> Any:
        return Money(effect.amount_after, effect.contract.currency).as_json()

    def get_difference(self, effect: Effect) -> Any:
        return Money(effect.amount, effect.contract.currency).as_json()


class CorrectionPreviewOut(Shape):
    voided = serializers.IntegerField(help_text="Events that would count no more.")
    added = serializers.IntegerField(help_text="Events that would count from then on.")
    effects = EffectOut(many=True, help_text="Lines that come to something else, before tax and commits.")
    totals = MoneyField(many=True)


class CorrectionView(APIView):
    """Whoever may read corrections, a person or a key, reads those of every customer."""

    permission_classes = [HasScope]
    verbs: ClassVar[dict[str, str]] = {}

    @property
    def required_scope(self) -> str:
        return "usage:read" if self.request.method in SAFE_METHODS else "usage:correct"

    @property
    def required_permission(self) -> str:
        return self.verbs.get(str(self.request.method), "metering.view_usagecorrection")

    def found(self, pk: Any) -> UsageCorrection:
        return get_object_or_404(UsageCorrection, pk=pk)


class CorrectionsView(CorrectionView):
    verbs = {"POST": "metering.add_usagecorrection"}

    @extend_schema(operation_id="list_usage_corrections", responses=CorrectionOut(many=True))
    def get(self, request: Request) -> Response:
        """The newest hundred, by the start of their range."""
        return Response(CorrectionOut(UsageCorrection.objects.order_by("-start_at", "pk")[:100], many=True).data)

    @extend_schema(
        operation_id="draft_usage_correction",
        request=CorrectionIn,
        responses={201: CorrectionOut, 409: RefusedOut},
        examples=[
            OpenApiExample(
                "An hour reported twice as large",
                {
                    "name": "Gateway counted input twice",
                    "customer": "contoso",
                    "event_type": "llm.request",
                    "from": "2026-11-24T09:00:00Z",
                    "to": "2026-11-24T10:00:00Z",
                    "replacements": [EVENT | {"id": "req-7f3a/corrected"}],
                    "because": "Retries were counted as requests.",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Say which events are wrong and what counts instead. Nothing counts otherwise until it is applied."""
        form = CorrectionIn(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        if given["to"] <= given["from"]:
            raise serializers.ValidationError({"to": ["The range ends before it starts."]})
        drafted = corrections.draft_correction(
            name=given["name"],
            customer_key=given["customer"],
            event_type=given["event_type"],
            period=Period(given["from"], given["to"]),
            condition=given["condition"],
            replacements=corrections.events_from(given["replacements"]),
            act=act_of(request, given["because"]),
        )
        return Response(CorrectionOut(drafted).data, status=201)


class OneCorrectionView(CorrectionView):
    @extend_schema(operation_id="read_usage_correction", responses=CorrectionOut)
    def get(self, request: Request, correction: Any) -> Response:
        """A correction as it stands."""
        return Response(CorrectionOut(self.found(correction)).data)


class PreviewView(CorrectionView):
    @extend_schema(operation_id="preview_usage_correction", responses={200: CorrectionPreviewOut, 409: RefusedOut})
    def get(self, request: Request, correction: Any) -> Response:
        """What applying a draft, or reverting what is applied, would come to in money. Changes nothing."""
        found = self.found(correction)
        if found.status not in (UsageCorrection.Status.DRAFT, UsageCorrection.Status.APPLIED):
            raise Refused(f"This correction is {found.get_status_display().lower()}: there is nothing left to do.")
        return Response(_shape(preview(found, act=act_of(request, f"A preview at {clock.now().isoformat()}"))))


class VerbView(CorrectionView):
    """One verb of a correction, with its reason."""

    operation: Any = None

    def done(self, request: Request, correction: Any) -> Response:
        form = CorrectionReasonIn(data=request.data)
        form.is_valid(raise_exception=True)
        act = act_of(request, form.validated_data["because"])
        return Response(CorrectionOut(type(self).operation(self.found(correction), act=act)).data)


def _verb(name: str, operation: Any, says: str, permission: str = "metering.change_usagecorrection") -> Any:
    @extend_schema(
        operation_id=f"{name}_usage_correction",
        summary=says,
        request=CorrectionReasonIn,
        responses={200: CorrectionOut, 409: RefusedOut},
    )
    def post(self: VerbView, request: Request, correction: Any) -> Response:
        return self.done(request, correction)

    given = {"operation": staticmethod(operation), "verbs": {"POST": permission}, "post": post}
    view: Any = type(f"{name.title()}CorrectionView", (VerbView,), given)
    return path(f"usage-corrections/<uuid:correction>/{name}", view.as_view())


def _shape(found: Preview) -> dict[str, Any]:
    return {
        "voided": found.voided,
        "added": found.added,
        "effects": EffectOut(found.effects, many=True).data,
        "totals": [Money(amount, currency).as_json() for currency, amount in found.totals.items()],
    }


urlpatterns = [
    path("usage-corrections", CorrectionsView.as_view()),
    path("usage-corrections/<uuid:correction>", OneCorrectionView.as_view()),
    path("usage-corrections/<uuid:correction>/preview", PreviewView.as_view()),
    _verb("apply", corrections.apply_correction, "Apply a correction: all of it, or nothing"),
    _verb("revert", corrections.revert_correction, "Take an applied correction back"),
    _verb("discard", corrections.discard_correction, "Discard a draft", "metering.add_usagecorrection"),
]
