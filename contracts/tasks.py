"""What the timetable asks of contracts."""

from celery import shared_task

from contracts import caps, operations
from governance.acts import Act
from governance.clock import now


@shared_task(name="contracts.tasks.renew_due")
def renew_due() -> None:
    """Renew what renews itself. Late, doubled or repeated, a contract is renewed once."""
    operations.renew_due(act=Act.of_system("timetable", "Renewed by the rule agreed in the contract", now()))


@shared_task(name="contracts.tasks.hand_over_usage")
def hand_over_usage() -> None:
    """Let the keys of merged customers lead to who was kept, once no contract of their own measures by them."""
    operations.hand_over_usage(act=Act.of_system("timetable", "No contract measures by this key any more", now()))


@shared_task(name="contracts.tasks.read_caps")
def read_caps() -> None:
    """Read what capped customers used so far, and say whose limits are reached."""
    at = now()
    caps.read_caps(at, act=Act.of_system("timetable", "A cap is reached", at))
