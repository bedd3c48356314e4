"""From what stores found to what a meter says: two steps, and what carries over. Shared by all stores, and exact.

A meter with a window or `per` is added up for each window or value first; `over` says what becomes of these numbers.
Windows and values without an event have no number and take no part, unless the meter carries over: then every window
from the first event on has one.

What carries over depends on what the numbers are. COUNT, SUM and WEIGHTED add up changes: the running total goes on.
LATEST, MAX and MIN read a level: the last one read before a period or window counts in it too.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from metering.meters.calendar import EPOCH, clamped, starts_of, window_of
from metering.meters.states import NOTHING, ZERO, State, added, finish, length_of, merged, quotient, seconds_held
from metering.meters.totals import Found, Group, Key, Request, Values, answer, number_or_parts, start_of
from metering.models import Meter
from pricing.measures import WINDOWS, Measured, Part, Split
from pricing.periods import Period

Aggregation, Over = Meter.Aggregation, Meter.Over
_CHANGES = (Aggregation.COUNT, Aggregation.SUM, Aggregation.WEIGHTED)
_LEVELS = (Aggregation.LATEST, Aggregation.MAX, Aggregation.MIN)
CARRIED = (*_CHANGES, *_LEVELS)
"""What can carry over. Different values and averages cannot: they do not say what is left at the end of a period."""

Groups = Sequence[tuple[Group, State]]
Cells = dict[Group, Decimal]
"""The first step's numbers: by values and the start of the window."""


def measured(requests: Sequence[Request], found: Callable[[Sequence[Request]], Found]) -> dict[Key, Measured]:
    """The answer to each request by its key, from what a store finds for simpler ones."""
    plans = [_Plan.of(request) for request in dict.fromkeys(requests)]
    groups: dict[Request, list[tuple[Group, State]]] = {}
    # What was there before is asked by itself: its periods reach back so far that all months would be looked at.
    for needed in ({need for plan in plans for need in plan.now}, {plan.before for plan in plans if plan.before}):
        asked = sorted(needed, key=lambda request: request.customer_key)
        groups |= {request: [] for request in asked}
        for place, (values, start), state in found(asked) if asked else ():
            groups[asked[place]].append(((values, start_of(start, asked[place].split)), state))
    return {plan.request.key: plan.answer(groups) for plan in plans}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What has to be found for one request: the parts; what was there before; the level at each window's end."""

    request: Request
    parts: Request
    before: Request | None = None
    levels: Request | None = None

    @classmethod
    def of(cls, request: Request) -> "_Plan":
        meter, split = request.meter, request.split
        if split.each or not (meter.over or meter.carries_over):
            return cls(request, request)
        by = (*split.by, *([meter.per] if meter.per and meter.per not in split.by else []))
        unit, zone = _finer(meter, split)
        parts = replace(request, split=Split(by, unit, zone))
        if not meter.carries_over:
            return cls(request, parts)
        level = _reading_levels(meter) if meter.aggregation in (Aggregation.MAX, Aggregation.MIN) else meter
        earlier = Period(EPOCH, max(request.period.start, EPOCH))
        before = Request(request.customer_key, level, earlier, Split(by))
        return cls(request, parts, before, replace(parts, meter=level) if unit and level is not meter else None)

    @property
    def now(self) -> list[Request]:
        return [self.parts] if self.levels is None else [self.parts, self.levels]

    def answer(self, found: Mapping[Request, Groups]) -> Measured:
        if self.parts is self.request:
            return answer(self.request, found[self.request])
        if self.before is None:
            cells = self._cells(found[self.parts])
        else:
            before = {values: state for (values, _), state in found[self.before]}
            levels = dict(found[self.levels]) if self.levels is not None else {}
            cells = dict(self._carried(dict(found[self.parts]), before, levels))
        return self._over(cells) if self.request.meter.over else self._as_parts(cells)

    def _cells(self, found: Groups) -> Cells:
        aggregation = self.request.meter.aggregation
        return {group: finish(aggregation, state, self._period(group[1])) for group, state in found}

    def _period(self, start: datetime | None) -> Period:
        """That of a window, as far as it lies in the period asked about."""
        split = self.parts.split
        return self.request.period if start is None else clamped(window_of(start, split), self.request.period)

    def _carried(
        self, found: Mapping[Group, State], before: Mapping[Values, State], levels: Mapping[Group, State]
    ) -> Iterator[tuple[Group, Decimal]]:
        starts: Sequence[datetime | None] = [None]
        if self.parts.split.window:
            seen = {start for _, start in found if start is not None}
            starts = starts_of(self.request.period, self.parts.split, seen)
        for values in {values for values, _ in found} | before.keys():
            there = before.get(values, NOTHING)
            for start in starts:
                state = found.get((values, start), NOTHING)
                if there.events or state.events:
                    yield (values, start), self._with(there, state, start)
                there = self._left(there, state, levels.get((values, start), NOTHING))

    def _with(self, there: State, state: State, start: datetime | None) -> Decimal:
        """The number of one window, or of the whole, with what was there when it began."""
        aggregation, period = self.request.meter.aggregation, self._period(start)
        if aggregation == Aggregation.WEIGHTED:
            held = seconds_held(state, period, there.total or ZERO)
            # Windows that only tell the whole apart add up to it; those of the meter itself are each a whole.
            whole = period if self.request.meter.window else self.request.period
            return quotient(held, length_of(whole))
        if aggregation in _CHANGES:
            return finish(aggregation, merged(there, state), period)
        level = there.latest[2] if there.latest else None
        own = finish(aggregation, state, period) if state.events else None
        known = [each for each in (level, own) if each is not None]
        if aggregation == Aggregation.LATEST:
            return known[-1]
        return max(known) if aggregation == Aggregation.MAX else min(known)

    def _left(self, there: State, state: State, level: State) -> State:
        if self.request.meter.aggregation in _CHANGES:
            return merged(there, state)
        last = state if self.levels is None else level
        return last if last.events else there

    def _over(self, cells: Cells) -> Measured:
        split, request = self.request.split, self.request
        groups: dict[Group, list[Decimal]] = {}
        for (values, start), value in cells.items():
            groups.setdefault((values[: len(split.by)], self._start(start)), []).append(value)
        parts = [Part(_OVER[request.meter.over](values), *group) for group, values in groups.items()]
        return number_or_parts(split, parts)

    def _as_parts(self, cells: Cells) -> Measured:
        parts = [Part(value, values, start) for (values, start), value in cells.items()]
        return number_or_parts(self.request.split, parts)

    def _start(self, start: datetime | None) -> datetime | None:
        """Of the window, among those that were asked for, in which a window of the meter's begins."""
        split = self.request.split
        if not split.window or start is None:
            return None
        if (split.window, split.zone) == (self.parts.split.window, self.parts.split.zone):
            return start
        return starts_of(Period(start, start), split)[0]


def _finer(meter: Meter, split: Split) -> tuple[str, str]:
    """The windows of the meter or of the question, whichever are shorter."""
    if not meter.window or (split.window and WINDOWS.index(split.window) < WINDOWS.index(meter.window)):
        return split.window, split.zone
    return meter.window, meter.window_zone


def _reading_levels(meter: Meter) -> Meter:
    """The same meter, reading the latest. Of another key, because requests of one meter are told apart by no more."""
    fields = {field.attname: getattr(meter, field.attname) for field in meter._meta.concrete_fields}
    return Meter(**fields | {"id": uuid.uuid5(meter.pk, "level"), "aggregation": Aggregation.LATEST})


_OVER: dict[str, Callable[[Sequence[Decimal]], Decimal]] = {
    Over.SUM: added,
    Over.MAX: max,
    Over.MIN: min,
    Over.AVERAGE: lambda values: quotient(added(values), len(values)),
    Over.COUNT: lambda values: Decimal(len(values)),
    Over.UNIQUE: lambda values: Decimal(len(set(values))),
}
