"""What was reported at all, by whomever: meters that counted something, and the values their events carried.

Of months that are retired, as far as daily totals tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection

from metering.cutoffs import EVERYTHING
from metering.meters.totals import Request, Values
from metering.models import Meter
from metering.postgres import statement_texts as texts
from metering.postgres.formulas import condition_of, one_of, parts_of, value_of
from metering.postgres.months import starts
from metering.postgres.plans import Plan, is_still, kept_for, pieces_as_json, planned
from pricing.measures import Split
from pricing.periods import Period

MOST_VALUES = 1_000

Asked = tuple[Meter, tuple[str, ...]]
"""A meter, and the event properties whose values are wanted."""

# What goes into these texts is our own, or made by `metering.postgres.formulas`, which quotes; all else is an argument.
_WANTED = """
    wanted AS (SELECT * FROM json_to_recordset(%(wanted)s) AS wanted (
        number int, type text, series bigint, first_day date, last_day date, places int[]
    ))
"""
_IN_PIECE = f"""
    FROM piece JOIN metering_usageevent AS event
        ON event.occurred_at >= piece.start_at AND event.occurred_at < piece.end_at
    WHERE piece.number = wanted.number AND event.type = wanted.type AND event.is_billable
        AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s
        AND {texts.NOT_VOID} AND {{condition}} AND ({{value}}) IS NOT NULL
"""
_IN_WAITING = """
    FROM waiting AS event
    WHERE wanted.series IS NOT NULL AND event.type = wanted.type
        AND event.occurred_at >= wanted.first_day::timestamp AT TIME ZONE 'UTC'
        AND event.occurred_at < wanted.last_day::timestamp AT TIME ZONE 'UTC'
        AND {condition} AND ({value}) IS NOT NULL
"""
_IN_DAYS = """
    FROM metering_usagerollup AS kept
    WHERE kept.series_id = wanted.series AND kept.day >= wanted.first_day AND kept.day < wanted.last_day
        AND kept.is_billable AND kept.events > 0
"""
_SEEN = f"""
    WITH {{wanted}}, {{pieces}}, {{waiting}}
    SELECT wanted.number FROM wanted
    WHERE EXISTS (SELECT {_IN_DAYS}) OR EXISTS (SELECT {_IN_WAITING}) OR EXISTS (SELECT {_IN_PIECE})
"""  # noqa: S608
_VALUES = f"""
    WITH {{wanted}}, {{pieces}}, {{waiting}}
    SELECT wanted.number, found.parts, found.times
    FROM wanted CROSS JOIN LATERAL (
        SELECT each.parts, sum(each.times)::bigint FROM (
            SELECT {texts.KEPT_PARTS}, sum(kept.events) {_IN_DAYS} GROUP BY 1
            UNION ALL SELECT {{parts}}, count(*) {_IN_WAITING} GROUP BY 1
            UNION ALL SELECT {{parts}}, count(*) {_IN_PIECE} GROUP BY 1
        ) AS each (parts, times) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}
    ) AS found (parts, times)
"""  # noqa: S608


def meters_in_use(meters: Iterable[Meter], period: Period) -> set[str]:
    """The keys of those meters that counted at least one event in the period; one statement."""
    asked = [(meter, ()) for meter in meters]
    return {asked[number][0].key for (number,) in _rows(_SEEN, asked, period)}


def values_seen(asked: Iterable[Asked], period: Period) -> Mapping[Asked, Mapping[Values, int]]:
    """Which combinations of values the counted events of the period carried, and how many events each; one statement.

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
    requests = [Request("", meter, period, Split(by=tuple(names))) for meter, names in asked]
    while True:
        kept = kept_for(requests)
        plans = planned(requests, kept)
        with connection.cursor() as cursor:
            cursor.execute(sql.format_map(_texts(plans)), _given(plans, period))
            rows = cursor.fetchall()
        if is_still(kept):
            return rows


def _texts(plans: Sequence[Plan]) -> dict[str, str]:
    return {
        "wanted": _WANTED,
        "pieces": texts.PIECES.format(changed=""),
        "waiting": texts.WAITING_OF_ALL,
        "value": one_of([f"({value_of(plan.request.meter)})::text" for plan in plans], "wanted.number"),
        "condition": one_of([condition_of(plan.request.meter) for plan in plans], "wanted.number"),
        "parts": one_of([parts_of(plan.request.split.by) for plan in plans], "wanted.number"),
    }


def _given(plans: Sequence[Plan], period: Period) -> dict[str, Any]:
    wanted = [
        {
            "number": number,
            "type": plan.request.meter.event_type,
            "series": plan.series,
            "first_day": plan.days and plan.days[0],
            "last_day": plan.days and plan.days[1],
            "places": plan.places,
        }
        for number, plan in enumerate(plans)
    ]
    days = [plan.days for plan in plans if plan.days]
    return {
        "wanted": msgspec.json.encode(wanted).decode(),
        "pieces": pieces_as_json(plans),
        "start": period.start,
        "end": period.end,
        "first_day": min((starts(first) for first, _ in days), default=None),
        "last_day": max((starts(last) for _, last in days), default=None),
        "below": EVERYTHING.below,
        "batch": EVERYTHING.batch,
    }
