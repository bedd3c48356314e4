"""What the timetable asks of metering."""

from celery import shared_task

from governance.clock import now
from metering import at_risk, flags

MOST_BLOCKS = 20
"""Of quarantined events in one round."""


@shared_task(name="metering.tasks.flag_usage")
def flag_usage() -> None:
    """Flag usage that looks wrong by now. Late, doubled or repeated, it finds the same."""
    flags.look(now())


@shared_task(name="metering.tasks.estimate_at_risk")
def estimate_at_risk() -> None:
    """Say about what the events in quarantine would be billed at. What a round leaves, the next one finds."""
    at = now()
    for _ in range(MOST_BLOCKS):
        if at_risk.estimate(at=at) < at_risk.BLOCK:
            break
