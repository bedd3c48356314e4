"""The API of usage: report it, ask what became of an event, ask how much was used."""

from typing import IO, Any

import msgspec
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from governance import clock
from governance.doors import HasScope
from metering import operations, queries
from metering.api.doors import EveryCustomerDoor, json_answer
from metering.api.schema import (
    CLOUD_EVENT,
    EVENT,
    REFUSAL,
    REPORTING,
    TOO_MANY,
    UNAVAILABLE,
    VERDICTS,
    CloudEventIn,
    UsageEventIn,
    UsageFoundOut,
    UsageOut,
    UsageRefusalOut,
    UsageUnavailableOut,
    UsageVerdictsOut,
)
from metering.crowding import Crowded
from metering.meters.billable import Tally
from metering.models import Meter, QuarantinedEvent, UsageBatch, UsageEvent
from metering.wire.compression import ENCODINGS, UnknownEncoding, inflated
from metering.wire.events import MAX_BYTES, Rejected, TooLarge, Unreadable
from metering.wire.reading import FORMS, located, read
from pricing.figures import plain
from pricing.measures import WHOLE, total
from pricing.periods import Period


class Malformed(APIException):
    """400 (413 when too large, 415 when packed in a way we do not know) that points at events and fields."""

    def __init__(self, refusal: Unreadable) -> None:
        self.status_code = _STATUS.get(type(refusal), status.HTTP_400_BAD_REQUEST)
        self.detail: dict[str, Any] = {"detail": refusal.detail}
        if refusal.problems:
            self.detail["errors"] = msgspec.to_builtins(refusal.problems)


_STATUS: dict[type[Unreadable], int] = {
    TooLarge: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    UnknownEncoding: status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
}


class TooMany(APIException):
    """429 with Retry-After: this sender has as many requests under way as it may have; others want their turn."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = TOO_MANY["detail"]
    wait = 1


class EventsParser(BaseParser):
    """Decodes straight into events; never reads or inflates more than a request may carry."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        encoding = parser_context["request"].headers.get("Content-Encoding", "")
        try:
            form, body = FORMS[self.media_type], inflated(stream.read(MAX_BYTES + 1), encoding)
            parser_context["request"].form = form, form.is_single(body)
            return read(body, form)
        except Unreadable as refusal:
            raise Malformed(refusal) from None


PARSERS = [type("EventsParser", (EventsParser,), {"media_type": media_type}) for media_type in FORMS]


class EventQuestion(serializers.Serializer[Any]):
    id = serializers.CharField(max_length=200)
    source = serializers.CharField(max_length=120, required=False)  # type: ignore[assignment]


class UsageQuestion(serializers.Serializer[Any]):
    """`from` is a word of Python, hence the fields by name."""

    customer = serializers.CharField(max_length=120)
    meter = serializers.CharField(max_length=60, required=False)
    reconcile = serializers.BooleanField(default=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        instants = {name: serializers.DateTimeField() for name in ("from", "to")}
        return {**super().get_fields(), **instants}

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["from"] > asked["to"]:
            raise serializers.ValidationError({"to": ["The period ends before it starts."]})
        if not queries.known_customers({asked["customer"]}):
            raise serializers.ValidationError({"customer": [f"No customer has the key {asked['customer']!r}."]})
        return asked


# ---------------------------------------------------------------- the doors
class UsageEventsView(APIView):
    """Facts from outside."""

    permission_classes = [HasScope]
    parser_classes = PARSERS
    required_permission = ""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        if response.status_code == status.HTTP_415_UNSUPPORTED_MEDIA_TYPE:
            response["Accept-Encoding"] = ", ".join(ENCODINGS)
        return response

    @property
    def required_scope(self) -> str:
        return "usage:write" if self.request.method == "POST" else "usage:read"

    @extend_schema(
        operation_id="report_usage",
        summary="Report usage",
        description=REPORTING,
        parameters=[
            OpenApiParameter(
                "Content-Encoding", str, OpenApiParameter.HEADER, enum=list(ENCODINGS), description="How it is packed."
            )
        ],
        request={
            "application/json": UsageEventIn(many=True),
            "application/x-ndjson": UsageEventIn,
            "application/cloudevents+json": CloudEventIn,
            "application/cloudevents-batch+json": CloudEventIn(many=True),
        },
        responses={
            200: UsageVerdictsOut,
            400: UsageRefusalOut,
            413: UsageRefusalOut,
            415: UsageRefusalOut,
            429: UsageUnavailableOut,
            503: UsageUnavailableOut,
        },
        examples=[
            OpenApiExample("An event", EVENT, request_only=True, media_type="application/json"),
            OpenApiExample("A line", EVENT, request_only=True, media_type="application/x-ndjson"),
            OpenApiExample("A CloudEvent", CLOUD_EVENT, request_only=True, media_type="application/cloudevents+json"),
            OpenApiExample(
                "CloudEvents", CLOUD_EVENT, request_only=True, media_type="application/cloudevents-batch+json"
            ),
            OpenApiExample("Verdicts", VERDICTS, response_only=True, status_codes=["200"]),
            OpenApiExample("Unreadable", REFUSAL, response_only=True, status_codes=["400"]),
            OpenApiExample("Too many at once", TOO_MANY, response_only=True, status_codes=["429"]),
            OpenApiExample("Out of reach", UNAVAILABLE, response_only=True, status_codes=["503"]),
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        events = request.data
        if not isinstance(events, list):  # a request without a body has no stream to parse
            raise Malformed(Unreadable("The body is empty: send events."))
        source = request.system_key.name  # type: ignore[attr-defined]
        try:
            at_once = settings.USAGE_REQUESTS_AT_ONCE
            verdicts = operations.ingest(events, source=source, at=clock.now(), at_once=at_once)
        except Crowded:
            raise TooMany from None
        except Rejected as refusal:
            form, is_single = request.form  # type: ignore[attr-defined]
            raise Malformed(located(refusal, form, is_single=is_single)) from None
        outcomes = [verdict.outcome for verdict in verdicts]
        return json_answer(
            {
                "accepted": outcomes.count(operations.ACCEPTED),
                "duplicates": outcomes.count(operations.DUPLICATE),
                "conflicts": outcomes.count(operations.CONFLICT),
                "quarantined": outcomes.count(operations.QUARANTINED),
                "events": verdicts,
            }
        )

    @extend_schema(
        operation_id="find_usage_event",
        summary="Find an event",
        description="What became of an event: counted, in quarantine, or (an empty list) never received.",
        parameters=[EventQuestion],
        responses={200: UsageFoundOut},
    )
    def get(self, request: Request) -> HttpResponse:
        question = EventQuestion(data=request.query_params)
        question.is_valid(raise_exception=True)
        counted, quarantined = queries.event_by_id(question.validated_data["id"], question.validated_data.get("source"))
        batches = UsageBatch.objects.in_bulk({event.batch_id for event in counted})
        told = [_counted(event, batches[event.batch_id]) for event in counted]
        return json_answer({"events": [*told, *map(_quarantined, quarantined)]})


class UsageView(EveryCustomerDoor):
    """Usage added up."""

    required_scope = "usage:read"
    required_permission = "metering.view_usageevent"

    @extend_schema(
        operation_id="read_usage",
        summary="Read usage",
        description="What a customer used in [from, to), by event time, of one meter or of every meter.",
        parameters=[
            OpenApiParameter("customer", str, required=True, description="The customer's key."),
            OpenApiParameter("meter", str, description="A meter's key; every meter unless given."),
            OpenApiParameter("from", str, required=True, description="RFC 3339 with an offset, included."),
            OpenApiParameter("to", str, required=True, description="RFC 3339 with an offset, excluded."),
            OpenApiParameter(
                "reconcile",
                bool,
                description="Also what is not billable, and all. Reads every event of the period: ask for a month.",
            ),
        ],
        responses={200: UsageOut, 400: UsageRefusalOut},
        examples=[
            OpenApiExample(
                "A month",
                {
                    "customer": "contoso",
                    "usage": [{"meter": "input-tokens", "unit": "token", "quantity": "20000000"}],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        question = UsageQuestion(data=request.query_params)
        question.is_valid(raise_exception=True)
        asked = question.validated_data
        meters = list(Meter.objects.filter(**({"key": asked["meter"]} if "meter" in asked else {})))
        if "meter" in asked and not meters:
            raise serializers.ValidationError({"meter": [f"There is no meter {asked['meter']!r}."]})
        period = Period(asked["from"], asked["to"])
        used = queries.usage((asked["customer"], meter.key, period, WHOLE) for meter in meters)
        found = queries.tallies(meters, period, asked["customer"]) if asked["reconcile"] else {}
        rows = [
            {
                "meter": meter.key,
                "unit": meter.unit,
                "quantity": plain(total(used[asked["customer"], meter.key, period, WHOLE])),
                **(_both(found[meter.key]) if meter.key in found else {}),
            }
            for meter in meters
        ]
        return json_answer({"customer": asked["customer"], "usage": rows})


def _both(tally: Tally) -> dict[str, Any]:
    quantities = [plain(each) for each in tally.quantities] if tally.quantities else [None] * 3
    names = ("billable", "not_billable", "all")
    return {
        name: {"events": events, "quantity": quantity}
        for name, events, quantity in zip(names, tally.events, quantities, strict=True)
    }


def _counted(event: UsageEvent, batch: UsageBatch) -> dict[str, Any]:
    return {
        "source": event.source,
        "id": event.event_id,
        "type": event.type,
        "time": event.occurred_at,
        "customer": event.customer_key,
        "properties": event.properties,
        "outcome": operations.ACCEPTED,
        "received_at": batch.stored_at,
    }


def _quarantined(event: QuarantinedEvent) -> dict[str, Any]:
    return {
        **event.body,
        "outcome": operations.QUARANTINED,
        "reason": event.reason,
        "detail": event.detail,
        "resolution": event.resolution,
        "received_at": event.received_at,
    }


urlpatterns = [
    path("usage-events", UsageEventsView.as_view(), name="usage-events"),
    path("usage", UsageView.as_view(), name="usage"),
]
