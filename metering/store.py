"""The event store: where usage is kept and added up. One seam, so that it can be PostgreSQL or something larger."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

import msgspec
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from metering.cutoffs import Cutoff, next_batch
from metering.expressions import Expression
from metering.identities import Identity
from metering.meters.billable import Tally
from metering.meters.totals import Key, Request, Values
from metering.models import EventMove, Meter, UsageBatch, UsageEvent
from metering.postgres import arrivals, billable, copying, sightings
from metering.postgres.arrivals import Seen
from metering.postgres.sightings import Asked
from metering.postgres.statements import totals
from pricing.measures import Measured
from pricing.periods import Period


class Row(msgspec.Struct, frozen=True, gc=False):
    """One event as it is stored; `properties` is JSON, `body_hash` covers everything that was said."""

    identity: Identity
    type: str
    customer_key: str
    occurred_at: datetime
    properties: bytes
    body_hash: bytes
    alias: str = ""
    is_billable: bool = True


class EventStore(Protocol):
    """Keeps events; answers totals from exactly what it keeps. What is new is for `metering.identities` to say."""

    def begin(self, source: str, at: datetime) -> int:
        """The number of a new batch; until the surrounding transaction ends, no cut-off can be taken."""

    def close(self, batch: UsageBatch) -> None:
        """Write down what a batch was, after its rows: they count when the surrounding transaction commits."""

    def sweep(self, at: datetime) -> int:
        """Remove what is left of batches that were given up, and never counted; gives how many batches."""

    def append(self, rows: Mapping[int, Row]) -> None:
        """Store rows by their numbers (see `UsageEvent.id`). They count when the surrounding transaction commits."""

    def matching(
        self, customer_key: str, event_type: str, period: Period, condition: Expression | None, limit: int | None = None
    ) -> list[tuple[int, datetime]]:
        """Number and instant of the events in a period, void or not, by time; those of which the condition is true."""

    def totals(self, requests: Sequence[Request], as_of: Cutoff | None = None) -> dict[Key, Measured]:
        """The answer to each request by its key, exact and in the order that `metering.meters.totals` documents.

        A Decimal (0 where nothing was reported) when it is not to be told apart, parts otherwise. With a cut-off, as
        if nothing had been stored, voided or restored since.
        """

    def meters_in_use(self, meters: Iterable[Meter], period: Period) -> set[str]:
        """The keys of those meters that counted at least one event, of whomever."""

    def values_seen(self, asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
        """Which combinations of values the counted events carried, as `metering.postgres.sightings` documents."""

    def tallies(self, meters: Sequence[Meter], period: Period, customer_key: str | None = None) -> dict[str, Tally]:
        """What each meter would count, billable or not, as `metering.meters.billable` documents."""

    def numbered(self, numbers: Collection[int]) -> list[UsageEvent]:
        """The events with these numbers, by source; those of retired months are gone."""

    def latest(self, limit: int) -> list[UsageEvent]:
        """The events stored last, of whomever, newest first."""

    def latest_of(self, customer_key: str, since: datetime, limit: int) -> list[UsageEvent]:
        """A customer's events that occurred last, none before `since`; newest first."""

    def types_seen(self, period: Period) -> Mapping[str, Seen]:
        """Which event types occurred in the period, billable or not: how many events, and when the last occurred."""


_COPY = """
    COPY metering_usageevent
        (id, source, event_id, type, customer_key, alias, occurred_at, is_billable, properties)
    FROM STDIN
"""
_MONTHS = "SELECT usage_month(first_day) FROM unnest(%s::date[]) AS months (first_day)"
_MATCHING = """
    SELECT event.id, event.occurred_at FROM metering_usageevent AS event
    WHERE usage_slot(event.customer_key, event.type) = usage_slot(%s, %s)
        AND event.customer_key = %s AND event.type = %s AND event.occurred_at >= %s AND event.occurred_at < %s
        AND ({condition}) IS TRUE
    ORDER BY event.occurred_at, event.id LIMIT %s
"""


class PostgresEventStore:
    """Events in `metering_usageevent`, by month, written by COPY in the order in which customers are asked about."""

    def begin(self, source: str, at: datetime) -> int:
        return next_batch()

    def close(self, batch: UsageBatch) -> None:
        batch.save(force_insert=True)

    def sweep(self, at: datetime) -> int:
        return 0  # they are taken back with their transaction

    def append(self, rows: Mapping[int, Row]) -> None:
        ordered = sorted(rows.items(), key=_by_customer)
        plain = copying.is_plain(row.identity.event_id for row in rows.values()) and copying.is_plain(
            {word for row in rows.values() for word in (row.identity.source, row.type, row.customer_key, row.alias)}
        )
        with connection.cursor() as cursor:
            cursor.execute(_MONTHS, [_months([row.occurred_at for row in rows.values()])])
        copying.copy(_COPY, [_copied(number, row) for number, row in ordered], plain=plain)

    def matching(
        self, customer_key: str, event_type: str, period: Period, condition: Expression | None, limit: int | None = None
    ) -> list[tuple[int, datetime]]:
        true = condition.sql("event.properties") if condition else "true"
        with connection.cursor() as cursor:
            cursor.execute(
                _MATCHING.format(condition=true),
                [customer_key, event_type, customer_key, event_type, period.start, period.end, limit],
            )
            return cursor.fetchall()

    def totals(self, requests: Sequence[Request], as_of: Cutoff | None = None) -> dict[Key, Measured]:
        """At most one query for each aggregation and shape in use, however many requests."""
        return totals(requests, as_of)

    def meters_in_use(self, meters: Iterable[Meter], period: Period) -> set[str]:
        return sightings.meters_in_use(meters, period)

    def values_seen(self, asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
        return sightings.values_seen(asked, period)

    def tallies(self, meters: Sequence[Meter], period: Period, customer_key: str | None = None) -> dict[str, Tally]:
        return billable.tallies(meters, period, customer_key)

    def numbered(self, numbers: Collection[int]) -> list[UsageEvent]:
        return arrivals.numbered(numbers)

    def latest(self, limit: int) -> list[UsageEvent]:
        return arrivals.latest(limit)

    def latest_of(self, customer_key: str, since: datetime, limit: int) -> list[UsageEvent]:
        return arrivals.latest_of(customer_key, since, limit)

    def types_seen(self, period: Period) -> Mapping[str, Seen]:
        return arrivals.types_seen(period)


def _months(instants: Sequence[datetime]) -> list[date]:
    """The first day of each UTC month that these are in."""
    first, last = min(instants).astimezone(UTC), max(instants).astimezone(UTC)
    if (first.year, first.month) == (last.year, last.month):
        return [first.date().replace(day=1)]
    return sorted({each.astimezone(UTC).date().replace(day=1) for each in instants})


def _by_customer(numbered: tuple[int, Row]) -> str:
    return numbered[1].customer_key


def _copied(number: int, row: Row) -> tuple[Any, ...]:
    return (
        number,
        *row.identity,
        row.type,
        row.customer_key,
        row.alias,
        row.occurred_at,
        row.is_billable,
        row.properties.decode(),
    )


def event_store() -> EventStore:
    """The store this installation keeps its usage in.

    EVENT_STORE_URL says where a ClickHouse is; that events are there, and no longer here, PostgreSQL says (see
    `metering.clickhouse.moving`), so that all processes change over at one moment. Unless it is set, PostgreSQL
    without asking.
    """
    if settings.EVENT_STORE_URL and (moved := EventMove.objects.filter(switched_at__isnull=False).first()):
        elsewhere: EventStore = import_string(_ELSEWHERE)(moved.token)
        return elsewhere
    return _here


_here = PostgresEventStore()
_ELSEWHERE = "metering.clickhouse.store.opened"
"""Imported only where it is used: the client of ClickHouse is large."""
