"""The event store in ClickHouse: rows go there, what counts PostgreSQL says, and Python finishes the numbers."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from clickhouse_connect.driver.exceptions import ClickHouseError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from metering.clickhouse import arrivals, billable, sightings, tables
from metering.clickhouse.address import LONG_PATIENCE, Address, Unavailable
from metering.clickhouse.horizon import Horizon, horizon, register
from metering.clickhouse.rows import COLUMNS, lines
from metering.clickhouse.totals import covering, found
from metering.cutoffs import Cutoff, cutoff_now, join
from metering.expressions import Expression
from metering.meters.billable import Tally
from metering.meters.measuring import measured
from metering.meters.totals import Found, Key, Request, Values
from metering.models import Meter, UsageBatch, UsageEvent
from metering.models.events import POSITIONS
from metering.postgres import months
from metering.postgres.arrivals import Seen
from metering.postgres.sightings import Asked
from metering.store import Row
from pricing.measures import Measured
from pricing.periods import Period

GIVEN_UP_AFTER = timedelta(hours=1)
"""So much later nothing of a batch can be on its way to ClickHouse any more."""


def opened(token: UUID) -> "ClickHouseEventStore":
    """The store that EVENT_STORE_URL names. It must be the one that events were moved to, which knows the token."""
    return _opened(Address(settings.EVENT_STORE_URL, settings.EVENT_STORE_CLUSTER), token)


@cache
def _opened(address: Address, token: UUID) -> "ClickHouseEventStore":
    if tables.token(address) != token:
        raise ImproperlyConfigured(f"EVENT_STORE_URL: {address} is not where the usage events of this database are.")
    return ClickHouseEventStore(address)


class ClickHouseEventStore:
    """Events in `usage_event`. What ClickHouse cannot do, or not in time, raises OperationalError."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def begin(self, source: str, at: datetime) -> int:
        join()
        return register(source, at)

    def close(self, batch: UsageBatch) -> None:
        batch.is_rolled_up = True  # it never will be: questions go to the events
        batch.save(force_update=True)

    def append(self, rows: Mapping[int, Row]) -> None:
        """Sending the same rows again does no harm: ClickHouse knows the block, and copies of a row are one row."""
        first, last = min(rows), max(rows)
        self.put(lines(rows), token=f"{first}-{last}-{len(rows)}")

    def put(self, block: bytes, *, token: str) -> None:
        """Insert rows as `rows.lines` writes them; a block with this token once."""
        with _told(self.address):
            self.address.client().raw_insert(
                tables.EVENTS,
                COLUMNS,
                block,
                settings={"insert_deduplication_token": token, "async_insert": 0},
                fmt="JSONEachRow",
            )

    def totals(self, requests: Sequence[Request], as_of: Cutoff | None = None) -> dict[Key, Measured]:
        """One statement for up to fifty kinds of questions, however many requests of one kind.

        Raises `months.Retired` where events of a period are gone: there are no daily totals here.
        """
        seen = horizon(as_of)
        return measured(requests, lambda asked: self._found(asked, seen))

    def _found(self, asked: Sequence[Request], seen: Horizon) -> Found:
        for month in months.retired():
            if any(each.period.overlap(months.month_of(month)) for each in asked):
                raise months.Retired(month)
        counted = seen.without_voids(covering(asked), {each.customer_key for each in asked})
        with _told(self.address):
            yield from found(self.address.client(), asked, counted)

    def meters_in_use(self, meters: Iterable[Meter], period: Period) -> set[str]:
        with _told(self.address):
            return sightings.meters_in_use(self.address.client(), meters, period)

    def values_seen(self, asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
        with _told(self.address):
            return sightings.values_seen(self.address.client(), asked, period)

    def matching(
        self, customer_key: str, event_type: str, period: Period, condition: Expression | None, limit: int | None = None
    ) -> list[tuple[int, datetime]]:
        with _told(self.address):
            return arrivals.matching(self.address.client(), customer_key, event_type, period, condition, limit)

    def tallies(self, meters: Sequence[Meter], period: Period, customer_key: str | None = None) -> dict[str, Tally]:
        with _told(self.address):
            return billable.tallies(self.address.client(), meters, period, customer_key)

    def numbered(self, numbers: Collection[int]) -> list[UsageEvent]:
        with _told(self.address):
            return arrivals.numbered(self.address.client(), numbers)

    def latest(self, limit: int) -> list[UsageEvent]:
        with _told(self.address):
            return arrivals.latest(self.address.client(), limit)

    def latest_of(self, customer_key: str, since: datetime, limit: int) -> list[UsageEvent]:
        with _told(self.address):
            return arrivals.latest_of(self.address.client(), customer_key, since, limit)

    def types_seen(self, period: Period) -> Mapping[str, Seen]:
        with _told(self.address):
            return arrivals.types_seen(self.address.client(), period)

    def sweep(self, at: datetime) -> int:
        """Remove the rows of batches that were given up, and forget these; gives how many batches.

        Harmless at any time: a batch that still runs holds the lock that a cut-off waits for, and what was registered
        less than an hour ago is left alone, for its rows may still be on their way.
        """
        last = cutoff_now().batch
        dead = list(
            UsageBatch.objects.filter(is_open=True, pk__lte=last, stored_at__lt=at - GIVEN_UP_AFTER)
            .order_by("pk")
            .values_list("pk", flat=True)[:1_000]
        )
        if dead:
            batches = ", ".join(map(str, dead))
            with _told(self.address):
                self.address.client(LONG_PATIENCE).command(
                    f"ALTER TABLE {tables.kept_in(self.address)} "
                    f"DELETE WHERE bitShiftRight(id, {POSITIONS}) IN ({batches})",
                    settings={"mutations_sync": 2},
                )
            UsageBatch.objects.filter(pk__in=dead, is_open=True).update(is_open=False)
        return len(dead)


@contextlib.contextmanager
def _told(address: Address) -> Iterator[None]:
    """What ClickHouse refuses becomes what Django raises for a database that is away or busy."""
    try:
        yield
    except ClickHouseError as problem:
        raise Unavailable(f"{address}: {problem}") from problem
