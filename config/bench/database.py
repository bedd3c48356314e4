"""The database of a bench: statements, and the rows of usage copied out and back in, which is the limit of storing."""

from typing import Any

from django.db import connection

LIKE_USAGE = """
    DROP TABLE IF EXISTS bench_usage;
    CREATE TABLE bench_usage (LIKE metering_usageevent INCLUDING DEFAULTS);
    CREATE UNIQUE INDEX ON bench_usage (source, event_id);
"""
"""An empty table for the same rows, with the same unique index."""
_OUT = "COPY (SELECT * FROM metering_usageevent ORDER BY id) TO STDOUT"
_IN = "COPY bench_usage FROM STDIN"


def run(sql: str, given: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)


def copied_out() -> bytes:
    """All usage, in the order in which it came."""
    with connection.cursor() as cursor, cursor.copy(_OUT) as copy:
        return b"".join(bytes(block) for block in copy)


def copy_in(rows: bytes) -> None:
    """Into the table that LIKE_USAGE makes."""
    with connection.cursor() as cursor, cursor.copy(_IN) as copy:
        copy.write(rows)
