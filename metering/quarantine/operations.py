"""What people do with quarantine: replay, dismiss, hand over; one by one, or many with one reason."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import msgspec
from django.contrib.auth.models import User
from django.db.models import QuerySet
from msgspec.structs import replace

from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import Change
from metering.intake import Batch
from metering.models import QuarantinedEvent
from metering.operations import judged_rows
from metering.registry.screening import Objection, Reason
from metering.store import Row
from metering.wire.events import Event

Resolution = QuarantinedEvent.Resolution
BLOCK = 2_000
TAKEN = "Another event is counted under this id. Dismiss this one, or have it sent under an id of its own."


@dataclass(slots=True)
class Replayed:
    """What came of replaying many: how many are counted now, and why the others still wait, by reason."""

    counted: int = 0
    waiting: Counter[str] = field(default_factory=Counter)

    @property
    def words(self) -> str:
        """The result in a sentence."""
        reasons = dict(QuarantinedEvent.Reason.choices)
        still = "; ".join(f"{reasons[reason].lower()}: {times:,}" for reason, times in self.waiting.most_common())
        told = f"{self.counted:,} counted." if self.counted or still else "Nothing waits for that."
        return f"{told} {self.waiting.total():,} still cannot be counted ({still})." if still else told


def replay(quarantined: QuarantinedEvent, *, act: Act) -> QuarantinedEvent:
    """Count a quarantined event after all, in its own period, now that what was wrong with it is put right.

    Lateness is forgiven, because a person asks for it. Refused while anything else still stands against it.
    """
    with change("usage_event.replayed", quarantined, act) as row:
        quarantined = locked(quarantined)
        if quarantined.resolution == Resolution.COUNTED:
            raise Refused("This event is counted already.")
        objection = _count([quarantined], row, act.at)[quarantined.pk]
        if objection is not None:
            raise Refused(objection.detail if objection.reason == Reason.CONFLICT else _still(objection))
        quarantined.refresh_from_db()
    return quarantined


def replay_waiting(waiting: QuerySet[QuarantinedEvent], *, act: Act) -> Replayed:
    """Replay what can be of these, all in one change. What somebody else is working on at the moment is left alone."""
    result = Replayed()
    first = waiting.filter(resolved_at=None).first()
    if first is None:
        return result
    with change("quarantine.replayed", first, act) as row:
        for block in _blocks(waiting):
            verdicts = _count(block, row, act.at)
            result.counted += sum(objection is None for objection in verdicts.values())
            result.waiting.update(objection.reason for objection in verdicts.values() if objection)
    return result


def dismiss(quarantined: QuarantinedEvent, *, act: Act) -> QuarantinedEvent:
    """Decide not to count a quarantined event. It is kept, and can still be replayed."""
    with change("usage_event.dismissed", quarantined, act) as row:
        quarantined = locked(quarantined)
        if quarantined.resolved_at is not None:
            raise Refused(f"This event is {quarantined.get_resolution_display().lower()} already.")
        _resolve([quarantined.pk], Resolution.DISMISSED, row, act.at)
        quarantined.refresh_from_db()
    return quarantined


def dismiss_waiting(waiting: QuerySet[QuarantinedEvent], *, act: Act) -> int:
    """Dismiss all of these that still wait, in one change; how many."""
    first = waiting.filter(resolved_at=None).first()
    if first is None:
        return 0
    with change("quarantine.dismissed", first, act) as row:
        return sum(
            _resolve([each.pk for each in block], Resolution.DISMISSED, row, act.at) for block in _blocks(waiting)
        )


def hand_over(waiting: QuerySet[QuarantinedEvent], *, to: User | None, act: Act) -> int:
    """Say who puts these right, or with None that nobody does; how many."""
    first = waiting.filter(resolved_at=None).first()
    if first is None:
        return 0
    with change("quarantine.handed_over", first, act):
        return waiting.filter(resolved_at=None).update(owner=to)


def _count(block: list[QuarantinedEvent], row: Change, at: datetime) -> dict[int, Objection | None]:
    """Count what nothing stands against; for each of these what does."""
    events = [msgspec.convert(each.body, Event) for each in block]
    judged = judged_rows(events, source="", at=at)
    verdicts = {each.pk: objection for each, (_, objection) in zip(block, judged, strict=True)}
    good = [
        (each.pk, replace(usage, body_hash=bytes(each.body_hash)))
        for each, (usage, objection) in zip(block, judged, strict=True)
        if objection is None
    ]
    verdicts |= dict.fromkeys(_taken(good, at), Objection(Reason.CONFLICT, TAKEN))
    _resolve([pk for pk, objection in verdicts.items() if objection is None], Resolution.COUNTED, row, at)
    return verdicts


def _taken(good: list[tuple[int, Row]], at: datetime) -> list[int]:
    """Store these, a batch for each source; which of them cannot be, because their id says something else."""
    conflicts = []
    good.sort(key=lambda each: each[1].identity.source)
    for source, group in groupby(good, key=lambda each: each[1].identity.source):
        waiting = list(group)
        firsts = {usage.identity: usage for _, usage in reversed(waiting)}
        batch = Batch(source, at)
        there = {identity: usage.body_hash for identity, usage in firsts.items()} | batch.take(firsts.values())
        batch.close()
        conflicts += [pk for pk, usage in waiting if there[usage.identity] != usage.body_hash]
    return conflicts


def _blocks(waiting: QuerySet[QuarantinedEvent]) -> Iterator[list[QuarantinedEvent]]:
    """What waits, by arrival, locked a block at a time."""
    last = 0
    rows = waiting.filter(resolved_at=None).order_by("pk").select_for_update(of=("self",), skip_locked=True)
    while block := list(rows.filter(pk__gt=last)[:BLOCK]):
        yield block
        last = block[-1].pk


def _resolve(keys: list[int], resolution: str, row: Change, at: datetime) -> int:
    return QuarantinedEvent.objects.filter(pk__in=keys).update(resolved_at=at, resolution=resolution, resolved_in=row)


def _still(objection: Objection) -> str:
    return f"It still cannot be counted. {objection.detail}"
