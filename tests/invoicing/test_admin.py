"""Invoicing in the admin: who may press which button, what it does, and that refusals write nothing."""

from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from guardian.shortcuts import assign_perm

from contracts.models import Contract, Customer
from governance.change import change
from governance.clock import clock_set_to
from governance.models import ApprovalPolicy, ApprovalRequest, Change
from invoicing.models import BillingRun, CreditNote, Invoice, Payment
from tests.invoicing import books
from tests.invoicing.books import FEB, FEB_2, act, bill, month_invoice

VERBS = ["finalize", "record_payment", "credit", "void"]
FIELDS = {"amount": "52.25", "reference": "bank-1", "received_on": "2026-02-10"}


def press(client: Client, invoice: Invoice, verb: str, because: str = "Because", **fields: str) -> Any:
    address = reverse(f"admin:invoicing_invoice_{verb}", args=[invoice.pk])
    return client.post(address, {"_form_submitted": "on", "because": because, **FIELDS, **fields})


def page(client: Client, invoice: Invoice) -> str:
    answer = client.get(reverse("admin:invoicing_invoice_change", args=[invoice.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def buttons(text: str, invoice: Invoice) -> list[str]:
    return [verb for verb in VERBS if reverse(f"admin:invoicing_invoice_{verb}", args=[invoice.pk]) in text]


@pytest.fixture
def month(billed: list[Invoice]) -> Invoice:
    return billed[1]


@pytest.fixture
def books_open(signed_in: Any, cara: User) -> Client:
    """Cara, signed in."""
    client: Client = signed_in(cara)
    return client


def test_the_page_tells_the_lines_and_why(books_open: Client, month: Invoice) -> None:
    text = page(books_open, month)
    for said in ("Why this number", "10,000,000 at $2.50 per million", "15% off", "−$6.75", "Drawn from Prepaid usage",
                 "What it paid", "Price: Standard USD v1", "$52.25 USD", "Still open", "/i/"):  # fmt: skip
        assert said in text, said


def test_buttons_are_those_that_apply(books_open: Client, used: Contract) -> None:
    bill(FEB)
    draft = month_invoice(used)
    assert buttons(page(books_open, draft), draft) == ["finalize"]
    bill(FEB_2)
    assert buttons(page(books_open, draft), draft) == ["record_payment", "credit", "void"]


def test_finance_finalizes_a_draft_before_its_grace_is_over(books_open: Client, used: Contract, cara: User) -> None:
    bill(FEB)
    press(books_open, month_invoice(used), "finalize", "They want it today")
    assert month_invoice(used).number == "INV-000002"
    recorded = Change.objects.get(name="invoice.finalized", subject_id=str(month_invoice(used).pk))
    assert (recorded.by, recorded.because) == (cara, "They want it today")


def test_finance_records_a_payment(books_open: Client, month: Invoice) -> None:
    press(books_open, month, "record_payment")
    payment = Payment.objects.get()
    assert (payment.amount, payment.method, payment.external_id) == (Decimal("52.25"), "bank transfer", "bank-1")
    month.refresh_from_db()
    assert month.status == "paid"


def test_the_dialog_proposes_what_is_open(books_open: Client, month: Invoice) -> None:
    dialog = books_open.get(reverse("admin:invoicing_invoice_record_payment", args=[month.pk])).content.decode()
    assert 'value="52.25"' in dialog
    assert "Amount in USD" in dialog


def test_finance_credits_and_voids(books_open: Client, billed: list[Invoice]) -> None:
    press(books_open, billed[0], "credit", "An outage", amount="6.00")
    assert CreditNote.objects.get().reason == "An outage"
    press(books_open, billed[1], "void", "Wrong address")
    assert Invoice.objects.get(pk=billed[1].pk).status == "void"


def test_a_refusal_is_said_and_writes_nothing(books_open: Client, month: Invoice) -> None:
    before = Change.objects.count()
    press(books_open, month, "record_payment", amount="99.00")
    assert "$99.00 is more than the $52.25 open" in page(books_open, month)
    assert (Payment.objects.count(), Change.objects.count()) == (0, before)


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_without_a_reason(books_open: Client, month: Invoice, verb: str) -> None:
    before = Change.objects.count()
    press(books_open, month, verb, because=" ")
    assert Change.objects.count() == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_rep_who_serves_the_customer_sees_but_does_nothing(
    signed_in: Any, ben: User, contoso: Customer, month: Invoice, verb: str
) -> None:
    assign_perm("contracts.serve_customer", ben, contoso)
    client, before = signed_in(ben), Change.objects.count()
    assert buttons(page(client, month), month) == []
    assert press(client, month, verb).status_code == 403
    assert Change.objects.count() == before


def test_a_rep_does_not_see_other_customers_invoices_or_money(signed_in: Any, ben: User, month: Invoice) -> None:
    client = signed_in(ben)
    listed = client.get(reverse("admin:invoicing_invoice_changelist")).content.decode()
    assert "INV-000002" not in listed
    for name in ("invoicing_invoice_change", "invoicing_invoice_pdf"):
        assert client.get(reverse(f"admin:{name}", args=[month.pk])).status_code in (302, 404)
    assert press(client, month, "void").status_code == 404
    assert client.get(reverse("admin:invoicing_billingrun_changelist")).status_code == 403


def test_a_rep_does_not_see_other_customers_payments(signed_in: Any, ben: User, cara: User, month: Invoice) -> None:
    press(signed_in(cara), month, "record_payment")
    listed = signed_in(ben).get(reverse("admin:invoicing_payment_changelist")).content.decode()
    assert "bank-1" not in listed


def test_the_document_is_the_one_everybody_gets(books_open: Client, month: Invoice) -> None:
    answer = books_open.get(reverse("admin:invoicing_invoice_pdf", args=[month.pk]))
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content == Invoice.objects.get(pk=month.pk).document.read()


def test_a_credit_that_a_policy_watches_is_asked_for_first(
    books_open: Client, month: Invoice, cara: User, signed_in: Any
) -> None:
    policy = ApprovalPolicy(name="Credits", subject_type="invoicing.invoice", watched="credit_amount", role="finance")
    with change("approval_policy.created", policy, act("House rule")):
        policy.save()
    press(books_open, month, "credit", amount="5.00")
    assert "finance was asked" in page(books_open, month)
    assert (CreditNote.objects.count(), ApprovalRequest.objects.get().requested_by) == (0, cara)


# ---------------------------------------------------------------- billing runs
def bill_now(client: Client) -> Any:
    address = reverse("admin:invoicing_billingrun_bill_now")
    with clock_set_to(FEB_2):
        return client.post(address, {"_form_submitted": "on", "because": "Month end"})


def test_finance_runs_billing_and_sees_what_came_of_it(books_open: Client, used: Contract) -> None:
    assert reverse("admin:invoicing_billingrun_bill_now") in books_open.get(
        reverse("admin:invoicing_billingrun_changelist")
    ).content.decode()  # fmt: skip
    answer = bill_now(books_open)
    run = BillingRun.objects.get()
    assert answer["HX-Redirect"] == reverse("admin:invoicing_billingrun_change", args=[run.pk])
    text = books_open.get(answer["HX-Redirect"]).content.decode()
    assert "2 invoices were written." in text
    assert "INV-000001" in text
    assert "Contoso Ltd" in text


def test_a_contract_that_cannot_be_billed_is_named_with_the_reason(
    books_open: Client, used: Contract, version: Any, legal_entity: Any
) -> None:
    broken = books.sign(version, books.customer("fabrikam", name="Fabrikam"), legal_entity)
    with pgtrigger.ignore("contracts.Contract:signed_is_signed"), change("contract.amended", broken, act("A mistake")):
        broken.currency = "XXX"
        broken.save()
    text = books_open.get(bill_now(books_open)["HX-Redirect"]).content.decode()
    assert "1 contracts could not be billed; 2 invoices were written." in text
    assert "XXX" in text


def test_only_finance_runs_billing(signed_in: Any, ben: User, used: Contract) -> None:
    assert bill_now(signed_in(ben)).status_code == 403
    assert not BillingRun.objects.exists()


@pytest.mark.parametrize("model", ["invoice", "payment", "creditnote", "billingrun"])
def test_lists_ask_no_more_for_more_rows(books_open: Client, version: Any, legal_entity: Any, model: str) -> None:
    counted = []
    for names in (["one"], ["two", "three"]):
        for name in names:
            books.sign(version, books.customer(name), legal_entity)
        bill()
        for invoice in Invoice.objects.filter(kind="commit", payments=None):
            press(books_open, invoice, "record_payment", amount="1.00", reference=str(invoice.pk))
            press(books_open, invoice, "credit", amount="1.00")
        with CaptureQueriesContext(connection) as captured:
            assert books_open.get(reverse(f"admin:invoicing_{model}_changelist")).status_code == 200
        counted.append(len(captured))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("model", ["invoice", "payment", "creditnote", "billingrun"])
def test_nothing_is_added_changed_or_deleted_by_hand(books_open: Client, month: Invoice, model: str) -> None:
    press(books_open, month, "record_payment", amount="1.00")
    press(books_open, month, "credit", amount="1.00")
    models = {"invoice": Invoice, "payment": Payment, "creditnote": CreditNote, "billingrun": BillingRun}
    row = models[model].objects.first()
    for verb, args in (("add", []), ("delete", [row.pk]), ("change", [row.pk])):
        answer = books_open.post(reverse(f"admin:invoicing_{model}_{verb}", args=args), {"post": "yes"})
        assert answer.status_code == 403
