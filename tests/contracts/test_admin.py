"""Customers, legal entities, contracts and commits in the admin: who sees and does what; refusals write nothing."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from guardian.shortcuts import remove_perm

from contracts import operations
from contracts.account import link_to
from contracts.models import Contract, Customer, LegalEntity
from contracts.queries import addresses_of
from governance import external_ids
from governance.clock import clock_set_to
from governance.models import Change
from tests import cast
from tests.refusals import everything

pytestmark = pytest.mark.django_db
CUSTOMERS = "/admin/contracts/customer/"
CONTRACTS = "/admin/contracts/contract/"
COMMITS = "/admin/contracts/commit/"


@pytest.fixture(autouse=True)
def _at_the_time_of_the_cast() -> Iterator[None]:
    with clock_set_to(cast.NOW):
        yield


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which this person is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def contract() -> Contract:
    return cast.signed_contract()


def filled_in(**fields: str) -> dict[str, str]:
    return {
        "key": "fabrikam",
        "name": "Fabrikam",
        "email": "ap@fabrikam.test",
        "country": "US",
        "tax_percent": "0",
        "tax_status": "taxable",
        "currency": "usd",
        "time_zone": "America/Chicago",
        "because": "They called",
        **fields,
    }


def address(thing: Any, page: str = "change") -> str:
    return reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{page}", args=[thing.pk])


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


# ------------------------------------------------------------ customers
def test_a_rep_serves_whom_they_bring(ben: User, signed_in: Any) -> None:
    client = signed_in(ben)
    client.post(f"{CUSTOMERS}add/", filled_in())
    customer = Customer.objects.get()
    assert (customer.key, customer.currency, customer.time_zone) == ("fabrikam", "USD", "America/Chicago")
    change = Change.objects.get(name="customer.created")
    assert (change.by, change.because) == (ben, "They called")
    assert "Fabrikam" in text_of(client, CUSTOMERS)
    other = cast.person("eve")
    assert not other.has_perm("contracts.serve_customer", customer)


def test_a_customer_is_edited_with_a_reason_and_keeps_their_key(ben: User, signed_in: Any) -> None:
    customer = cast.contoso()
    client = signed_in(ben)
    client.post(address(customer), filled_in(key="other", name="Contoso Worldwide", because="New name"))
    customer.refresh_from_db()
    assert (customer.key, customer.name) == ("contoso", "Contoso Worldwide")
    assert Change.objects.get(name="customer.updated").because == "New name"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"time_zone": "Mars/Olympus"}, "Unknown time zone"),
        ({"currency": "XXX"}, "Unknown currency"),
        ({"because": " "}, "This field is required."),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"key": "contoso"}, "already exists"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(ben: User, signed_in: Any, fields: dict[str, str], told: str) -> None:
    cast.contoso()
    before = everything()
    answer = signed_in(ben).post(f"{CUSTOMERS}add/", filled_in(**fields))
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert 'value="Fabrikam"' in answer.content.decode()
    assert everything() == before


def test_what_is_noted_of_a_customer_is_typed_shown_and_found(ben: User, signed_in: Any) -> None:
    for key, kind, choices in (("industry", "choice", ["retail", "mining"]), ("public", "yes_no", [])):
        operations.define_custom_field(
            about="customer", key=key, name=key.title(), type=kind, choices=choices, act=cast.act("ada")
        )
    customer, holding = cast.contoso(), cast.customer("holding")
    client = signed_in(ben)
    given = {
        "contacts": "Pat Payable <pat@contoso.test>\n\ncc: books@contoso.test",
        "external_ids": "salesforce: 0015g\nerp: 47:11",
        "custom_industry": "mining",
        "custom_public": "yes",
        "parent": str(holding.pk),
    }
    assert client.post(address(customer), filled_in(key="contoso", **given)).status_code == 302
    customer.refresh_from_db()
    assert customer.custom == {"industry": "mining", "public": True}
    assert addresses_of(customer) == (["pat@contoso.test"], ["books@contoso.test"])
    text = text_of(client, address(customer))
    for shown in ("Pat Payable &lt;pat@contoso.test&gt;", "erp: 47:11", "mining", "Belongs together"):
        assert shown in text, shown
    assert address(holding) in text
    for query in ("q=0015g", "q=pat@contoso", "custom_industry=mining", "custom_public=yes"):
        assert client.get(f"{CUSTOMERS}?{query}").context["cl"].result_count == 1, query
    assert client.get(f"{CUSTOMERS}?custom_industry=retail").context["cl"].result_count == 0
    given |= {"external_ids": "erp: 47:11", "custom_industry": "", "contacts": ""}
    client.post(address(customer), filled_in(key="contoso", **given))
    customer.refresh_from_db()
    assert (customer.custom, external_ids.all_of(customer)) == ({"public": True}, {"erp": "47:11"})
    assert addresses_of(customer)[1] == []


def test_a_line_that_cannot_be_read_is_said_beside_its_field(ben: User, signed_in: Any) -> None:
    operations.define_custom_field(about="customer", key="size", name="Size", type="number", act=cast.act("ada"))
    customer, client = cast.contoso(), signed_in(ben)
    before = everything()
    wrong = {
        "contacts": ("nobody", "Enter a valid email address."),
        "external_ids": ("4711", "Write system: id, not 4711"),
        "custom_size": ("big", "Must be a number"),
    }
    for name, (typed, told) in wrong.items():
        answer = client.post(address(customer), filled_in(key="contoso", **{name: typed}))
        assert (answer.status_code, told.lower() in answer.content.decode().lower()) == (200, True), name
    assert everything() == before


def test_a_field_of_a_contract_is_set_by_a_dialog_and_shown(ben: User, signed_in: Any) -> None:
    field = operations.define_custom_field(
        about="contract", key="region", name="Region", type="choice", choices=["north"], act=cast.act("ada")
    )
    contract, client = cast.signed_contract(), signed_in(ben)
    typed = {"_form_submitted": "1", "because": "They asked", "field": str(field.pk), "value": "north"}
    client.post(address(contract, "note"), typed)
    contract.refresh_from_db()
    assert contract.custom == {"region": "north"}
    assert "<dt>Region</dt><dd>north</dd>" in text_of(client, address(contract))


def test_a_rep_neither_sees_nor_edits_others_customers(ben: User, signed_in: Any) -> None:
    customer = cast.customer("fabrikam")
    remove_perm("contracts.serve_customer", ben, customer)
    client = signed_in(ben)
    before = everything()
    assert "Fabrikam" not in text_of(client, CUSTOMERS)
    assert client.get(address(customer)).status_code == 404
    assert client.post(address(customer), filled_in()).status_code == 404
    assert client.get(address(customer, "history")).status_code == 404
    assert everything() == before


def test_who_may_only_look_gets_no_form(cleo: User, signed_in: Any) -> None:
    customer = cast.contoso()
    client = signed_in(cleo)
    assert "Why?" not in text_of(client, address(customer))
    before = everything()
    assert client.post(address(customer), filled_in()).status_code == 403
    assert client.post(f"{CUSTOMERS}add/", filled_in()).status_code == 403
    assert everything() == before


def test_a_customers_page_leads_to_their_contracts_quotes_and_invoices(
    ben: User, signed_in: Any, contract: Contract
) -> None:
    text = text_of(signed_in(ben), address(contract.customer))
    assert address(contract) in text
    for page, filtered in (("quoting/quote", "customer__id__exact"), ("invoicing/invoice", "of")):
        link = f"/admin/{page}/?{filtered}={contract.customer_id}"
        assert link in text
        assert signed_in(ben).get(link).status_code == 200


def test_who_sees_invoices_copies_the_link_to_the_customers_page(ben: User, ann: User, signed_in: Any) -> None:
    customer = cast.contoso()
    assert link_to(customer) in text_of(signed_in(ben), address(customer))
    assert "/a/" not in text_of(signed_in(ann), address(customer))


@pytest.mark.parametrize("path", [CUSTOMERS, CONTRACTS, COMMITS])
def test_three_rows_take_as_many_queries_as_one(ben: User, signed_in: Any, contract: Contract, path: str) -> None:
    client = signed_in(ben)
    client.get(path)
    with CaptureQueriesContext(connection) as one:
        client.get(path)
    for key in ("fabrikam", "tailspin"):
        cast.signed_contract(to=cast.customer(key))
    with CaptureQueriesContext(connection) as three:
        answer = client.get(path)
    assert answer.context["cl"].result_count == 3
    assert len(three) == len(one)


# ------------------------------------------------------------ legal entities
def test_an_administrator_keeps_the_legal_entities(ada: User, ben: User, signed_in: Any) -> None:
    entity = cast.seller()
    fields = {
        "key": "quoin", "name": "Quoin GmbH", "address": "Eckstr. 1\nBerlin", "country": "DE", "email": "b@quoin.test",
        "invoice_prefix": "INV-", "grace_hours": "12", "payment_terms_days": "14", "because": "We moved",
    }  # fmt: skip
    before = everything()
    assert signed_in(ben).post(address(entity), fields).status_code == 403
    assert everything() == before
    signed_in(ada).post(address(entity), fields)
    entity.refresh_from_db()
    assert (entity.name, entity.grace_hours) == ("Quoin GmbH", 12)
    signed_in(ada).post("/admin/contracts/legalentity/add/", {**fields, "key": "second"})
    assert LegalEntity.objects.count() == 2


# ------------------------------------------------------------ contracts
def test_a_contract_is_told_on_one_page(ben: User, signed_in: Any, contract: Contract) -> None:
    text = text_of(signed_in(ben), address(contract))
    for told in (
        "Contoso Ltd", "Quoin Inc.", "Signed by Dan Contoso", "Standard USD v1", "Upcoming",
        "First 10,000,000 at $2.50 per million, then $2.00 per million", "15\u00a0% off", "monthly, in arrears",
        "1 Jan – 31 Dec 2026", "$40.00 of usage for $36.00", "$40.00</strong> left",
    ):  # fmt: skip
        assert told in text, told


def test_finance_ends_a_contract_with_a_day_and_a_reason(cara: User, signed_in: Any, contract: Contract) -> None:
    fields = {"_form_submitted": "on", "end_on": "2026-07-01", "because": "Taken over"}
    signed_in(cara).post(address(contract, "end"), fields)
    contract.refresh_from_db()
    assert (contract.status, contract.end_at.isoformat()) == ("ended", "2026-07-01T00:00:00+00:00")
    assert Change.objects.get(name="contract.ended").because == "Taken over"


@pytest.mark.parametrize("end_on", ["2027-07-01", "2025-12-01", ""])
def test_a_contract_does_not_end_on_just_any_day(cara: User, signed_in: Any, contract: Contract, end_on: str) -> None:
    before = everything()
    signed_in(cara).post(address(contract, "end"), {"_form_submitted": "on", "end_on": end_on, "because": "So"})
    assert everything() == before


def test_a_rep_cannot_end_a_contract(ben: User, signed_in: Any, contract: Contract) -> None:
    client = signed_in(ben)
    assert address(contract, "end") not in text_of(client, address(contract))
    before = everything()
    fields = {"_form_submitted": "on", "end_on": "2026-07-01", "because": "So"}
    assert client.post(address(contract, "end"), fields).status_code == 403
    assert client.post(address(contract), {"number": "X"}).status_code == 403
    assert everything() == before


def test_a_rep_does_not_see_others_contracts_and_commits(ben: User, signed_in: Any, contract: Contract) -> None:
    remove_perm("contracts.serve_customer", ben, contract.customer)
    client = signed_in(ben)
    assert client.get(address(contract)).status_code == 404
    assert client.get(address(contract.commits.get())).status_code == 404
    assert contract.number not in text_of(client, CONTRACTS)


def test_a_commit_shows_its_ledger_and_takes_no_post(cara: User, signed_in: Any, contract: Contract) -> None:
    commit = contract.commits.get()
    client = signed_in(cara)
    text = text_of(client, address(commit))
    assert "$40.00</strong> left, $0.00 used" in text
    before = everything()
    assert client.post(address(commit), {"access_amount": "1000"}).status_code == 403
    assert everything() == before
    assert commit.balance == Decimal(40)
