"""The API of contracts: who we sell to, and what was agreed."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, pagination
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.api.recording import recorded_terms
from contracts.models import Contract, Customer
from contracts.operations import create_customer, sign_contract
from contracts.schema import ContractIn, ContractOut, CustomerShape, RefusedOut, contract_shape
from governance.doors import HasScope, act_of, visible


class Pages(pagination.LimitOffsetPagination):
    """`?limit=` (100 unless given, at most 1,000) and `?offset=`."""

    default_limit = 100
    max_limit = 1_000


def within_sight(rows: QuerySet[Any], request: Request) -> QuerySet[Any]:
    """A system key sees what its scope names; a person sees the customers they serve."""
    return rows if hasattr(request, "system_key") else visible(rows, request.user)


@extend_schema_view(
    get=extend_schema(operation_id="list_customers", summary="List customers"),
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
    queryset = Customer.objects.select_related("parent").order_by("key")

    @property
    def required_scope(self) -> str:
        return "customers:write" if self.request.method == "POST" else "customers:read"

    @property
    def required_permission(self) -> str:
        return "contracts.add_customer" if self.request.method == "POST" else "contracts.view_customer"

    def get_queryset(self) -> QuerySet[Customer]:
        return within_sight(super().get_queryset(), self.request)

    def perform_create(self, serializer: Any) -> None:
        parent = serializer.validated_data.get("parent")
        if parent and not within_sight(Customer.objects.filter(pk=parent.pk), self.request).exists():
            raise ValidationError({"parent": ["There is no such customer."]})
        act = act_of(self.request, "Created through the API")
        serializer.instance = create_customer(act=act, **serializer.validated_data)


class ContractView(generics.GenericAPIView[Contract]):
    """One contract."""

    permission_classes = [HasScope]
    required_scope = "contracts:read"
    required_permission = "contracts.view_contract"
    serializer_class = ContractOut
    pagination_class = Pages
    filter_backends = []
    queryset = (
        Contract.objects.select_related("customer", "rate_card", "pinned_version")
        .prefetch_related("lines__product", "commits__instalments")
        .order_by("-signed_at", "number")
    )

    def get_queryset(self) -> QuerySet[Contract]:
        return within_sight(super().get_queryset(), self.request)

    @extend_schema(operation_id="read_contract", summary="Read a contract", responses={200: ContractOut})
    def get(self, request: Request, number: str) -> Response:
        contract = self.get_queryset().filter(number=number).first()
        if contract is None:
            raise Http404
        return Response(contract_shape(contract))


class ContractsView(ContractView):
    """Contracts, the latest first."""

    @property
    def required_scope(self) -> str:  # type: ignore[override]
        return "contracts:write" if self.request.method == "POST" else "contracts:read"

    @property
    def required_permission(self) -> str:  # type: ignore[override]
        return "contracts.add_contract" if self.request.method == "POST" else "contracts.view_contract"

    @extend_schema(
        operation_id="list_contracts",
        summary="List contracts",
        parameters=[OpenApiParameter("customer", str, description="Only of the customer with this key.")],
        responses={200: ContractOut(many=True)},
    )
    def get(self, request: Request) -> Response:  # type: ignore[override]
        contracts = self.get_queryset()
        if "customer" in request.query_params:
            contracts = contracts.filter(customer__key=request.query_params["customer"])
        page = self.paginate_queryset(contracts) or []
        return self.get_paginated_response([contract_shape(contract) for contract in page])

    @extend_schema(
        operation_id="record_contract",
        summary="Record a signed contract",
        description="For what was signed elsewhere: an import, or a deal on paper. Only systems with the scope may; "
        "nobody is asked to approve its discounts, so give the scope to those who may agree on anything.",
        request=ContractIn,
        responses={201: ContractOut, 409: RefusedOut},
    )
    def post(self, request: Request) -> Response:
        given = ContractIn(data=request.data)
        given.is_valid(raise_exception=True)
        act = act_of(request, "Recorded through the API")
        contract = sign_contract(recorded_terms(given.validated_data, act.at), act=act)
        return Response(contract_shape(self.get_queryset().get(pk=contract.pk)), status=201)


urlpatterns = [
    path("customers", CustomersView.as_view(), name="customers"),
    path("contracts", ContractsView.as_view(), name="contracts"),
    path("contracts/<str:number>", ContractView.as_view(), name="contract"),
]
