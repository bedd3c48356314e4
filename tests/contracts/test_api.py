"""The API of contracts: keys with scopes, people with permissions, and only the customers one may know of."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts.models import Customer
from contracts.operations import define_custom_field
from governance.models import Change
from tests import cast
from tests.refusals import everything

pytestmark = pytest.mark.django_db
FABRIKAM = {
    "key": "fabrikam",
    "name": "Fabrikam",
    "email": "ap@fabrikam.test",
    "time_zone": "Europe/Berlin",
    "tax_percent": "19",
}


@pytest.fixture
def crm(client: Client) -> Client:
    """A system that may read and write customers, and read contracts."""
    return with_key("customers:read", "customers:write", "contracts:read")


def with_key(*scopes: str) -> Client:
    return Client(headers=cast.system_key(*scopes, name="crm"))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def test_a_system_creates_a_customer_and_reads_it_back(crm: Client) -> None:
    answer = post(crm, "customers", FABRIKAM)
    assert answer.status_code == 201
    assert answer.json() == FABRIKAM | {
        "billing_address": "",
        "country": "US",
        "tax_number": "",
        "tax_status": "taxable",
        "exemption": "",
        "exempt_until": None,
        "currency": "USD",
        **dict.fromkeys(("region", "segment", "channel", "customer_type"), ""),
        "parent": None,
        "billed_to_parent": False,
        "contacts": [],
        "external_ids": {},
        "custom": {},
    }
    assert Change.objects.get(name="customer.created").by_name == "key crm"
    listed = crm.get("/api/v1/customers").json()
    assert (listed["count"], listed["results"]) == (1, [answer.json()])


def test_a_taken_key_is_refused(crm: Client) -> None:
    post(crm, "customers", FABRIKAM)
    again = post(crm, "customers", FABRIKAM)
    assert (again.status_code, again.json()) == (409, {"detail": "key: Customer with this Key already exists."})
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("email", "nobody", 400),
        ("tax_percent", 19, 400),
        ("tax_percent", "1e2", 400),
        ("parent", "nobody", 400),
        ("time_zone", "Mars/Base", 409),
        ("currency", "XXX", 409),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(crm: Client, field: str, value: Any, status: int) -> None:
    answer = post(crm, "customers", FABRIKAM | {field: value})
    assert answer.status_code == status
    assert Customer.objects.count() == Change.objects.count() == 0
    assert field in answer.json() or status == 409


def test_without_the_scope_nothing_is_told_or_written() -> None:
    reader = with_key("customers:read")
    assert post(reader, "customers", FABRIKAM).status_code == 403
    assert reader.get("/api/v1/contracts").status_code == 403
    assert with_key("contracts:read").get("/api/v1/customers").status_code == 403
    assert Client().get("/api/v1/customers").status_code == 403
    assert Client(headers={"Authorization": "Api-Key wrong.key"}).get("/api/v1/customers").status_code == 403
    assert Customer.objects.count() == 0


def test_a_rep_sees_the_customers_they_serve_and_finance_sees_all() -> None:
    cast.contoso()
    cast.contracts.create_customer(key="other", name="Other", email="x@other.test", act=cast.act("ann"))
    seen = {
        name: [row["key"] for row in signed_in(cast.person(name)).get("/api/v1/customers").json()["results"]]
        for name in ("ben", "cara")
    }
    assert seen == {"ben": ["contoso"], "cara": ["contoso", "other"]}


def test_a_customer_out_of_sight_is_no_ones_parent() -> None:
    cast.contracts.create_customer(key="other", name="Other", email="x@other.test", act=cast.act("ann"))
    answer = post(signed_in(cast.person("ben")), "customers", FABRIKAM | {"parent": "other"})
    assert (answer.status_code, answer.json()) == (400, {"parent": ["There is no such customer."]})


def test_strangers_and_those_without_the_permission_are_turned_away() -> None:
    for name in ("eve", "dan"):
        assert signed_in(cast.person(name)).get("/api/v1/customers").status_code == 403
    assert post(signed_in(cast.person("cleo")), "customers", FABRIKAM).status_code == 403
    assert Customer.objects.filter(key="fabrikam").count() == 0


def test_a_contract_says_what_was_agreed(crm: Client) -> None:
    contract = cast.signed_contract()
    answer = crm.get(f"/api/v1/contracts/{contract.number}")
    assert answer.status_code == 200
    body = answer.json()
    assert body["lines"][0] == {
        "id": str(contract.lines.get(product__key="input-tokens").pk),
        "product": "input-tokens",
        "quantity": None,
        "discount_percent": "15",
        "discount_amount": {"amount": "0.00", "currency": "USD"},
        "minimum": None,
        "price_factor": "1",
        "label": "",
        "start_on": "2026-01-01",
        "end_on": "2026-12-31",
        "prices": "contract",
        "invoice_group": "",
        "price": None,
    }
    assert body["commits"] == [
        {
            "name": "Prepaid usage",
            "kind": "prepaid",
            "access": {"amount": "40.00", "currency": "USD"},
            "units": "40",
            "unit": "",
            "worth": "1",
            "price": {"amount": "36.00", "currency": "USD"},
            "balance": {"amount": "40.00", "currency": "USD"},
            "units_left": "40",
            "product_keys": [],
            "product_tags": [],
            "priority": 100,
            "start_on": "2026-01-01",
            "end_on": "2026-12-31",
            "instalments": [{"amount": {"amount": "36.00", "currency": "USD"}, "invoice_on": "2026-01-01"}],
        }
    ]
    assert {name: body[name] for name in ("number", "customer", "status", "start_on", "end_on", "pinned_version")} == {
        "number": "C-2025-0001",
        "customer": "contoso",
        "status": "active",
        "start_on": "2026-01-01",
        "end_on": "2026-12-31",
        "pinned_version": 1,
    }


def test_a_contract_out_of_sight_does_not_exist() -> None:
    contract = cast.signed_contract()
    cast.contracts.unassign_customer(contract.customer, cast.person("ben"), act=cast.act("ada"))
    ben = signed_in(cast.person("ben"))
    assert ben.get(f"/api/v1/contracts/{contract.number}").status_code == 404
    assert ben.get("/api/v1/contracts").json()["results"] == []
    assert signed_in(cast.person("cara")).get(f"/api/v1/contracts/{contract.number}").status_code == 200


def test_contracts_are_listed_by_customer_in_as_many_queries_for_three_as_for_one(crm: Client) -> None:
    cast.signed_contract()
    counts = []
    for more in (0, 2):
        for number in range(more):
            cast.signed_contract(to=cast.customer(f"customer-{number}"))
        with CaptureQueriesContext(connection) as queries:
            listed = crm.get("/api/v1/contracts").json()
        counts.append((len(listed["results"]), len(queries)))
    assert [count for count, _ in counts] == [1, 3]
    assert counts[0][1] == counts[1][1]
    assert [each["customer"] for each in crm.get("/api/v1/contracts?customer=contoso").json()["results"]] == ["contoso"]


# ------------------------------------------------------------ what is noted
NOTED = {
    "contacts": [{"email": "ap@fabrikam.test", "name": "Pat", "role": "to"}],
    "external_ids": {"salesforce": "0015g", "erp": "4711"},
    "custom": {"industry": "retail"},
    "tax_status": "exempt",
    "exemption": "E-1",
    "exempt_until": "2026-12-31",
}


def patch(client: Client, path: str, body: Any) -> Any:
    return client.patch(f"/api/v1/{path}", body, content_type="application/json")


def industry(about: str = "customer") -> None:
    define_custom_field(
        about=about, key="industry", name="Industry", type="choice", choices=["retail", "mining"], act=cast.act("ada")
    )


def test_everything_noted_of_a_customer_goes_in_and_out(crm: Client) -> None:
    industry()
    made = post(crm, "customers", FABRIKAM | NOTED)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in NOTED} == NOTED
    assert crm.get("/api/v1/customers/fabrikam").json() == made.json()
    change = {"external_ids": {"erp": ""}, "custom": {"industry": None}, "contacts": [], "name": "Fabrikam SE"}
    changed = patch(crm, "customers/fabrikam", change)
    assert changed.status_code == 200
    assert changed.json() == made.json() | {
        "name": "Fabrikam SE",
        "external_ids": {"salesforce": "0015g"},
        "custom": {},
        "contacts": [],
    }
    assert [each["key"] for each in crm.get("/api/v1/custom-fields").json()] == ["industry"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "other"}, 409),
        ({"custom": {"industry": "banking"}}, 409),
        ({"custom": {"size": "1"}}, 409),
        ({"contacts": [{"email": "nobody"}]}, 400),
        ({"external_ids": {"a b": "1"}}, 409),
        ({"tax_status": "none"}, 400),
        ({"tax_status": "reverse_charge"}, 409),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(crm: Client, body: Any, status: int) -> None:
    industry()
    post(crm, "customers", FABRIKAM)
    before = everything()
    before.pop("governance.SystemKey")
    assert patch(crm, "customers/fabrikam", body | {"name": "Other"} if status == 409 else body).status_code == status
    after = everything()
    after.pop("governance.SystemKey")
    assert after == before


def test_customers_are_found_by_what_they_are_called_and_by_custom_fields(crm: Client) -> None:
    industry()
    post(crm, "customers", FABRIKAM | NOTED)
    post(crm, "customers", FABRIKAM | {"key": "contoso", "name": "Contoso", "email": "dan@contoso.test"})
    for query in ("called=0015g", "called=ap@fabrikam", "custom.industry=retail", "called=Fab&custom.industry=retail"):
        assert [each["key"] for each in crm.get(f"/api/v1/customers?{query}").json()["results"]] == ["fabrikam"], query
    assert crm.get("/api/v1/customers?custom.industry=mining").json()["count"] == 0
    assert crm.get("/api/v1/customers?custom.size=1").status_code == 409


def test_listing_customers_takes_as_many_queries_for_one_as_for_three(crm: Client) -> None:
    counts = []
    for key in ("one", "two", "three"):
        post(crm, "customers", FABRIKAM | NOTED | {"key": key, "external_ids": {"erp": key}, "custom": {}})
        with CaptureQueriesContext(connection) as queries:
            crm.get("/api/v1/customers")
        counts.append(len(queries))
    assert counts[0] == counts[2]


def test_a_custom_field_of_a_contract_is_set_and_asked_for(crm: Client) -> None:
    industry("contract")
    contract = cast.signed_contract()
    system = with_key("contracts:read", "contracts:write")
    changed = patch(system, f"contracts/{contract.number}", {"custom": {"industry": "mining"}})
    assert (changed.status_code, changed.json()["custom"]) == (200, {"industry": "mining"})
    for value, count in (("mining", 1), ("retail", 0)):
        assert system.get(f"/api/v1/contracts?custom.industry={value}").json()["count"] == count
    assert patch(crm, f"contracts/{contract.number}", {"custom": {}}).status_code == 403
    assert patch(system, "contracts/C-1", {"custom": {}}).status_code == 404
