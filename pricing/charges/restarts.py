"""Charges that tell usage apart: a price by properties, and ladders that restart for each group or window."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, NamedTuple

from pricing.charges.base import Charge
from pricing.charges.kinds import Inner, MaybeInner, kind
from pricing.charges.quantities import lowered
from pricing.fields import Maybe, Text, Whole
from pricing.measures import WINDOWS, Measured, Part, Split, parts_of
from pricing.shapes import Listed, Properties, Record
from pricing.steps import ChargeError, Step, amount, netted

Values = tuple[str | None, ...]
_DEFAULT = -1


class Cell(NamedTuple):
    """A price for what has these values of the matrix's properties; None: whatever the value."""

    values: Annotated[Values, Listed(Maybe(Text(may_be_empty=True)), "values", most=10)]
    charge: Inner

    @property
    def label(self) -> str:
        return ", ".join("any" if value is None else value for value in self.values)


@kind("matrix")
@dataclass(frozen=True, slots=True)
class Matrix(Charge):
    """A price by properties of what is used: the most specific cell wins, and all that falls in one shares a ladder.

    What no cell matches has the default's price, and without one none: it is left out and told by `unpriced`. What
    was not told apart has the default's price, or that of the dearest cell.
    """

    by: Properties
    cells: Annotated[tuple[Cell, ...], Listed(Record(Cell), "cells", least=0)]
    default: MaybeInner = None
    _places: dict[tuple[int, ...], dict[Values, int]] = field(init=False, repr=False, compare=False)

    def _split(self) -> Split:
        return Split(self.by).joined(Charge._split(self))

    def _prepare(self) -> None:
        self._set("basis", "quantity")
        seen: set[Values] = set()
        for index, cell in enumerate(self.cells):
            if len(cell.values) != len(self.by):
                raise ChargeError(
                    f"cells[{index}].values: must be {len(self.by)}, one for each of {', '.join(self.by)}"
                )
            if cell.values in seen:
                raise ChargeError(f"cells[{index}].values: another cell has the same")
            seen.add(cell.values)
        self._set("_places", _places(self.cells))
        if not self.cells and self.default is None:
            raise ChargeError("cells: must not be empty without a default")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        held: dict[tuple[int, str], list[Part]] = defaultdict(list)
        for part in parts_of(measured):
            place = self._place(part.values[: len(self.by)]) if part.values else self._guess(part)
            if place is not None:
                note = "" if part.values else "not told apart, as "
                held[place, note].append(part)
        steps: list[Step] = []
        for (place, note), parts in sorted(held.items()):
            label = "other" if place == _DEFAULT else self.cells[place].label
            steps += grouped_as(note + label, self._of(self._charge(place), tuple(parts)))
        return tuple(steps)

    def prices(self, properties: Mapping[str, str | None]) -> bool:
        place = self._place(tuple(properties[name] for name in self.by))
        return place is not None and self._charge(place).prices(properties)

    def price_of(self, values: Values) -> Charge | None:
        """The charge of what has these values, None for any; None where there is no price for it."""
        place = self._place(values)
        return None if place is None else self._charge(place)

    def _charge(self, place: int) -> Charge:
        charge = self.default if place == _DEFAULT else self.cells[place].charge
        assert charge is not None
        return charge

    def _place(self, values: Values) -> int | None:
        """Which cell has the price of these values; of equally specific ones the first."""
        found = []
        for positions, places in self._places.items():
            place = places.get(tuple(values[position] for position in positions))
            if place is not None:
                found.append((-len(positions), place))
        if found:
            return min(found)[1]
        return None if self.default is None else _DEFAULT

    def _guess(self, part: Part) -> int:
        if self.default is not None:
            return _DEFAULT
        return max(range(len(self.cells)), key=lambda place: amount(self._of(self.cells[place].charge, (part,))))

    def sentence(self, currency: str) -> str:
        shown = [f"{cell.label}: {lowered(cell.charge.sentence(currency))}" for cell in self.cells[:3]]
        if len(self.cells) > 3:
            shown.append(f"{len(self.cells) - 3} more")
        if self.default is not None:
            shown.append(f"otherwise {lowered(self.default.sentence(currency))}")
        return f"By {', '.join(self.by)}: {'; '.join(shown)}"


def _places(cells: tuple[Cell, ...]) -> dict[tuple[int, ...], dict[Values, int]]:
    """Cells by the positions of the values they want, and by these: asked of each part, so not one by one."""
    found: dict[tuple[int, ...], dict[Values, int]] = defaultdict(dict)
    for place, cell in enumerate(cells):
        positions = tuple(position for position, value in enumerate(cell.values) if value is not None)
        found[positions][tuple(cell.values[position] for position in positions)] = place
    return dict(found)


@kind("per_group")
@dataclass(frozen=True, slots=True)
class PerGroup(Charge):
    """For each group by itself: tiers, allowances and minimums start anew for each combination of values."""

    by: Properties
    charge: Inner

    def _split(self) -> Split:
        return Split(self.by).joined(self.charge.split)

    def _prepare(self) -> None:
        self._set("basis", "quantity")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        groups: dict[Values, list[Part]] = defaultdict(list)
        for part in parts_of(measured):
            groups[part.values[: len(self.by)]].append(part)
        steps: list[Step] = []
        for values, parts in groups.items():
            label = ", ".join("none" if value is None else value for value in values)
            steps += grouped_as(label, self._of(self.charge, tuple(parts)))
        return tuple(steps)

    def sentence(self, currency: str) -> str:
        return f"{self.charge.sentence(currency)}, for each {' and '.join(self.by)} by itself"


class Hours(NamedTuple):
    """Another charge for windows that begin in these hours of the local day, `to_hour` excluded; may pass midnight."""

    from_hour: Annotated[int, Whole(0, 23)]
    to_hour: Annotated[int, Whole(0, 24)]
    charge: Inner

    @property
    def covered(self) -> set[int]:
        last = self.to_hour if self.to_hour > self.from_hour else self.to_hour + 24
        return {hour % 24 for hour in range(self.from_hour, last)}


@kind("per_window")
@dataclass(frozen=True, slots=True)
class PerWindow(Charge):
    """For each window of the calendar by itself: tiers, allowances and minimums start anew in each.

    Only windows with usage count. With `hours`, those that begin in them have a charge of their own.
    """

    window: Annotated[str, Text(WINDOWS)]
    charge: Inner
    hours: Annotated[tuple[Hours, ...], Listed(Record(Hours), "hours", least=0, most=24)] = ()

    def _split(self) -> Split:
        for where, child in self.children:
            if child.split.window:
                raise ChargeError(f"{where}: is priced by the {child.split.window} already; one of the two is enough")
        return Split(window=self.window).joined(Charge._split(self))

    def _prepare(self) -> None:
        self._set("basis", "quantity")
        if self.hours and self.window not in ("minute", "hour"):
            raise ChargeError("hours: need windows of an hour or a minute")
        taken: set[int] = set()
        for index, each in enumerate(self.hours):
            if taken & each.covered:
                raise ChargeError(f"hours[{index}].from_hour: overlaps earlier hours")
            taken |= each.covered

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        windows: dict[datetime | None, list[Part]] = defaultdict(list)
        for part in parts_of(measured):
            windows[part.start].append(part)
        steps: list[Step] = []
        for start, parts in windows.items():
            steps += self._of(self._charge(start), tuple(parts))
        return netted(steps)

    def _charge(self, start: datetime | None) -> Charge:
        if start is None:
            return self.charge
        return next((each.charge for each in self.hours if start.hour in each.covered), self.charge)

    def sentence(self, currency: str) -> str:
        words = f"{self.charge.sentence(currency)}, for each {self.window} by itself"
        for each in self.hours:
            words += f"; from {each.from_hour}:00 to {each.to_hour}:00 {lowered(each.charge.sentence(currency))}"
        return words


def grouped_as(label: str, steps: tuple[Step, ...]) -> list[Step]:
    """These steps, said to be of this group."""
    if not label:
        return list(steps)
    return [step._replace(group=f"{label}, {step.group}" if step.group else label) for step in steps]
