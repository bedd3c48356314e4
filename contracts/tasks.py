"""What the timetable asks of contracts."""

from celery import shared_task

from contracts import operations
from governance.acts import Act
from governance.clock import now


@shared_task(name="contracts.tasks.renew_due")
def renew_due() -> None:
    """Renew what renews itself. Late, doubled or repeated, a contract is renewed once."""
    operations.renew_due(act=Act.of_system("timetable", "Renewed by the rule agreed in the contract", now()))
