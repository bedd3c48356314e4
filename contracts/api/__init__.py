"""The API of contracts: who we sell to, and what was agreed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404
from django.urls import path
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.api import caps, commits, entitlements, packages
from contracts.api.customers import CustomersView, CustomerView, CustomFieldsView, MergeView
from contracts.api.paging import Pages, having, within_sight
from contracts.api.recording import recorded_terms
from contracts.as_of import as_of, instant_of
from contracts.charge_shapes import AcceptIn
from contracts.models import Contract, CustomField, Override, ScheduledCharge
from contracts.operations import (
    accept_milestone,
    decline_renewal,
    note_of_contract,
    renew_contract,
    reopen_renewal,
    sign_contract,
)
from contracts.renewal_shapes import DeclineIn, DueRenewalOut, RenewalIn, due_shape
from contracts.renewals import ahead, due_renewals
from contracts.schema import ContractIn, ContractOut, CustomShape, RefusedOut, contract_shape
from governance import clock
from governance.doors import HasScope, act_of


class OfContracts(generics.GenericAPIView[Contract]):
    """What the doors to contracts share."""

    permission_classes = [HasScope]
    required_scope = "contracts:read"
    required_permission = "contracts.view_contract"
    serializer_class = ContractOut
    pagination_class = Pages
    filter_backends = []
    queryset = (
        Contract.objects.select_related(
            "customer", "payer", "rate_card", "pinned_version", "package_version__package", "renews"
        )
        .prefetch_related(
            "lines__product",
            "commits__instalments",
            "commitrules__per_seat_of",
            "commitrules__contract",
            "renewed_by",
            Prefetch("scheduled_charges", ScheduledCharge.objects.select_related("product").order_by("due_at", "name")),
            Prefetch("overrides", Override.objects.select_related("product").order_by("agreed_at", "priority", "pk")),
        )
        .order_by("-signed_at", "number")
    )

    def get_queryset(self) -> QuerySet[Contract]:
        return within_sight(super().get_queryset(), self.request)

    def contract(self, number: str) -> Contract:
        """The one with that number, if it is within sight."""
        contract = self.get_queryset().filter(number=number).first()
        if contract is None:
            raise Http404
        return contract


class ContractView(OfContracts):
    """One contract."""

    @property
    def required_scope(self) -> str:  # type: ignore[override]
        return "contracts:write" if self.request.method == "PATCH" else "contracts:read"

    @property
    def required_permission(self) -> str:  # type: ignore[override]
        return "contracts.change_customer" if self.request.method == "PATCH" else "contracts.view_contract"

    @extend_schema(
        operation_id="read_contract",
        summary="Read a contract",
        description="With `as_of` what of it was in force then, with prices and balances; with `known_at`, too, as far "
        "as was known then.",
        parameters=[
            OpenApiParameter("as_of", str, description="An instant, or a day local to the contract."),
            OpenApiParameter("known_at", str, description="An instant, or a day: the end of it. Now unless given."),
        ],
        responses={200: ContractOut, 409: RefusedOut},
    )
    def get(self, request: Request, number: str) -> Response:
        contract = self.contract(number)
        if "as_of" not in request.query_params:
            return Response(contract_shape(contract))
        at = _instant(request, "as_of", contract)
        known_at = _instant(request, "known_at", contract) if "known_at" in request.query_params else clock.now()
        then = as_of(contract, at, known_at)
        return Response(contract_shape(then.contract, then))

    @extend_schema(
        operation_id="note_of_contract",
        summary="Set custom fields of a contract",
        description="Nothing that was agreed changes by it.",
        request=CustomShape,
        responses={200: ContractOut, 409: RefusedOut},
    )
    def patch(self, request: Request, number: str) -> Response:
        contract = self.contract(number)
        given = CustomShape(data=request.data)
        given.is_valid(raise_exception=True)
        note_of_contract(contract, given.validated_data["custom"], act=act_of(request, "Noted through the API"))
        return Response(contract_shape(self.contract(number)))


def _instant(request: Request, name: str, contract: Contract) -> datetime:
    """The instant that a parameter says; of a day its first, or for what was known its last."""
    text = request.query_params[name]
    try:
        day = parse_date(text)
        found = parse_datetime(text)
    except ValueError:
        day = found = None
    if day is not None:
        return instant_of(contract, day, is_over=name == "known_at")
    if found is None or found.tzinfo is None:
        raise ValidationError({name: ["A day like 2026-03-01, or an instant like 2026-03-01T12:00:00Z."]})
    return found


class ContractsView(OfContracts):
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
        description="`custom.KEY=VALUE` gives those with this value of a custom field.",
        parameters=[OpenApiParameter("customer", str, description="Of the customer with this key, or paid by them.")],
        responses={200: ContractOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        contracts = self.get_queryset().filter(having(CustomField.About.CONTRACT, request))
        if "customer" in request.query_params:
            key = request.query_params["customer"]
            contracts = contracts.filter(Q(customer__key=key) | Q(payer__key=key))
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


class RenewalsView(OfContracts):
    """Contracts whose renewal waits for a decision or for its day."""

    @extend_schema(
        operation_id="list_renewals",
        summary="List the renewals ahead",
        parameters=[OpenApiParameter("days", int, description="How far ahead: 90 unless given, at most 366.")],
        responses={200: DueRenewalOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        """By the last day to decline."""
        days = request.query_params.get("days", "90")
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= 366):
            raise ValidationError({"days": ["A whole number from 1 to 366."]})
        page = self.paginate_queryset(ahead(self.get_queryset(), clock.now(), int(days))) or []
        return self.get_paginated_response([due_shape(each) for each in due_renewals(page)])


class DecisionView(OfContracts):
    """A decision about the renewal of a contract; answers with the contract."""

    required_scope = "contracts:write"
    required_permission = "contracts.change_contract"

    def decided(self, request: Request, number: str, decide: Callable[..., Any], asked: Any) -> Response:
        asked.is_valid(raise_exception=True)
        said = dict(asked.validated_data)
        decide(self.contract(number), act=act_of(request, said.pop("because")), **said)
        return Response(contract_shape(self.contract(number)))


class RenewView(DecisionView):
    @extend_schema(
        operation_id="renew_contract",
        summary="Renew a contract now",
        description="Signs the next contract by the rule of this one; its number is `renewal.renewed_by`.",
        request=RenewalIn,
        responses={200: ContractOut, 409: RefusedOut},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.decided(request, number, renew_contract, RenewalIn(data=request.data))


class DeclineView(DecisionView):
    @extend_schema(
        operation_id="decline_renewal",
        summary="Decline to renew a contract",
        request=DeclineIn,
        responses={200: ContractOut, 409: RefusedOut},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.decided(request, number, decline_renewal, DeclineIn(data=request.data))


class ReopenView(DecisionView):
    @extend_schema(
        operation_id="reopen_renewal",
        summary="Take back that a renewal was declined",
        request=RenewalIn,
        responses={200: ContractOut, 409: RefusedOut},
    )
    def post(self, request: Request, number: str) -> Response:
        return self.decided(request, number, reopen_renewal, RenewalIn(data=request.data))


class AcceptView(DecisionView):
    @extend_schema(
        operation_id="accept_milestone",
        summary="Accept a milestone",
        description="It is invoiced from now on. Who accepted it for the customer, and where that is to be found.",
        request=AcceptIn,
        responses={200: ContractOut, 409: RefusedOut},
    )
    def post(self, request: Request, number: str, charge: UUID) -> Response:
        asked = AcceptIn(data=request.data)
        milestone = self.contract(number).scheduled_charges.filter(pk=charge).first()
        if milestone is None:
            raise Http404

        def accept(_: Contract, **said: Any) -> None:
            accept_milestone(milestone, **said)

        return self.decided(request, number, accept, asked)


urlpatterns = [
    *entitlements.urlpatterns,
    *caps.urlpatterns,
    path("customers", CustomersView.as_view(), name="customers"),
    path("customers/<str:key>", CustomerView.as_view(), name="customer"),
    path("customers/<str:key>/merge", MergeView.as_view(), name="merge-customer"),
    path("custom-fields", CustomFieldsView.as_view(), name="custom-fields"),
    path("contracts", ContractsView.as_view(), name="contracts"),
    path("contracts/<str:number>", ContractView.as_view(), name="contract"),
    path("contracts/<str:number>/renew", RenewView.as_view(), name="renew-contract"),
    path("contracts/<str:number>/decline-renewal", DeclineView.as_view(), name="decline-renewal"),
    path("contracts/<str:number>/reopen-renewal", ReopenView.as_view(), name="reopen-renewal"),
    path("contracts/<str:number>/charges/<uuid:charge>/accept", AcceptView.as_view(), name="accept-milestone"),
    path("renewals", RenewalsView.as_view(), name="renewals"),
    *commits.urlpatterns,
    *packages.urlpatterns,
]
