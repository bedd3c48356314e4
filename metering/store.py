"""The event store: where usage is kept and added up. One seam, so that it can be PostgreSQL or something larger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db import connection, transaction
from django.db.utils import IntegrityError
from psycopg.errors import UniqueViolation

from metering import sightings
from metering.models import Meter
from metering.sightings import Asked, Values
from metering.totals import Key, Request, totals
from pricing.measures import Measured
from pricing.periods import Period


class Identity(NamedTuple):
    """What makes an event the same event, for ever."""

    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """One event as it is stored; `properties` is JSON, `body_hash` covers everything that was said."""

    identity: Identity
    type: str
    customer_key: str
    occurred_at: datetime
    stored_at: datetime
    properties: bytes
    body_hash: bytes


class EventStore(Protocol):
    """Keeps events for ever, each identity once; answers totals from exactly what it keeps."""

    def append(self, rows: Sequence[Row]) -> dict[Identity, bytes]:
        """Store the rows whose identity is new; give the others' stored body hash. No identity comes twice.

        Durable when the surrounding transaction commits. Senders of the same rows wait for each other.
        """

    def hashes(self, identities: Iterable[Identity]) -> dict[Identity, bytes]:
        """The body hash of those identities that are stored."""

    def totals(self, requests: Sequence[Request]) -> dict[Key, Measured]:
        """The answer to each request by its key, exact and in the order that `metering.totals` documents.

        A Decimal (0 where nothing was reported) when it is not to be told apart, parts otherwise.
        """

    def meters_in_use(self, meters: Iterable[Meter], period: Period) -> set[str]:
        """The keys of those meters that counted at least one event, of whomever."""

    def values_seen(self, asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
        """Which combinations of values the counted events carried, as `metering.sightings` documents."""


_COPY = """
    COPY metering_usageevent
        (source, event_id, type, customer_key, occurred_at, stored_at, properties, body_hash)
    FROM STDIN
"""
_HASHES = """
    SELECT event.source, event.event_id, event.body_hash
    FROM unnest(%s::text[], %s::text[]) AS wanted (source, event_id)
    JOIN metering_usageevent AS event USING (source, event_id)
"""


class PostgresEventStore:
    """Events in `metering_usageevent`, written by COPY straight into the uniquely indexed table.

    COPY cannot skip what is there. So it is tried at once, and only after a clash, or when the last batch brought
    resends, is the batch looked up first. Rows go in by identity, so that two senders of the same events wait for
    each other in one order and never deadlock. Needs READ COMMITTED: after a clash it must see what won.
    """

    def __init__(self) -> None:
        self._last_had_resends = False

    def append(self, rows: Sequence[Row]) -> dict[Identity, bytes]:
        fresh = sorted(rows, key=lambda row: row.identity)
        there: dict[Identity, bytes] = {}
        look = self._last_had_resends
        while True:
            if look:
                there |= self.hashes(row.identity for row in fresh)
                fresh = [row for row in fresh if row.identity not in there]
            if not fresh or self._copied(fresh):
                break
            look = True
        self._last_had_resends = bool(there)
        return there

    def hashes(self, identities: Iterable[Identity]) -> dict[Identity, bytes]:
        wanted = list(identities)
        if not wanted:
            return {}
        sources, event_ids = zip(*wanted, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_HASHES, [list(sources), list(event_ids)])
            return {Identity(source, event_id): bytes(digest) for source, event_id, digest in cursor.fetchall()}

    def totals(self, requests: Sequence[Request]) -> dict[Key, Measured]:
        """At most one query for each aggregation and shape in use, however many requests."""
        return totals(requests)

    def meters_in_use(self, meters: Iterable[Meter], period: Period) -> set[str]:
        return sightings.meters_in_use(meters, period)

    def values_seen(self, asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
        return sightings.values_seen(asked, period)

    def _copied(self, rows: Sequence[Row]) -> bool:
        """Store them all, or none when one is there already."""
        try:
            with transaction.atomic(), connection.wrap_database_errors:
                _copy(rows)
        except IntegrityError as refusal:
            if not isinstance(refusal.__cause__, UniqueViolation):
                raise
            return False
        return True


def _copy(rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            source, event_id = row.identity
            properties = row.properties.decode()
            copy.write_row(
                (
                    source,
                    event_id,
                    row.type,
                    row.customer_key,
                    row.occurred_at,
                    row.stored_at,
                    properties,
                    row.body_hash,
                )
            )


def event_store() -> EventStore:
    """The store this installation keeps its usage in."""
    return _store


_store = PostgresEventStore()
