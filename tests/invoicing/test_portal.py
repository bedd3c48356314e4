"""The customer's page: with the link one sees the invoice, without it nothing."""

import pytest
from django.core import signing
from django.test import Client

from contracts.models import Contract
from governance.clock import clock_set_to
from invoicing import links, operations
from invoicing.models import Invoice
from tests.invoicing.books import FEB, FEB_2, act, bill, month_invoice
from tests.invoicing.test_operations import credit, pay


def path_of(invoice: Invoice) -> str:
    return links.link_to(invoice).removeprefix("http://testserver")


def test_the_page_shows_what_is_owed_and_why(client: Client, billed: list[Invoice]) -> None:
    with clock_set_to(FEB_2):
        answer = client.get(path_of(billed[1]))
    page = answer.content.decode()
    for said in ("INV-000002", "Contoso Ltd", "$52.25", "10,000,000 at $2.50 per million", "Drawn from Prepaid usage",
                 "due 4 Mar 2026", "Open", "IBAN DE02"):  # fmt: skip
        assert said in page, said
    assert "<script" not in page
    assert "style=" not in page
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("private, no-store", "no-referrer")


def test_what_was_paid_and_credited_is_shown(client: Client, billed: list[Invoice]) -> None:
    pay(billed[1], "10.00")
    credit(billed[1], "2.25")
    page = client.get(path_of(billed[1])).content.decode()
    assert "Payment by stripe" in page
    assert "Credit note CN-000001" in page
    assert "$40.00 USD" in page


@pytest.mark.parametrize(("month", "day", "word"), [(3, 4, "Open"), (3, 5, "Overdue")])
def test_it_is_overdue_after_its_day(client: Client, billed: list[Invoice], month: int, day: int, word: str) -> None:
    with clock_set_to(FEB.replace(month=month, day=day, hour=23)):
        assert f">{word}</span>" in client.get(path_of(billed[1])).content.decode()


def test_a_cancelled_invoice_says_so(client: Client, billed: list[Invoice]) -> None:
    operations.void_invoice(billed[1], act=act("Wrong address"))
    page = client.get(path_of(billed[1])).content.decode()
    assert "This invoice was cancelled" in page
    assert "How to pay" not in page


def test_the_document_is_behind_the_same_link(client: Client, billed: list[Invoice]) -> None:
    answer = client.get(path_of(billed[1]) + "pdf")
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert answer["Content-Disposition"] == 'inline; filename="INV-000002.pdf"'


def test_a_forged_link_shows_nothing(client: Client, billed: list[Invoice], used: Contract) -> None:
    pk = str(billed[1].pk)
    for token in (
        pk,
        signing.dumps(pk),
        signing.dumps(pk, salt="quoting.portal"),
        links.token_of(billed[1])[:-1] + "x",
    ):
        for address in (f"/i/{token}/", f"/i/{token}/pdf"):
            answer = client.get(address)
            assert answer.status_code == 404
            assert "INV-000002" not in answer.content.decode()


def test_a_draft_has_no_page(client: Client, used: Contract) -> None:
    bill(FEB)
    assert client.get(path_of(month_invoice(used))).status_code == 404


def test_nothing_is_posted_there(client: Client, billed: list[Invoice]) -> None:
    assert client.post(path_of(billed[1])).status_code == 405
