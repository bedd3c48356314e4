"""What can be done with usage: take it in, say what counts. Quarantine and types have files of their own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from governance.acts import Act, Refused
from governance.change import change
from metering import queries
from metering.events import Event, Problem, Rejected, body_hash, json_of, pointer
from metering.identities import Identity, hashes
from metering.intake import Batch
from metering.models import Meter
from metering.registering import register_missing_type
from metering.schemas import kinds_named
from metering.screening import Objection, Reason, Screen, text_of
from metering.store import Row

ACCEPTED, DUPLICATE, CONFLICT, QUARANTINED = "accepted", "duplicate", "conflict", "quarantined"

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


@dataclass(frozen=True, slots=True)
class _Entry:
    event: Event
    row: Row
    objection: Objection | None


def ingest(events: Sequence[Event], *, source: str, at: datetime) -> list[Verdict]:
    """Take in what a source reports; a verdict for each event, in order. Durable once it returns.

    Identity comes first: what is already counted answers duplicate (or conflict, if it says something else), whatever
    else is wrong with it. What cannot be counted is kept in quarantine. Sending anything again is harmless. Raises
    `Rejected`, with nothing stored, when the type of an event wants such a request refused; and OperationalError, with
    nothing stored, when the database is away or busy for longer than USAGE_TIMEOUT_SECONDS.
    """
    screen = _screen(events, at, timedelta(days=settings.USAGE_WINDOW_DAYS))
    entries = [_entry(event, source, screen) for event in events]
    _refuse_rejected(entries)
    firsts: dict[Identity, _Entry] = {}
    for entry in entries:
        firsts.setdefault(entry.row.identity, entry)
    with transaction.atomic():
        _wait_at_most(settings.USAGE_TIMEOUT_SECONDS)
        batch = Batch(source, at)
        counted = _store_countable(batch, firsts.values())
        judged = [_judge(entry, firsts[entry.row.identity], counted) for entry in entries]
        _quarantine([(entry, verdict) for entry, verdict in zip(entries, judged, strict=True) if verdict.reason], at)
        _close(batch, entries, judged)
    return judged


def _close(batch: Batch, entries: Sequence[_Entry], judged: Sequence[Verdict]) -> None:
    outcomes = Counter(verdict.outcome for verdict in judged)
    duplicates = Counter(
        entry.row.customer_key for entry, verdict in zip(entries, judged, strict=True) if verdict.outcome == DUPLICATE
    )
    batch.close(duplicates=duplicates, conflicts=outcomes[CONFLICT], quarantined=outcomes[QUARANTINED])


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
    entries = [_entry(event, source, screen) for event in events]
    return [(entry.row, entry.objection) for entry in entries]


def define_meter(
    *,
    key: str,
    name: str,
    event_type: str,
    aggregation: str,
    property: str = "",  # noqa: A002 - the field's name
    filters: dict[str, Any] | None = None,
    unit: str = "unit",
    act: Act,
) -> Meter:
    """Say which events count and how. It answers for what was stored before it, too."""
    meter = Meter(
        key=key,
        name=name,
        event_type=event_type,
        aggregation=aggregation,
        property=property,
        filters=filters_from(filters or {}),
        unit=unit,
    )
    with change("meter.defined", meter, act):
        register_missing_type(event_type, act=act)
        try:
            meter.full_clean()
        except ValidationError as problem:
            raise Refused(" ".join(problem.messages)) from None
        meter.save()
    return meter


def filters_from(given: Any) -> dict[str, list[str]]:
    """Filters as they are kept: for each property the values let through, as text. Refused when not of that shape."""
    shape = 'Filters look like {"region": ["eu", "us"]}: for each property, the values that count.'
    if not isinstance(given, dict):
        raise Refused(shape)
    for allowed in given.values():
        if not (
            isinstance(allowed, list) and allowed and all(isinstance(value, str | int | Decimal) for value in allowed)
        ):
            raise Refused(shape)
    return {name: [text_of(value) or "" for value in allowed] for name, allowed in given.items()}


def _screen(events: Sequence[Event], at: datetime, window: timedelta | None) -> Screen:
    customers = queries.resolve_customers({event.customer_key for event in events})
    named = {event.type for event in events}
    return Screen.of(kinds_named(named), Meter.objects.filter(event_type__in=named), customers, at, window)


def _entry(event: Event, source: str, screen: Screen) -> _Entry:
    properties, reported = json_of(event.properties), event.customer_key
    customer = screen.customers.get(reported, reported)
    row = Row(
        identity=Identity(event.source or source, event.id),
        type=event.type,
        customer_key=customer,
        occurred_at=event.time,
        properties=properties,
        body_hash=body_hash(event, properties),
        alias="" if customer == reported else reported,
        is_billable=screen.is_billable(event),
    )
    return _Entry(event, row, screen.objection(event))


def _refuse_rejected(entries: Sequence[_Entry]) -> None:
    """What is counted already stays so, even if its type has become stricter since."""
    refused = [(index, entry) for index, entry in enumerate(entries) if entry.objection and entry.objection.refused]
    counted = hashes({entry.row.identity for _, entry in refused})
    problems = [
        Problem(index, pointer((index, *entry.objection.path)), entry.objection.detail)
        for index, entry in refused
        if entry.objection and entry.row.identity not in counted
    ]
    if problems:
        wrong = f"{len(problems):,} of {len(entries):,} events are" if len(entries) > 1 else "The event is"
        raise Rejected(f"{wrong} not as the schema wants it; nothing was stored.", problems)


def _store_countable(batch: Batch, firsts: Iterable[_Entry]) -> dict[Identity, tuple[bytes, bool]]:
    """Store what can be counted. For each counted identity its body hash, and whether this call counted it."""
    good = [entry.row for entry in firsts if entry.objection is None]
    bad = [entry.row.identity for entry in firsts if entry.objection is not None]
    there = batch.take(good) | hashes(bad)
    now = {row.identity: (row.body_hash, True) for row in good}
    return now | {identity: (digest, False) for identity, digest in there.items()}


def _judge(entry: _Entry, first: _Entry, counted: dict[Identity, tuple[bytes, bool]]) -> Verdict:
    row, event_id = entry.row, entry.event.id
    digest, is_new = counted.get(row.identity, (first.row.body_hash, False))
    if row.body_hash != digest:
        return Verdict(event_id, CONFLICT, Reason.CONFLICT, "Another body came first under this id; it stands.")
    if row.identity in counted:
        return Verdict(event_id, ACCEPTED if is_new and entry is first else DUPLICATE)
    assert first.objection is not None
    return Verdict(event_id, QUARANTINED, first.objection.reason, first.objection.detail)


def _quarantine(rejected: Sequence[tuple[_Entry, Verdict]], at: datetime) -> None:
    if not rejected:
        return
    rows = [
        {
            "source": entry.row.identity.source,
            "event_id": entry.row.identity.event_id,
            "body": {
                "source": entry.row.identity.source,
                "id": entry.event.id,
                "type": entry.event.type,
                "time": entry.event.time.astimezone(UTC),
                "customer": entry.event.customer_key,
                "properties": msgspec.Raw(entry.row.properties),
                **({"schema_version": entry.event.schema_version} if entry.event.schema_version else {}),
            },
            "body_hash": entry.row.body_hash.hex(),
            "reason": verdict.reason,
            "detail": verdict.detail,
            "received_at": at,
        }
        for entry, verdict in rejected
    ]
    with connection.cursor() as cursor:
        cursor.execute(_QUARANTINE, [json_of(rows).decode()])
