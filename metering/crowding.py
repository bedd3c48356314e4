"""How much of one sender is taken in at a time, so that the others get their turn: counted across all web processes."""

from django.db import connection

# Held until the transaction ends, however it ends. The first place that is free.
_PLACE = """
    SELECT place FROM generate_series(1, %s) AS places (place)
    WHERE pg_try_advisory_xact_lock(hashtext('quoin.usage ' || %s), place) LIMIT 1
"""


class Crowded(Exception):
    """A sender has as many requests under way as it may have."""


def take_place(sender: str, at_most: int) -> None:
    """Within a transaction: be one of `at_most` that this sender has under way. Raises `Crowded`."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, [at_most, sender])
        if cursor.fetchone() is None:
            raise Crowded
