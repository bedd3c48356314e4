"""Adjustments, and the waterfall that shows what each of them did to a line.

Order: amount off, percent off (each on what the one before left), not more than the maximum, not less than
the minimum. Two of a kind keep the order they were agreed in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple, Self

from pricing.money import ZERO, plain, share_of, shown
from pricing.steps import Step

# Running totals keep twenty decimals, so that three times a third is one again before anything is rounded.
_FINEST = Decimal(1).scaleb(-20)
_HUNDRED = Decimal(100)


class WaterfallStep(NamedTuple):
    """One step from list price to net: its effect, the total it leaves, and the record it came from."""

    kind: str
    label: str
    amount: Decimal
    total: Decimal
    source: str

    def as_json(self) -> dict[str, str]:
        return {**self._asdict(), "amount": plain(self.amount), "total": plain(self.total)}


class Waterfall:
    """A running total that remembers how it got there: the amounts of its steps add up to it, exactly."""

    __slots__ = ("currency", "steps", "total")

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.total = ZERO
        self.steps: list[WaterfallStep] = []

    def to(self, total: Decimal, kind: str, label: str, source: str) -> None:
        """Go to this total, in one step."""
        finest = total.quantize(_FINEST)
        if finest != total:
            total = finest
        self.steps.append(WaterfallStep(kind, label, total - self.total, total, source))
        self.total = total

    def listed(self, steps: Iterable[Step], source: str) -> None:
        """Add the charge's workings, one step for each of theirs."""
        total = self.total
        for step in steps:
            total += step.amount
            self.to(total, "list", step.sentence(self.currency), source)


@dataclass(frozen=True, slots=True)
class PercentOff:
    percent: Decimal
    source: str
    kind: ClassVar[str] = "percent_off"
    rank: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check(self.percent, "percent")
        if self.percent > 100:
            raise ValueError("percent: must not be more than 100")

    def applied_to(self, total: Decimal) -> Decimal:
        return total - total * self.percent / _HUNDRED

    def sentence(self, currency: str) -> str:
        return f"{plain(self.percent)}% off"


@dataclass(frozen=True, slots=True)
class _Amount:
    amount: Decimal
    source: str

    def __post_init__(self) -> None:
        _check(self.amount, "amount")

    def prorated(self, share: Fraction) -> Self:
        return replace(self, amount=share_of(self.amount, share))

    def less(self, used: Decimal) -> Self:
        """What is left of it once so much was used up."""
        return replace(self, amount=max(self.amount - used, ZERO))


@dataclass(frozen=True, slots=True)
class AmountOff(_Amount):
    """Taken off as far as there is something to take it from."""

    kind: ClassVar[str] = "amount_off"
    rank: ClassVar[int] = 0

    def applied_to(self, total: Decimal) -> Decimal:
        return total - min(self.amount, max(total, ZERO))

    def sentence(self, currency: str) -> str:
        return f"{shown(self.amount, currency)} off"


@dataclass(frozen=True, slots=True)
class Maximum(_Amount):
    kind: ClassVar[str] = "maximum"
    rank: ClassVar[int] = 2

    def applied_to(self, total: Decimal) -> Decimal:
        return min(total, self.amount)

    def sentence(self, currency: str) -> str:
        return f"at most {shown(self.amount, currency)}"


@dataclass(frozen=True, slots=True)
class Minimum(_Amount):
    kind: ClassVar[str] = "minimum"
    rank: ClassVar[int] = 3

    def applied_to(self, total: Decimal) -> Decimal:
        return max(total, self.amount)

    def sentence(self, currency: str) -> str:
        return f"at least {shown(self.amount, currency)}"


Adjustment = PercentOff | AmountOff | Minimum | Maximum


def adjust(fall: Waterfall, adjustments: Iterable[Adjustment]) -> None:
    """Lead the waterfall through these adjustments in the documented order.

    Discounts always leave a step; a maximum or minimum only where it bites. Call it inside `exactly()`.
    """
    for adjustment in sorted(adjustments, key=lambda each: each.rank):
        total = adjustment.applied_to(fall.total)
        if total != fall.total or adjustment.rank < Maximum.rank:
            fall.to(total, adjustment.kind, adjustment.sentence(fall.currency), adjustment.source)


def prorated(adjustments: Sequence[Adjustment], share: Fraction) -> tuple[Adjustment, ...]:
    """The same adjustments for a part of a cycle: amounts in proportion, percentages as they are."""
    if share == 1:
        return tuple(adjustments)
    return tuple(each if isinstance(each, PercentOff) else each.prorated(share) for each in adjustments)


def remaining(adjustments: Sequence[Adjustment], fall: Waterfall) -> tuple[Adjustment, ...]:
    """What of a cycle's adjustments is left for its next line, once they acted on this one.

    An amount off keeps its rest, a maximum has less room, a minimum is partly met; so the lines of a cycle
    cut in two come to what one line would have.
    """
    taken = iter([-step.amount for step in fall.steps if step.kind == AmountOff.kind])
    left: list[Adjustment] = []
    for each in adjustments:
        if isinstance(each, AmountOff):
            left.append(each.less(next(taken)))
        elif isinstance(each, (Maximum, Minimum)):
            left.append(each.less(fall.total))
        else:
            left.append(each)
    return tuple(left)


def _check(value: object, where: str) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
        raise ValueError(f"{where}: must be a finite Decimal, not negative")
