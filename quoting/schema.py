"""The shapes of quotes in the API, and how a quote is shown in them."""

from typing import Any

from rest_framework import serializers

from contracts.schema import MoneyField, Number
from governance.approvals import Need
from governance.clock import now
from governance.models import ApprovalRequest
from pricing.money import Money, plain
from quoting.models import QuoteVersion
from quoting.queries import PricedLine, approvals_needed, is_expired, priced
from quoting.rules import MonthTotal

APPROVAL_STATUSES = ["needed", *ApprovalRequest.Status.values]


class LineIn(serializers.Serializer[Any]):
    product = serializers.CharField(max_length=60, help_text="A product's key.")
    quantity = Number(required=False, allow_null=True, help_text="Of what is not metered; 1 unless given.")
    expected_usage = Number(required=False, allow_null=True, help_text="Of what is metered: units a month.")
    discount_percent = Number(required=False)
    discount_amount = MoneyField(required=False, help_text="Off each billing cycle.")
    minimum = MoneyField(required=False, allow_null=True, help_text="Of each billing cycle.")


class CommitIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120, required=False)
    access = MoneyField(help_text="How much usage it pays for.")
    price = MoneyField(help_text="What it costs, invoiced at the start.")
    product_keys = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Empty: every usage product."
    )


class QuoteIn(serializers.Serializer[Any]):
    customer = serializers.CharField(help_text="A customer's key.")
    rate_card = serializers.CharField(
        required=False,
        help_text="A rate card's key; the version in force prices the offer. Without it the selection rules choose.",
    )
    legal_entity = serializers.CharField(required=False, help_text="Who sells; may be left out if there is one.")
    owner = serializers.CharField(required=False, help_text="A username; whoever is signed in unless given.")
    start_on = serializers.DateField()
    months = serializers.IntegerField(min_value=1, max_value=120, default=12)
    valid_until = serializers.DateField(help_text="The last day on which it can be accepted.")
    follows_card = serializers.BooleanField(default=False)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    terms = serializers.CharField(required=False, allow_blank=True)
    opportunity_key = serializers.CharField(max_length=80, required=False, allow_blank=True)
    renews = serializers.CharField(required=False, help_text="The number of the contract that it is to renew.")
    lines = LineIn(many=True)
    commit = CommitIn(required=False, allow_null=True)


class ReasonIn(serializers.Serializer[Any]):
    because = serializers.CharField(required=False, max_length=1_000, help_text="Why; kept in the trail.")


class QuoteLineOut(serializers.Serializer[Any]):
    product = serializers.CharField()
    name = serializers.CharField()
    price = serializers.CharField(help_text="In words: $10.00 per million")
    quantity = serializers.CharField(allow_null=True)
    expected_usage = serializers.CharField(allow_null=True)
    discount_percent = serializers.CharField(help_text="As agreed for the line.")
    discount_amount = MoneyField()
    minimum = MoneyField(allow_null=True)
    first_amount = MoneyField(allow_null=True, help_text="Of the first billing cycle.")


class MonthOut(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    charges = MoneyField()
    commit_price = MoneyField()
    drawn = MoneyField()
    due = MoneyField()


class ApprovalOut(serializers.Serializer[Any]):
    role = serializers.CharField()
    why = serializers.CharField()
    status = serializers.ChoiceField(APPROVAL_STATUSES)
    requested_by = serializers.CharField(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    because = serializers.CharField()


class QuoteOut(serializers.Serializer[Any]):
    """A quote by its latest version. Amounts are before tax."""

    number = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(QuoteVersion.Status.choices)
    is_expired = serializers.BooleanField()
    customer = serializers.CharField()
    owner = serializers.CharField()
    title = serializers.CharField()
    opportunity_key = serializers.CharField()
    renews = serializers.CharField(allow_null=True, help_text="The number of the contract that it is to renew.")
    rate_card = serializers.CharField()
    rate_card_version = serializers.IntegerField()
    follows_card = serializers.BooleanField()
    currency = serializers.CharField()
    start_on = serializers.DateField()
    months = serializers.IntegerField()
    valid_until = serializers.DateField()
    contract = serializers.CharField(allow_null=True)
    lines = QuoteLineOut(many=True)
    commits = CommitIn(many=True)
    discount_percent = serializers.CharField(help_text="On usage, at the usage expected; commits not counted.")
    total = MoneyField()
    total_by_month = MoneyField(many=True)
    by_month = MonthOut(many=True)
    approvals = ApprovalOut(many=True)


def quote_shape(version: QuoteVersion) -> dict[str, Any]:
    """A quote as `QuoteOut` says it, with its numbers worked out."""
    quote, numbers, prices = version.quote, priced(version), version.rate_card_version
    return {
        "number": quote.number,
        "version": version.number,
        "status": version.status,
        "is_expired": version.status == QuoteVersion.Status.SENT and is_expired(version, now()),
        "customer": quote.customer.key,
        "owner": quote.owner.get_username(),
        "title": quote.title,
        "opportunity_key": quote.opportunity_key,
        "renews": quote.renews.number if quote.renews else None,
        "rate_card": prices.card.key,
        "rate_card_version": prices.number,
        "follows_card": version.follows_card,
        "currency": version.currency,
        "start_on": version.start_on,
        "months": version.months,
        "valid_until": version.valid_until,
        "contract": version.contract.number if version.contract else None,
        "lines": [_line(line, version.currency) for line in numbers.lines],
        "commits": [
            {
                "name": commit.name,
                "access": Money(commit.access_amount, version.currency).as_json(),
                "price": Money(commit.price, version.currency).as_json(),
                "product_keys": commit.product_keys,
            }
            for commit in numbers.commits
        ],
        "discount_percent": plain(numbers.discount_percent),
        "total": numbers.total.as_json(),
        "total_by_month": [amount.as_json() for amount in numbers.total_by_month],
        "by_month": [_month(month) for month in numbers.months],
        "approvals": [_approval(need) for need in approvals_needed(version)],
    }


def _line(priced_line: PricedLine, currency: str) -> dict[str, Any]:
    line, first = priced_line.line, priced_line.first
    return {
        "product": line.product.key,
        "name": line.product.name,
        "price": priced_line.sentence,
        "quantity": None if line.quantity is None else plain(line.quantity),
        "expected_usage": None if line.expected_usage is None else plain(line.expected_usage),
        "discount_percent": plain(line.discount_percent),
        "discount_amount": Money(line.discount_amount, currency).as_json(),
        "minimum": None if line.minimum is None else Money(line.minimum, currency).as_json(),
        "first_amount": None if first is None else first.amount.as_json(),
    }


def _month(month: MonthTotal) -> dict[str, Any]:
    amounts = {name: getattr(month, name).as_json() for name in ("charges", "commit_price", "drawn", "due")}
    return {"start": month.period.start, "end": month.period.end} | amounts


def _approval(need: Need) -> dict[str, Any]:
    request = need.request
    if request is None or (request.status == ApprovalRequest.Status.APPROVED and not need.is_met):
        return {
            "role": need.policy.role,
            "why": need.fact.why,
            "status": "needed",
            "requested_by": None,
            "decided_by": None,
            "because": "",
        }
    return {
        "role": need.policy.role,
        "why": need.fact.why,
        "status": request.status,
        "requested_by": request.requested_by.get_username(),
        "decided_by": request.decided_by.get_username() if request.decided_by else None,
        "because": request.because,
    }
