"""The API of insights: where an event went, and what is not connected."""

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance import clock
from governance.doors import HasScope
from insights.coverage import coverage
from insights.schema import CoverageIn, CoverageOut, TraceIn, TraceOut, coverage_shape, trace_shape
from insights.trace import Sight, sight_of, sources_of, trace


class UsageDoor(APIView):
    """For keys with usage:read and people who see usage; contracts and invoices only for who may read those too."""

    permission_classes = [HasScope]
    required_scope = "usage:read"
    required_permission = "metering.view_usageevent"

    def sight(self) -> Sight:
        key = getattr(self.request, "system_key", None)
        if key is not None:
            return Sight("contracts:read" in key.scopes, "invoices:read" in key.scopes)
        return sight_of(self.request.user)


class TraceView(UsageDoor):
    @extend_schema(
        operation_id="trace_usage_event",
        summary="Trace an event",
        description=(
            "From an event's id to the invoice line that bills it, or the reason why none does. Prices and contracts "
            "are told to keys that hold contracts:read as well, invoice lines to those with invoices:read."
        ),
        parameters=[TraceIn],
        responses={200: TraceOut},
    )
    def get(self, request: Request) -> Response:
        asked = TraceIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        event_id, source = asked.validated_data["id"], asked.validated_data.get("source")
        sources = [source] if source else sources_of(event_id)
        found = trace(sources[0], event_id, self.sight(), at=clock.now()) if len(sources) == 1 else None
        return Response(trace_shape(event_id, sources, found))


class CoverageView(UsageDoor):
    required_permission = "metering.view_meter"

    @extend_schema(
        operation_id="read_coverage",
        summary="What is not connected",
        description=(
            "Products that got no event, event types without a meter, meters without a product, event types seen only "
            "in quarantine; and, for keys that hold contracts:read as well, customers with a contract and no usage."
        ),
        parameters=[CoverageIn],
        responses={200: CoverageOut},
    )
    def get(self, request: Request) -> Response:
        asked = CoverageIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        sight = self.sight()
        found = coverage(asked.validated_data["days"], clock.now(), user=sight.user, sees_contracts=sight.contracts)
        return Response(coverage_shape(found))


urlpatterns = [
    path("usage-events/trace", TraceView.as_view()),
    path("coverage", CoverageView.as_view()),
]
