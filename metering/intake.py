"""Intake: one batch of rows, each identity counted once, stored together or not at all."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from metering.cutoffs import join
from metering.identities import Identity, claim
from metering.models import UsageBatch
from metering.models.events import POSITIONS
from metering.store import Row, event_store


class Batch:
    """A batch being taken in, within the caller's transaction: take rows, then close it with what came of the rest."""

    def __init__(self, source: str, at: datetime) -> None:
        if settings.EVENT_STORE_URL:
            join()  # first: events may be moving to another store
        self._store = event_store()
        self.id = self._store.begin(source, at)
        self._source, self._at = source, at
        self._places = self._stored = 0

    def take(self, rows: Iterable[Row]) -> dict[Identity, bytes]:
        """Store the rows whose identity is new; give the others' stored body hash. No identity comes twice.

        Durable when the surrounding transaction commits. Senders of the same rows wait for each other.
        """
        numbered = dict(enumerate(rows, (self.id << POSITIONS) + self._places))
        if self._places + len(numbered) > 1 << POSITIONS:
            raise ValueError(f"a batch has at most {1 << POSITIONS:,} events")
        there = claim([(*row.identity, row.body_hash, number) for number, row in numbered.items()])
        fresh = {number: row for number, row in numbered.items() if row.identity not in there} if there else numbered
        if fresh:
            self._store.append(fresh)
        self._places += len(numbered)
        self._stored += len(fresh)
        return there

    def close(self, *, duplicates: Counter[str] | None = None, conflicts: int = 0, quarantined: int = 0) -> None:
        """Write down what the batch was. `duplicates` counts them by customer."""
        duplicates = duplicates or Counter()
        self._store.close(
            UsageBatch(
                pk=self.id,
                source=self._source,
                stored_at=self._at,
                events=self._stored,
                duplicates=duplicates.total(),
                duplicates_of=dict(duplicates),
                conflicts=conflicts,
                quarantined=quarantined,
            )
        )
