"""Prices as code over HTTP: the file out, the plan, the request; YAML or JSON; and who may."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from catalog import operations
from catalog.models import Product, RateCard, RateCardVersion
from catalog.portable.document import read
from governance.clock import clock_set_to
from tests.catalog.calls import key_with
from tests.catalog.cards import MARCH, by
from tests.catalog.conftest import Publish
from tests.catalog.portable.files import FULL
from tests.refusals import everything

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PRICING = "/api/v1/pricing"


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    with clock_set_to(MARCH):
        yield


def post(client: Client, verb: str, body: str, kind: str = "application/yaml", **headers: str) -> tuple[int, Any]:
    answer = client.post(f"{PRICING}/{verb}", body, content_type=kind, headers=headers)
    return answer.status_code, answer.json()


def test_what_comes_out_goes_in_and_changes_nothing(signed_in: SignIn, publish: Publish, ann: User) -> None:
    publish()
    client = signed_in(ann)
    answer = client.get(PRICING)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/yaml; charset=utf-8")
    status, plan = post(client, "plan", answer.content.decode())
    assert (status, plan["is_empty"], plan["rate_cards"][0]["state"]) == (200, True, "as it is")
    as_json = client.get(f"{PRICING}?card=standard-usd", headers={"Accept": "application/json"})
    assert client.get(f"{PRICING}?card=standard-usd&format=json").json() == as_json.json()
    assert client.get(f"{PRICING}?format=yaml").content == answer.content
    assert read(as_json.content.decode(), is_json=True).rate_cards.keys() == {"standard-usd"}
    assert post(client, "plan", as_json.content.decode(), "application/json")[1]["is_empty"]
    assert client.get(f"{PRICING}?card=none").status_code == 409
    assert client.get(f"{PRICING}?format=xml").status_code == 404


def test_a_file_is_planned_and_asked_for(signed_in: SignIn, ann: User) -> None:
    client = signed_in(ann)
    before = everything()
    status, plan = post(client, "plan", FULL, "text/yaml")
    assert (status, plan["summary"]) == (200, "13 changes at once, 2 change requests.")
    assert plan["rate_cards"][1]["changes"][-1] == {
        "kind": "added",
        "path": "rate_cards.standard.rates.support",
        "field": "",
        "before": "",
        "after": "10% of the amount of input-tokens, monthly, in arrears",
    }
    assert plan["rate_cards"][1]["impact"]["totals"] == []
    assert everything() == before
    status, applied = post(client, "apply?because=From%20staging", FULL)
    assert (status, applied["requests"]) == (
        200,
        [{"rate_card": "standard", "status": "in_review"}, {"rate_card": "eu", "status": "in_review"}],
    )
    status, again = post(client, "apply?because=From%20staging", FULL)
    assert (status, again["requests"], again["says"][0]) == (
        200,
        [],
        "Europe: this very change is in review; nothing to do.",
    )


@pytest.mark.parametrize("verb", ["plan", "apply?because=x"])
def test_a_bad_file_is_400_with_every_problem(signed_in: SignIn, ann: User, verb: str) -> None:
    body = "rate_cards:\n  c: {name: C, currency: XXX, base: d}\nproducts: 1\n"
    assert post(signed_in(ann), verb, body) == (
        400,
        {
            "detail": "The file cannot be taken.",
            "problems": [
                {
                    "line": 2,
                    "field": "rate_cards.c.currency",
                    "text": "XXX is not a currency one can be billed in",
                },
                {"line": 3, "field": "products", "text": "must be a mapping"},
            ],
        },
    )
    status, refusal = post(signed_in(ann), verb, "rate_cards: {c: {name: C, currency: USD, base: d}}")
    assert (status, refusal["problems"]) == (
        400,
        [{"line": 1, "field": "rate_cards.c.base", "text": "there is no rate card d"}],
    )
    assert post(signed_in(ann), verb, "a: &x 1")[1]["problems"][0]["text"].startswith("anchors")
    assert post(signed_in(ann), verb, " " * (1024 * 1024 + 1))[0] == 413
    assert post(signed_in(ann), verb, "x", "text/plain")[0] == 415


def test_a_reason_is_needed(signed_in: SignIn, ann: User) -> None:
    assert post(signed_in(ann), "apply", "{}") == (400, {"because": ["This field is required."]})
    assert post(signed_in(ann), "apply?because=x", "{}")[1]["summary"] == "nothing to do."


def test_costs_leave_only_with_those_who_may_see_them(
    signed_in: SignIn, client: Client, publish: Publish, tokens: Product, ann: User, ben: User
) -> None:
    publish()
    operations.set_cost(tokens, unit_cost=Decimal(1), currency="USD", since=MARCH, act=by(ann))
    assert "costs:" in signed_in(ann).get(PRICING).content.decode()
    assert "costs:" not in signed_in(ben).get(PRICING).content.decode()
    client.logout()
    assert "costs:" not in client.get(PRICING, headers=key_with("catalog:read")).content.decode()
    assert "costs:" in client.get(PRICING, headers=key_with("catalog:read", "catalog:write")).content.decode()


def test_a_key_plans_but_cannot_ask_for_a_review(client: Client, roles: None) -> None:
    assert post(client, "plan", FULL, **key_with("catalog:read"))[0] == 403
    assert post(client, "plan", FULL, **key_with("catalog:write"))[0] == 200
    before = everything()
    status, refusal = post(client, "apply?because=x", FULL, **key_with("catalog:write"))
    assert (status, refusal["detail"]) == (403, "This needs usage:write.")
    status, refusal = post(client, "apply?because=x", FULL, **key_with("catalog:write", "usage:write"))
    assert (status, refusal["detail"]) == (409, "Only a signed-in person can ask for an approval.")
    after = everything()
    assert {name for name in before if before[name] != after[name]} <= {"governance.SystemKey"}


def test_each_verb_of_a_plan_needs_its_permission(signed_in: SignIn, ann: User, ben: User) -> None:
    assert post(signed_in(ben), "apply?because=x", FULL)[0] == 403
    ann.groups.clear()
    ann.user_permissions.add(*_named("publish_ratecardversion"))
    status, refusal = post(signed_in(ann), "apply?because=x", "features: {sso: {name: SSO}}")
    assert (status, refusal["detail"]) == (403, "This needs catalog.add_feature.")
    assert not RateCard.objects.exists()
    assert not RateCardVersion.objects.exists()


def _named(codename: str) -> list[Any]:

    return list(Permission.objects.filter(codename=codename))


def test_the_schema_of_the_file_is_published(client: Client) -> None:
    answer = client.get(f"{PRICING}/schema", headers=key_with("catalog:read"))
    assert answer.json()["title"] == "Quoin prices as code"
