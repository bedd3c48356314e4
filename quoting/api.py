"""The API of quotes: draft one with its lines, read what it comes to, submit it, send it. Approving takes a person."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models, transaction
from django.http import Http404
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Product, RateCard
from contracts.models import Contract, Customer, LegalEntity
from contracts.schema import RefusedOut
from governance.acts import Act, Refused
from governance.doors import HasScope, act_of, visible
from pricing.money import Money
from quoting import operations
from quoting.models import Quote, QuoteVersion
from quoting.queries import latest_version
from quoting.schema import QuoteIn, QuoteOut, ReasonIn, quote_shape

M = TypeVar("M", bound=models.Model)

EXAMPLE = OpenApiExample(
    "A year of tokens",
    {
        "customer": "contoso",
        "rate_card": "standard-usd",
        "start_on": "2026-01-01",
        "months": 12,
        "valid_until": "2026-01-31",
        "opportunity_key": "OPP-1",
        "lines": [
            {"product": "input-tokens", "expected_usage": "20000000", "discount_percent": "15"},
            {"product": "output-tokens", "expected_usage": "4000000", "discount_percent": "15"},
            {"product": "platform-fee"},
        ],
        "commit": {
            "access": {"amount": "40.00", "currency": "USD"},
            "price": {"amount": "36.00", "currency": "USD"},
        },
    },
    request_only=True,
)


class QuotesView(APIView):
    """Offers to customers."""

    permission_classes = [HasScope]
    required_scope = "quotes:write"
    required_permission = "quoting.add_quote"

    @extend_schema(
        operation_id="draft_quote",
        summary="Draft a quote",
        description="All of it or nothing: a line that cannot be priced refuses the whole request.",
        request=QuoteIn,
        responses={201: QuoteOut, 409: RefusedOut},
        examples=[EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        asked = QuoteIn(data=request.data)
        asked.is_valid(raise_exception=True)
        version = _draft(request, asked.validated_data, act_of(request, "Drafted through the API"))
        return Response(quote_shape(version), status=201)


class QuoteView(APIView):
    """One quote, by its latest version."""

    permission_classes = [HasScope]
    required_scope = "quotes:read"
    required_permission = "quoting.view_quote"

    @extend_schema(
        operation_id="read_quote",
        summary="Read a quote",
        description="With what every month will be invoiced if usage is as expected, and who must still agree.",
        responses={200: QuoteOut},
    )
    def get(self, request: Request, number: str) -> Response:
        return Response(quote_shape(_found(request, number)))


class SubmitView(APIView):
    """Finish a draft."""

    permission_classes = [HasScope]
    required_scope = "quotes:write"
    required_permission = "quoting.change_quoteversion"

    @extend_schema(
        operation_id="submit_quote",
        summary="Submit a quote",
        description="Approved at once, or in review. Only a person can ask for an approval; a key is refused there.",
        request=ReasonIn,
        responses={200: QuoteOut, 409: RefusedOut},
    )
    def post(self, request: Request, number: str) -> Response:
        version = _found(request, number)
        version = operations.submit(version, act=_act(request, "Submitted through the API"))
        return Response(quote_shape(version))


class SendView(APIView):
    """Make the offer."""

    permission_classes = [HasScope]
    required_scope = "quotes:write"
    required_permission = "quoting.send_quoteversion"

    @extend_schema(
        operation_id="send_quote",
        summary="Send a quote",
        description="Refused while an approval is outstanding. What was sent never changes.",
        request=ReasonIn,
        responses={200: QuoteOut, 409: RefusedOut},
    )
    def post(self, request: Request, number: str) -> Response:
        version = _found(request, number)
        version = operations.send(version, act=_act(request, "Sent through the API"))
        return Response(quote_shape(version))


def _draft(request: Request, asked: Mapping[str, Any], act: Act) -> QuoteVersion:
    customers = (
        Customer.objects.all() if hasattr(request, "system_key") else visible(Customer.objects.all(), request.user)
    )
    fields = {
        name: asked[name]
        for name in ("title", "terms", "opportunity_key", "follows_card")
        if asked.get(name) is not None
    }
    with transaction.atomic():
        quote = operations.draft_quote(
            customer=_named(customers, "customer", key=asked["customer"]),
            rate_card=_named(RateCard.objects.all(), "rate_card", key=asked["rate_card"])
            if "rate_card" in asked
            else None,
            legal_entity=_seller(asked.get("legal_entity")),
            owner=_owner(request, asked.get("owner")),
            start_on=asked["start_on"],
            months=asked["months"],
            valid_until=asked["valid_until"],
            renews=_named(Contract.objects.filter(customer__in=customers), "renews", number=asked["renews"])
            if "renews" in asked
            else None,
            act=act,
            **fields,
        )
        version = quote.versions.get()
        products = {product.key: product for product in Product.objects.select_related("meter")}
        for index, line in enumerate(asked["lines"]):
            if line["product"] not in products:
                raise serializers.ValidationError({"lines": {str(index): {"product": ["There is no such product."]}}})
            _offer(version, products[line["product"]], line, act)
        if asked.get("commit"):
            _offer_commit(version, asked["commit"], act)
    return latest_version(quote)


def _offer(version: QuoteVersion, product: Product, line: Mapping[str, Any], act: Act) -> None:
    given = {name: line[name] for name in ("quantity", "expected_usage", "discount_percent") if name in line}
    for name in ("discount_amount", "minimum"):
        if line.get(name) is not None:
            given[name] = _in_currency(version, line[name])
    if version.lines.filter(product=product).exists():
        raise Refused(f"{product} is in this offer twice.")
    operations.set_line(version, product, act=act, **given)


def _offer_commit(version: QuoteVersion, commit: Mapping[str, Any], act: Act) -> None:
    given = {name: commit[name] for name in ("name", "product_keys") if name in commit}
    operations.set_commit(
        version,
        access_amount=_in_currency(version, commit["access"]),
        price=_in_currency(version, commit["price"]),
        act=act,
        **given,
    )


def _in_currency(version: QuoteVersion, money: Money) -> Any:
    if money.currency != version.currency:
        raise Refused(f"This offer is in {version.currency}, not in {money.currency}.")
    return money.amount


def _found(request: Request, number: str) -> QuoteVersion:
    """The latest version of the quote, or 404 if there is none that this caller may know of."""
    quotes = Quote.objects.filter(number=number)
    quote = (quotes if hasattr(request, "system_key") else visible(quotes, request.user)).first()
    if quote is None:
        raise Http404
    return latest_version(quote)


def _act(request: Request, because: str) -> Act:
    asked = ReasonIn(data=request.data)
    asked.is_valid(raise_exception=True)
    return act_of(request, asked.validated_data.get("because") or because)


def _named(rows: models.QuerySet[M], field: str, **lookup: str) -> M:
    row = rows.filter(**lookup).first()
    if row is None:
        raise serializers.ValidationError(
            {field: [f"There is no {field.replace('_', ' ')} {next(iter(lookup.values()))!r}."]}
        )
    return row


def _seller(key: str | None) -> LegalEntity:
    if key is not None:
        return _named(LegalEntity.objects.all(), "legal_entity", key=key)
    sellers = list(LegalEntity.objects.all()[:2])
    if len(sellers) != 1:
        raise serializers.ValidationError({"legal_entity": ["Say which of our companies sells."]})
    return sellers[0]


def _owner(request: Request, username: str | None) -> User:
    if username is not None:
        return _named(User.objects.filter(is_active=True), "owner", username=username)
    if hasattr(request, "system_key"):
        raise serializers.ValidationError({"owner": ["A system says whose quote this is."]})
    return request.user  # type: ignore[return-value]


urlpatterns = [
    path("quotes", QuotesView.as_view(), name="quotes"),
    path("quotes/<str:number>", QuoteView.as_view(), name="quote"),
    path("quotes/<str:number>/submit", SubmitView.as_view(), name="submit-quote"),
    path("quotes/<str:number>/send", SendView.as_view(), name="send-quote"),
]
