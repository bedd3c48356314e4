"""Measures: how a charge wants its usage told apart, and what is answered. Values only; metering speaks this too."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Split:
    """How a charge wants its usage told apart; every one of these may be combined with `by`."""

    by: tuple[str, ...] = ()  # one part for each combination of values of these event properties
    window: str = ""  # "", "minute", "hour", "day", "month": one part per calendar window in `zone`
    zone: str = "UTC"
    each: bool = False  # every event by itself, in order of time


WHOLE = Split()


class Part(NamedTuple):
    """One part of what was measured. No `values`: it is not told apart (an expectation)."""

    quantity: Decimal
    values: tuple[str | None, ...] = ()  # of Split.by, None where the event lacks the property
    start: datetime | None = None  # of the window, or the instant of the event


Measured = Decimal | tuple[Part, ...]
"""A Decimal when the split is WHOLE, parts otherwise."""
