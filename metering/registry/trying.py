"""What would become of an event if it came now; nothing is stored."""

from dataclasses import dataclass
from datetime import datetime

from metering.identities import Identity, hashes
from metering.models import Meter, QuarantinedEvent
from metering.operations import judged_rows
from metering.registry.screening import counts
from metering.store import Row
from metering.wire.events import Event, Unreadable
from metering.wire.reading import read_one


@dataclass(frozen=True, slots=True)
class Verdict:
    """In words: `tone` is good, warn or bad."""

    tone: str
    title: str
    lines: tuple[str, ...] = ()


def tried(text: str, *, at: datetime) -> Verdict:
    """What the API would say of this text, and what meters would make of it."""
    try:
        event = read_one(text.strip().encode())
    except Unreadable as refusal:
        (problem,) = refusal.problems
        where = f"{problem.pointer}: " if problem.pointer else ""
        return Verdict("bad", "Refused: it cannot be read", (f"{where}{problem.message}.",))
    ((row, objection),) = judged_rows([event], source="try", at=at)
    if objection is not None:
        reason = QuarantinedEvent.Reason(objection.reason).label
        title = "Refused, and the whole request with it" if objection.refused else "Quarantined"
        return Verdict("bad", title, (f"{reason}.", objection.detail))
    if not row.is_billable:
        lines = ("By the rule of its type meters do not count it; it is kept and shown as usage that is not billed.",)
        return Verdict("warn", "Accepted, not billable", (*_whose(event, row), *lines))
    return Verdict("good", "Accepted", (*_whose(event, row), _counted_by(event), *_known(row)))


def _whose(event: Event, row: Row) -> tuple[str, ...]:
    if not row.alias:
        return ()
    return (f"{event.customer_key} is an alias: it counts as {row.customer_key}'s.",)


def _counted_by(event: Event) -> str:
    meters = [meter.name for meter in Meter.objects.filter(event_type=event.type) if counts(meter, event.properties)]
    return f"Counted by {', '.join(meters)}." if meters else "No meter counts it."


def _known(row: Row) -> tuple[str, ...]:
    if not hashes([Identity(*row.identity)]):
        return ()
    return ("An event with this id of this source is counted already: it would be a duplicate or a conflict.",)
