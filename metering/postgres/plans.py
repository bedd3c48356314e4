"""Plans: what of a question daily totals answer, and what the events themselves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
from django.db import connection

from metering.cutoffs import Cutoff
from metering.meters.totals import Request
from metering.models import Meter
from metering.postgres.months import Retired, month_of, starts
from metering.postgres.series import definition_of, digest_of
from pricing.measures import Split
from pricing.periods import Period

# A batch that waits is read for every question; beyond so many waiting events for each request, rather the customer's
# own events are.
_WORTH_READING = 20_000
_KEPT = """
    SELECT
        (SELECT array_agg(month ORDER BY month) FROM metering_retiredmonth),
        (SELECT coalesce(sum(events), 0) FROM metering_usagebatch WHERE NOT is_rolled_up),
        ARRAY(
            SELECT ARRAY[meter_id::text, digest, id::text, since::text] FROM metering_rollupseries
            WHERE is_ready AND digest = ANY (%s)
        )
"""


_STILL = """
    SELECT
        (SELECT count(*) FROM metering_retiredmonth),
        (SELECT count(*) FROM metering_rollupseries WHERE is_ready AND id = ANY (%s))
"""

_CHANGED = """
    SELECT DISTINCT date_trunc('month', kept.day)::date
    FROM unnest(%s::bigint[], %s::text[], %s::date[], %s::date[]) AS asked (series, customer, first_day, last_day)
    JOIN metering_usagerollup AS kept ON kept.series_id = asked.series AND kept.customer_key = asked.customer
        AND kept.day >= asked.first_day AND kept.day < asked.last_day
    WHERE kept.batch > %s AND kept.is_billable
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What daily totals there were when a question was planned; `is_still` says whether they are there yet."""

    series: dict[tuple[str, str], tuple[int, date | None]]
    retired: tuple[date, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One request: these whole UTC days `[first_day, last_day)` from a series, and these pieces from the events.

    `places` say where in the series' dimensions what it is told apart by is kept.
    """

    request: Request
    pieces: tuple[Period, ...]
    series: int | None = None
    days: tuple[date, date] | None = None
    places: tuple[int, ...] = ()


def kept_for(requests: Iterable[Request]) -> Kept:
    """The series that could answer these requests; one query."""
    digests = {digest_of(definition_of(meter)) for meter in _meters(requests)}
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [sorted(digests)])
        retired, waiting, series = cursor.fetchone()
    found = {
        (meter, digest): (int(number), None if since is None else date.fromisoformat(since))
        for meter, digest, number, since in series
    }
    return Kept(found, tuple(retired or ()), int(waiting))


def is_still(kept: Kept) -> bool:
    """Whether all of it was there until now, so that an answer made with it is right. Neither ever comes back."""
    series = [number for number, _ in kept.series.values()]
    with connection.cursor() as cursor:
        cursor.execute(_STILL, [series])
        return bool(cursor.fetchone() == (len(kept.retired), len(series)))


def planned(requests: Sequence[Request], kept: Kept) -> list[Plan]:
    """How each request is answered, as far as its events are there (see `refuse_retired`).

    Requests of the same meter are of the same definition.
    """
    found = {}
    for meter in _meters(requests):
        definition = definition_of(meter)
        series = kept.series.get((str(meter.pk), digest_of(definition)))
        found[meter.pk] = series and (*series, definition["dimensions"])
    return [_plan(each, found[each.meter.pk]) for each in requests]


def worth_it(plans: Sequence[Plan], kept: Kept) -> list[Plan]:
    """The same, but with the customer's own events where so many events wait that reading these is quicker."""
    if kept.waiting <= _WORTH_READING * len(plans):
        return list(plans)
    return [each if _reaches_retired(each, kept) else Plan(each.request, (each.request.period,)) for each in plans]


def refuse_retired(plans: Sequence[Plan], kept: Kept) -> None:
    """Raise `Retired` if a piece needs events that are not there any more."""
    for month in kept.retired:
        if any(piece.overlap(month_of(month)) for plan in plans for piece in plan.pieces):
            raise Retired(month)


def refuse_changed(plans: Sequence[Plan], kept: Kept, as_of: Cutoff) -> None:
    """Raise `Retired` if a day whose totals changed after the cut-off is in a month whose events are gone.

    What they were then cannot be told any more.
    """
    if not kept.retired:
        return
    asked = [
        (plan.series, plan.request.customer_key, *plan.days)
        for plan in plans
        if plan.days and _reaches_retired(plan, kept)
    ]
    if not asked:
        return
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [*map(list, zip(*asked, strict=True)), as_of.batch])
        for (month,) in cursor.fetchall():
            if month in kept.retired:
                raise Retired(month)


def pieces_as_json(plans: Sequence[Plan]) -> str:
    """The pieces of all, each with the place of its plan, as `statement_texts.PIECES` reads them."""
    pieces = [
        {"number": number, "start_at": piece.start, "end_at": piece.end}
        for number, plan in enumerate(plans)
        for piece in plan.pieces
    ]
    return msgspec.json.encode(pieces).decode()


def _plan(request: Request, found: tuple[int, date | None, Sequence[str]] | None) -> Plan:
    if found is None:
        return Plan(request, (request.period,))
    series, since, dimensions = found
    first, last = _whole_days(request.period)
    if since is not None and since > first:
        first = since
    if first >= last or not _is_kept(request.split, dimensions):
        return Plan(request, (request.period,))
    edges = Period(request.period.start, starts(first)), Period(starts(last), request.period.end)
    places = tuple(dimensions.index(name) + 1 for name in request.split.by)
    return Plan(request, tuple(edge for edge in edges if not edge.is_empty), series, (first, last), places)


def _is_kept(split: Split, dimensions: Sequence[str]) -> bool:
    """Whether daily totals tell usage apart in this way."""
    if split.each or not set(split.by) <= set(dimensions):
        return False
    return not split.window or (split.window in ("day", "month") and split.zone == "UTC")


def _reaches_retired(plan: Plan, kept: Kept) -> bool:
    return bool(kept.retired) and plan.request.period.start < month_of(kept.retired[-1]).end


def _whole_days(period: Period) -> tuple[date, date]:
    """The first UTC day that lies in the period as a whole, and the day after the last."""
    first = period.start.date()
    if period.start > starts(first):
        first += timedelta(days=1)
    return first, period.end.date()


def _meters(requests: Iterable[Request]) -> Iterable[Meter]:
    return {request.meter.pk: request.meter for request in requests}.values()
