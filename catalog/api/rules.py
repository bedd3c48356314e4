"""Selection rules over the API: which card a customer gets, and why."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import audience, operations
from catalog.api import rule_shapes as shapes
from catalog.api.base import REFUSED, CatalogView, asked, holds, question, reason
from catalog.api.shapes import BecauseIn
from catalog.models import SelectionRule
from catalog.selection import select_card


class RulesView(CatalogView):
    reads = "catalog.view_selectionrule"
    writes = {"POST": "catalog.add_selectionrule"}

    @extend_schema(operation_id="list_selection_rules", responses=shapes.RuleOut(many=True))
    def get(self, request: Request) -> Response:
        """The rules in the order in which they are asked; the first that holds decides."""
        return Response([shapes.rule_out(rule) for rule in SelectionRule.objects.select_related("card")])

    @extend_schema(
        operation_id="create_selection_rule", request=shapes.RuleIn, responses={201: shapes.RuleOut, **REFUSED}
    )
    def post(self, request: Request) -> Response:
        """Add a rule after those there are."""
        fields, act = asked(request, shapes.RuleIn)
        return Response(shapes.rule_out(operations.create_rule(**fields, act=act)), status=201)


class RuleView(CatalogView):
    writes = {"PUT": "catalog.change_selectionrule", "DELETE": "catalog.delete_selectionrule"}

    @extend_schema(
        operation_id="update_selection_rule", request=shapes.RuleChangeIn, responses={200: shapes.RuleOut, **REFUSED}
    )
    def put(self, request: Request, rule: UUID) -> Response:
        """Let a rule ask for something else, or point to another card."""
        fields, act = asked(request, shapes.RuleChangeIn)
        found = get_object_or_404(SelectionRule, pk=rule)
        return Response(shapes.rule_out(operations.update_rule(found, **fields, act=act)))

    @extend_schema(operation_id="delete_selection_rule", parameters=[BecauseIn], responses={204: None, **REFUSED})
    def delete(self, request: Request, rule: UUID) -> Response:
        """Take a rule away."""
        act = reason(request)
        operations.delete_rule(get_object_or_404(SelectionRule, pk=rule), act=act)
        return Response(status=204)


class RuleOrderView(CatalogView):
    writes = {"PUT": "catalog.change_selectionrule"}

    @extend_schema(
        operation_id="order_selection_rules",
        request=shapes.OrderIn,
        responses={200: shapes.RuleOut(many=True), **REFUSED},
    )
    def put(self, request: Request) -> Response:
        """Ask the rules in this order from now on; every rule must be named once."""
        fields, act = asked(request, shapes.OrderIn)
        operations.order_rules(fields["rules"], act=act)
        return Response([shapes.rule_out(rule) for rule in SelectionRule.objects.select_related("card")])


class SelectView(CatalogView):
    @extend_schema(operation_id="select_rate_card", responses=shapes.SelectionOut, parameters=[shapes.SelectIn])
    def get(self, request: Request) -> Response:
        """The card for a customer, or for somebody of these attributes, with a sentence for each rule that was asked.

        To name a customer, a key needs customers:read, and a person must be allowed to see that customer.
        """
        given = question(request, shapes.SelectIn)
        return Response(shapes.selection_out(select_card(_attributes(request, given))))


def _attributes(request: Request, given: dict[str, str]) -> dict[str, str]:
    key = given.pop("customer", "")
    if not key:
        return given
    if not holds(request, "contracts.view_customer", "customers:read"):
        raise PermissionDenied("To name a customer you must be allowed to see customers.")
    user = None if hasattr(request, "system_key") else request.user
    found = audience.attributes_of(key, user)
    if found is None:
        raise ValidationError({"customer": [f"No customer has the key {key!r}."]})
    return {**found, **given}


urlpatterns = [
    path("rate-cards/select", SelectView.as_view(), name="select-card"),
    path("selection-rules", RulesView.as_view(), name="selection-rules"),
    path("selection-rules/order", RuleOrderView.as_view(), name="selection-rules-order"),
    path("selection-rules/<uuid:rule>", RuleView.as_view(), name="selection-rule"),
]
