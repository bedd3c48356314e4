"""The catalog over HTTP: prices as of an instant, the verbs, and who is turned away."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog import operations
from catalog.models import Product, Rate, RateCard, RateCardVersion
from governance.clock import clock_set_to
from governance.models import Change
from pricing.charges import KINDS, dump
from tests.catalog.calls import CARD, WHY, key_with, send
from tests.catalog.cards import APRIL, DEARER, MARCH, TIERED, TIERED_SENTENCE, agree, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def in_march():
    with clock_set_to(MARCH):
        yield


def test_products_are_listed(client: Client, tokens: Product, fee: Product) -> None:
    answer = client.get("/api/v1/products", headers=key_with("catalog:read"))
    assert [(row["key"], row["kind"], row["meter"]) for row in answer.json()] == [
        ("input-tokens", "usage", "tokens"),
        ("platform-fee", "recurring", None),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_lists_take_the_same_queries_however_long(
    client: Client, ann: User, signed_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for number in range(count):
        operations.create_product(key=f"p{number}", name="P", kind="recurring", act=by(ann))
        operations.create_rate_card(key=f"c{number}", name="C", currency="USD", act=by(ann))
    headers = key_with("catalog:read")
    with django_assert_num_queries(2):  # the key, the products
        assert len(client.get("/api/v1/products", headers=headers).json()) == count
    with django_assert_num_queries(3):  # the key, the cards, the versions
        assert len(client.get("/api/v1/rate-cards", headers=headers).json()) == count


def test_a_card_shows_the_version_in_force_at_an_instant(client: Client, publish: Publish) -> None:
    publish()
    publish(DEARER, at=APRIL)
    headers = key_with("catalog:read")
    march = client.get(CARD, {"at": "2026-03-03T10:00:00Z"}, headers=headers).json()
    assert (march["version"]["number"], march["version"]["rates"][0]["sentence"]) == (1, TIERED_SENTENCE)
    april = client.get(CARD, {"at": "2026-04-03T10:00:00+02:00"}, headers=headers).json()
    assert april["version"]["rates"] == [
        {
            "product": "input-tokens",
            "name": "Input tokens",
            "unit": "token",
            "sentence": "$3.00 per million",
            "billed": "monthly, in arrears",
            "cycle_months": 1,
            "in_advance": False,
            "charge": {"kind": "per_unit", "unit_price": "3.00", "per": "1000000"},
            "inherited_from": None,
        }
    ]
    assert client.get(CARD, {"at": "2026-02-01T00:00:00Z"}, headers=headers).json()["version"] is None
    rows = client.get("/api/v1/rate-cards", {"at": "2026-04-03T10:00:00Z"}, headers=headers).json()
    assert [(row["key"], row["version"]) for row in rows] == [("standard-usd", 2)]
    assert client.get(CARD, {"at": "soon"}, headers=headers).status_code == 400
    assert client.get("/api/v1/rate-cards/none", headers=headers).status_code == 404


def test_a_price_goes_from_product_to_publication(signed_in: SignIn, tokens: Product, ann: User, cara: User) -> None:
    client = signed_in(ann)
    card = {"key": "standard-usd", "name": "Standard USD", "currency": "USD", **WHY}
    assert send(client, "POST", "/api/v1/rate-cards", card)[0] == 201
    assert send(client, "POST", f"{CARD}/draft", {"note": "Spring", **WHY})[0] == 201
    status, draft = send(client, "PUT", f"{CARD}/draft/rates/input-tokens", {"charge": dump(TIERED), **WHY})
    assert (status, draft["rates"][0]["sentence"]) == (200, TIERED_SENTENCE)
    assert send(client, "POST", f"{CARD}/draft/submit")[1]["status"] == "in_review"
    body = {"effective_from": "2026-04-01T00:00:00Z", **WHY}
    status, refusal = send(client, "POST", f"{CARD}/draft/publish", body)
    assert (status, refusal["detail"]) == (
        409,
        "This needs approval first: finance (prices of Standard USD are to be published).",
    )
    agree(RateCardVersion.objects.get(), cara)
    status, published = send(client, "POST", f"{CARD}/draft/publish", body)
    assert (status, published["number"], published["effective_from"]) == (200, 1, "2026-04-01T00:00:00Z")
    assert Change.objects.filter(name="rate_card.published").get().by == ann


def test_roll_back_and_withdraw_by_number(signed_in: SignIn, publish: Publish, ann: User) -> None:
    publish()
    publish(DEARER, at=APRIL)
    publish(DEARER, at=APRIL, effective_from=APRIL + timedelta(days=9))
    client = signed_in(ann)
    with clock_set_to(APRIL + timedelta(days=1)):
        status, restored = send(client, "POST", f"{CARD}/versions/1/roll-back")
        assert (status, restored["number"], restored["restores"]) == (201, 4, 1)
        assert send(client, "POST", f"{CARD}/versions/3/withdraw")[1]["status"] == "withdrawn"
        assert [(row["number"], row["standing"]) for row in client.get(f"{CARD}/versions").json()] == [
            (3, "withdrawn"),
            (4, "in force"),
            (2, "superseded"),
            (1, "superseded"),
        ]


def test_refusals_are_409_with_their_sentence(signed_in: SignIn, draft: RateCardVersion, ann: User, cara: User) -> None:
    client = signed_in(ann)
    assert send(client, "POST", f"{CARD}/draft") == (
        409,
        {"detail": "Standard USD already has a version draft; finish that first."},
    )
    operations.submit_version(draft, act=by(ann))
    rate = {"charge": dump(DEARER), **WHY}
    assert send(client, "PUT", f"{CARD}/draft/rates/input-tokens", rate)[0] == 409
    assert send(client, "DELETE", f"{CARD}/draft/rates/input-tokens?because=x")[0] == 409
    agree(draft, cara)
    operations.publish_version(draft, effective_from=MARCH, act=by(ann))
    assert send(client, "POST", f"{CARD}/versions/1/withdraw")[0] == 409
    assert send(client, "POST", f"{CARD}/versions/1/roll-back") == (
        409,
        {"detail": "These prices are already in force."},
    )
    assert [rate.charge for rate in Rate.objects.filter(product__key="input-tokens")] == [TIERED]
    assert RateCardVersion.objects.count() == 1


def test_a_draft_is_reopened_and_discarded(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    send(client, "POST", f"{CARD}/draft/submit")
    assert send(client, "POST", f"{CARD}/draft/reopen")[1]["status"] == "draft"
    status, left = send(client, "DELETE", f"{CARD}/draft/rates/platform-fee?because=Not%20sold")
    assert (status, [rate["product"] for rate in left["rates"]]) == (200, ["input-tokens"])
    assert send(client, "POST", f"{CARD}/draft/discard")[1]["status"] == "withdrawn"
    assert client.get(f"{CARD}/draft").status_code == 404


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"charge": dump(DEARER)}, {"because": ["This field is required."]}),
        ({"charge": dump(DEARER), "because": " "}, {"because": ["This field may not be blank."]}),
        (
            {"charge": {"kind": "magic"}, **WHY},
            {"charge": [f"kind: must be one of {', '.join(KINDS)}"]},
        ),
        (
            {"charge": {"kind": "graduated", "tiers": [{"up_to": None, "unit_price": "-1"}]}, **WHY},
            {"charge": ["tiers[0].unit_price: must not be negative"]},
        ),
    ],
)
def test_a_rate_that_cannot_be_read_is_400_naming_the_field(
    signed_in: SignIn, draft: RateCardVersion, ann: User, body: Any, errors: Any
) -> None:
    assert send(signed_in(ann), "PUT", f"{CARD}/draft/rates/input-tokens", body) == (400, errors)
    assert draft.rates.get(product__key="input-tokens").charge == TIERED


def test_a_key_writes_prices_but_cannot_ask_for_approval(client: Client, card: RateCard, tokens: Product) -> None:
    headers = key_with("catalog:write")
    assert send(client, "POST", f"{CARD}/draft", **headers)[0] == 201
    rate = {"charge": dump(TIERED), **WHY}
    assert send(client, "PUT", f"{CARD}/draft/rates/input-tokens", rate, **headers)[0] == 200
    assert send(client, "POST", f"{CARD}/draft/submit", **headers) == (
        409,
        {"detail": "Only a signed-in person can ask for an approval."},
    )
    assert set(Change.objects.filter(name__startswith="rate_card.rate").values_list("by_name", flat=True)) == {
        "key erp"
    }


WRITES = [
    ("POST", "/api/v1/products"),
    ("POST", "/api/v1/rate-cards"),
    ("POST", f"{CARD}/draft"),
    ("PUT", f"{CARD}/draft/rates/input-tokens"),
    ("DELETE", f"{CARD}/draft/rates/input-tokens"),
    ("POST", f"{CARD}/draft/submit"),
    ("POST", f"{CARD}/draft/reopen"),
    ("POST", f"{CARD}/draft/publish"),
    ("POST", f"{CARD}/draft/discard"),
    ("POST", f"{CARD}/versions/1/withdraw"),
    ("POST", f"{CARD}/versions/1/roll-back"),
]


@pytest.mark.parametrize(("method", "url"), WRITES)
def test_ben_eve_strangers_and_reading_keys_change_nothing(
    signed_in: SignIn, client: Client, draft: RateCardVersion, ben: User, eve: User, method: str, url: str
) -> None:
    changes = Change.objects.count()
    assert send(client, method, url)[0] == 403
    assert send(client, method, url, **key_with("catalog:read"))[0] == 403
    for somebody in (ben, eve):
        assert send(signed_in(somebody), method, url)[0] == 403
    assert Change.objects.count() == changes


@pytest.mark.parametrize("url", ["/api/v1/products", "/api/v1/rate-cards", CARD, f"{CARD}/versions", f"{CARD}/draft"])
def test_ben_may_look_and_eve_may_not(
    signed_in: SignIn, client: Client, draft: RateCardVersion, ben: User, eve: User, url: str
) -> None:
    assert client.get(url).status_code == 403
    assert client.get(url, headers=key_with("usage:write")).status_code == 403
    assert signed_in(eve).get(url).status_code == 403
    assert signed_in(ben).get(url).status_code == 200


def test_the_schema_shows_every_verb_of_the_catalog(client: Client) -> None:
    schema = client.get("/api/schema/", headers={"Accept": "application/json"}).json()
    verbs = {method["operationId"] for path in schema["paths"].values() for method in path.values()}
    assert verbs >= {"list_products", "get_rate_card", "draft_version", "set_rate", "publish_draft", "roll_back"}
    asked = schema["paths"]["/api/v1/rate-cards/{key}"]["get"]["parameters"]
    assert [parameter["name"] for parameter in asked] == ["at", "key"]
