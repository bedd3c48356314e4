"""What the timetable asks of invoicing."""

from celery import shared_task

from governance.acts import Act
from governance.clock import now
from invoicing import operations
from invoicing.arrears import refresh_arrears


@shared_task(name="invoicing.tasks.bill_due")
def bill_due() -> None:
    """Bill and finalize whatever is due by now. Late, doubled or repeated, it makes the same invoices."""
    at = now()
    operations.bill_due(through=at, act=Act.of_system("timetable", "Billing of what is due", at))


@shared_task(name="invoicing.tasks.note_arrears")
def note_arrears() -> None:
    """Tell contracts whose invoices are overdue by now, and whose are not any more."""
    at = now()
    refresh_arrears(at, act=Act.of_system("timetable", "Invoices that are overdue", at))
