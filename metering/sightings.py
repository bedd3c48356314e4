"""What was reported at all, by whomever: meters that counted something, and the values their events carried."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection

from metering.formulas import condition_of, one_of
from metering.models import Meter
from pricing.periods import Period

MOST_VALUES = 1_000

Asked = tuple[Meter, tuple[str, ...]]
"""A meter, and the event properties whose values are wanted."""
Values = tuple[str | None, ...]

# What goes into these texts is our own, or made by `metering.formulas`, which quotes; all else is an argument.
_WANTED = "json_to_recordset(%(wanted)s) AS wanted (number int, type text, condition int, names text[])"
_COUNTED = """
    FROM metering_usageevent AS event
    WHERE event.type = wanted.type AND event.is_billable
        AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s
        AND NOT EXISTS (
            SELECT FROM metering_usagevoid AS void WHERE void.event = event.id AND void.restored_in IS NULL
        )
        AND {condition}
"""
_SEEN = f"SELECT wanted.number FROM {_WANTED} WHERE EXISTS (SELECT {_COUNTED})"  # noqa: S608
_VALUES = f"""
    SELECT wanted.number, found.parts, found.times
    FROM {_WANTED} CROSS JOIN LATERAL (
        SELECT ARRAY(
            SELECT event.properties ->> named.name
            FROM unnest(wanted.names) WITH ORDINALITY AS named (name, place) ORDER BY named.place
        ), count(*)
        {_COUNTED}
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}
    ) AS found (parts, times)
"""  # noqa: S608


def meters_in_use(meters: Iterable[Meter], period: Period) -> set[str]:
    """The keys of those meters that counted at least one event in the period; one query."""
    asked = list(meters)
    return {asked[number].key for (number,) in _rows(_SEEN, [(meter, ()) for meter in asked], period)}


def values_seen(asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
    """Which combinations of values the events of the period carried, and how many events each; one query.

    As PostgreSQL's `->>` writes them, None where an event lacks the property. Of very many, the 1,000 most frequent.
    """
    wanted = list(asked)
    found: dict[Asked, dict[Values, int]] = {each: {} for each in wanted}
    for number, values, times in _rows(_VALUES, wanted, period):
        found[wanted[number]][tuple(values)] = times
    return found


def _rows(sql: str, asked: Sequence[Asked], period: Period) -> list[tuple[Any, ...]]:
    if not asked:
        return []
    conditions = list(dict.fromkeys(condition_of(meter) for meter, _ in asked))
    wanted = [
        {
            "number": number,
            "type": meter.event_type,
            "condition": conditions.index(condition_of(meter)),
            "names": names,
        }
        for number, (meter, names) in enumerate(asked)
    ]
    given = {"wanted": msgspec.json.encode(wanted).decode(), "start": period.start, "end": period.end}
    with connection.cursor() as cursor:
        cursor.execute(sql.format(condition=one_of(conditions, "wanted.condition")), given)
        return cursor.fetchall()
