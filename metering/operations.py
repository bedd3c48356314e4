"""What can be done with usage: take it in, say what counts. Quarantine and types have files of their own."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from django.conf import settings
from django.db import connection, transaction

from governance.acts import Refused
from metering import queries
from metering.crowding import take_place
from metering.identities import hashes, identity_of
from metering.intake import Batch
from metering.models import OutcomeDefinition
from metering.models.outcomes import OUTCOME, OUTCOMES
from metering.registry.rules import rules_for
from metering.registry.screening import Objection, Reason, Screen
from metering.store import Row
from metering.wire.events import Event, Problem, Rejected, body_hash, json_of, pointer

ACCEPTED, DUPLICATE, CONFLICT, QUARANTINED = "accepted", "duplicate", "conflict", "quarantined"
_NO_USAGE = Objection(Reason.INVALID, "Outcomes are reported to /api/v1/outcomes, and counted when they are final.")

_QUARANTINE = """
    INSERT INTO metering_quarantinedevent
        (source, event_id, body, body_hash, reason, detail, received_at, resolution, at_risk_currency, owner_id)
    SELECT source, event_id, body, decode(body_hash, 'hex'), reason, detail, received_at, '', '', type.owner_id
    FROM json_to_recordset(%s) AS row (
        source text, event_id text, body jsonb, body_hash text, reason text, detail text, received_at timestamptz
    )
    LEFT JOIN metering_eventtype AS type ON type.key = row.body ->> 'type'
    ORDER BY source, event_id, body_hash, reason
    ON CONFLICT DO NOTHING
"""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event. `reason` is a quarantine reason (`conflict` included), `detail` says it in words."""

    id: str
    outcome: str
    reason: str = ""
    detail: str = ""


def ingest(events: Sequence[Event], *, source: str, at: datetime, at_once: int = 0) -> list[Verdict]:
    """Take in what a source reports; a verdict for each event, in order. Durable once it returns.

    Identity comes first: what is already counted answers duplicate (or conflict, if it says something else), whatever
    else is wrong with it. What cannot be counted is kept in quarantine. Sending anything again is harmless. Raises
    `Rejected`, with nothing stored, when the type of an event wants such a request refused; and OperationalError, with
    nothing stored, when the database is away or busy for longer than USAGE_TIMEOUT_SECONDS.
    """
    if not events:
        return []
    screen = _screen(events, at, timedelta(days=settings.USAGE_WINDOW_DAYS))
    rows = _rows(events, source, screen)
    objections = _no_outcomes(rows, screen.objections(events))
    _refuse_rejected(rows, objections)
    with transaction.atomic():
        _wait_at_most(settings.USAGE_TIMEOUT_SECONDS)
        if at_once:
            take_place(source, at_once)
        batch = Batch(source, at)
        verdicts = _stored(batch, events, rows, objections)
        _quarantine([each for each in zip(events, rows, verdicts, strict=True) if each[2].reason], at)
        _close(batch, rows, verdicts)
    return verdicts


def _close(batch: Batch, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> None:
    outcomes = [verdict.outcome for verdict in verdicts]
    resent = (row.customer_key for row, outcome in zip(rows, outcomes, strict=True) if outcome == DUPLICATE)
    batch.close(duplicates=Counter(resent), conflicts=outcomes.count(CONFLICT), quarantined=outcomes.count(QUARANTINED))


def _wait_at_most(seconds: int) -> None:
    """Rather give up, with nothing stored, than hold a sender for ever behind another's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])


def rows_of(events: Sequence[Event], *, source: str, at: datetime) -> list[Row]:
    """Events that a person vouches for, as rows for a batch. Lateness is forgiven, anything else `Refused`."""
    judged = judged_rows(events, source=source, at=at)
    for event, (_, objection) in zip(events, judged, strict=True):
        if objection is not None:
            raise Refused(f"Event {event.id!r} cannot be counted. {objection.detail}")
    return [row for row, _ in judged]


def judged_rows(events: Sequence[Event], *, source: str, at: datetime) -> list[tuple[Row, Objection | None]]:
    """Each event as a row, and what stands against counting it now; lateness does not."""
    screen = _screen(events, at, None)
    return list(zip(_rows(events, source, screen), screen.objections(events), strict=True))


def _screen(events: Sequence[Event], at: datetime, window: timedelta | None) -> Screen:
    customers = queries.resolve_customers({event.customer_key for event in events})
    return Screen.of(*rules_for({event.type for event in events}), customers, at, window)


def _rows(events: Sequence[Event], source: str, screen: Screen) -> list[Row]:
    rows = []
    for event in events:
        properties, reported = json_of(event.properties), event.customer_key
        customer = screen.customers.get(reported, reported)
        rows.append(
            Row(
                identity_of((event.source or source, event.id)),
                event.type,
                customer,
                event.time,
                properties,
                body_hash(event, properties),
                "" if customer == reported else reported,
                screen.is_billable(event),
            )
        )
    return rows


def _no_outcomes(rows: Sequence[Row], objections: list[Objection | None]) -> list[Objection | None]:
    """The same, and that what counts an outcome is no usage to send: it would escape settlement, and reversal."""
    named = {row.type for row in rows if row.type.startswith(OUTCOME)}
    keys = OutcomeDefinition.objects.filter(key__in=[each.removeprefix(OUTCOME) for each in named]) if named else ()
    types = {each.event_type for each in keys}
    if not types and all(row.identity.source != OUTCOMES for row in rows):
        return objections
    return [
        _NO_USAGE if row.type in types or row.identity.source == OUTCOMES else objection
        for row, objection in zip(rows, objections, strict=True)
    ]


def _refuse_rejected(rows: Sequence[Row], objections: Sequence[Objection | None]) -> None:
    """What is counted already stays so, even if its type has become stricter since."""
    refused = [(index, each) for index, each in enumerate(objections) if each and each.refused]
    counted = hashes({rows[index].identity for index, _ in refused})
    problems = [
        Problem(index, pointer((index, *objection.path)), objection.detail)
        for index, objection in refused
        if rows[index].identity not in counted
    ]
    if problems:
        wrong = f"{len(problems):,} of {len(rows):,} events are" if len(rows) > 1 else "The event is"
        raise Rejected(f"{wrong} not as the schema wants it; nothing was stored.", problems)


def _stored(
    batch: Batch, events: Sequence[Event], rows: Sequence[Row], objections: Sequence[Objection | None]
) -> list[Verdict]:
    """Store what can be counted; say what became of each."""
    identities = [row.identity for row in rows]
    firsts = dict(zip(reversed(identities), range(len(rows) - 1, -1, -1), strict=True))
    if len(firsts) == len(rows) and not any(objections):
        there = batch.take(rows)
    else:
        countable = [index for index in sorted(firsts.values()) if objections[index] is None]
        there = batch.take([rows[index] for index in countable])
        there |= hashes(identity for identity, index in firsts.items() if objections[index] is not None)
    if not there and len(firsts) == len(rows) and not any(objections):
        return [Verdict(event.id, ACCEPTED) for event in events]
    return [
        _verdict(rows[index], index == first, objections[first], there.get(identity), rows[first].body_hash)
        for index, identity in enumerate(identities)
        for first in (firsts[identity],)
    ]


def _verdict(row: Row, is_first: bool, objection: Objection | None, counted: bytes | None, first: bytes) -> Verdict:
    """Of an event, given the hash that was counted before, if any, and that of the first under its id in this batch."""
    event_id = row.identity.event_id
    if row.body_hash != (counted or first):
        return Verdict(event_id, CONFLICT, Reason.CONFLICT, "Another body came first under this id; it stands.")
    if counted is not None or (objection is None and not is_first):
        return Verdict(event_id, DUPLICATE)
    if objection is None:
        return Verdict(event_id, ACCEPTED)
    return Verdict(event_id, QUARANTINED, objection.reason, objection.detail)


def _quarantine(rejected: Sequence[tuple[Event, Row, Verdict]], at: datetime) -> None:
    if not rejected:
        return
    rows = [
        {
            "source": row.identity.source,
            "event_id": row.identity.event_id,
            "body": {
                "source": row.identity.source,
                "id": event.id,
                "type": event.type,
                "time": event.time.astimezone(UTC),
                "customer": event.customer_key,
                "properties": msgspec.Raw(row.properties),
                **({"schema_version": event.schema_version} if event.schema_version else {}),
            },
            "body_hash": row.body_hash.hex(),
            "reason": verdict.reason,
            "detail": verdict.detail,
            "received_at": at,
        }
        for event, row, verdict in rejected
    ]
    with connection.cursor() as cursor:
        cursor.execute(_QUARANTINE, [json_of(rows).decode()])
