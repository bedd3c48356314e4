"""Eight billings at once, with commits, late usage and finalization by hand among them: one set of invoices."""

from collections import Counter
from decimal import Decimal

import pytest

from governance.acts import Refused
from invoicing import operations as invoicing
from invoicing.models import BillingRun, Invoice
from tests.chaos import world

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMERS = 5


@pytest.fixture
def customers() -> list[str]:
    """Each with two commits and a January that draws the first and a part of the second."""
    world.company()
    keys = [f"customer-{number}" for number in range(CUSTOMERS)]
    for key in keys:
        world.sign(key, commits=2)
        assert world.use(key, f"{key}-january", 20_000_000, 4_000_000, world.JAN_15) == "accepted"
    return keys


def totals(kind: str) -> Counter[tuple[str, Decimal]]:
    return Counter(Invoice.objects.filter(kind=kind).values_list("status", "total"))


def test_eight_billings_at_once_make_one_set_of_invoices(customers: list[str]) -> None:
    runs = world.at_once(8, lambda number: world.bill(world.FEB_3, chunk=1 + number % 3))
    assert [run for run in runs if not isinstance(run, BillingRun)] == []
    assert [each.reason for run in runs for each in run.outcomes.filter(result="failed")] == []
    assert totals("commit") == {("finalized", Decimal("72.00")): CUSTOMERS}
    # The commits pay all of the usage; the fee is left.
    assert totals("period") == {("finalized", Decimal("20.00")): CUSTOMERS}
    assert [invoice.sequence for invoice in world.issued()] == list(range(1, 2 * CUSTOMERS + 1))
    world.book(world.FEB_3)
    assert world.broken() == {}


def test_late_usage_is_billed_once_however_many_bill_it(customers: list[str]) -> None:
    world.bill(world.FEB_3)
    for key in customers:
        assert world.use(key, f"{key}-late", 1_000_000, 0, world.JAN_15, world.FEB_15) == "accepted"
        assert world.use(key, f"{key}-late", 1_000_000, 0, world.JAN_15, world.FEB_15) == "duplicate"
    runs = world.at_once(8, lambda number: world.bill(world.MAR_3, chunk=1 + number % 3))
    assert [run for run in runs if not isinstance(run, BillingRun)] == []
    # A million input tokens above the tenth, less 15 %; what is left of the second commit pays them; and the fee.
    assert totals("period") == {("finalized", Decimal("20.00")): 2 * CUSTOMERS}
    world.book(world.MAR_3)
    assert world.broken() == {}
    before = world.everything()
    assert list(world.bill(world.MAR_3).outcomes.all()) == []
    assert world.everything() == before


def test_drafts_finalized_by_hand_while_runs_bring_them_up_to_date_are_issued_once(customers: list[str]) -> None:
    world.bill(world.FEB_3.replace(day=1))
    drafts = list(Invoice.objects.filter(status="draft"))
    assert len(drafts) == CUSTOMERS

    def work(number: int) -> object:
        key = customers[number % CUSTOMERS]
        world.use(key, f"{key}-meanwhile-{number}", 1_000_000, 0, world.JAN_15, world.FEB_3)
        if number % 2:
            return world.bill(world.FEB_3)
        return invoicing.finalize_invoice(drafts[number // 2], act=world.act("Now", world.FEB_3))

    results = world.at_once(8, work)
    assert [each for each in results if not isinstance(each, (BillingRun, Invoice, Refused))] == []
    world.bill(world.MAR_3)
    world.book(world.MAR_3)
    numbers = [invoice.sequence for invoice in world.issued()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert world.broken() == {}
