"""The API of customers: who we sell to, and what is noted of them."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.api.paging import Pages, having, within_sight
from contracts.merge_shapes import MergeIn, MergeOut
from contracts.models import Customer, CustomField
from contracts.operations import Contact, Noted, create_customer, merge_customers, merge_preview, update_customer
from contracts.queries import called
from contracts.schema import CustomerShape, CustomFieldOut, RefusedOut
from governance import clock, external_ids
from governance.doors import HasScope, act_of


def seen(request: Request) -> QuerySet[Customer]:
    """Customers as far as who asks may see them, with all that their shape shows."""
    rows = Customer.objects.select_related("parent", "merged_into").prefetch_related("contacts").order_by("key")
    return within_sight(rows.annotate(external_ids=external_ids.ids_of(Customer)), request)


def given(serializer: Any, request: Request) -> dict[str, Any]:
    """What was sent, as the operations take it."""
    fields = dict(serializer.validated_data)
    parent = fields.get("parent")
    if parent and not within_sight(Customer.objects.filter(pk=parent.pk), request).exists():
        raise ValidationError({"parent": ["There is no such customer."]})
    contacts = fields.pop("contacts", None)
    noted = Noted(
        None if contacts is None else [Contact(**each) for each in contacts],
        fields.pop("external_ids", None),
        fields.pop("custom", None),
    )
    return {**fields, "noted": noted}


@extend_schema_view(
    get=extend_schema(
        operation_id="list_customers",
        summary="List customers",
        description="`custom.KEY=VALUE` gives those with this value of a custom field.",
        parameters=[
            OpenApiParameter("called", str, description="In a name, key, tax number, e-mail, contact or external id.")
        ],
    ),
    post=extend_schema(
        operation_id="create_customer",
        summary="Create a customer",
        description="`key` is what usage events name the customer by; it is unique and never changes.",
        responses={201: CustomerShape, 409: RefusedOut},
    ),
)
class CustomersView(generics.ListCreateAPIView[Customer]):
    """Parties we sell to."""

    permission_classes = [HasScope]
    serializer_class = CustomerShape
    pagination_class = Pages
    filter_backends = []
    queryset = Customer.objects.all()

    @property
    def required_scope(self) -> str:
        return "customers:write" if self.request.method == "POST" else "customers:read"

    @property
    def required_permission(self) -> str:
        return "contracts.add_customer" if self.request.method == "POST" else "contracts.view_customer"

    def get_queryset(self) -> QuerySet[Customer]:
        rows = seen(self.request).filter(merged_into=None).filter(having(CustomField.About.CUSTOMER, self.request))
        text = self.request.query_params.get("called", "")
        return rows.filter(called(text)) if text else rows

    def perform_create(self, serializer: Any) -> None:
        act = act_of(self.request, "Created through the API")
        made = create_customer(act=act, **given(serializer, self.request))
        serializer.instance = _with_ids(made)


@extend_schema_view(
    get=extend_schema(
        operation_id="read_customer",
        summary="Read a customer",
        description="One who was merged into another is answered 301 with the address of that one.",
        responses={200: CustomerShape, 301: OpenApiResponse(description="Merged into another")},
    ),
    patch=extend_schema(
        operation_id="update_customer",
        summary="Change a customer",
        description="What is sent changes. Signed contracts keep their zone and currency.",
        responses={200: CustomerShape, 409: RefusedOut},
    ),
)
class CustomerView(generics.RetrieveUpdateAPIView[Customer]):
    """One party we sell to."""

    http_method_names = ["get", "patch", "options"]
    permission_classes = [HasScope]
    serializer_class = CustomerShape
    lookup_field = "key"
    queryset = Customer.objects.all()

    @property
    def required_scope(self) -> str:
        return "customers:write" if self.request.method == "PATCH" else "customers:read"

    @property
    def required_permission(self) -> str:
        return "contracts.change_customer" if self.request.method == "PATCH" else "contracts.view_customer"

    def get_queryset(self) -> QuerySet[Customer]:
        return seen(self.request)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        kept = self.get_object().merged_into
        if kept is not None:
            return Response(status=301, headers={"Location": reverse("customer", args=[kept.key])})
        return super().get(request, *args, **kwargs)

    def perform_update(self, serializer: Any) -> None:
        if not serializer.validated_data:
            raise ValidationError("Nothing was sent that could change.")
        act = act_of(self.request, "Changed through the API")
        serializer.instance = _with_ids(
            update_customer(serializer.instance, act=act, **given(serializer, self.request))
        )


class MergeView(generics.GenericAPIView[Customer]):
    """A duplicate, and the customer it is to be merged into."""

    permission_classes = [HasScope]
    required_scope = "customers:write"
    required_permission = "contracts.merge_customer"
    serializer_class = MergeOut
    lookup_field = "key"

    def get_queryset(self) -> QuerySet[Customer]:
        return seen(self.request)

    @extend_schema(
        operation_id="preview_merge",
        summary="Preview a merge",
        description="What would move to the customer `into`.",
        parameters=[OpenApiParameter("into", str, required=True, description="The key of the customer that is kept.")],
        responses={200: MergeOut, 409: RefusedOut},
    )
    def get(self, request: Request, key: str) -> Response:
        duplicate = self.get_object()
        kept = get_object_or_404(self.get_queryset(), key=request.query_params.get("into", ""))
        return Response(MergeOut(merge_preview(kept, duplicate, clock.now())).data)

    @extend_schema(
        operation_id="merge_customer",
        summary="Merge a duplicate",
        description="Into the customer `into`, for good. From then on its key leads there.",
        request=MergeIn,
        responses={200: CustomerShape, 409: RefusedOut},
    )
    def post(self, request: Request, key: str) -> Response:
        duplicate = self.get_object()
        given = MergeIn(data=request.data)
        given.is_valid(raise_exception=True)
        kept = get_object_or_404(self.get_queryset(), key=given.validated_data["into"])
        merge_customers(kept, duplicate, act=act_of(request, given.validated_data["because"]))
        return Response(CustomerShape(self.get_queryset().get(pk=kept.pk)).data)


@extend_schema_view(get=extend_schema(operation_id="list_custom_fields", summary="List custom fields"))
class CustomFieldsView(generics.ListAPIView[CustomField]):
    """What may be noted of customers and contracts."""

    permission_classes = [HasScope]
    required_scope = "customers:read"
    required_permission = "contracts.view_customfield"
    serializer_class = CustomFieldOut
    pagination_class = None
    filter_backends = []
    queryset = CustomField.objects.all()


def _with_ids(customer: Customer) -> Customer:
    return Customer.objects.annotate(external_ids=external_ids.ids_of(Customer)).get(pk=customer.pk)
