"""Contracts signed elsewhere are recorded through the API."""

from typing import Any

import pytest
from django.test import Client

from contracts.models import Contract
from governance.models import Change
from tests import cast

pytestmark = pytest.mark.django_db
TEN = {"amount": "10", "currency": "USD"}


def given(**fields: Any) -> dict[str, Any]:
    """Half a year of input tokens, and the fee from March on; a commit paid in two parts."""
    cast.contoso()
    cast.seller()
    cast.standard_card()
    usd = {"currency": "USD"}
    return {
        "customer": "contoso",
        "legal_entity": "quoin",
        "rate_card": "standard-usd",
        "start_on": "2026-01-01",
        "months": 6,
        "anchor_day": 15,
        "signed_by": "Dan Contoso",
        "purchase_order": "PO-4711",
        "lines": [
            {"product": "input-tokens", "discount_percent": "15"},
            {
                "product": "platform-fee",
                "label": "Later",
                "start_on": "2026-03-01",
                "end_on": "2026-05-31",
                "prices": "followed",
            },
        ],
        "commits": [
            {
                "name": "Prepaid usage",
                "access": {"amount": "40"} | usd,
                "price": {"amount": "36"} | usd,
                "product_keys": ["input-tokens"],
                "instalments": [
                    {"amount": {"amount": "18"} | usd, "invoice_on": "2026-01-01"},
                    {"amount": {"amount": "18"} | usd, "invoice_on": "2026-04-01"},
                ],
            }
        ],
    } | fields


def post(body: dict[str, Any], *scopes: str) -> Any:
    client = Client(headers=cast.system_key(*(scopes or ("contracts:write",)), name="import"))
    return client.post("/api/v1/contracts", body, content_type="application/json")


def test_a_contract_is_recorded_as_it_was_signed() -> None:
    answer = post(given())
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert (body["anchor_day"], body["proration"], body["purchase_order"]) == (15, "day", "PO-4711")
    assert [(each["product"], each["label"], each["start_on"], each["end_on"]) for each in body["lines"]] == [
        ("input-tokens", "", "2026-01-01", "2026-06-30"),
        ("platform-fee", "Later", "2026-03-01", "2026-05-31"),
    ]
    (commit,) = body["commits"]
    assert commit["balance"] == {"amount": "40.00", "currency": "USD"}
    assert [each["invoice_on"] for each in commit["instalments"]] == ["2026-01-01", "2026-04-01"]
    assert Change.objects.get(name="contract.signed").by_name == "key import"


def test_rules_that_make_commits_are_recorded_and_read_back() -> None:
    monthly = {"name": "Credits", "access": "1000", "unit": "credit", "worth": "0.01", "rollover_percent": "50",
               "rollover_months": 1}  # fmt: skip
    recharge = {"name": "Recharge", "access": "100", "price": TEN, "threshold": "20", "monthly_limit": TEN}
    answer = post(given(commit_rules=[monthly, recharge]))
    assert answer.status_code == 201, answer.json()
    first, second = sorted(answer.json()["commit_rules"], key=lambda each: each["name"])
    assert first["says"] == "1,000 credits every month, to be used within 1 month"
    assert (first["unit"], first["worth"], first["rollover_percent"], first["threshold"]) == (
        "credit",
        "0.01",
        "50",
        None,
    )
    assert second["says"] == (
        "$100.00 for $10.00 whenever less than $20.00 is left, at most $10.00 a month, to be used within 1 month"
    )
    assert (second["when"], second["unit"], second["monthly_limit"]["amount"]) == ("below_threshold", "USD", "10.00")


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"customer": "nobody"}, 400, "customer"),
        ({"anchor_day": 32}, 400, "anchor_day"),
        ({"lines": [{"product": "setup"}], "commits": []}, 409, "has no price"),
        ({"lines": [], "commits": []}, 409, "There is nothing in this contract."),
        ({"start_on": "9999-12-31"}, 400, "start_on"),
        ({"commits": [{"name": "Prepaid", "access": TEN, "price": TEN, "product_keys": ["setup"]}]}, 400, "setup"),
        ({"commit_rules": [{"name": "Credits", "access": "0"}]}, 409, "must give access to something"),
        ({"commit_rules": [{"name": "Credits", "access": 5}]}, 400, "access"),
        ({"start_on": "2020-01-01"}, 409, "no published prices at the start"),
        (
            {"lines": [{"product": "input-tokens", "minimum": {"amount": "1", "currency": "EUR"}}]},
            409,
            "EUR cannot be agreed",
        ),
    ],
)
def test_what_cannot_be_a_contract_is_told_and_nothing_is_written(
    fields: dict[str, Any], status: int, words: str
) -> None:
    cast.product("setup")
    answer = post(given(**fields))
    assert (answer.status_code, words in answer.content.decode()) == (status, True), answer.content
    assert Contract.objects.count() == 0


def test_prices_of_the_contract_alone_are_recorded_and_act() -> None:
    tagged = {"product_tags": ["fees"], "multiplier": "0.5", "end_on": "2026-03-31"}
    large = {
        "product": "input-tokens",
        "dimensions": {"model": "large"},
        "charge": {"kind": "per_unit", "unit_price": "1"},
    }
    tiers = [{"up_to": "1000", "multiplier": "1"}, {"up_to": None, "multiplier": "0.8"}]
    answer = post(given(overrides=[tagged, large, {"product": "input-tokens", "tiers": tiers, "priority": 5}]))
    assert answer.status_code == 201, answer.json()
    found = answer.json()["overrides"]
    by_priority = {(each["product"], each["priority"]): each for each in found}
    assert by_priority["input-tokens", 5]["tiers"] == tiers
    assert (by_priority["input-tokens", 100]["dimensions"], by_priority["input-tokens", 100]["end_on"]) == (
        {"model": "large"},
        None,
    )
    assert (by_priority[None, 100]["product_tags"], by_priority[None, 100]["multiplier"]) == (["fees"], "0.5")
    assert (by_priority[None, 100]["start_on"], by_priority[None, 100]["end_on"]) == ("2026-01-01", "2026-03-31")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"multiplier": "0.5", "charge": {"kind": "flat", "amount": "1"}}, "one of them"),
        ({"product": "input-tokens"}, "one of them"),
        ({"product": "input-tokens", "product_tags": ["llm"], "multiplier": "0.5"}, "not for both"),
        ({"product": "platform-fee", "dimensions": {"model": "large"}, "multiplier": "1"}, "names a measured product"),
        ({"multiplier": "-1"}, "less than nothing"),
        ({"tiers": [{"up_to": "10", "multiplier": "1"}]}, "the last tier must be open"),
        ({"product": "platform-fee", "tiers": [{"up_to": None, "multiplier": "1"}]}, "by the unit only"),
        ({"multiplier": "0.5", "start_on": "2026-02-01", "end_on": "2026-01-01"}, "ends after it starts"),
    ],
)
def test_a_price_that_cannot_be_agreed_is_refused_and_nothing_is_written(override: dict[str, Any], words: str) -> None:
    answer = post(given(overrides=[override]))
    assert (answer.status_code, words in answer.content.decode()) == (409, True), answer.content
    assert Contract.objects.count() == 0


def test_reading_contracts_is_not_enough() -> None:
    assert post(given(), "contracts:read").status_code == 403
    assert Contract.objects.count() == 0


def test_how_it_is_invoiced_comes_with_it() -> None:
    lines = [{"product": "input-tokens", "invoice_group": "PO-1"}]
    fields = {"anchor_day": None, "alignment": "calendar", "payment_terms_days": 14, "invoice_months": 3}
    body = post(given(start_on="2026-01-15", lines=lines, commits=[], **fields)).json()
    assert (body["alignment"], body["anchor_day"], body["payment_terms_days"], body["invoice_months"]) == (
        "calendar", 1, 14, 3,
    )  # fmt: skip
    assert body["lines"][0]["invoice_group"] == "PO-1"
    answer = post(given(alignment="calendar"))
    assert (answer.status_code, answer.json()) == (400, {"alignment": ["Either this or anchor_day."]})


def test_commits_of_every_kind_are_recorded_in_their_units() -> None:
    given_credits = {"name": "Welcome credits", "kind": "credit", "units": "1200", "unit": "credit", "worth": "0.01"}
    promised = {
        "name": "Commitment",
        "kind": "postpaid",
        "access": TEN,
        "start_on": "2026-02-01",
        "end_on": "2026-03-31",
    }
    body = given(commits=[given_credits, promised])
    answer = post(body)
    assert answer.status_code == 201, answer.json()
    shown = {
        each["name"]: {
            name: each[name] for name in ("kind", "access", "units", "unit", "worth", "units_left", "end_on")
        }
        for each in answer.json()["commits"]
    }
    assert shown == {
        "Welcome credits": {
            "kind": "credit",
            "access": None,
            "units": "1200",
            "unit": "credit",
            "worth": "0.01",
            "units_left": "1200",
            "end_on": "2026-06-30",
        },
        "Commitment": {
            "kind": "postpaid",
            "access": {"amount": "10.00", "currency": "USD"},
            "units": "10",
            "unit": "",
            "worth": "1",
            "units_left": "10",
            "end_on": "2026-03-31",
        },
    }


@pytest.mark.parametrize(
    ("commit", "field"),
    [
        ({"name": "C"}, "access"),
        ({"name": "C", "access": TEN, "units": "5", "unit": "credit"}, "access"),
        ({"name": "C", "units": "5"}, "unit"),
        ({"name": "C", "access": TEN, "unit": "credit"}, "unit"),
    ],
)
def test_a_commit_is_in_money_or_in_units(commit: dict[str, Any], field: str) -> None:
    answer = post(given(commits=[commit]))
    assert (answer.status_code, list(answer.json()["commits"]["0"])) == (400, [field])
    assert Contract.objects.count() == 0
