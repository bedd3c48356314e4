"""What the API of rate cards, versions and drafts answers, as its schema shows it, and how it is made."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rest_framework import serializers

from catalog import prices, queries
from catalog.api.fields import ChargeField
from catalog.api.shapes import Json
from catalog.editions import Offer
from catalog.impact import Impact, InCurrency
from catalog.lint import Finding, Severity
from catalog.models import Product, RateCard, RateCardVersion
from pricing import charges
from pricing.money import Money, plain

REACH = RateCardVersion.Reach
DIFFERENCES = ["added", "changed", "removed"]


class RateOut(serializers.Serializer[Any]):
    product = serializers.CharField()
    name = serializers.CharField()
    unit = serializers.CharField()
    sentence = serializers.CharField()
    billed = serializers.CharField()
    cycle_months = serializers.IntegerField()
    in_advance = serializers.BooleanField()
    charge = ChargeField()
    inherited_from = serializers.CharField(allow_null=True, help_text="The base card whose price it is; null: its own.")


class VersionOut(serializers.Serializer[Any]):
    number = serializers.IntegerField(allow_null=True, help_text="Given on publication.")
    status = serializers.ChoiceField(RateCardVersion.Status.choices)
    effective_from = serializers.DateTimeField(allow_null=True)
    planned_from = serializers.DateTimeField(allow_null=True)
    reach = serializers.ChoiceField(REACH.choices, help_text="Which contracts signed before get these prices.")
    existing_from = serializers.DateTimeField(allow_null=True)
    base_factor = serializers.CharField()
    publish_when_approved = serializers.BooleanField()
    warnings_accepted = serializers.CharField()
    restores = serializers.IntegerField(allow_null=True, help_text="The version this one put back in force.")
    note = serializers.CharField()
    rates = RateOut(many=True)


class EditionOut(serializers.Serializer[Any]):
    number = serializers.IntegerField(allow_null=True)
    standing = serializers.ChoiceField(["draft", "in review", "scheduled", "in force", "superseded", "withdrawn"])
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()


class RateCardOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    base = serializers.CharField(allow_null=True)
    region = serializers.CharField()
    segment = serializers.CharField()
    channel = serializers.CharField()
    customer_type = serializers.CharField()
    notice_days = serializers.IntegerField()
    is_public = serializers.BooleanField()
    at = serializers.DateTimeField()
    version = VersionOut(allow_null=True)


class RateCardRowOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="Number of the version in force at `at`.")
    effective_from = serializers.DateTimeField(allow_null=True)


class PublishedOut(serializers.Serializer[Any]):
    by = serializers.CharField()
    at = serializers.DateTimeField()
    because = serializers.CharField()


class RateAtOut(RateOut):
    at = serializers.DateTimeField()
    rate_card = serializers.CharField(help_text="Whose version says this price: the card, or its base.")
    version = serializers.IntegerField(allow_null=True)
    since = serializers.DateTimeField(help_text="When that version took effect.")
    published = PublishedOut(allow_null=True)


class ChangeOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class RateDifferenceOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(DIFFERENCES)
    product = serializers.CharField()
    name = serializers.CharField()
    before = serializers.CharField(help_text="In words; empty where there was none.")
    after = serializers.CharField()


class DifferenceOut(serializers.Serializer[Any]):
    before = serializers.IntegerField(allow_null=True)
    after = serializers.IntegerField(allow_null=True, help_text="null: the live draft.")
    fields_changed = ChangeOut(many=True)
    rates_changed = RateDifferenceOut(many=True)


class FindingOut(serializers.Serializer[Any]):
    rule = serializers.CharField()
    severity = serializers.ChoiceField([str(each) for each in Severity])
    where = serializers.CharField()
    text = serializers.CharField()


class AmountOut(serializers.Serializer[Any]):
    amount = serializers.CharField()
    currency = serializers.CharField()


class InCurrencyOut(serializers.Serializer[Any]):
    currency = serializers.CharField()
    contracts = serializers.IntegerField()
    pay_less = serializers.IntegerField()
    pay_more = serializers.IntegerField()
    before = AmountOut(help_text="Of the last full month.")
    after = AmountOut()
    margin_before = serializers.CharField(allow_null=True, help_text="Percent, where costs are known.")
    margin_after = serializers.CharField(allow_null=True)


class ContractImpactOut(serializers.Serializer[Any]):
    contract = serializers.CharField()
    customer = serializers.CharField()
    before = AmountOut()
    after = AmountOut()


class ImpactOut(serializers.Serializer[Any]):
    totals = InCurrencyOut(many=True)
    not_reached = serializers.DictField(child=serializers.IntegerField(), help_text="Contracts by reason.")
    open_quotes = serializers.IntegerField()
    top = ContractImpactOut(many=True, help_text="The largest differences; [] for those who may not see contracts.")
    quotes = serializers.ListField(child=serializers.CharField())


def card_row(card: RateCard, version: RateCardVersion | None) -> Json:
    return {
        "key": card.key,
        "name": card.name,
        "currency": card.currency,
        "version": version and version.number,
        "effective_from": version and version.effective_from,
    }


def card_out(card: RateCard, version: RateCardVersion | None, at: datetime) -> Json:
    described = ("key", "name", "currency", "region", "segment", "channel", "customer_type", "notice_days", "is_public")
    return {name: getattr(card, name) for name in described} | {
        "base": card.base and card.base.key,
        "at": at,
        "version": version and version_out(version, at),
    }


def version_out(version: RateCardVersion, at: datetime) -> Json:
    said = (
        "number", "status", "effective_from", "planned_from", "reach", "existing_from", "publish_when_approved",
        "warnings_accepted", "note",
    )  # fmt: skip
    return {name: getattr(version, name) for name in said} | {
        "base_factor": plain(version.base_factor),
        "restores": version.restores and version.restores.number,
        "rates": [rate_out(row) for row in prices.price_list(version, at=at)],
    }


def edition_out(edition: queries.Edition) -> Json:
    return {
        "number": edition.version.number,
        "standing": edition.standing,
        "since": edition.since,
        "until": edition.until,
        "note": edition.version.note,
    }


def rate_out(row: prices.PriceRow) -> Json:
    return {
        "product": row.product.key,
        "name": row.product.name,
        "unit": row.product.unit,
        "sentence": row.sentence,
        "billed": row.billed,
        "cycle_months": row.offer.cycle_months,
        "in_advance": row.offer.in_advance,
        "charge": charges.dump(row.offer.charge),
        "inherited_from": row.source.card.key if row.is_inherited else None,
    }


def rate_at_out(found: prices.RateAt, at: datetime) -> Json:
    source, published = found.row.source, found.published
    return rate_out(found.row) | {
        "at": at,
        "rate_card": source.card.key,
        "version": source.number,
        "since": source.effective_from,
        "published": published and {"by": published.by_name, "at": published.at, "because": published.because},
    }


def difference_out(before: RateCardVersion, after: RateCardVersion, at: datetime) -> Json:
    return {
        "before": before.number,
        "after": after.number,
        "fields_changed": [
            {"field": each.field, "before": each.before, "after": each.after}
            for each in prices.field_differences(before, after)
        ],
        "rates_changed": [
            {
                "kind": each.kind,
                "product": each.product.key,
                "name": each.product.name,
                "before": each.before_text,
                "after": each.after_text,
            }
            for each in prices.difference(before, after, at=at)
        ],
    }


def finding_out(finding: Finding) -> Json:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "where": finding.where,
        "text": finding.text,
    }


def impact_out(impact: Impact, *, names_them: bool) -> Json:
    """The blast radius; contracts, customers and quotes by name only for those who may see them."""
    return {
        "totals": [_in_currency(each) for each in impact.by_currency],
        "not_reached": dict(impact.not_reached_because),
        "open_quotes": len(impact.quotes),
        "top": [
            {
                "contract": each.number,
                "customer": each.customer,
                "before": each.before.as_json(),
                "after": each.after.as_json(),
            }
            for each in impact.top
            if names_them
        ],
        "quotes": [each.text for each in impact.quotes if names_them],
    }


def _in_currency(each: InCurrency) -> Json:
    return {
        "currency": each.currency,
        "contracts": each.contracts,
        "pay_less": each.winners,
        "pay_more": each.losers,
        "before": Money(each.before, each.currency).as_json(),
        "after": Money(each.after, each.currency).as_json(),
        "margin_before": None if each.margin_before is None else plain(each.margin_before),
        "margin_after": None if each.margin_after is None else plain(each.margin_after),
    }


def offers(rates: Iterable[Json]) -> dict[Product, Offer]:
    """What was asked of a draft's rates, as operations take it."""
    return {each["product"]: Offer(each["charge"], each["cycle_months"], each["in_advance"]) for each in rates}
