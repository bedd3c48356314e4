"""The API of what may be reported: event types with the versions of their schemas, and aliases of customers."""

from typing import Any

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.doors import act_of
from metering.api.doors import REFUSED, BecauseIn, RegistryDoor, Shape, asked, question
from metering.models import CustomerAlias, EventType
from metering.registry.aliases import define_alias, end_alias
from metering.registry.registering import change_event_type, publish_schema, register_event_type

SCHEMA = {
    "type": "object",
    "required": ["input_tokens"],
    "properties": {"input_tokens": {"type": "integer", "minimum": 0}, "model": {"enum": ["small", "large"]}},
}
EXAMPLE = {
    "key": "llm.request",
    "name": "Requests of models",
    "on_invalid": "quarantine",
    "billable_when": "status <> 'failed' AND test IS NULL",
    "schema": SCHEMA,
    "units": {"duration": "ms"},
    "because": "The gateway reports them from December on",
}


# ---------------------------------------------------------------- shapes
class VersionIn(Shape):
    schema = serializers.JSONField(
        default=dict, help_text="JSON Schema (2020-12) of the properties; {} demands nothing."
    )
    units = serializers.JSONField(default=dict, help_text='In which unit a property is: {"duration": "ms"}.')
    because = serializers.CharField()


class EventTypeChangeIn(Shape):
    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(required=False, allow_blank=True)
    owner = serializers.CharField(
        required=False, allow_null=True, help_text="The user name of whoever puts right what cannot be counted."
    )
    on_invalid = serializers.ChoiceField(EventType.OnInvalid.choices, required=False)
    billable_when = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="Only events of which this is true are billable."
    )
    because = serializers.CharField()

    def validate_owner(self, name: str | None) -> User | None:
        found = User.objects.filter(username=name, is_active=True).first()
        if name is not None and found is None:
            raise serializers.ValidationError(f"There is no user {name!r}.")
        return found


class EventTypeIn(VersionIn, EventTypeChangeIn):
    key = serializers.CharField(max_length=120, help_text="As events name it.")


class EventTypeVersionOut(Shape):
    version = serializers.IntegerField(source="number")
    schema = serializers.JSONField()
    units = serializers.JSONField()
    created_at = serializers.DateTimeField()


class EventTypeOut(Shape):
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    owner = serializers.CharField(source="owner.username", default=None, allow_null=True)
    on_invalid = serializers.ChoiceField(EventType.OnInvalid.choices)
    billable_when = serializers.CharField()
    versions = EventTypeVersionOut(many=True)


class AliasIn(Shape):
    key = serializers.CharField(max_length=120, help_text="As events name it.")
    customer = serializers.CharField(max_length=120, help_text="Whose usage it is.", source="customer_key")
    because = serializers.CharField()


class AliasOut(Shape):
    key = serializers.CharField()
    customer = serializers.CharField(source="customer_key")


class AliasDefinedOut(AliasOut):
    counted = serializers.IntegerField(help_text="How many events that waited for it are counted now.")
    waiting = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many of them still cannot be counted, by reason."
    )


# ---------------------------------------------------------------- doors
class EventTypesView(RegistryDoor):
    reads = "metering.view_eventtype"
    writes = {"POST": "metering.add_eventtype"}

    @extend_schema(operation_id="list_event_types", summary="List event types", responses=EventTypeOut(many=True))
    def get(self, request: Request) -> Response:
        """What may be reported, by key, with every version of its schema."""
        return Response(EventTypeOut(_types(), many=True).data)

    @extend_schema(
        operation_id="register_event_type",
        summary="Register an event type",
        request=EventTypeIn,
        responses={201: EventTypeOut, **REFUSED},
        examples=[OpenApiExample("Requests of models", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take events of this type from now on. 409 if it is registered, or the schema or the rule is none."""
        fields, act = asked(request, EventTypeIn)
        return _type(register_event_type(**fields, act=act), status=201)


class EventTypeView(RegistryDoor):
    reads = "metering.view_eventtype"
    writes = {"PUT": "metering.change_eventtype"}

    @extend_schema(operation_id="get_event_type", summary="Read an event type", responses=EventTypeOut)
    def get(self, request: Request, key: str) -> Response:
        """What its events must carry, by version; what becomes of others; which are billable."""
        return _type(_named(key))

    @extend_schema(
        operation_id="change_event_type",
        summary="Change an event type",
        request=EventTypeChangeIn,
        responses={200: EventTypeOut, **REFUSED},
    )
    def put(self, request: Request, key: str) -> Response:
        """What is not said stays. It is for events that come from now on."""
        fields, act = asked(request, EventTypeChangeIn)
        return _type(change_event_type(_named(key), **fields, act=act))


class EventTypeVersionsView(RegistryDoor):
    reads = "metering.view_eventtype"
    writes = {"POST": "metering.change_eventtype"}

    @extend_schema(
        operation_id="publish_event_type_version",
        summary="Publish a version of a schema",
        request=VersionIn,
        responses={201: EventTypeVersionOut, **REFUSED},
    )
    def post(self, request: Request, key: str) -> Response:
        """Events that name no version are held against it from now on."""
        fields, act = asked(request, VersionIn)
        return Response(EventTypeVersionOut(publish_schema(_named(key), **fields, act=act)).data, status=201)


class AliasesView(RegistryDoor):
    reads = "metering.view_customeralias"
    writes = {"POST": "metering.add_customeralias"}

    @extend_schema(operation_id="list_customer_aliases", summary="List aliases", responses=AliasOut(many=True))
    def get(self, request: Request) -> Response:
        """Other keys that customers' usage is reported under."""
        return Response(AliasOut(CustomerAlias.objects.all(), many=True).data)

    @extend_schema(
        operation_id="define_customer_alias",
        summary="Define an alias",
        request=AliasIn,
        responses={201: AliasDefinedOut, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Count usage under this key as the customer's, also what waits in quarantine for it."""
        fields, act = asked(request, AliasIn)
        alias, replayed = define_alias(**fields, act=act)
        told: dict[str, Any] = {"counted": replayed.counted, "waiting": dict(replayed.waiting)}
        return Response(AliasOut(alias).data | told, status=201)


class AliasView(RegistryDoor):
    writes = {"DELETE": "metering.delete_customeralias"}

    @extend_schema(
        operation_id="end_customer_alias",
        summary="End an alias",
        parameters=[BecauseIn],
        responses={204: None, **REFUSED},
    )
    def delete(self, request: Request, key: str) -> Response:
        """From now on the key is nobody's. What was counted by it stays counted."""
        act = act_of(request, question(request, BecauseIn)["because"])
        end_alias(get_object_or_404(CustomerAlias, key=key), act=act)
        return Response(status=204)


def _types() -> Any:
    return EventType.objects.select_related("owner").prefetch_related("versions")


def _named(key: str) -> EventType:
    found: EventType = get_object_or_404(_types(), key=key)
    return found


def _type(event_type: EventType, status: int = 200) -> Response:
    return Response(EventTypeOut(_named(event_type.key)).data, status=status)


urlpatterns = [
    path("event-types", EventTypesView.as_view(), name="event-types"),
    path("event-types/<str:key>", EventTypeView.as_view(), name="event-type"),
    path("event-types/<str:key>/versions", EventTypeVersionsView.as_view(), name="event-type-versions"),
    path("customer-aliases", AliasesView.as_view(), name="customer-aliases"),
    path("customer-aliases/<str:key>", AliasView.as_view(), name="customer-alias"),
]
