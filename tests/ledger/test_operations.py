"""Booking what was issued, paid, credited and taken back."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from contracts.models import Commit
from governance.acts import Refused
from governance.models import Change
from invoicing import operations as invoicing
from invoicing.models import Invoice, Payment
from ledger import operations
from ledger.models import Account, JournalEntry, Posting
from ledger.queries import trial_balance
from tests.books import BILLING_DAY, act, booked, pay, use

D = Decimal
Billed = tuple[Invoice, Invoice]
END = date(2030, 1, 1)


def balances() -> dict[str, Decimal]:
    return {row.code: row.balance for row in trial_balance(END)}


def test_the_month_is_booked_as_the_story_tells_it(billed: Billed) -> None:
    commit, month = billed
    operations.post_invoice(commit, act=act())
    operations.post_invoice(month, act=act())
    for payment in (pay(commit, "36.00"), pay(month, "52.25", "in_2")):
        assert payment is None
    for payment in Payment.objects.order_by("external_id"):
        operations.post_payment(payment, act=act())
    assert booked() == [
        ("invoice", commit.issued_at.date().isoformat(), [("1100", "Dr", "36.00"), ("2100", "Cr", "36.00")]),
        ("invoice.earned", "2026-01-31", [("1150", "Dr", "92.25"), ("4000", "Cr", "72.25"), ("4100", "Cr", "20.00")]),
        ("invoice.drawn", "2026-01-31", [("2100", "Dr", "36.00"), ("4900", "Dr", "4.00"), ("1150", "Cr", "40.00")]),
        ("invoice", "2026-02-02", [("1100", "Dr", "52.25"), ("1150", "Cr", "52.25")]),
        ("payment", "2026-02-02", [("1000", "Dr", "36.00"), ("1100", "Cr", "36.00")]),
        ("payment", "2026-02-02", [("1000", "Dr", "52.25"), ("1100", "Cr", "52.25")]),
    ]
    assert balances() == {
        "1000": D("88.25"),
        "1100": 0,
        "1150": 0,
        "2100": 0,
        "4000": D("-72.25"),
        "4100": D("-20.00"),
        "4900": D("4.00"),
    }


def test_told_twice_it_books_once_and_leaves_no_second_change(billed: Billed) -> None:
    first = operations.post_invoice(billed[1], act=act())
    again = operations.post_invoice(billed[1], act=act())
    assert (len(first), again) == (3, [])
    assert Change.objects.filter(name="journal.posted").count() == 1


def test_entries_say_who_why_and_for_whom(billed: Billed) -> None:
    (entry, *_) = operations.post_invoice(billed[1], act=act("Because of invoice.finalized"))
    assert (entry.change.by_name, entry.change.because) == ("Ledger", "Because of invoice.finalized")
    assert (entry.customer_id, entry.legal_entity_id) == (billed[1].customer_id, billed[1].legal_entity_id)
    assert entry.description == f"Earned: {billed[1].number}"


def test_a_draft_is_not_booked(billed: Billed) -> None:
    use("february", 1_000_000, 0, day=datetime(2026, 2, 10, tzinfo=UTC))
    invoicing.bill_due(through=datetime(2026, 3, 1, 1, tzinfo=UTC), act=act("Billing day"))
    draft = Invoice.objects.get(status="draft")
    with pytest.raises(Refused, match="is not finalized; nothing of it is booked"):
        operations.post_invoice(draft, act=act())
    assert JournalEntry.objects.count() == 0


def test_an_account_that_is_not_in_the_chart_is_named_and_nothing_is_booked(billed: Billed) -> None:
    Account.objects.filter(code="4100").delete()
    with pytest.raises(Refused, match="no account 4100; add it, then retry"):
        operations.post_invoice(billed[1], act=act())
    assert (JournalEntry.objects.count(), Posting.objects.count()) == (0, 0)


def test_installing_the_accounts_again_keeps_their_names(db: None) -> None:
    operations.install_accounts()
    Account.objects.filter(code="1000").update(name="Northwind's bank")
    operations.install_accounts()
    assert Account.objects.count() == len(operations.CHART)
    assert Account.objects.get(code="1000").name == "Northwind's bank"


def test_what_a_correction_gives_back_is_deferred_again(billed: Billed) -> None:
    """Half of January's output ($17.00, which cost $15.30) was a mistake."""
    for invoice in billed:
        operations.post_invoice(invoice, act=act())
    use("mistake", 0, -2_000_000)
    march = datetime(2026, 3, 2, 9, tzinfo=UTC)
    invoicing.bill_due(through=march, act=act("Billing day", march))
    late = Invoice.objects.get(number="INV-000003")
    operations.post_invoice(late, act=act(at=march))
    assert booked("invoice.drawn")[1:] == [
        ("invoice.drawn", "2026-01-31", [("1150", "Dr", "17.00"), ("2100", "Cr", "15.30"), ("4900", "Cr", "1.70")])
    ]
    assert (balances()["2100"], balances()["1150"]) == (D("-15.30"), 0)
    late = invoicing.void_invoice(late, act=act("Wrong address", march))
    operations.post_void(late, act=act(at=march))
    assert booked("invoice.drawn.void") == [
        ("invoice.drawn.void", "2026-03-02", [("2100", "Dr", "15.30"), ("4900", "Dr", "1.70"), ("1150", "Cr", "17.00")])
    ]
    assert balances()["2100"] == 0


def test_a_void_undoes_everything_by_counter_entries(billed: Billed) -> None:
    commit, month = billed
    operations.post_invoice(commit, act=act())
    operations.post_invoice(month, act=act())
    month = invoicing.void_invoice(month, act=act("Wrong address"))
    operations.post_void(month, act=act(at=datetime(2026, 2, 3, 9, tzinfo=UTC)))
    assert booked("invoice.earned.void", "invoice.drawn.void", "invoice.void") == [
        (
            "invoice.earned.void",
            "2026-02-03",
            [("1150", "Cr", "92.25"), ("4000", "Dr", "72.25"), ("4100", "Dr", "20.00")],
        ),
        ("invoice.void", "2026-02-03", [("1100", "Cr", "52.25"), ("1150", "Dr", "52.25")]),
        (
            "invoice.drawn.void",
            "2026-02-03",
            [("1150", "Dr", "40.00"), ("2100", "Cr", "36.00"), ("4900", "Cr", "4.00")],
        ),
    ]
    issued = JournalEntry.objects.get(source_type="invoice", source_id=str(month.pk))
    assert issued.reversed_by.source_type == "invoice.void"
    assert {code: amount for code, amount in balances().items() if amount} == {"1100": D("36.00"), "2100": D("-36.00")}
    assert operations.post_void(month, act=act()) == []


def test_a_void_told_before_its_invoice_ends_in_the_same_books(billed: Billed) -> None:
    _, month = billed
    month = invoicing.void_invoice(month, act=act("Wrong address"))
    operations.post_void(month, act=act())
    assert operations.post_invoice(month, act=act()) == []
    assert len(booked()) == 6
    assert not any(balances().values())


def test_only_what_is_void_is_undone(billed: Billed) -> None:
    with pytest.raises(Refused, match="is not void"):
        operations.post_void(billed[1], act=act())
    assert JournalEntry.objects.count() == 0


def test_a_redrawn_commit_is_deferred_to_the_cent_after_a_void(billed: Billed) -> None:
    commit, month = billed
    operations.post_invoice(commit, act=act())
    month = invoicing.void_invoice(month, act=act("Wrong address"))
    operations.post_void(month, act=act())
    invoicing.bill_due(through=BILLING_DAY, act=act("Again"))
    again = Invoice.objects.get(contract=month.contract, kind="period", status="finalized")
    operations.post_invoice(again, act=act())
    assert Commit.objects.get(contract=month.contract).balance == 0
    assert balances()["2100"] == 0
    assert balances()["1100"] == D("88.25")


def test_a_credit_note_reduces_revenue_and_what_is_owed(billed: Billed) -> None:
    _, month = billed
    operations.post_invoice(month, act=act())
    note = invoicing.issue_credit_note(month, amount=D("9.22"), act=act("An outage"))
    operations.post_credit_note(note, act=act())
    assert operations.post_credit_note(note, act=act()) == []
    assert booked("credit_note") == [
        ("credit_note", "2026-02-02", [("4000", "Dr", "7.22"), ("4100", "Dr", "2.00"), ("1100", "Cr", "9.22")])
    ]
    assert balances()["1100"] == D("43.03")


@pytest.mark.django_db(transaction=True)
def test_six_at_once_book_once(billed: Billed) -> None:
    barrier = Barrier(6)

    def book() -> None:
        barrier.wait()
        operations.post_invoice(billed[1], act=act())
        connection.close()

    run_together(book, 6)
    assert len(booked()) == 3
    assert Change.objects.filter(name="journal.posted").count() == 1


def run_together(work: Callable[[], None], times: int) -> None:
    threads = [Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
