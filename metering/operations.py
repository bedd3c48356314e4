"""What can be done with usage: take it in, deal with what could not be counted, say what counts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from governance.acts import Act, Refused
from governance.change import change, locked
from metering import queries
from metering.events import Event, body_hash, json_of
from metering.identities import Identity, hashes
from metering.intake import Batch
from metering.models import EventType, EventTypeVersion, Meter, QuarantinedEvent
from metering.screening import Objection, Reason, Screen, text_of
from metering.store import Row

ACCEPTED, DUPLICATE, CONFLICT, QUARANTINED = "accepted", "duplicate", "conflict", "quarantined"
Resolution = QuarantinedEvent.Resolution

_QUARANTINE = """
    INSERT INTO metering_quarantinedevent
        (source, event_id, body, body_hash, reason, detail, received_at, resolution, at_risk_currency)
    SELECT source, event_id, body, decode(body_hash, 'hex'), reason, detail, received_at, '', ''
    FROM json_to_recordset(%s) AS row (
        source text, event_id text, body jsonb, body_hash text, reason text, detail text, received_at timestamptz
    )
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
    OperationalError, with nothing stored, when the database is away or busy for longer than USAGE_TIMEOUT_SECONDS.
    """
    screen = _screen(events, at, timedelta(days=settings.USAGE_WINDOW_DAYS))
    entries = [_entry(event, source, screen) for event in events]
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


def replay(quarantined: QuarantinedEvent, *, act: Act) -> QuarantinedEvent:
    """Count a quarantined event after all, in its own period, now that what was wrong with it is put right.

    Lateness is forgiven, because a person asks for it. Refused while anything else still stands against it.
    """
    with change("usage_event.replayed", quarantined, act):
        quarantined = locked(quarantined)
        if quarantined.resolution == Resolution.COUNTED:
            raise Refused("This event is counted already.")
        event = msgspec.convert(quarantined.body, Event)
        entry = _entry(event, quarantined.source, _screen([event], act.at, None))
        if entry.objection:
            raise Refused(f"It still cannot be counted. {entry.objection.detail}")
        row = replace(entry.row, body_hash=bytes(quarantined.body_hash))
        batch = Batch(row.identity.source, act.at)
        there = batch.take([row])
        batch.close()
        if there.get(row.identity, row.body_hash) != row.body_hash:
            raise Refused(
                "Another event is counted under this id. Dismiss this one, or have it sent under an id of its own."
            )
        return _resolved(quarantined, Resolution.COUNTED, act)


def replay_each(waiting: Iterable[QuarantinedEvent], *, act: Act) -> tuple[int, int]:
    """Replay what can be, each on its own. Gives how many are counted now, and how many still cannot be."""
    counted = refused = 0
    for quarantined in waiting:
        try:
            replay(quarantined, act=act)
            counted += 1
        except Refused:
            refused += 1
    return counted, refused


def rows_of(events: Sequence[Event], *, source: str, at: datetime) -> list[Row]:
    """Events that a person vouches for, as rows for a batch. Lateness is forgiven, anything else `Refused`."""
    screen = _screen(events, at, None)
    entries = [_entry(event, source, screen) for event in events]
    for entry in entries:
        if entry.objection is not None:
            raise Refused(f"Event {entry.event.id!r} cannot be counted. {entry.objection.detail}")
    return [entry.row for entry in entries]


def dismiss(quarantined: QuarantinedEvent, *, act: Act) -> QuarantinedEvent:
    """Decide not to count a quarantined event. It is kept, and can still be replayed."""
    with change("usage_event.dismissed", quarantined, act):
        quarantined = locked(quarantined)
        if quarantined.resolved_at is not None:
            raise Refused(f"This event is {quarantined.get_resolution_display().lower()} already.")
        return _resolved(quarantined, Resolution.DISMISSED, act)


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
        _register_type(event_type, act)
        try:
            meter.full_clean()
        except ValidationError as problem:
            raise Refused(" ".join(problem.messages)) from None
        meter.save()
    return meter


def _register_type(key: str, act: Act) -> None:
    """A meter counts events of a type that is known; what it must carry may be said later."""
    if EventType.objects.filter(key=key).exists():
        return
    registered = EventType(key=key, name=key)
    with change("event_type.registered", registered, act):
        registered.save()
        EventTypeVersion.objects.create(type=registered, number=1, created_at=act.at)


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
    customers = queries.known_customers({event.customer_key for event in events})
    named = {event.type for event in events}
    types = set(EventType.objects.filter(key__in=named).values_list("key", flat=True))
    return Screen.of(types, Meter.objects.filter(event_type__in=named), customers, at, window)


def _entry(event: Event, source: str, screen: Screen) -> _Entry:
    properties = json_of(event.properties)
    row = Row(
        identity=Identity(event.source or source, event.id),
        type=event.type,
        customer_key=event.customer_key,
        occurred_at=event.time,
        properties=properties,
        body_hash=body_hash(event, properties),
    )
    return _Entry(event, row, screen.objection(event))


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
    return Verdict(event_id, QUARANTINED, *first.objection)


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


def _resolved(quarantined: QuarantinedEvent, resolution: str, act: Act) -> QuarantinedEvent:
    quarantined.resolved_at, quarantined.resolution = act.at, resolution
    quarantined.save(update_fields=["resolved_at", "resolution"])
    return quarantined
