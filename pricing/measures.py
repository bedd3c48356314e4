"""Measures: how a charge wants its usage told apart, and the parts it then gets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pricing.money import EXACT, ZERO
from pricing.periods import zone_named

WINDOWS = ("minute", "hour", "day", "month")


@dataclass(frozen=True, slots=True)
class Split:
    """How a charge wants its usage told apart: one part for each combination of values, each window, each event.

    `by` names properties of events, `window` a stretch of the calendar in `zone`. With `each`, every event is a
    part by itself, in order of time. ValueError for an unknown window, or for windows of single events.
    """

    by: tuple[str, ...] = ()
    window: str = ""
    zone: str = "UTC"
    each: bool = False

    def __post_init__(self) -> None:
        if self.window and self.window not in WINDOWS:
            raise ValueError(f"window: must be one of {', '.join(WINDOWS)}")
        if self.window and self.each:
            raise ValueError("window: single events are not told apart by window as well")

    def joined(self, other: "Split") -> "Split":
        """Fine enough for both; ValueError if nothing is."""
        if self.window and other.window and self.window != other.window:
            raise ValueError(f"window: usage cannot be told apart by {self.window} and by {other.window}")
        by = (*self.by, *(name for name in other.by if name not in self.by))
        return replace(self, by=by, window=self.window or other.window, each=self.each or other.each)


WHOLE = Split()


class Part(NamedTuple):
    """So much with these `values` of `Split.by` (None: the event lacks it), from `start` on.

    No values at all: it was not told apart, because it is only expected. `start` is that of the window, or the
    instant of the event.
    """

    quantity: Decimal
    values: tuple[str | None, ...] = ()
    start: datetime | None = None


Measured = Decimal | tuple[Part, ...]
"""What was measured: one number where nothing is told apart, or where it is an expectation; otherwise parts."""


def total(measured: Measured) -> Decimal:
    """All of it in one number."""
    return measured if isinstance(measured, Decimal) else _sum(measured)


def parts_of(measured: Measured) -> tuple[Part, ...]:
    """As parts; a number is one part that was not told apart, nothing at all is none."""
    if isinstance(measured, Decimal):
        return (Part(measured),) if measured else ()
    return measured


def together(before: Measured, added: Measured, split: Split) -> Measured:
    """What was measured by the end, given what was before and what this part added."""
    if isinstance(before, Decimal) and isinstance(added, Decimal):
        return EXACT.add(before, added)
    parts = parts_of(before) + parts_of(added)
    return parts if _is_sequence(parts, split) else _merged(parts)


def beyond(now: Measured, before: Measured, split: Split) -> Measured:
    """What was added since `before`; the inverse of `together`. Events by themselves: those after the first ones."""
    if isinstance(now, Decimal) and isinstance(before, Decimal):
        return EXACT.subtract(now, before)
    now, before = parts_of(now), parts_of(before)
    if _is_sequence(now, split):
        return now[len(before) :]
    known = {part[1:] for part in before}
    # A group with nothing in it yet may cost something: so it is added once, when it is first there.
    return tuple(part for part in _merged([*now, *_returned(before)]) if part.quantity or part[1:] not in known)


def not_negative(measured: Measured, split: Split) -> Measured:
    """Nothing, where it is less than nothing; events by themselves stay what they are."""
    if isinstance(measured, Decimal):
        return max(measured, ZERO)
    return measured if split.each else tuple(p if p.quantity >= ZERO else p._replace(quantity=ZERO) for p in measured)


def localised(measured: Measured, split: Split) -> Measured:
    """The same with windows that start by the local clock, so that their hour is the local one."""
    if isinstance(measured, Decimal) or not split.window:
        return measured
    zone = zone_named(split.zone)
    return tuple(part._replace(start=part.start and _by_clock(part.start, zone)) for part in measured)


def _by_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    # With a fixed offset, for of two instants in one zone Python compares the clocks, which show an hour twice a year.
    return instant.astimezone(timezone(instant.astimezone(zone).utcoffset() or timedelta(0)))


def viewed(measured: Measured, held: Split, wanted: Split) -> Measured:
    """Parts told apart as `held`, seen less finely: as `wanted`, which `held` must have been joined from."""
    if wanted == WHOLE or isinstance(measured, Decimal):
        return total(measured)
    if (wanted.by, wanted.window, wanted.each) == (held.by, held.window, held.each):
        return measured
    places = [held.by.index(name) for name in wanted.by]
    keeps_start = wanted.window or wanted.each
    parts = [
        Part(part.quantity, tuple(part.values[i] for i in places if part.values), part.start if keeps_start else None)
        for part in measured
    ]
    return tuple(parts) if wanted.each else _merged(parts)


def _is_sequence(parts: tuple[Part, ...], split: Split) -> bool:
    """Whether these are events by themselves; those without an instant are an expectation and add up."""
    return split.each and (not parts or parts[0].start is not None)


def _sum(parts: Iterable[Part]) -> Decimal:
    result = ZERO
    for part in parts:
        result = EXACT.add(result, part.quantity)
    return result


def _merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    found: dict[tuple[tuple[str | None, ...], datetime | None], Part] = {}
    for part in parts:
        key = part.values, part.start
        same = found.get(key)
        found[key] = part if same is None else part._replace(quantity=EXACT.add(same.quantity, part.quantity))
    return tuple(found.values())


def _returned(parts: Iterable[Part]) -> list[Part]:
    return [part._replace(quantity=part.quantity.copy_negate()) for part in parts]
