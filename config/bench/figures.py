"""What a bench measures, and how."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and the limit measured beside it, in the same unit.

    `ratio` says how near the limit it comes: 1 is at it, 0.5 is half as fast. For something per second that is value
    / limit; for a duration or a count (`unit` is "s", "queries" or "MB") limit / value.
    """

    bench: str
    case: str
    value: float
    unit: str
    limit: float

    @property
    def ratio(self) -> float:
        return self.limit / self.value if self.unit in ("s", "queries", "MB") else self.value / self.limit

    @property
    def numbers(self) -> tuple[float, float, float]:
        """Value, limit and ratio with four significant digits: more than any run repeats."""
        value, limit, ratio = (float(f"{number:.4g}") for number in (self.value, self.limit, self.ratio))
        return value, limit, ratio

    def as_json(self) -> dict[str, str | float]:
        value, limit, ratio = self.numbers
        return {
            "bench": self.bench,
            "case": self.case,
            "value": value,
            "unit": self.unit,
            "limit": limit,
            "ratio": ratio,
        }


Clock = Callable[[], float]


def seconds(work: Callable[[], object], clock: Clock = perf_counter) -> float:
    """How long it takes once, on the clock of the wall; or with `process_time`, how long a core is busy with it."""
    gc.collect()
    began = clock()
    work()
    return clock() - began


def typical(work: Callable[[], object], times: int = 5, before: Callable[[], object] = lambda: None) -> float:
    """The median of several; `before` prepares each and is not counted."""
    taken = []
    for _ in range(times):
        before()
        taken.append(seconds(work))
    return median(taken)


def in_turns(
    first: Callable[[], object], second: Callable[[], object], times: int, clock: Clock = perf_counter
) -> tuple[float, float]:
    """The median time of each, measured one after the other again and again: a busy minute slows both."""
    taken = [(seconds(first, clock), seconds(second, clock)) for _ in range(times)]
    return median(one for one, _ in taken), median(two for _, two in taken)
