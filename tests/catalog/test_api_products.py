"""Products, costs, features and selection rules over HTTP."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog import operations
from catalog.models import CostRate, Product, RateCard, SelectionRule
from contracts.operations import create_customer
from governance.clock import clock_set_to
from tests.catalog.calls import WHY, key_with, send
from tests.catalog.cards import MARCH, by

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
TOKENS = "/api/v1/products/input-tokens"
RULES = "/api/v1/selection-rules"
SELECT = "/api/v1/rate-cards/select"


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    with clock_set_to(MARCH):
        yield


def test_a_product_is_described_anew_and_taken_back(signed_in: SignIn, tokens: Product, ann: User) -> None:
    client = signed_in(ann)
    body = {
        "name": "Tokens in",
        "unit": "token",
        "tax_code": "txcd_1",
        "tags": ["llm", "eu", "llm"],
        "is_active": False,
        **WHY,
    }
    status, found = send(client, "PUT", TOKENS, body)
    assert (status, found["name"], found["tax_code"], found["is_active"], found["features"]) == (
        200, "Tokens in", "txcd_1", False, [],
    )  # fmt: skip
    assert found["tags"] == ["llm", "eu"]
    assert send(client, "PUT", TOKENS, {"name": "Tokens", "tags": ["not a tag"], **WHY})[0] == 400
    assert send(client, "PUT", TOKENS, {"name": "", "recognition": "never", **WHY})[0] == 400
    assert send(client, "PUT", TOKENS, {"name": "Tokens", "recognition": "on_invoice", **WHY})[0] == 409
    assert send(client, "DELETE", TOKENS)[0] == 400
    assert send(client, "DELETE", f"{TOKENS}?because=Never%20sold") == (204, None)
    assert not Product.objects.exists()


def test_a_product_in_use_is_kept_with_the_list_of_uses(signed_in: SignIn, draft: object, ann: User) -> None:
    status, refusal = send(signed_in(ann), "DELETE", f"{TOKENS}?because=Gone")
    assert (status, refusal["detail"]) == (
        409,
        "Input tokens is in use: Standard USD (draft). Stop selling it instead.",
    )


def test_costs_are_dated_and_told_to_few(
    signed_in: SignIn, client: Client, tokens: Product, ann: User, ben: User
) -> None:
    cost = {"since": "2026-01-01T00:00:00Z", "unit_cost": "1.10", "per": "1000000", "currency": "USD"}
    others = [
        {"since": "2026-02-01T00:00:00Z", "dimensions": {"model": "large"}},
        {"since": "2026-04-01T00:00:00Z", "unit_cost": "2"},
    ]
    for more in ({}, *others):
        assert send(signed_in(ann), "POST", f"{TOKENS}/costs", cost | more | WHY)[0] == 201
    assert [each["unit_cost"] for each in send(signed_in(ann), "GET", f"{TOKENS}/costs")[1]] == ["2", "1.1", "1.1"]
    assert send(signed_in(ann), "GET", f"{TOKENS}/cost")[1]["since"] == "2026-01-01T00:00:00Z"
    assert send(signed_in(ann), "GET", f"{TOKENS}/cost?at=2026-04-02T00:00:00Z")[1]["unit_cost"] == "2"
    assert send(signed_in(ann), "POST", f"{TOKENS}/costs", cost | WHY)[0] == 409
    status, wrong = send(signed_in(ann), "POST", f"{TOKENS}/costs", cost | {"unit_cost": "-1", "since": "then"} | WHY)
    assert (status, sorted(wrong)) == (400, ["since", "unit_cost"])
    for address in (f"{TOKENS}/costs", f"{TOKENS}/cost"):
        assert send(signed_in(ben), "GET", address)[0] == 403
        client.logout()
        assert send(client, "GET", address, **key_with("catalog:read"))[0] == 403
    assert CostRate.objects.count() == 3


def test_features_are_named_granted_and_revoked(signed_in: SignIn, tokens: Product, ann: User) -> None:
    client = signed_in(ann)
    feature = {"key": "seats", "name": "Seats", "kind": "limit", **WHY}
    assert send(client, "POST", "/api/v1/features", feature)[0] == 201
    assert send(client, "POST", "/api/v1/features", feature)[0] == 409
    assert send(client, "PUT", "/api/v1/features/seats", {"name": "Places", **WHY})[1]["name"] == "Places"
    status, found = send(client, "PUT", f"{TOKENS}/features/seats", {"value": "5", **WHY})
    assert (status, found["features"]) == (
        200,
        [
            {
                "feature": "seats",
                "name": "Places",
                "value": "5",
                "window": "cycle",
                "is_hard": True,
                "is_per_seat": False,
            }
        ],
    )
    assert send(client, "DELETE", "/api/v1/features/seats?because=x")[0] == 409
    assert send(client, "DELETE", f"{TOKENS}/features/seats?because=x")[1]["features"] == []
    assert send(client, "DELETE", f"{TOKENS}/features/seats?because=x")[0] == 409
    assert send(client, "DELETE", "/api/v1/features/seats?because=x")[0] == 204
    assert send(client, "GET", "/api/v1/features")[1] == []


def test_rules_choose_a_card_and_say_why(signed_in: SignIn, card: RateCard, ann: User) -> None:
    operations.create_rate_card(key="eu", name="EU", currency="EUR", act=by(ann))
    client = signed_in(ann)
    everybody = send(client, "POST", RULES, {"name": "All", "card": "standard-usd", **WHY})[1]
    europe = send(client, "POST", RULES, {"name": "EU", "card": "eu", "conditions": {"region": ["EU"]}, **WHY})[1]
    assert send(client, "GET", f"{SELECT}?region=eu")[1]["card"] == "standard-usd"
    order = {"rules": [europe["id"], everybody["id"]], **WHY}
    assert [each["name"] for each in send(client, "PUT", f"{RULES}/order", order)[1]] == ["EU", "All"]
    found = send(client, "GET", f"{SELECT}?region=eu")[1]
    assert (found["card"], found["rule"], found["steps"]) == (
        "eu", "EU", ["1. EU: yes, region is EU; the card is EU."],
    )  # fmt: skip
    assert send(client, "GET", SELECT)[1]["steps"][0] == "1. EU: no, region is not known, not EU."
    off = {"name": "All", "card": "standard-usd", "is_active": False, **WHY}
    assert send(client, "PUT", f"{RULES}/{everybody['id']}", off)[1]["is_active"] is False
    assert send(client, "GET", SELECT)[1]["card"] is None
    assert send(client, "PUT", f"{RULES}/order", {"rules": [europe["id"]], **WHY})[0] == 409
    assert send(client, "PUT", f"{RULES}/order", {"rules": ["x"], **WHY})[0] == 400
    assert send(client, "POST", RULES, {"name": "X", "card": "eu", "conditions": {"planet": ["mars"]}, **WHY})[0] == 409
    assert send(client, "DELETE", f"{RULES}/{europe['id']}?because=x")[0] == 204
    assert SelectionRule.objects.count() == 1


def test_a_customer_is_asked_about_by_those_who_may_see_it(
    signed_in: SignIn, client: Client, card: RateCard, ann: User, ben: User
) -> None:
    create_customer(key="contoso", name="Contoso", email="a@contoso.test", region="EU", act=by(ann))
    send(signed_in(ann), "POST", RULES, {"name": "EU", "card": "standard-usd", "conditions": {"region": ["EU"]}, **WHY})
    assert send(signed_in(ann), "GET", f"{SELECT}?customer=contoso")[1]["card"] == "standard-usd"
    assert send(signed_in(ann), "GET", f"{SELECT}?customer=contoso&region=US")[1]["card"] is None
    unknown = (400, {"customer": ["No customer has the key 'contoso'."]})
    assert send(signed_in(ben), "GET", f"{SELECT}?customer=contoso") == unknown
    client.logout()
    assert send(client, "GET", f"{SELECT}?customer=contoso", **key_with("catalog:read"))[0] == 403
    both = key_with("catalog:read", "customers:read")
    assert send(client, "GET", f"{SELECT}?customer=contoso", **both)[1]["card"] == "standard-usd"


def test_a_metered_feature_is_granted_by_window(signed_in: SignIn, tokens: Product, ann: User) -> None:
    client = signed_in(ann)
    calls = {"key": "calls", "name": "Calls", "kind": "metered", **WHY}
    assert send(client, "POST", "/api/v1/features", calls) == (
        409,
        {"detail": "A metered feature needs the meter that counts it."},
    )
    status, made = send(client, "POST", "/api/v1/features", {**calls, "meter": tokens.meter.key})
    assert (status, made["meter"]) == (201, tokens.meter.key)
    five = {"value": "100", "window": "five_hours", "is_per_seat": True, **WHY}
    send(client, "PUT", f"{TOKENS}/features/calls", five)
    _, found = send(client, "PUT", f"{TOKENS}/features/calls", {"value": "unlimited", "is_hard": False, **WHY})
    assert [(each["window"], each["value"], each["is_hard"], each["is_per_seat"]) for each in found["features"]] == [
        ("cycle", "unlimited", False, False),
        ("five_hours", "100", True, True),
    ]
    _, found = send(client, "DELETE", f"{TOKENS}/features/calls?because=x&window=cycle")
    assert [each["window"] for each in found["features"]] == ["five_hours"]


@pytest.mark.parametrize(
    ("kind", "terms", "wrong"),
    [
        ("boolean", {"value": "1"}, {"value": ["One that is on or off has no value; leave this empty."]}),
        ("config", {}, {"value": ["Say the value."]}),
        ("limit", {"value": "many"}, {"value": ["Say how much: a number in plain digits, or “unlimited”."]}),
        ("limit", {"value": "-1"}, {"value": ["Say how much: not negative, at most 16 digits and 9 decimals."]}),
        ("limit", {"value": "5", "window": "day"}, {"window": ["Only a metered allowance has a window."]}),
        (
            "config",
            {"value": "eu", "is_per_seat": True},
            {"is_per_seat": ["Only a number can be granted for each seat."]},
        ),
    ],
)
def test_terms_that_do_not_fit_the_kind_are_told_by_field(
    signed_in: SignIn, tokens: Product, ann: User, kind: str, terms: dict[str, object], wrong: dict[str, list[str]]
) -> None:
    client = signed_in(ann)
    operations.create_feature(key="it", name="It", kind=kind, act=by(ann, at=MARCH))
    assert send(client, "PUT", f"{TOKENS}/features/it", {**terms, **WHY}) == (400, wrong)
    assert not tokens.grants.exists()
