"""What PostgreSQL itself refuses, told by SQL that no operation of ours would send."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from contracts.models import Contract
from invoicing.models import CreditNote, Invoice, InvoiceLine, Payment
from tests.invoicing.books import FEB, bill, month_invoice
from tests.invoicing.test_operations import credit, pay

Sql = Callable[..., None]


@pytest.fixture
def sql(db: None) -> Sql:
    """Runs a statement as somebody would who opened a change and knows no manners."""

    def run(statement: str, *values: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('quoin.change', 'test', true)")
            cursor.execute(statement, values)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    return run


@pytest.fixture
def month(billed: list[Invoice]) -> Invoice:
    return billed[1]


@pytest.mark.parametrize(
    "change",
    [
        "total = 1, subtotal = 41",
        "currency = 'EUR'",
        "number = 'INV-000009'",
        "due_on = '2027-01-01'",
        "buyer = '{}'",
        "status = 'draft', number = NULL",
        "status = 'discarded'",
        "issued_at = now()",
    ],
)
def test_a_finalized_invoice_does_not_change(sql: Sql, month: Invoice, change: str) -> None:
    with pytest.raises(DatabaseError, match=r"a finalized invoice never changes|finalized_invoices_are_numbered"):
        sql(f"UPDATE invoicing_invoice SET {change} WHERE id = %s", month.pk)
    stored = Invoice.objects.get(pk=month.pk)
    assert (stored.status, stored.total, stored.number) == ("finalized", month.total, month.number)


def test_a_paid_or_void_invoice_stays_so(sql: Sql, billed: list[Invoice]) -> None:
    pay(billed[0], "36.00")
    for status in ("finalized", "void", "draft"):
        with pytest.raises(DatabaseError):
            sql("UPDATE invoicing_invoice SET status = %s WHERE id = %s", status, billed[0].pk)
    assert Invoice.objects.get(pk=billed[0].pk).status == "paid"


def test_the_document_is_set_once(sql: Sql, month: Invoice) -> None:
    sql("UPDATE invoicing_invoice SET document = 'a.pdf', document_sha256 = 'abc' WHERE id = %s", month.pk)
    with pytest.raises(DatabaseError, match="never changes"):
        sql("UPDATE invoicing_invoice SET document_sha256 = 'abd' WHERE id = %s", month.pk)


def test_no_invoice_is_deleted_not_even_a_draft(sql: Sql, used: Contract) -> None:
    bill(FEB)
    for invoice in Invoice.objects.all():
        with pytest.raises(DatabaseError, match=r"never deleted|violates foreign key"):
            sql("DELETE FROM invoicing_invoice WHERE id = %s", invoice.pk)
    assert Invoice.objects.count() == 2


def test_a_draft_is_not_paid_without_being_issued(sql: Sql, used: Contract) -> None:
    bill(FEB)
    with pytest.raises(DatabaseError, match=r"finalized or discarded|finalized_invoices_are_numbered"):
        sql("UPDATE invoicing_invoice SET status = 'paid' WHERE id = %s", month_invoice(used).pk)


def test_nothing_is_written_outside_a_change(month: Invoice) -> None:
    with pytest.raises(DatabaseError, match="needs a change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE invoicing_invoice SET status = 'void' WHERE id = %s", [month.pk])


def test_lines_of_a_finalized_invoice_do_not_change(sql: Sql, month: Invoice, billed: list[Invoice]) -> None:
    line = month.lines.first()
    another = "SELECT (jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid(), 'position', 99))).*"
    for statement in (
        "UPDATE invoicing_invoiceline SET amount = 1 WHERE id = %s",
        "UPDATE invoicing_invoiceline SET waterfall = '[]' WHERE id = %s",
        "DELETE FROM invoicing_invoiceline WHERE id = %s",
        f"INSERT INTO invoicing_invoiceline {another} FROM invoicing_invoiceline l WHERE id = %s",
    ):
        with pytest.raises(DatabaseError, match="lines of a finalized invoice never change"):
            sql(statement, line.pk)
    assert InvoiceLine.objects.filter(invoice=month).count() == 4


def test_a_line_of_a_draft_is_not_moved_into_an_issued_invoice(sql: Sql, month: Invoice, used: Contract) -> None:
    bill(FEB.replace(month=3))
    draft = Invoice.objects.get(status="draft")
    with pytest.raises(DatabaseError, match="never change"):
        sql("UPDATE invoicing_invoiceline SET invoice_id = %s, position = 9 WHERE invoice_id = %s", month.pk, draft.pk)


def test_a_header_that_does_not_add_up_is_refused(sql: Sql, used: Contract) -> None:
    bill(FEB)
    draft = month_invoice(used)
    with pytest.raises(DatabaseError, match="the_header_adds_up"):
        sql("UPDATE invoicing_invoice SET total = total + 1 WHERE id = %s", draft.pk)
    issue = "UPDATE invoicing_invoice SET status = 'finalized', number = 'X-1', issued_at = now()"
    with pytest.raises(DatabaseError, match="does not add up"):
        sql(f"{issue}, subtotal = subtotal + 1, total = total + 1 WHERE id = %s", draft.pk)
    assert month_invoice(used).status == "draft"


def test_a_contract_has_one_draft_of_a_kind(sql: Sql, used: Contract) -> None:
    bill(FEB)
    with pytest.raises(DatabaseError, match="one_draft_per_contract_kind_and_group"):
        sql(
            "INSERT INTO invoicing_invoice SELECT (jsonb_populate_record(i, jsonb_build_object('id',"
            " gen_random_uuid()))).* FROM invoicing_invoice i WHERE id = %s",
            month_invoice(used).pk,
        )


def test_a_number_is_given_once(sql: Sql, month: Invoice) -> None:
    for unique in ("'sequence', 9", "'number', 'INV-9'"):
        with pytest.raises(DatabaseError, match=r"a_number_is_given_once|a_seller_uses_a_number_once"):
            sql(
                "INSERT INTO invoicing_invoice SELECT (jsonb_populate_record(i, jsonb_build_object('id',"
                f" gen_random_uuid(), {unique}))).* FROM invoicing_invoice i WHERE id = %s",
                month.pk,
            )


@pytest.mark.parametrize("table", ["payment", "creditnote"])
def test_payments_and_credits_do_not_change(sql: Sql, month: Invoice, table: str) -> None:
    pay(month, "10")
    credit(month, "10")
    for statement in (f"UPDATE invoicing_{table} SET amount = 5", f"DELETE FROM invoicing_{table}"):
        with pytest.raises(DatabaseError, match="never changes"):
            sql(statement)
    assert (Payment.objects.get().amount, CreditNote.objects.get().amount) == (10, 10)


@pytest.mark.parametrize("table", ["payment", "creditnote"])
@pytest.mark.parametrize("fields", ["'amount', 42.26", "'amount', 1, 'currency', 'EUR'"])
def test_payments_and_credits_stay_within_their_invoice(sql: Sql, month: Invoice, table: str, fields: str) -> None:
    pay(month, "10")
    credit(month, "10")
    unique = "'external_id', 'x'" if table == "payment" else "'sequence', 9, 'number', 'CN-9'"
    with pytest.raises(DatabaseError, match="more than the invoice, or another currency"):
        sql(
            f"INSERT INTO invoicing_{table} SELECT (jsonb_populate_record(t, jsonb_build_object('id',"
            f" gen_random_uuid(), {unique}, {fields}))).* FROM invoicing_{table} t"
        )


def test_a_draft_takes_neither_payment_nor_credit(sql: Sql, used: Contract, month: Invoice) -> None:
    pay(month, "10")
    bill(FEB.replace(month=3))
    draft = Invoice.objects.get(status="draft")
    with pytest.raises(DatabaseError, match="only an issued invoice"):
        sql(
            "INSERT INTO invoicing_payment SELECT (jsonb_populate_record(t, jsonb_build_object('id',"
            " gen_random_uuid(), 'external_id', 'x', 'invoice_id', %s::text))).* FROM invoicing_payment t",
            str(draft.pk),
        )
