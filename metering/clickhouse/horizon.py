"""What counts, as PostgreSQL says it at one moment: which batches are committed, and which events are void.

A batch is registered as open, by a transaction of its own, before its first row is sent to ClickHouse; the transaction
that keeps its identities closes it. So whatever ClickHouse holds of a transaction that crashed, was taken back or still
runs belongs to an open batch, or to one that is newer than the newest that was known when the question was asked.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection

from metering.cutoffs import EVERYTHING, Cutoff
from metering.models.events import POSITIONS
from pricing.periods import Period

# The lock lets batches become visible in the order of their numbers, which makes "newer than the newest known" true.
_REGISTER = """
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('quoin.usage_batch_order', 0)))
    INSERT INTO metering_usagebatch
        (source, stored_at, events, duplicates, conflicts, quarantined, duplicates_of, is_open, is_rolled_up)
    SELECT %s, %s, 0, 0, 0, 0, '{}', true, true FROM turn
    RETURNING id
"""
_KNOWN = """
    SELECT (SELECT max(id) FROM metering_usagebatch), ARRAY(SELECT id FROM metering_usagebatch WHERE is_open)
"""
_VOIDS = """
    SELECT void.event
    FROM metering_usagevoid AS void
    JOIN metering_usagecorrection AS correction ON correction.id = void.correction_id
    WHERE void.voided_in <= %(batch)s AND void.voided_in <> ALL (%(open)s)
        AND (void.restored_in IS NULL OR void.restored_in > %(batch)s OR void.restored_in = ANY (%(open)s))
        AND void.occurred_at >= %(start)s AND void.occurred_at < %(end)s
        AND (%(customers)s::text[] IS NULL OR correction.customer_key = ANY (%(customers)s))
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """Rows of batches up to this one count, but for those of open batches and those that are void."""

    batch: int
    open_batches: Sequence[int]
    voids: Sequence[int] = ()

    def condition(self) -> str:
        """SQL that is true of the rows that count, of a row named `event`."""
        parts = [f"event.id < {Cutoff(self.batch).below}"]
        if self.open_batches:
            parts.append(f"bitShiftRight(event.id, {POSITIONS}) NOT IN ({_numbers(self.open_batches)})")
        if self.voids:
            parts.append(f"event.id NOT IN ({_numbers(self.voids)})")
        return " AND ".join(parts)

    def without_voids(self, period: Period, customers: Collection[str] | None = None) -> "Horizon":
        """The same, but for what is void: of a period and, if given, of these customers."""
        given: dict[str, Any] = {
            "batch": self.batch,
            "open": list(self.open_batches),
            "start": period.start,
            "end": period.end,
            "customers": None if customers is None else list(customers),
        }
        with connection.cursor() as cursor:
            cursor.execute(_VOIDS, given)
            return replace(self, voids=[event for (event,) in cursor.fetchall()])


def horizon(as_of: Cutoff | None = None) -> Horizon:
    """All that is stored now, or was at a cut-off, void or not."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN)
        newest, open_batches = cursor.fetchone()
    return Horizon(min(newest or 0, (as_of or EVERYTHING).batch), open_batches)


def register(source: str, at: datetime) -> int:
    """The number of a new batch that is open whatever becomes of the surrounding transaction."""
    with _own_connection() as own:
        row = own.execute(_REGISTER, [source, at]).fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def _own_connection() -> Iterator[psycopg.Connection[Any]]:
    """Beside the one of the surrounding transaction, which may be taken back; never of a pool that could run dry."""
    parameters = connection.get_connection_params() | {"cursor_factory": psycopg.Cursor, "autocommit": True}
    with psycopg.connect(**parameters) as own:
        yield own


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
