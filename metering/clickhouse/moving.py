"""Moving usage events to ClickHouse while they keep coming: copy, compare, and only then change over.

Copied is by month and by number, in blocks; how far it came is kept, so that it can be broken off at any time. What
comes in meanwhile is caught up with round by round, and the last of it while no batch can be stored. In that moment,
and only if everything is equal, PostgreSQL notes that events are kept elsewhere; every process that knows
EVENT_STORE_URL stores and asks there from its next transaction on, and one that does not can store nothing.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from django.db import connection

from metering.clickhouse import checking, tables
from metering.clickhouse.address import LONG_PATIENCE, Address
from metering.clickhouse.checking import Difference
from metering.clickhouse.rows import lines
from metering.clickhouse.store import ClickHouseEventStore
from metering.cutoffs import Cutoff, closed, cutoff_now
from metering.identities import Identity
from metering.models import EventMove, EventMoveMonth
from metering.postgres import months
from metering.store import Row

BLOCK = 50_000
FEW = 20_000
"""What is left to copy while nothing can be stored."""
MOST_ROUNDS = 10
MOST_DIFFERENCES = 20

Tell = Callable[[str], None]

_BLOCK = """
    SELECT id, source, event_id, type, customer_key, alias, occurred_at, is_billable, properties::text
    FROM metering_usageevent
    WHERE occurred_at >= %s AND occurred_at < %s AND id >= %s AND id < %s
    ORDER BY id LIMIT %s
"""
_LEFT = "SELECT count(*) FROM metering_usageevent WHERE id >= %s AND id < %s"
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('quoin.move_events', 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('quoin.move_events', 0))"


class Unequal(Exception):
    """The copy does not come to the same; nothing was changed over. `differences` are the first of them."""

    def __init__(self, differences: list[Difference]) -> None:
        super().__init__("The copy is not equal.")
        self.differences = differences


@dataclass(frozen=True, slots=True)
class Moved:
    """How many events were copied this time, how many there are in all, and whether questions go there now."""

    copied: int
    events: int
    is_switched: bool


def move(address: Address, *, at: datetime, switch: bool, block: int = BLOCK, tell: Tell = lambda text: None) -> Moved:
    """Copy what is not copied yet, compare everything, and change over if asked to.

    Raises `Unequal` when the copy does not come to the same, ValueError when events are elsewhere already or another
    move runs, OperationalError when one of the databases gives up: run it again, it goes on where it was.
    """
    with _alone():
        current = _begun(address, at)
        copying = _Copying(current, ClickHouseEventStore(address), block, tell)
        compared = copying.catch_up()
        _compare(address, range(compared.below), tell)
        if switch:
            with closed() as last:
                copying.copy(last)
                _compare(address, range(compared.below, last.below), tell)
                EventMove.objects.filter(pk=current.pk).update(switched_at=at)
    return Moved(copying.copied, sum(current.months.values_list("events", flat=True)), switch)


def adopt(address: Address, *, at: datetime) -> bool:
    """Keep events there from the first one on, if none was ever stored here; whether that is so now."""
    if EventMove.objects.filter(switched_at__isnull=False).exists():
        tables.migrate(address)
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM metering_usageidentity)")
        if cursor.fetchone()[0]:
            return False
    return move(address, at=at, switch=True).is_switched


def _begun(address: Address, at: datetime) -> EventMove:
    """This move, which may have been begun before."""
    if (moved := EventMove.objects.filter(switched_at__isnull=False).first()) is not None:
        raise ValueError(f"Usage events are kept in {moved.location} since {moved.switched_at:%Y-%m-%d %H:%M}.")
    tables.migrate(address)
    owner = tables.token(address)
    if owner is not None:
        if (known := EventMove.objects.filter(token=owner).first()) is None:
            raise ValueError(f"{address} keeps the events of another installation.")
        return known
    begun = EventMove.objects.create(location=str(address), started_at=at)
    tables.own(address, begun.token)
    return begun


@dataclass
class _Copying:
    """Copies the events of a move; `copied` counts those of this run."""

    current: EventMove
    store: ClickHouseEventStore
    block: int
    tell: Tell
    copied: int = 0

    def catch_up(self) -> Cutoff:
        """Copy until little is left; gives the cut-off up to which all is copied."""
        reached = Cutoff(0)
        for _ in range(MOST_ROUNDS):
            reached = cutoff_now()
            self.copy(reached)
            with connection.cursor() as cursor:
                cursor.execute(_LEFT, [reached.below, cutoff_now().below])
                if cursor.fetchone()[0] <= FEW:
                    break
        return reached

    def copy(self, last: Cutoff) -> None:
        """Everything stored up to this cut-off that is not copied yet, month by month."""
        for first_day in months.kept():
            month, _ = EventMoveMonth.objects.get_or_create(move=self.current, month=first_day)
            for rows in self._blocks(month, last):
                self.store.put(lines(rows), token=f"{self.current.token}-{first_day:%Y-%m}-{min(rows)}-{max(rows)}")
                self._note(month, max(rows) + 1, len(rows))
                self.tell(f"{first_day:%Y-%m}: {month.events:,} events copied")
            self._note(month, last.below, 0)

    def _note(self, month: EventMoveMonth, below: int, events: int) -> None:
        month.below, month.events = max(month.below, below), month.events + events
        month.save(update_fields=["below", "events"])
        self.copied += events

    def _blocks(self, month: EventMoveMonth, last: Cutoff) -> Iterator[dict[int, Row]]:
        period = months.month_of(month.month)
        while True:
            with connection.cursor() as cursor:
                cursor.execute(_BLOCK, [period.start, period.end, month.below, last.below, self.block])
                rows = {number: _row(*columns) for number, *columns in cursor}
            if not rows:
                return
            yield rows


def _row(
    source: str,
    event_id: str,
    event_type: str,
    customer_key: str,
    alias: str,
    occurred_at: datetime,
    is_billable: bool,
    properties: str,
) -> Row:
    return Row(
        identity=Identity(source, event_id),
        type=event_type,
        customer_key=customer_key,
        occurred_at=occurred_at,
        properties=properties.encode(),
        body_hash=b"",  # is kept with the identity
        alias=alias,
        is_billable=is_billable,
    )


def _compare(address: Address, numbers: range, tell: Tell) -> None:
    if not numbers:
        return
    found: list[Difference] = []
    for first_day in months.kept():
        tell(f"{first_day:%Y-%m}: comparing")
        found += _differences(address, first_day, numbers)
    if found:
        raise Unequal(found)


def _differences(address: Address, first_day: date, numbers: range) -> list[Difference]:
    return list(
        islice(
            checking.differences(address.client(LONG_PATIENCE), months.month_of(first_day), numbers), MOST_DIFFERENCES
        )
    )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """ValueError while another move runs."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if not cursor.fetchone()[0]:
            raise ValueError("Another move of events is running.")
        try:
            yield
        finally:
            cursor.execute(_UNLOCK)
