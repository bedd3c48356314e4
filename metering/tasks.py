"""What the timetable asks of metering."""

from celery import shared_task

from governance.clock import now
from metering import flags


@shared_task(name="metering.tasks.flag_usage")
def flag_usage() -> None:
    """Flag usage that looks wrong by now. Late, doubled or repeated, it finds the same."""
    flags.look(now())
