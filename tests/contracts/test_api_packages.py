"""Packages and signing up to them through the API."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from contracts import operations as contracts
from contracts.models import Contract, Customer, SignUp
from contracts.operations.packages import Request
from governance.clock import clock_set_to
from governance.models import Change
from tests import cast

pytestmark = pytest.mark.django_db
NEW = {"key": "northwind", "name": "Northwind", "email": "ap@northwind.test", "time_zone": "Europe/Berlin"}
ASKED: dict[str, Any] = {"package": "starter", "customer": NEW, "signed_by": "Nora North"}


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cast() -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


def post(body: dict[str, Any], key: str = "order-1", *, name: str = "shop") -> Any:
    headers = cast.system_key("signups:write", name=name) | ({"Idempotency-Key": key} if key else {})
    return Client(headers=headers).post("/api/v1/signups", body, content_type="application/json")


def test_signing_up_answers_with_the_contract() -> None:
    cast.package()
    answer = post(ASKED)
    said = answer.json()
    assert answer.status_code == 201
    assert (said["customer"], said["package"], said["package_version"]) == ("northwind", "starter", 1)
    assert (said["start_on"], said["end_on"], said["signed_by"]) == ("2025-12-15", "2026-12-14", "Nora North")
    assert (said["time_zone"], said["pinned_version"]) == ("Europe/Berlin", 1)
    assert [(line["product"], line["quantity"]) for line in said["lines"]] == [
        ("input-tokens", None),
        ("platform-fee", "1"),
    ]
    assert Change.objects.get(name="contract.signed").by_name == "key shop"


def test_the_same_request_again_is_the_same_contract() -> None:
    cast.package()
    headers = cast.system_key("signups:write", name="shop") | {"Idempotency-Key": "order-1"}
    client = Client(headers=headers)
    first, second = (client.post("/api/v1/signups", ASKED, content_type="application/json") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert (Contract.objects.count(), Customer.objects.count(), SignUp.objects.count()) == (1, 1, 1)
    other = client.post("/api/v1/signups", ASKED | {"signed_by": "Eve"}, content_type="application/json")
    assert (other.status_code, Contract.objects.count()) == (409, 1)


@pytest.mark.parametrize(
    ("body", "key", "field"),
    [
        ({}, "", "Idempotency-Key"),
        ({}, "x" * 81, "Idempotency-Key"),
        ({"package": "nothing"}, "1", "package"),
        ({"signed_by": " "}, "1", "signed_by"),
        ({"quantities": {"seats": "many"}}, "1", "quantities"),
        ({"customer": {"key": "no spaces"}}, "1", "customer"),
        ({"customer": {"key": "new"}}, "1", "customer"),
        ({"customer": NEW | {"email": "nobody"}}, "1", "customer"),
        ({"customer": NEW | {"time_zone": "Mars/Olympus"}}, "1", "customer"),
        ({"customer": NEW | {"country": "usa"}}, "1", "customer"),
        ({"start_on": "tomorrow"}, "1", "start_on"),
    ],
)
def test_what_is_wrong_is_said_next_to_the_field(body: dict[str, Any], key: str, field: str) -> None:
    cast.package()
    changes = Change.objects.count()
    answer = post(ASKED | body, key)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert (Change.objects.count(), Contract.objects.count()) == (changes, 0)


def test_what_cannot_be_is_refused() -> None:
    package = cast.package().package
    answer = post(ASKED | {"quantities": {"seats": "5"}})
    assert (answer.status_code, Customer.objects.count()) == (409, 0)
    contracts.update_package(package, is_open=False, act=cast.act("ann"))
    assert post(ASKED, "2").json() == {"detail": "Nobody can sign up to Starter at the moment."}


def test_packages_with_what_is_on_offer(django_assert_num_queries: Any) -> None:
    cast.package()
    client = Client(headers=cast.system_key("contracts:read"))
    (said,) = client.get("/api/v1/packages").json()
    assert (said["key"], said["version"], said["currency"], said["months"], said["is_open"]) == (
        "starter",
        1,
        "USD",
        12,
        True,
    )
    assert said["lines"][0] == {
        "product": "input-tokens",
        "quantity": None,
        "is_chosen": False,
        "discount_percent": "10",
        "discount_amount": {"amount": "0.00", "currency": "USD"},
        "minimum": None,
        "label": "",
        "from_month": 0,
        "phase_months": None,
    }
    usd = {"currency": "USD"}
    assert said["commits"] == [
        {
            "name": "Welcome credit",
            "access": {"amount": "5.00"} | usd,
            "price": {"amount": "0.00"} | usd,
            "product_keys": [],
        }
    ]
    with django_assert_num_queries(4):
        client.get("/api/v1/packages")
    cast.package(key="team")
    cast.package(cast.starter(months=24), key="team")
    with django_assert_num_queries(4):
        assert [each["version"] for each in client.get("/api/v1/packages").json()] == [1, 2]


def test_a_contract_of_a_quote_says_that_it_is_of_no_package() -> None:
    contract = cast.signed_contract()
    said = Client(headers=cast.system_key("contracts:read")).get(f"/api/v1/contracts/{contract.number}").json()
    assert (said["package"], said["package_version"]) == (None, None)


def test_contracts_of_packages_and_of_quotes_have_one_shape() -> None:
    version = cast.package()
    quoted = cast.signed_contract()
    asked = Request("page", "1", NEW, "Nora", {})
    packaged, _ = contracts.sign_up(version.package, asked, act=cast.dans())
    client = Client(headers=cast.system_key("contracts:read"))
    one, other = (client.get(f"/api/v1/contracts/{each.number}").json() for each in (quoted, packaged))
    assert one.keys() == other.keys()
    assert one["lines"][0].keys() == other["lines"][0].keys()
    assert Decimal(other["lines"][0]["discount_percent"]) == 10
