"""The API of quarantine: what waits and what it is worth, replay and dismiss by ids or by what they have in common."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metering.api.doors import REFUSED, RegistryDoor, Shape, asked, json_answer, question
from metering.models import QuarantinedEvent
from metering.quarantine import operations as quarantine
from metering.quarantine.piles import piles, whole
from pricing.figures import plain

MOST_IDS = 1_000
_LOOKUPS = {
    "ids": "pk__in",
    "reason": "reason",
    "source": "source",
    "type": "body__type",
    "customer": "body__customer",
    "owner": "owner__username",
}


# ---------------------------------------------------------------- shapes
class Chosen(Shape):
    """Which events; what is said of them must all be so."""

    reason = serializers.ChoiceField(QuarantinedEvent.Reason.choices, required=False)
    source = serializers.CharField(max_length=120, required=False)  # type: ignore[assignment] # DRF's own
    type = serializers.CharField(max_length=120, required=False)
    customer = serializers.CharField(max_length=120, required=False, help_text="The key as it was reported.")
    owner = serializers.CharField(max_length=150, required=False, help_text="The user name.")


class QuarantineQuestion(Chosen):
    state = serializers.ChoiceField(["waiting", "counted", "dismissed", "all"], default="waiting")
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**63 - 1, help_text="`next` of the page before."
    )
    limit = serializers.IntegerField(default=100, min_value=1, max_value=1_000)


class ManyIn(Chosen):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**63 - 1), required=False, max_length=MOST_IDS
    )
    because = serializers.CharField()

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if not fields.keys() & _LOOKUPS.keys():
            raise serializers.ValidationError(f"Say which: {', '.join(_LOOKUPS)}.")
        return fields


class QuarantinedOut(Shape):
    id = serializers.IntegerField()
    event = serializers.DictField(help_text="As it was reported.")
    reason = serializers.ChoiceField(QuarantinedEvent.Reason.choices)
    detail = serializers.CharField()
    owner = serializers.CharField(allow_null=True)
    at_risk = serializers.CharField(allow_null=True, help_text="About what it would be billed at; null if unknown.")
    currency = serializers.CharField(allow_null=True)
    received_at = serializers.DateTimeField()
    resolution = serializers.CharField(allow_blank=True)
    resolved_at = serializers.DateTimeField(allow_null=True)


class PileOut(Shape):
    reason = serializers.ChoiceField(QuarantinedEvent.Reason.choices)
    owner = serializers.CharField(allow_blank=True)
    events = serializers.IntegerField()
    at_risk = serializers.DictField(child=serializers.CharField(), help_text="By currency.")
    unknown = serializers.IntegerField(help_text="How many of them nobody can put a price on.")


class QuarantineOut(Shape):
    waiting = serializers.IntegerField(help_text="Of what was asked about, how many wait.")
    at_risk = serializers.DictField(child=serializers.CharField(), help_text="By currency.")
    unknown = serializers.IntegerField()
    by_reason_and_owner = PileOut(many=True)
    events = QuarantinedOut(many=True)
    next = serializers.IntegerField(allow_null=True)


class ReplayedOut(Shape):
    counted = serializers.IntegerField()
    waiting = serializers.DictField(child=serializers.IntegerField(), help_text="Still, by reason.")


class DismissedOut(Shape):
    dismissed = serializers.IntegerField()


# ---------------------------------------------------------------- doors
class QuarantineDoor(RegistryDoor):
    reads = "metering.view_quarantinedevent"
    writes = {"POST": "metering.change_quarantinedevent"}


class QuarantineView(QuarantineDoor):
    @extend_schema(
        operation_id="list_quarantine",
        summary="List what waits in quarantine",
        parameters=[QuarantineQuestion],
        responses=QuarantineOut,
    )
    def get(self, request: Request) -> HttpResponse:
        """By arrival, oldest first, with totals of all that waits and about what it is worth."""
        fields = question(request, QuarantineQuestion)
        rows = _chosen(fields)
        found = piles(rows)
        together = whole(found)
        page = list(_page(rows, fields)[: fields["limit"] + 1])
        is_more = len(page) > fields["limit"]
        shown = page[: fields["limit"]]
        body = {
            "waiting": together.events,
            "at_risk": _amounts(together.worth),
            "unknown": together.unknown,
            "by_reason_and_owner": [
                {
                    "reason": pile.reason,
                    "owner": pile.owner,
                    "events": pile.events,
                    "at_risk": _amounts(pile.worth),
                    "unknown": pile.unknown,
                }
                for pile in found
            ],
            "events": [_row(row) for row in shown],
            "next": shown[-1].pk if is_more else None,
        }
        return json_answer(body)


class ReplayView(QuarantineDoor):
    @extend_schema(
        operation_id="replay_quarantine",
        summary="Replay events in quarantine",
        request=ManyIn,
        responses={200: ReplayedOut, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Count those that nothing stands against any more, each in its own period, all in one change."""
        fields, act = asked(request, ManyIn)
        replayed = quarantine.replay_waiting(_chosen(fields), act=act)
        return Response({"counted": replayed.counted, "waiting": dict(replayed.waiting)})


class DismissView(QuarantineDoor):
    @extend_schema(
        operation_id="dismiss_quarantine",
        summary="Dismiss events in quarantine",
        request=ManyIn,
        responses={200: DismissedOut, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Decide not to count them. They are kept, and a person can still replay them."""
        fields, act = asked(request, ManyIn)
        return Response({"dismissed": quarantine.dismiss_waiting(_chosen(fields), act=act)})


def _chosen(fields: dict[str, Any]) -> QuerySet[QuarantinedEvent]:
    wanted = Q(**{_LOOKUPS[name]: value for name, value in fields.items() if name in _LOOKUPS})
    # By id, so that a join to the owner does not stand in the way of locking.
    return QuarantinedEvent.objects.filter(pk__in=QuarantinedEvent.objects.filter(wanted).values("pk"))


def _page(rows: QuerySet[QuarantinedEvent], fields: dict[str, Any]) -> QuerySet[QuarantinedEvent]:
    if fields["state"] != "all":
        rows = rows.filter(resolution="" if fields["state"] == "waiting" else fields["state"])
    return rows.filter(pk__gt=fields.get("after", 0)).select_related("owner").order_by("pk")


def _amounts(worth: Any) -> dict[str, str]:
    return {currency: plain(amount) for currency, amount in sorted(worth.items())}


def _row(row: QuarantinedEvent) -> dict[str, Any]:
    return {
        "id": row.pk,
        "event": row.body,
        "reason": row.reason,
        "detail": row.detail,
        "owner": row.owner and row.owner.username,
        "at_risk": None if row.at_risk is None else plain(row.at_risk),
        "currency": row.at_risk_currency or None,
        "received_at": row.received_at,
        "resolution": row.resolution,
        "resolved_at": row.resolved_at,
    }


urlpatterns = [
    path("quarantine", QuarantineView.as_view(), name="quarantine"),
    path("quarantine/replay", ReplayView.as_view(), name="quarantine-replay"),
    path("quarantine/dismiss", DismissView.as_view(), name="quarantine-dismiss"),
]
