"""States asked of PostgreSQL: whole, told apart by property or calendar window, or one event at a time.

A statement adds up three things, all of one snapshot: the daily totals of whole UTC days, the events of batches that
are not in these totals yet, and the events of pieces of time that no daily totals answer. With a cut-off, days whose
totals changed after it are such pieces too.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from django.db import connection

from metering.cutoffs import EVERYTHING, Cutoff
from metering.meters.measuring import measured
from metering.meters.states import NEEDED, State, single
from metering.meters.totals import Found, Key, Request
from metering.models import Meter
from metering.postgres import statement_texts as texts
from metering.postgres.formulas import condition_of, one_of, parts_of, value_of
from metering.postgres.months import starts
from metering.postgres.plans import (
    Plan,
    is_still,
    kept_for,
    pieces_as_json,
    planned,
    refuse_changed,
    refuse_retired,
    worth_it,
)
from pricing.measures import Measured

ONE = Decimal(1)
_Key = TypeVar("_Key")


def totals(requests: Sequence[Request], as_of: Cutoff | None = None) -> dict[Key, Measured]:
    """The answer to each request by its key; at most two statements for each shape of requests.

    Raises `Retired` where it needs events that are not there any more.
    """
    return measured(requests, lambda asked: _found(asked, as_of or EVERYTHING))


def _found(requests: Sequence[Request], as_of: Cutoff) -> Found:
    while True:
        kept = kept_for(requests)
        plans = worth_it(planned(requests, kept), kept)
        refuse_retired(plans, kept)
        if as_of != EVERYTHING:
            refuse_changed(plans, kept, as_of)
        found = list(_states(plans, as_of))
        if is_still(kept):
            return found


def _states(plans: Sequence[Plan], as_of: Cutoff) -> Found:
    """By the place of each plan."""
    by_form: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for place, plan in enumerate(plans):
        by_form[plan.request.shape, plan.request.meter.aggregation == Meter.Aggregation.UNIQUE].append(place)
    for (shape, is_unique), places in by_form.items():
        for number, of_it, state in _Question(shape, is_unique, [plans[place] for place in places], as_of).found():
            yield places[number], of_it, state


class _Question:
    """Requests of one shape, asked in one statement: those that count different values, or those that do not."""

    def __init__(self, shape: str, is_unique: bool, plans: Sequence[Plan], as_of: Cutoff) -> None:
        self.plans, self._shape, self._is_unique, self._as_of = plans, shape, is_unique, as_of
        self._has_cutoff = as_of != EVERYTHING
        self._has_days = any(plan.series for plan in plans)
        self._has_pieces = (self._has_days and self._has_cutoff) or any(plan.pieces for plan in plans)
        self._formulas = _Formulas(plans)
        needed = {name for plan in plans for name in NEEDED[plan.request.meter.aggregation]}
        self._columns = ["distinct"] if is_unique else ["events", *sorted(needed)]

    def found(self) -> Found:
        """The states, read as they come."""
        sql = (texts.EACH if self._shape == "each" else texts.STATES).format_map(self._texts())
        with connection.cursor() as cursor:
            cursor.execute(sql, self._given())
            yield from self._singles(cursor) if self._shape == "each" else self._states(cursor)

    def _states(self, rows: Iterator[tuple[Any, ...]]) -> Found:
        for number, parts, start, *columns in rows:
            state = State(**dict(zip(self._columns, columns, strict=True)))
            yield number, (tuple(parts or ()), start), state

    def _singles(self, rows: Iterator[tuple[Any, ...]]) -> Found:
        for number, parts, at, value, event in rows:
            yield number, (tuple(parts), at.astimezone(UTC)), single(ONE if self._is_unique else value, at, event)

    def _texts(self) -> Mapping[str, str]:
        """What the texts are filled with, from the inside out."""
        is_whole, is_unique = self._shape == "whole", self._is_unique
        columns = [texts.COLUMNS[name] for name in self._columns]
        inner = {
            "value": one_of(self._formulas.values, "wanted.value"),
            "condition": one_of(self._formulas.conditions, "wanted.condition"),
            "parts": "NULL::text[]" if is_whole else one_of(self._formulas.names, "wanted.names"),
            "start": "NULL::timestamptz" if is_whole else texts.START,
            "identity": "event.source, event.event_id" if self._shape == "each" else "NULL, NULL",
            "kept_parts": "NULL::text[]" if is_whole else texts.KEPT_PARTS,
            "kept_start": "NULL::timestamptz" if is_whole else texts.KEPT_START,
            "kept": "metering_usagerollupvalue" if is_unique else "metering_usagerollup",
            "of_events": ", ".join(column.of_events for column in columns),
            "of_days": ", ".join(column.of_days for column in columns),
            "keys": "1, 2, 3" if is_unique else "1, 2",
            "keys_of_waiting": "1, 2, 3, 4" if is_unique else "1, 2, 3",
            "changed": texts.CHANGED if self._has_cutoff and self._has_days else "",
            "unchanged": texts.UNCHANGED if self._has_cutoff else "",
            "not_in_pieces": texts.NOT_IN_PIECES if self._has_cutoff else "",
        }
        sources = [texts.WANTED]
        sources += [texts.PIECES] if self._has_pieces else []
        sources += [texts.WAITING] if self._has_days else []
        found = [texts.OF_PIECES] if self._has_pieces else []
        found += [texts.OF_DAYS, texts.OF_WAITING] if self._has_days else []
        return inner | {
            "sources": ", ".join(sources).format_map(inner),
            "found": " UNION ALL ".join(found).format_map(inner),
            "together": ", ".join(column.together for column in columns),
            "some": "" if is_unique else "HAVING sum(events) > 0",
        }

    def _given(self) -> dict[str, Any]:
        days = [(starts(plan.days[0]), starts(plan.days[1])) for plan in self.plans if plan.days]
        bounds = [(piece.start, piece.end) for plan in self.plans for piece in plan.pieces]
        first, end = _bounds([*bounds, *days] if self._has_cutoff else bounds)
        first_day, last_day = _bounds(days)
        return {
            "wanted": self._formulas.as_json(self.plans),
            "customers": list({plan.request.customer_key for plan in self.plans}),
            "pieces": pieces_as_json(self.plans),
            "below": self._as_of.below,
            "batch": self._as_of.batch,
            "first": first,
            "end": end,
            "first_day": first_day,
            "last_day": last_day,
        }


class _Formulas:
    """The different formulas of some requests; each request says by a place which is its own."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        meters = {plan.request.meter.pk: plan.request.meter for plan in plans}
        by = {plan.request.split.by for plan in plans}
        self.values, self._value = _placed({key: value_of(meter) for key, meter in meters.items()})
        self.conditions, self._condition = _placed({key: condition_of(meter) for key, meter in meters.items()})
        self.names, self._names = _placed({names: parts_of(names) for names in by})

    def as_json(self, plans: Sequence[Plan]) -> str:
        return msgspec.json.encode([self._one(number, plan) for number, plan in enumerate(plans)]).decode()

    def _one(self, number: int, plan: Plan) -> dict[str, Any]:
        request = plan.request
        return {
            "number": number,
            "customer": request.customer_key,
            "type": request.meter.event_type,
            "kind": str(request.meter.aggregation),
            "value": self._value[request.meter.pk],
            "condition": self._condition[request.meter.pk],
            "names": self._names[request.split.by],
            "unit": request.split.window,
            "zone": request.split.zone,
            "series": plan.series,
            "first_day": plan.days and plan.days[0],
            "last_day": plan.days and plan.days[1],
            "places": plan.places,
        }


def _placed(written: Mapping[_Key, str]) -> tuple[list[str], dict[_Key, int]]:
    """The different ones of these texts, and the place of each one's among them."""
    places = {text: place for place, text in enumerate(dict.fromkeys(written.values()))}
    return list(places), {key: places[text] for key, text in written.items()}


def _bounds(pieces: Sequence[tuple[datetime, datetime]]) -> tuple[datetime | None, datetime | None]:
    """The stretch in which all of them lie: months outside it are not even planned for."""
    return min((start for start, _ in pieces), default=None), max((end for _, end in pieces), default=None)
