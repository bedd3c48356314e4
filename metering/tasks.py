"""What the timetable asks of metering."""

from celery import shared_task

from governance.acts import Act
from governance.clock import now
from metering.flags import operations as flags
from metering.outcomes.settlement import AT_ONCE, settle_due
from metering.postgres import retention, rollups
from metering.quarantine import at_risk
from metering.store import event_store

MOST_BLOCKS = 20
"""Of quarantined events, or of batches, in one round."""


@shared_task(name="metering.tasks.roll_up")
def roll_up() -> None:
    """Add what came in to the daily totals. Another worker that is at it already makes this one leave."""
    for _ in range(MOST_BLOCKS):
        if not rollups.roll_up():
            break


@shared_task(name="metering.tasks.sweep_usage")
def sweep_usage() -> None:
    """Remove what a store elsewhere holds of batches that were given up; it never counted."""
    event_store().sweep(now())


@shared_task(name="metering.tasks.retire_usage")
def retire_usage() -> None:
    """Drop the events that are older than they are to be kept. What cannot be dropped yet, the next round finds."""
    retention.retire(now())


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


@shared_task(name="metering.tasks.settle_outcomes")
def settle_outcomes() -> None:
    """Make final what nobody called into question in time. Late, doubled or repeated, it comes to the same."""
    while settle_due(act=Act.of_system("timetable", "The settlement window is over", now())) == AT_ONCE:
        pass
