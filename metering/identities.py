"""Identities: (source, id) once, for ever, whatever becomes of the event. The one place that says what is new."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from django.db import connection, transaction
from django.db.utils import IntegrityError
from psycopg.errors import UniqueViolation

from metering.postgres import copying


class Identity(NamedTuple):
    """What makes an event the same event, for ever."""

    source: str
    event_id: str


identity_of: Callable[[tuple[str, str]], Identity] = partial(tuple.__new__, Identity)
"""From source and id; in a third of the time that the class takes."""

Claim = tuple[str, str, bytes, int]
"""An identity's source and id, the hash of everything that was said under it, and the number its event would get."""

_COPY = "COPY metering_usageidentity (source, event_id, body_hash, event) FROM STDIN"
_HASHES = """
    SELECT event_id, body_hash FROM metering_usageidentity WHERE source = %s AND event_id = ANY (%s::text[])
"""
_MOST_REMEMBERED = 1_000


def claim(claims: Sequence[Claim]) -> dict[Identity, bytes]:
    """Keep the identities that are new; give the others' stored body hash. No identity comes twice.

    COPY cannot skip what is there. So it is tried at once, and after a clash the batch is looked up first; a source
    whose last batch held something known is looked up before. Rows go in by identity, so that two senders of the same
    events wait for each other in one order and never deadlock. Needs READ COMMITTED: after a clash it must see what
    won.
    """
    fresh = sorted(claims, key=itemgetter(0, 1))
    sources = {source for source, *_ in fresh}
    there = _known(fresh) if not sources.isdisjoint(_resending) else {}
    fresh = [each for each in fresh if each[:2] not in there] if there else fresh
    while fresh and not _copied(fresh):
        there |= _known(fresh)
        fresh = [each for each in fresh if each[:2] not in there]
    _remember(sources, {source for source, _ in there})
    return there


def hashes(identities: Iterable[Identity]) -> dict[Identity, bytes]:
    """The body hash of those identities that are counted. One query for each source."""
    of_source: dict[str, list[str]] = {}
    for source, event_id in identities:
        of_source.setdefault(source, []).append(event_id)
    found: dict[Identity, bytes] = {}
    for source, event_ids in of_source.items():
        with connection.cursor() as cursor:
            cursor.execute(_HASHES, [source, copying.array(event_ids)])
            found |= {Identity(source, event_id): bytes(digest) for event_id, digest in cursor}
    return found


def _known(claims: Sequence[Claim]) -> dict[Identity, bytes]:
    return hashes(Identity(source, event_id) for source, event_id, *_ in claims)


_resending: set[str] = set()


def _remember(sources: set[str], resent: set[str]) -> None:
    """Whose batches to look up first: only a hint, of this process."""
    if len(_resending) > _MOST_REMEMBERED:
        _resending.clear()
    _resending.difference_update(sources)
    _resending.update(resent)


def _copied(claims: Sequence[Claim]) -> bool:
    """Keep them all, or none when one is there already."""
    rows = [(source, event_id, "\\x" + body_hash.hex(), event) for source, event_id, body_hash, event in claims]
    plain = copying.is_plain(event_id for _, event_id, *_ in claims) and copying.is_plain({row[0] for row in rows})
    try:
        with transaction.atomic():
            copying.copy(_COPY, rows, plain=plain)
    except IntegrityError as refusal:
        if not isinstance(refusal.__cause__, UniqueViolation):
            raise
        return False
    return True
