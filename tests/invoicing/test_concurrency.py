"""Several at once: one set of invoices, numbers without gaps, a payment once, a commit never overdrawn."""

from collections.abc import Callable
from decimal import Decimal
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from contracts.models import CommitEntry
from governance.acts import Refused
from invoicing import operations
from invoicing.models import BillingRun, CreditNote, Invoice, Payment
from tests.invoicing import books
from tests.invoicing.books import FEB, FEB_2, act, bill
from tests.invoicing.test_operations import credit, pay

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each of so many threads, let go together, returned or raised."""
    barrier, results = Barrier(count), [None] * count

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = work(number)
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def contracts(version, legal_entity) -> list[Any]:
    signed = []
    for number in range(3):
        buyer = books.customer(f"customer-{number}")
        signed.append(books.sign(version, buyer, legal_entity))
        books.use(buyer)
    return signed


def test_eight_concurrent_billings_make_one_set_of_invoices(contracts: list[Any]) -> None:
    runs = at_once(8, lambda _: operations.bill_due(through=FEB_2, act=act(), chunk=2))
    assert [run for run in runs if not isinstance(run, BillingRun)] == []
    assert not [outcome for run in runs for outcome in run.outcomes.filter(result="failed")]
    invoices = Invoice.objects.order_by("sequence")
    assert [(each.sequence, each.status) for each in invoices] == [(n, "finalized") for n in range(1, 7)]
    for contract in contracts:
        totals = Invoice.objects.filter(contract=contract).order_by("kind").values_list("total", flat=True)
        assert list(totals) == [Decimal("36.00"), Decimal("52.25")]
        assert books.balance(contract) == 0
    assert CommitEntry.objects.filter(kind="draw").count() == 3


def test_concurrent_finalization_gives_numbers_without_gaps(contracts: list[Any]) -> None:
    bill(FEB)
    drafts = list(Invoice.objects.filter(status="draft"))
    results = at_once(6, lambda number: operations.finalize_invoice(drafts[number % 3], act=act()))
    assert sum(isinstance(result, Refused) for result in results) == 3
    assert sorted(Invoice.objects.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6]


def test_a_payment_told_eight_times_at_once_is_recorded_once(contracts: list[Any]) -> None:
    bill()
    invoice = Invoice.objects.filter(kind="period").first()
    results = at_once(8, lambda _: pay(invoice))
    assert {result.pk for result in results} == {Payment.objects.get().pk}
    assert Invoice.objects.get(pk=invoice.pk).status == "paid"


def test_payments_and_credits_at_once_never_exceed_the_invoice(contracts: list[Any]) -> None:
    bill()
    invoice = Invoice.objects.filter(kind="period").first()
    payments = at_once(4, lambda number: pay(invoice, "20.00", f"py_{number}"))
    assert sum(isinstance(each, Payment) for each in payments) == 2
    credits_ = at_once(4, lambda _: credit(invoice, "20.00"))
    assert sum(isinstance(each, CreditNote) for each in credits_) == 2
    assert sorted(CreditNote.objects.values_list("sequence", flat=True)) == [1, 2]
