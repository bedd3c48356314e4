"""A contract signed elsewhere, as the API takes it, made into the terms to sign."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from catalog.models import RateCard, RateCardVersion
from catalog.prices import base_of
from catalog.queries import version_at
from contracts.scheduled import AgreedCharge
from contracts.terms import (
    AgreedCommit,
    AgreedInstalment,
    AgreedLine,
    AgreedPrice,
    AgreedRule,
    RenewalRule,
    SignedTerms,
    term_of_contract,
)
from governance.acts import Refused
from pricing.money import ZERO, Money
from pricing.overriding import Factor
from pricing.periods import midnight

SAME = (
    "customer", "payer", "legal_entity", "follows_card", "start_on", "months", "anchor_day", "proration",
    "signed_by", "purchase_order", "opportunity_key", "renews", "payment_terms_days", "invoice_months",
)  # fmt: skip


def recorded_terms(given: Mapping[str, Any], at: datetime) -> SignedTerms:
    """What `ContractIn` holds, at the prices in force when the contract starts. `Refused` where there are none."""
    card: RateCard = given["rate_card"]
    prices = _prices(card, term_of_contract(given["start_on"], 1, given["customer"].time_zone).start)
    return SignedTerms(
        **{name: given[name] for name in SAME},
        rate_card_version=prices,
        base_version=base_of(prices, at),
        currency=card.currency,
        lines=[_line(each, card.currency) for each in given["lines"]],
        commits=[_commit(each, card.currency) for each in given["commits"]],
        renewal=_renewal(given["renewal"]),
        charges=[_charge(each, card.currency) for each in given["charges"]],
        overrides=[_override(each, given["customer"].time_zone) for each in given["overrides"]],
        rules=[_rule(each, card.currency) for each in given["commit_rules"]],
    )


def _renewal(given: Mapping[str, Any] | None) -> RenewalRule:
    if given is None:
        return RenewalRule()
    uplift_percent = given.get("uplift_percent", ZERO)
    return RenewalRule(given["rule"], given["months"], given["notice_days"], uplift_percent, given["prices"])


def _prices(card: RateCard, at: datetime) -> RateCardVersion:
    version = version_at(card, at)
    if version is None:
        raise Refused(f"{card} has no published prices at the start of the contract.")
    return version


def _line(given: Mapping[str, Any], currency: str) -> AgreedLine:
    minimum = given["minimum"]
    return AgreedLine(
        product=given["product"],
        quantity=given["quantity"],
        discount_percent=given.get("discount_percent", ZERO),
        discount_amount=_amount(given["discount_amount"], currency),
        minimum=None if minimum is None else _amount(minimum, currency),
        label=given["label"],
        start_on=given["start_on"],
        end_on=given["end_on"] and given["end_on"] + timedelta(days=1),
        prices=given["prices"],
        invoice_group=given["invoice_group"],
    )


def _commit(given: Mapping[str, Any], currency: str) -> AgreedCommit:
    return AgreedCommit(
        name=given["name"],
        kind=given["kind"],
        access_amount=given["units"] if given["access"] is None else _amount(given["access"], currency),
        unit=given["unit"],
        worth=given["worth"],
        price=_amount(given["price"], currency),
        product_keys=tuple(product.key for product in given["product_keys"]),
        product_tags=tuple(given["product_tags"]),
        priority=given["priority"],
        start_on=given["start_on"],
        end_on=given["end_on"] and given["end_on"] + timedelta(days=1),
        instalments=tuple(
            AgreedInstalment(_amount(each["amount"], currency), each["invoice_on"]) for each in given["instalments"]
        ),
    )


def _charge(given: Mapping[str, Any], currency: str) -> AgreedCharge:
    same = {name: given[name] for name in ("name", "product", "due_on", "until_on", "is_milestone")}
    return AgreedCharge(**same, amount=_amount(given["amount"], currency))


def _override(given: Mapping[str, Any], zone: str) -> AgreedPrice:
    return AgreedPrice(
        **{name: given[name] for name in ("product", "charge", "multiplier", "dimensions", "priority")},
        tiers=tuple(Factor(each["up_to"], each["multiplier"]) for each in given["tiers"]),
        product_tags=tuple(given["product_tags"]),
        start_at=given["start_on"] and midnight(given["start_on"], zone),
        end_at=given["end_on"] and midnight(given["end_on"] + timedelta(days=1), zone),
    )


def _rule(given: Mapping[str, Any], currency: str) -> AgreedRule:
    same = (
        "name", "kind", "unit", "priority", "is_gated", "rollover_limit",
        "rollover_months", "cycle_months", "lasts_months", "per_seat_of", "threshold",
    )  # fmt: skip
    limit = given["monthly_limit"]
    return AgreedRule(
        **{name: given[name] for name in same},
        access_amount=given["access"],
        worth=Decimal(given["worth"]),
        rollover_percent=Decimal(given["rollover_percent"]),
        price=_amount(given["price"], currency),
        product_keys=tuple(product.key for product in given["product_keys"]),
        monthly_limit=None if limit is None else _amount(limit, currency),
    )


def _amount(money: Money | None, currency: str) -> Decimal:
    if money is None:
        return ZERO
    if money.currency != currency:
        raise Refused(f"The rate card is in {currency}; {money.currency} cannot be agreed.")
    return money.amount
