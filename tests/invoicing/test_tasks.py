"""The timetable's door."""

from contracts.models import Contract
from governance.clock import clock_set_to
from invoicing import tasks
from invoicing.models import BillingRun, Invoice
from tests.invoicing.books import FEB_2


def test_the_timetable_bills_what_is_due_by_the_clock(used: Contract) -> None:
    with clock_set_to(FEB_2):
        tasks.bill_due()
        tasks.bill_due()
    assert Invoice.objects.filter(status="finalized", issued_at=FEB_2).count() == 2
    assert list(BillingRun.objects.values_list("through", "by_name")) == [(FEB_2, "timetable")] * 2
