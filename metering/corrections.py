"""Corrections: events of a range count no more, others instead. All or nothing, revertible; nothing is deleted.

What a correction changes is dated by its batch: a question about an earlier cut-off keeps its answer.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection

from governance.acts import Act, Refused
from governance.change import change, locked
from metering import operations, queries
from metering.expressions import Kind, parse
from metering.intake import Batch
from metering.models import EventType, UsageCorrection
from metering.models.events import POSITIONS
from metering.postgres.rollups import rebuild
from metering.store import event_store
from metering.wire.events import MAX_EVENTS, Event
from pricing.periods import Period

Status = UsageCorrection.Status
SOURCE = "correction"
MOST_EVENTS = 1_000_000
BLOCK = 50_000

# What another correction made void is not this one's: it stays as it is.
_VOID = """
    INSERT INTO metering_usagevoid (correction_id, event, occurred_at, voided_in)
    SELECT %s, found.event, found.occurred_at, %s
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS found (event, occurred_at)
    WHERE NOT EXISTS (
        SELECT FROM metering_usagevoid AS void WHERE void.event = found.event AND void.restored_in IS NULL
    )
"""
_RESTORE = """
    UPDATE metering_usagevoid SET restored_in = %s WHERE correction_id = %s AND restored_in IS NULL
"""


def draft_correction(
    *,
    name: str,
    customer_key: str,
    event_type: str,
    period: Period,
    condition: str = "",
    replacements: Sequence[Event] = (),
    act: Act,
) -> UsageCorrection:
    """Say which events are wrong and what is right instead; nothing counts otherwise until it is applied.

    Without replacements the events are only made void. `Refused` for a range, a condition or a replacement that cannot
    be meant.
    """
    correction = UsageCorrection(
        name=name,
        customer_key=customer_key,
        event_type=event_type,
        start_at=period.start,
        end_at=period.end,
        condition=condition,
        # Decimals become text, which meters read as the numbers they are.
        replacements=[msgspec.to_builtins(event) for event in replacements],
    )
    _check(correction, replacements)
    with change("usage_correction.drafted", correction, act):
        correction.save()
    return correction


def discard_correction(correction: UsageCorrection, *, act: Act) -> UsageCorrection:
    """Decide against a draft."""
    with change("usage_correction.discarded", correction, act):
        correction = locked(correction)
        correction.become(Status.DISCARDED)
        correction.save()
    return correction


def apply_correction(correction: UsageCorrection, *, act: Act) -> UsageCorrection:
    """Make the events void and count the replacements, in one transaction.

    `Refused`, and nothing changed, when there is nothing to correct or a replacement cannot be counted.
    """
    with change("usage_correction.applied", correction, act):
        correction = locked(correction)
        correction.become(Status.APPLIED)
        batch = Batch(SOURCE, act.at)
        correction.voided = _void(correction, batch.id, affected(correction))
        _count(batch, correction, act.at)
        if not correction.voided and not correction.replacements:
            raise Refused("No event of this range counts any more: there is nothing to correct.")
        correction.applied_in = batch.id
        correction.save()
        _rebuild(correction)
    return correction


def revert_correction(correction: UsageCorrection, *, act: Act) -> UsageCorrection:
    """Take an applied correction back: what it made void counts again, and its replacements count no more."""
    with change("usage_correction.reverted", correction, act):
        correction = locked(correction)
        correction.become(Status.REVERTED)
        assert correction.applied_in is not None
        batch = Batch(SOURCE, act.at)
        batch.close()
        _run(_RESTORE, [batch.id, correction.pk])
        _void(correction, batch.id, _replacing(correction))
        correction.reverted_in = batch.id
        correction.save()
        _rebuild(correction)
    return correction


def affected(correction: UsageCorrection) -> list[tuple[int, datetime]]:
    """Number and instant of the events that it is about, void or not, in the order of time.

    `Refused` when they are more than a correction may hold.
    """
    found = event_store().matching(
        correction.customer_key,
        correction.event_type,
        Period(correction.start_at, correction.end_at),
        parse(correction.condition, Kind.CONDITION) if correction.condition else None,
        limit=MOST_EVENTS + 1,
    )
    if len(found) > MOST_EVENTS:
        raise Refused(f"A correction covers at most {MOST_EVENTS:,} events; choose a shorter range.")
    replaced_by_it = correction.applied_in
    return [each for each in found if each[0] >> POSITIONS != replaced_by_it]


def events_from(given: Iterable[Any]) -> list[Event]:
    """Replacements as the API or a file gives them. `Refused` with the place of the first that cannot be read."""
    events = []
    for index, each in enumerate(given):
        try:
            events.append(msgspec.convert(each, Event))
        except msgspec.ValidationError as problem:
            raise Refused(f"Replacement {index + 1}: {problem}.") from None
    return events


def _check(correction: UsageCorrection, replacements: Sequence[Event]) -> None:
    if correction.end_at <= correction.start_at:
        raise Refused("The range ends before it starts.")
    if not queries.known_customers({correction.customer_key}):
        raise Refused(f"No customer has the key {correction.customer_key!r}.")
    if not EventType.objects.filter(key=correction.event_type).exists():
        raise Refused(f"No event type {correction.event_type!r} is registered.")
    if correction.condition:
        try:
            parse(correction.condition, Kind.CONDITION)
        except ValueError as problem:
            raise Refused(f"The condition cannot be read: {problem}") from None
    _check_replacements(correction, replacements)


def _check_replacements(correction: UsageCorrection, replacements: Sequence[Event]) -> None:
    if len(replacements) > MAX_EVENTS:
        raise Refused(f"A correction has at most {MAX_EVENTS:,} replacements.")
    seen = set()
    for index, event in enumerate(replacements):
        if (event.customer_key, event.type) != (correction.customer_key, correction.event_type):
            raise Refused(f"Replacement {index + 1} is of another customer or type.")
        if not correction.start_at <= event.time < correction.end_at:
            raise Refused(f"Replacement {index + 1} lies outside the range.")
        if event.id in seen:
            raise Refused(f"Replacement {index + 1} has the id of another.")
        seen.add(event.id)


def _void(correction: UsageCorrection, batch: int, found: Sequence[tuple[int, datetime]]) -> int:
    voided = 0
    for start in range(0, len(found), BLOCK):
        numbers, instants = zip(*found[start : start + BLOCK], strict=True)
        voided += _run(_VOID, [correction.pk, batch, list(numbers), list(instants)])
    return voided


def _count(batch: Batch, correction: UsageCorrection, at: datetime) -> None:
    """Count the replacements, each under an id that is new; all of them or none."""
    events = events_from(correction.replacements)
    rows = operations.rows_of(events, source=f"{SOURCE}/{correction.pk}", at=at)
    there = batch.take(rows)
    batch.close()
    if there:
        raise Refused(f"Another event is counted under the id {next(iter(there)).event_id!r}.")


def _replacing(correction: UsageCorrection) -> list[tuple[int, datetime]]:
    assert correction.applied_in is not None
    found = event_store().matching(
        correction.customer_key, correction.event_type, Period(correction.start_at, correction.end_at), None
    )
    return [each for each in found if each[0] >> POSITIONS == correction.applied_in]


def _rebuild(correction: UsageCorrection) -> None:
    """The daily totals of the days it covers, from the events as they count now."""
    first, last = correction.start_at.astimezone(UTC), correction.end_at.astimezone(UTC) - timedelta(microseconds=1)
    days = [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
    rebuild(correction.customer_key, correction.event_type, days)


def _run(sql: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
