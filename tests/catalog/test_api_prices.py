"""Prices over HTTP: as of any instant with their author, what a base fills in, what differs, what a draft means."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from catalog import operations
from catalog.models import Product, RateCard, RateCardVersion
from governance.clock import clock_set_to
from pricing.charges import Flat, InUnit, PerUnit, dump
from tests.catalog.calls import CARD, WHY, key_with, send
from tests.catalog.cards import APRIL, DEARER, MARCH, MILLION, TIERED, TIERED_SENTENCE, agree, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    with clock_set_to(MARCH):
        yield


def test_what_was_the_rate_on_3_march_10_00_and_who_said_so(client: Client, publish: Publish) -> None:
    publish()
    publish(DEARER, at=APRIL)
    headers = key_with("catalog:read")
    rate = f"{CARD}/rates/input-tokens"
    found = client.get(rate, {"at": "2026-03-03T10:00:00Z"}, headers=headers).json()
    assert (found["sentence"], found["version"], found["since"]) == (TIERED_SENTENCE, 1, "2026-03-01T00:00:00Z")
    assert found["published"] == {"by": "ann", "at": "2026-03-01T00:00:00Z", "because": "New prices"}
    assert client.get(rate, {"at": "2026-04-03T10:00:00Z"}, headers=headers).json()["version"] == 2
    assert client.get(rate, {"at": "2026-02-03T10:00:00Z"}, headers=headers).status_code == 404
    assert client.get(rate, {"at": "then"}, headers=headers).status_code == 400


def test_the_effective_list_says_which_rows_are_the_bases(
    client: Client, publish: Publish, card: RateCard, fee: Product, ann: User, cara: User
) -> None:
    publish()
    eu = operations.create_rate_card(key="eu", name="EU", currency="USD", base=card, act=by(ann))
    draft = operations.draft_version(eu, act=by(ann))
    operations.plan_version(draft, base_factor=Decimal("1.5"), act=by(ann))
    operations.set_rate(draft, fee, Flat(Decimal(22)), act=by(ann))
    draft = operations.submit_version(draft, warnings_accepted="Fine", act=by(ann))
    agree(draft, cara)
    operations.publish_version(draft, act=by(ann))
    headers = key_with("catalog:read")
    rows = client.get("/api/v1/rate-cards/eu/rates", {"at": "2026-03-02T00:00:00Z"}, headers=headers).json()
    assert [(row["product"], row["inherited_from"], row["sentence"]) for row in rows] == [
        ("input-tokens", "standard-usd", "First 10,000,000 at $3.75 per million, then $3.00 per million"),
        ("platform-fee", None, "$22.00 flat"),
    ]
    assert client.get("/api/v1/rate-cards/eu/rates", {"at": "2026-02-01T00:00:00Z"}, headers=headers).json() == []


def test_any_two_versions_are_compared(
    signed_in: SignIn, publish: Publish, card: RateCard, fee: Product, ann: User
) -> None:
    publish()
    publish(DEARER, at=APRIL)
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    operations.set_rate(draft, fee, Flat(Decimal(20)), act=by(ann, at=APRIL))
    operations.plan_version(draft, reach="new_only", act=by(ann, at=APRIL))
    client = signed_in(ann)
    status, found = send(client, "GET", f"{CARD}/difference?before=1&after=2")
    assert (status, found["fields_changed"]) == (200, [])
    assert found["rates_changed"] == [
        {
            "kind": "changed",
            "product": "input-tokens",
            "name": "Input tokens",
            "before": f"{TIERED_SENTENCE}, monthly, in arrears",
            "after": "$3.00 per million, monthly, in arrears",
        }
    ]
    found = send(client, "GET", f"{CARD}/difference?before=2&after=draft")[1]
    kinds = [(each["product"], each["kind"]) for each in found["rates_changed"]]
    assert (found["before"], found["after"], kinds) == (2, None, [("platform-fee", "added")])
    assert found["fields_changed"][0]["after"] == "New contracts only"
    for query, field in (("before=1&after=9", "after"), ("before=x&after=1", "before"), ("after=1", "before")):
        status, refusal = send(client, "GET", f"{CARD}/difference?{query}")
        assert (status, list(refusal)) == (400, [field])


def test_a_draft_is_planned_with_all_that_a_version_says(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    plan = {
        "note": "Spring",
        "planned_from": "2026-04-01T00:00:00Z",
        "reach": "from_date",
        "existing_from": "2026-05-01T00:00:00Z",
        "publish_when_approved": True,
        **WHY,
    }
    status, found = send(client, "PUT", f"{CARD}/draft", plan)
    assert status == 200
    assert {name: found[name] for name in plan if name != "because"} == {
        k: v for k, v in plan.items() if k != "because"
    }
    assert send(client, "PUT", f"{CARD}/draft", plan | {"reach": "new_only"})[0] == 409
    assert send(client, "PUT", f"{CARD}/draft", {"base_factor": "2", **WHY})[0] == 409
    wrong = {"reach": "everybody", "base_factor": "0.0000000000001", "planned_from": "soon", **WHY}
    status, refusal = send(client, "PUT", f"{CARD}/draft", wrong)
    assert (status, sorted(refusal)) == (400, ["base_factor", "planned_from", "reach"])
    draft.refresh_from_db()
    assert draft.reach == "from_date"


def test_all_rates_are_set_at_once(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    client = signed_in(ann)
    rates = [{"product": "input-tokens", "charge": dump(DEARER)}]
    status, found = send(client, "PUT", f"{CARD}/draft/rates", {"rates": rates, **WHY})
    assert (status, [row["sentence"] for row in found["rates"]]) == (200, ["$3.00 per million"])
    assert send(client, "PUT", f"{CARD}/draft/rates", {"rates": rates * 2, **WHY}) == (
        400,
        {"rates": ["A product has one rate."]},
    )
    assert send(client, "PUT", f"{CARD}/draft/rates", {"rates": [{"product": "none", "charge": {}}], **WHY})[0] == 400


def test_a_custom_unit_gets_another_price(
    signed_in: SignIn, draft: RateCardVersion, tokens: Product, ann: User
) -> None:
    in_credits = InUnit("credit", Decimal("0.01"), PerUnit(Decimal(2), MILLION))
    operations.set_rate(draft, tokens, in_credits, act=by(ann))
    status, found = send(signed_in(ann), "PUT", f"{CARD}/draft/units/credit", {"price": "0.02", **WHY})
    assert (status, found["rates"][0]["charge"]["price"]) == (200, "0.02")
    assert send(signed_in(ann), "PUT", f"{CARD}/draft/units/coin", {"price": "0.02", **WHY})[0] == 409
    assert send(signed_in(ann), "PUT", f"{CARD}/draft/units/credit", {"price": 0.02, **WHY})[0] == 400


def test_a_draft_is_linted_and_its_impact_told(signed_in: SignIn, draft: RateCardVersion, ann: User) -> None:
    operations.set_cost(
        Product.objects.get(key="input-tokens"),
        unit_cost=Decimal(50), per=MILLION, currency="USD", since=MARCH - timedelta(days=1), act=by(ann),
    )  # fmt: skip
    client = signed_in(ann)
    found = send(client, "GET", f"{CARD}/draft/lint")[1]
    assert ("below_cost", "error") in [(each["rule"], each["severity"]) for each in found]
    assert send(client, "GET", f"{CARD}/draft/impact") == (
        200,
        {"totals": [], "not_reached": {}, "open_quotes": 0, "top": [], "quotes": []},
    )
    status, refusal = send(client, "POST", f"{CARD}/draft/submit")
    assert (status, "cannot be published" in refusal["detail"]) == (409, True)


def test_costs_and_money_are_not_for_those_who_only_read_prices(
    signed_in: SignIn, client: Client, draft: RateCardVersion, ben: User
) -> None:
    for address in ("draft/lint", "draft/impact"):
        assert send(client, "GET", f"{CARD}/{address}", **key_with("catalog:read"))[0] == 403
        assert send(client, "GET", f"{CARD}/{address}", **key_with("catalog:write"))[0] == 200
        assert send(signed_in(ben), "GET", f"{CARD}/{address}")[0] == 403


def test_a_card_is_described_anew(signed_in: SignIn, card: RateCard, ann: User) -> None:
    described: dict[str, Any] = {"name": "US", "region": "US", "notice_days": 30, "is_public": True}
    status, found = send(signed_in(ann), "PUT", CARD, described | WHY)
    assert (status, {name: found[name] for name in described}) == (200, described)
    assert send(signed_in(ann), "PUT", CARD, {"name": "US", "notice_days": -1, **WHY})[0] == 400
    made = {"key": "eu", "name": "EU", "currency": "USD", "base": "standard-usd", **WHY}
    assert send(signed_in(ann), "POST", "/api/v1/rate-cards", made)[0] == 201
    assert send(signed_in(ann), "GET", "/api/v1/rate-cards/eu")[1]["base"] == "standard-usd"
    assert send(signed_in(ann), "POST", "/api/v1/rate-cards", made | {"key": "x", "base": "none"})[0] == 400


def test_tiers_are_unchanged_by_reading(publish: Publish) -> None:
    assert publish().rates.get().charge == TIERED
