"""Cut-offs: "everything stored up to here", a set that never grows, so that a question about it has one answer."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from metering.models import UsageBatch
from metering.models.events import POSITIONS

_BATCHES = "hashtextextended('quoin.usage_batches', 0)"
# A batch draws its number while it holds the lock that a cut-off asks for alone: none below a cut-off is still open.
_JOIN = f"SELECT pg_advisory_xact_lock_shared({_BATCHES})"
_NUMBER = (
    f"SELECT pg_advisory_xact_lock_shared({_BATCHES}), nextval(pg_get_serial_sequence('metering_usagebatch', 'id'))"
)
_CLOSE = f"SELECT pg_advisory_lock({_BATCHES})"
_OPEN_AGAIN = f"SELECT pg_advisory_unlock({_BATCHES})"


@dataclass(frozen=True, slots=True, order=True)
class Cutoff:
    """Every batch up to `batch`, and none after. Batches that were rolled back or given up leave gaps."""

    batch: int

    @property
    def below(self) -> int:
        """Events with a smaller number are within."""
        return (self.batch + 1) << POSITIONS


EVERYTHING = Cutoff((1 << 62 - POSITIONS) - 1)
"""No cut-off at all: whatever is stored when the question is asked."""


def join() -> None:
    """Until this transaction ends, no cut-off can be taken, and events stay in the store where they are."""
    with connection.cursor() as cursor:
        cursor.execute(_JOIN)


def next_batch() -> int:
    """The number of a new batch; until the transaction ends, no cut-off can be taken."""
    with connection.cursor() as cursor:
        cursor.execute(_NUMBER)
        return int(cursor.fetchone()[1])


def cutoff_now() -> Cutoff:
    """All that is stored now. Waits for what is being stored, which is a matter of milliseconds."""
    with closed() as last:
        return last


@contextlib.contextmanager
def closed() -> Iterator[Cutoff]:
    """All that is stored now, and nothing else until the block ends: who wants to store something waits."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE)
        try:
            last = UsageBatch.objects.order_by("-pk").values_list("pk", flat=True).first()
            yield Cutoff(last or 0)
        finally:
            cursor.execute(_OPEN_AGAIN)
