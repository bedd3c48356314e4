"""The books hear of what happened, from the outbox, on the day it happened."""

from datetime import timedelta
from decimal import Decimal

import pytest

from integrations import outbox
from integrations.models import Delivery
from invoicing import operations as invoicing
from invoicing.models import Invoice
from ledger.models import Account
from tests.books import BILLING_DAY, act, billed_january, booked, pay

pytestmark = pytest.mark.django_db
LATER = BILLING_DAY + timedelta(days=40)


@pytest.fixture
def billed(db: None) -> tuple[Invoice, Invoice]:
    return billed_january()


def days(*types: str) -> set[str]:
    return {day for _, day, _ in booked(*types)}


def test_what_happened_is_booked_on_its_day_however_late_the_delivery(billed: tuple[Invoice, Invoice]) -> None:
    pay(billed[0], "36.00")
    invoicing.issue_credit_note(billed[1], amount=Decimal("1.00"), act=act("An outage"))
    outbox.drain(at=LATER)
    assert [kind for kind, _, _ in booked()] == [
        "invoice",
        "invoice.earned",
        "invoice.drawn",
        "invoice",
        "payment",
        "credit_note",
    ]
    assert days("payment", "credit_note") == {"2026-02-02"}


def test_a_void_is_booked_on_its_own_day_though_delivered_later(billed: tuple[Invoice, Invoice]) -> None:
    invoicing.void_invoice(billed[1], act=act("Wrong address", BILLING_DAY + timedelta(days=1)))
    outbox.drain(at=LATER)
    assert days("invoice.void", "invoice.earned.void", "invoice.drawn.void") == {"2026-02-03"}


def test_a_repeated_delivery_books_nothing_more(billed: tuple[Invoice, Invoice]) -> None:
    outbox.drain(at=BILLING_DAY)
    before = booked()
    Delivery.objects.filter(route="ledger.invoice").update(status="due", next_at=BILLING_DAY)
    outbox.drain(at=BILLING_DAY)
    assert booked() == before
    assert set(Delivery.objects.filter(route="ledger.invoice").values_list("note", flat=True)) == {"Booked before."}


def test_a_missing_account_fails_the_delivery_until_it_is_there(billed: tuple[Invoice, Invoice]) -> None:
    Account.objects.filter(code="4100").delete()
    outbox.drain(at=BILLING_DAY)
    (failed,) = Delivery.objects.filter(status="failed")
    assert failed.error == "The chart of accounts has no account 4100; add it, then retry."
    Account.objects.create(code="4100", name="Subscription revenue", kind="revenue")
    outbox.retry(failed, act=act("The account is there now", LATER))
    outbox.drain(at=LATER)
    assert not Delivery.objects.filter(status="failed").exists()
    assert len(booked()) == 4
