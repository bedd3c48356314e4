"""What is asked of events by their types and meters, worked out once a process and again when one of them changed."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from django.db import connection

from metering.models import Meter
from metering.registry.schemas import TypeRules, kinds_named
from metering.registry.screening import Need, needs_of

# A row that changed has another place and transaction, so the same places and transactions are the same rows.
_EDITION = """
    SELECT md5(string_agg(place, ' ' ORDER BY place)) FROM (
        SELECT concat('meter', ctid, xmin) FROM metering_meter WHERE event_type = ANY (%(types)s)
        UNION ALL SELECT concat('type', ctid, xmin) FROM metering_eventtype WHERE key = ANY (%(types)s)
        UNION ALL SELECT concat('schema', version.ctid, version.xmin)
            FROM metering_eventtypeversion AS version JOIN metering_eventtype AS type ON type.id = version.type_id
            WHERE type.key = ANY (%(types)s)
    ) AS rows (place)
"""


class Rules(NamedTuple):
    """The registered types among some, by key, and what the meters of each want."""

    types: Mapping[str, TypeRules]
    needs: Mapping[str, Sequence[Need]]


def rules_for(types: set[str]) -> Rules:
    """As they are now. One short query, unless something changed since this process asked last."""
    with connection.cursor() as cursor:
        cursor.execute(_EDITION, {"types": sorted(types)})
        (edition,) = cursor.fetchone()
    return _worked_out(frozenset(types), edition)


@lru_cache(maxsize=100)
def _worked_out(types: frozenset[str], edition: str) -> Rules:
    return Rules(kinds_named(types), needs_of(Meter.objects.filter(event_type__in=types)))
