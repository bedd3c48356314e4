"""The API of meters: what they count, defining and redefining them, and a look at what a definition would count."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance import clock
from metering.api.doors import REFUSED, RegistryDoor, Shape, asked
from metering.meters.defining import define_meter, redefine_meter
from metering.meters.definitions import said_by, timelines
from metering.meters.previews import last_month, meter_from, preview
from metering.models import Meter
from pricing.periods import Period

EXAMPLE = {
    "key": "tokens",
    "name": "Tokens",
    "unit": "token",
    "event_type": "llm.request",
    "aggregation": "sum",
    "property": "input_tokens + 5 * output_tokens",
    "condition": "status <> 'failed'",
    "dimensions": ["model"],
    "because": "Output is five times as dear",
}


# ---------------------------------------------------------------- shapes
class DefinitionShape(Shape):
    """What a meter says; all of it may be left out where the meter is there already."""

    event_type = serializers.CharField(max_length=120, required=False)
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices, required=False)
    property = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="A property, or an expression over properties."
    )
    filters = serializers.JSONField(required=False, help_text='Values that count, by property: {"region": ["eu"]}.')
    condition = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="Only events of which this is true."
    )
    dimensions = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, help_text="Properties that tell usage apart."
    )
    window = serializers.ChoiceField(Meter.Window.choices, required=False, allow_blank=True)
    window_zone = serializers.CharField(max_length=60, required=False, help_text="IANA name; UTC unless said.")
    per = serializers.CharField(max_length=60, required=False, allow_blank=True, help_text="A property.")
    over = serializers.ChoiceField(
        Meter.Over.choices,
        required=False,
        allow_blank=True,
        help_text="What becomes of the windows' or values' numbers.",
    )
    carries_over = serializers.BooleanField(required=False)


class MeterIn(DefinitionShape):
    key = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=120)
    unit = serializers.CharField(max_length=40, default="unit")
    event_type = serializers.CharField(max_length=120)
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)
    because = serializers.CharField()


class MeterChangeIn(DefinitionShape):
    name = serializers.CharField(max_length=120, required=False)
    unit = serializers.CharField(max_length=40, required=False)
    starts_from = serializers.DateTimeField(
        required=False, help_text="Periods that start from then on; unless said, all that nothing is billed for yet."
    )
    because = serializers.CharField()


class MeterVersionOut(DefinitionShape):
    version = serializers.IntegerField(source="number")
    until = serializers.DateTimeField(help_text="Periods that start from then on are measured by the next definition.")


class MeterOut(DefinitionShape):
    key = serializers.CharField()
    name = serializers.CharField()
    unit = serializers.CharField()
    versions = MeterVersionOut(many=True, help_text="The definitions it had.")


class PreviewIn(DefinitionShape):
    event_type = serializers.CharField(max_length=120)
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)
    customer = serializers.CharField(max_length=120, required=False, help_text="Whose usage to add up.")
    start = serializers.DateTimeField(required=False, help_text="Included; the beginning of last month unless said.")
    end = serializers.DateTimeField(required=False, help_text="Excluded; the end of last month unless said.")

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if ("start" in fields) != ("end" in fields) or ("start" in fields and fields["start"] > fields["end"]):
            raise serializers.ValidationError("Say both start and end, in this order, or none of them.")
        return fields


class PreviewRowOut(Shape):
    source = serializers.CharField(source="event.source")  # type: ignore[assignment]
    id = serializers.CharField(source="event.event_id")
    customer = serializers.CharField(source="event.customer_key")
    time = serializers.DateTimeField(source="event.occurred_at")
    value = serializers.CharField(help_text="What it adds, as text; empty where that is nothing.")
    why_not = serializers.CharField(help_text="Why it is not counted; empty where it is.")


class PreviewOut(Shape):
    events = PreviewRowOut(many=True, source="rows")
    quantity = serializers.CharField(allow_null=True, help_text="Of the customer and the period.")


# ---------------------------------------------------------------- doors
class MetersView(RegistryDoor):
    reads = "metering.view_meter"
    writes = {"POST": "metering.add_meter"}

    @extend_schema(operation_id="list_meters", summary="List meters", responses=MeterOut(many=True))
    def get(self, request: Request) -> Response:
        """What is counted and how, by key, with every definition a meter had."""
        return Response(_shown(Meter.objects.all()))

    @extend_schema(
        operation_id="define_meter",
        summary="Define a meter",
        request=MeterIn,
        responses={201: MeterOut, **REFUSED},
        examples=[OpenApiExample("Weighed tokens", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """It answers for what was stored before it, too. 409, with a sentence, for what cannot be measured."""
        fields, act = asked(request, MeterIn)
        return Response(_shown([define_meter(**fields, act=act)])[0], status=201)


class MeterView(RegistryDoor):
    reads = "metering.view_meter"
    writes = {"PUT": "metering.change_meter"}

    @extend_schema(operation_id="get_meter", summary="Read a meter", responses=MeterOut)
    def get(self, request: Request, key: str) -> Response:
        """What it counts, and every definition it had."""
        return Response(_shown([get_object_or_404(Meter, key=key)])[0])

    @extend_schema(
        operation_id="redefine_meter",
        summary="Redefine a meter",
        request=MeterChangeIn,
        responses={200: MeterOut, **REFUSED},
    )
    def put(self, request: Request, key: str) -> Response:
        """What is not said stays. What is billed stays measured as it was: the former definition becomes a version."""
        fields, act = asked(request, MeterChangeIn)
        from_ = fields.pop("starts_from", None)
        changed = redefine_meter(get_object_or_404(Meter, key=key), **fields, from_=from_, act=act)
        return Response(_shown([changed])[0])


class MeterPreviewView(RegistryDoor):
    """A question, though it is posted: nothing is stored."""

    reads = "metering.view_usageevent"
    writes = {"POST": "metering.view_usageevent"}
    required_scope = "usage:read"

    @extend_schema(
        operation_id="preview_meter",
        summary="Preview a definition",
        request=PreviewIn,
        responses={200: PreviewOut, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """What the twenty newest events of the type would add, and why not; what a customer's period comes to."""
        form = PreviewIn(data=request.data)
        form.is_valid(raise_exception=True)
        fields = dict(form.validated_data)
        period = Period(fields["start"], fields["end"]) if "start" in fields else last_month(clock.now())
        found = preview(meter_from(fields), fields.get("customer", ""), period)
        return Response(PreviewOut(found).data)


def _shown(meters: Any) -> list[dict[str, Any]]:
    asked_for = list(meters)
    known = timelines(asked_for)
    return [
        dict(
            MeterOut(
                {
                    "key": meter.key,
                    "name": meter.name,
                    "unit": meter.unit,
                    **said_by(meter),
                    "versions": known[meter.key].versions,
                }
            ).data
        )
        for meter in asked_for
    ]


urlpatterns = [
    path("meters", MetersView.as_view(), name="meters"),
    path("meters/preview", MeterPreviewView.as_view(), name="meter-preview"),
    path("meters/<slug:key>", MeterView.as_view(), name="meter"),
]
