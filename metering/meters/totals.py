"""Questions about how events add up, and the answers that states make: what every store shares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from metering.meters.states import ZERO, State, finish
from metering.models import Meter
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.periods import Period, local_day, midnight

Key = tuple[str, str, Period, Split]
"""What a question is about: customer, meter, period, and how to tell its usage apart."""
Values = tuple[str | None, ...]
Group = tuple[Values, datetime | None]
"""What the events of one part have in common: the values of `by`, and the start of the window (or the instant)."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """One question: how much of a meter did a customer use in a period, told apart how."""

    customer_key: str
    meter: Meter
    period: Period
    split: Split = WHOLE

    @property
    def key(self) -> Key:
        return self.customer_key, self.meter.key, self.period, self.split

    @property
    def shape(self) -> Literal["each", "parts", "whole"]:
        """Whether every event is told by itself, usage by parts, or all of it as one number."""
        if self.split.each:
            return "each"
        return "parts" if self.split.by or self.split.window else "whole"


Found = Iterable[tuple[int, Group, State]]
"""What a store found: the place of the request, the group, and its state. A group comes once."""


def answer(request: Request, found: Sequence[tuple[Group, State]]) -> Measured:
    """What the states say, of a meter that has one step and carries nothing over.

    A Decimal for WHOLE, 0 where nothing was found. Otherwise parts: of one part are events with the same values of
    `by` (as PostgreSQL's `->>` writes them, None where there is none) in the same calendar window. A part's `start` is
    its window's, which may lie before the period. Parts come by start, then by values (None first, text by code point);
    single events as the store gives them: by time, source and id.
    """
    aggregation, period = request.meter.aggregation, request.period
    parts = [
        Part(finish(aggregation, state, period), values, start_of(start, request.split))
        for (values, start), state in found
    ]
    return number_or_parts(request.split, parts)


def number_or_parts(split: Split, parts: Sequence[Part]) -> Measured:
    """A number where nothing is told apart; otherwise the parts in their order, single events as they are."""
    if not (split.by or split.window or split.each):
        return parts[0].quantity if parts else ZERO
    return tuple(parts if split.each else sorted(parts, key=_place))


def start_of(start: datetime | None, split: Split) -> datetime | None:
    """In UTC. Where a clock put back repeats a midnight, the day began at the first, and stores say the second."""
    if start is None:
        return None
    if split.window in ("day", "month"):
        return midnight(local_day(start, split.zone), split.zone)
    return start.astimezone(UTC)


def _place(part: Part) -> tuple[Any, ...]:
    return part.start or _NEVER, [(value is not None, value or "") for value in part.values]
