"""Invoices over HTTP: who may read, what they get, page by page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from guardian.shortcuts import assign_perm

from contracts.models import Contract, Customer
from invoicing.models import Invoice
from tests import cast
from tests.invoicing import books
from tests.invoicing.books import FEB, bill, month_invoice
from tests.invoicing.test_operations import credit, pay


def key(*scopes: str) -> dict[str, str]:
    return cast.system_key(*scopes)


@pytest.fixture
def reader(db: None) -> dict[str, str]:
    return key("invoices:read")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Api-Key nonsense"}])
def test_without_a_key_nothing_is_told(client: Client, billed: list[Invoice], headers: dict[str, str]) -> None:
    for address in ("/api/v1/invoices", "/api/v1/invoices/INV-000002", "/api/v1/invoices/INV-000002/pdf"):
        assert client.get(address, headers=headers).status_code == 403


def test_another_scope_is_not_enough(client: Client, billed: list[Invoice]) -> None:
    assert client.get("/api/v1/invoices", headers=key("usage:write")).status_code == 403


def test_an_invoice_tells_its_lines_and_why(client: Client, billed: list[Invoice], reader: dict[str, str]) -> None:
    pay(billed[1], "10.00")
    credit(billed[1], "2.25")
    body = client.get("/api/v1/invoices/INV-000002", headers=reader).json()
    assert (body["number"], body["status"], body["customer"], body["contract"]) == (
        "INV-000002",
        "finalized",
        "contoso",
        "C-2026-0001",
    )
    assert body["total"] == {"amount": "52.25", "currency": "USD"}
    assert body["open"] == {"amount": "40.00", "currency": "USD"}
    line = body["lines"][0]
    assert (line["product"], line["quantity"], line["amount"]["amount"]) == ("input-tokens", "20000000", "38.25")
    assert [(step["kind"], step["amount"]) for step in line["waterfall"]] == [
        ("list", "25"),
        ("list", "20"),
        ("percent_off", "-6.75"),
    ]
    assert [each["external_id"] for each in body["payments"]] == ["py_1"]
    assert [each["number"] for each in body["credit_notes"]] == ["CN-000001"]
    assert client.get(f"/api/v1/invoices/{billed[1].pk}", headers=reader).json() == body


def test_the_document_comes_as_pdf_whatever_is_accepted(
    client: Client, billed: list[Invoice], reader: dict[str, str]
) -> None:
    for accept in ("application/pdf", "*/*", "application/json"):
        answer = client.get("/api/v1/invoices/INV-000002/pdf", headers={**reader, "Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF-")


def test_drafts_are_not_told(client: Client, used: Contract, reader: dict[str, str]) -> None:
    bill(FEB)
    draft = month_invoice(used)
    assert [each["kind"] for each in client.get("/api/v1/invoices", headers=reader).json()["results"]] == ["commit"]
    for address in (f"/api/v1/invoices/{draft.pk}", f"/api/v1/invoices/{draft.pk}/pdf"):
        assert client.get(address, headers=reader).status_code == 404


def test_pages_follow_each_other_while_new_invoices_come_in(
    client: Client, version, legal_entity, reader: dict[str, str]
) -> None:
    for number in range(4):
        books.sign(version, books.customer(f"customer-{number}"), legal_entity)
    bill(FEB)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/api/v1/invoices", {"limit": 3} | ({"cursor": cursor} if cursor else {}), headers=reader)
        seen += [each["number"] for each in page.json()["results"]]
        cursor = page.json()["next"]
        if len(seen) == 3:
            books.sign(version, books.customer("another"), legal_entity)
            bill(FEB.replace(hour=1))
    assert sorted(seen) == ["INV-000001", "INV-000002", "INV-000003", "INV-000004"]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"customer": "contoso"}, ["INV-000002", "INV-000001"]),
        ({"customer": "nobody"}, []),
        ({"kind": "commit"}, ["INV-000001"]),
        ({"status": "paid"}, []),
        ({"contract": "C-2026-0001", "issued_from": "2026-02-02T00:00:00Z"}, ["INV-000002", "INV-000001"]),
        ({"issued_to": "2026-02-02T00:00:00Z"}, []),
    ],
)
def test_invoices_are_found_by(client: Client, billed, reader, query: dict[str, str], numbers: list[str]) -> None:
    body = client.get("/api/v1/invoices", query, headers=reader).json()
    assert sorted(each["number"] for each in body["results"]) == sorted(numbers)


@pytest.mark.parametrize("query", [{"cursor": "x"}, {"limit": "0"}, {"status": "draft"}, {"issued_from": "yesterday"}])
def test_a_question_that_makes_no_sense_is_named(client: Client, reader, query: dict[str, str]) -> None:
    answer = client.get("/api/v1/invoices", query, headers=reader)
    assert (answer.status_code, list(answer.json())) == (400, list(query))


def test_a_person_sees_the_invoices_of_the_customers_they_serve(
    client: Client, billed: list[Invoice], ben: User, contoso: Customer
) -> None:
    client.force_login(ben, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/v1/invoices").json()["results"] == []
    assert client.get("/api/v1/invoices/INV-000002").status_code == 404
    assign_perm("contracts.serve_customer", ben, contoso)
    assert len(client.get("/api/v1/invoices").json()["results"]) == 2


def test_one_number_of_two_sellers_is_asked_for_by_id(client: Client, billed: list[Invoice], version, reader) -> None:
    books.sign(version, books.customer("fabrikam"), books.seller("inc"))
    bill()
    assert client.get("/api/v1/invoices/INV-000001", headers=reader).status_code == 409
    assert client.get(f"/api/v1/invoices/{billed[0].pk}", headers=reader).status_code == 200
