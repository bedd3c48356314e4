"""Identities: (source, id) once, for ever, whatever becomes of the event. The one place that says what is new."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.db.utils import IntegrityError
from psycopg.errors import UniqueViolation


class Identity(NamedTuple):
    """What makes an event the same event, for ever."""

    source: str
    event_id: str


class Claim(NamedTuple):
    """An identity, the hash of everything that was said under it, and the number its event would get."""

    identity: Identity
    body_hash: bytes
    event: int


_COPY = "COPY metering_usageidentity (source, event_id, body_hash, event) FROM STDIN"
_HASHES = """
    SELECT identity.source, identity.event_id, identity.body_hash
    FROM unnest(%s::text[], %s::text[]) AS wanted (source, event_id)
    JOIN metering_usageidentity AS identity USING (source, event_id)
"""


def claim(claims: Sequence[Claim]) -> dict[Identity, bytes]:
    """Keep the identities that are new; give the others' stored body hash. No identity comes twice.

    COPY cannot skip what is there. So it is tried at once, and after a clash the batch is looked up first. Rows go in
    by identity, so that two senders of the same events wait for each other in one order and never deadlock. Needs READ
    COMMITTED: after a clash it must see what won.
    """
    fresh = sorted(claims, key=lambda each: each.identity)
    there: dict[Identity, bytes] = {}
    while fresh and not _copied(fresh):
        there |= hashes(each.identity for each in fresh)
        fresh = [each for each in fresh if each.identity not in there]
    return there


def hashes(identities: Iterable[Identity]) -> dict[Identity, bytes]:
    """The body hash of those identities that are counted."""
    wanted = list(identities)
    if not wanted:
        return {}
    sources, event_ids = zip(*wanted, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_HASHES, [list(sources), list(event_ids)])
        return {Identity(source, event_id): bytes(digest) for source, event_id, digest in cursor.fetchall()}


def _copied(claims: Sequence[Claim]) -> bool:
    """Keep them all, or none when one is there already."""
    try:
        with transaction.atomic(), connection.wrap_database_errors:
            _copy(claims)
    except IntegrityError as refusal:
        if not isinstance(refusal.__cause__, UniqueViolation):
            raise
        return False
    return True


def _copy(claims: Sequence[Claim]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for (source, event_id), body_hash, event in claims:
            copy.write_row((source, event_id, body_hash, event))
