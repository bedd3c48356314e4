"""Adjustments, and the waterfall that shows what each of them did to a line.

Order: amount off, percent off (each on what the one before left), not more than the maximum, not less than
the minimum. Two of a kind keep the order they were agreed in.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple, Self

from pricing.money import ZERO, plain, share_of
from pricing.steps import HUNDRED, Step, amount, fee

# Running totals keep twenty decimals, so that three times a third is one again before anything is rounded.
_FINEST = Decimal(1).scaleb(-20)


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
        return total - total * self.percent / HUNDRED

    def step(self, change: Decimal) -> Step:
        """The row of a charge's workings in which it acts."""
        return fee(change, f"{plain(self.percent)}% off")

    def sentence(self, currency: str) -> str:
        return self.step(ZERO).sentence(currency)


@dataclass(frozen=True, slots=True)
class _Amount:
    amount: Decimal
    source: str
    words: ClassVar[str]

    def __post_init__(self) -> None:
        _check(self.amount, "amount")

    def step(self, change: Decimal) -> Step:
        """The row of a charge's workings in which it acts."""
        return fee(change, self.words, self.amount)

    def sentence(self, currency: str) -> str:
        return self.step(ZERO).sentence(currency)

    def prorated(self, share: Fraction) -> Self:
        return replace(self, amount=share_of(self.amount, share))

    def less(self, used: Decimal) -> Self:
        """What is left of it once so much was used up."""
        return replace(self, amount=max(self.amount - used, ZERO))


@dataclass(frozen=True, slots=True)
class AmountOff(_Amount):
    """Taken off as far as there is something to take it from."""

    kind: ClassVar[str] = "amount_off"
    words: ClassVar[str] = "{} off"
    rank: ClassVar[int] = 0

    def applied_to(self, total: Decimal) -> Decimal:
        return total - min(self.amount, max(total, ZERO))


@dataclass(frozen=True, slots=True)
class Maximum(_Amount):
    kind: ClassVar[str] = "maximum"
    words: ClassVar[str] = "at most {}"
    rank: ClassVar[int] = 2

    def applied_to(self, total: Decimal) -> Decimal:
        return min(total, self.amount)


@dataclass(frozen=True, slots=True)
class Minimum(_Amount):
    kind: ClassVar[str] = "minimum"
    words: ClassVar[str] = "at least {}"
    rank: ClassVar[int] = 3

    def applied_to(self, total: Decimal) -> Decimal:
        return max(total, self.amount)


Adjustment = PercentOff | AmountOff | Minimum | Maximum


def adjust(fall: Waterfall, adjustments: Iterable[Adjustment]) -> None:
    """Lead the waterfall through these adjustments in the documented order.

    Discounts always leave a step; a maximum or minimum only where it bites. Call it inside `exactly()`.
    """
    for adjustment in sorted(adjustments, key=lambda each: each.rank):
        total = adjustment.applied_to(fall.total)
        if total != fall.total or adjustment.rank < Maximum.rank:
            fall.to(total, adjustment.kind, adjustment.sentence(fall.currency), adjustment.source)


def adjusted(steps: tuple[Step, ...], adjustments: Iterable[Adjustment]) -> tuple[Step, ...]:
    """The workings of a charge with these adjustments as rows of their own. Call it inside `exactly()`."""
    total = amount(steps)
    for adjustment in sorted(adjustments, key=lambda each: each.rank):
        before, total = total, adjustment.applied_to(total)
        if total != before:
            steps += (adjustment.step(total - before),)
    return steps


def prorated(adjustments: Sequence[Adjustment], share: Fraction) -> tuple[Adjustment, ...]:
    """The same adjustments for a part of a cycle: amounts in proportion, percentages as they are."""
    if share == 1:
        return tuple(adjustments)
    return tuple(each if isinstance(each, PercentOff) else each.prorated(share) for each in adjustments)


class Spent:
    """What the earlier lines of a cycle used up of its adjustments: the price's own, and those agreed.

    An amount off keeps its rest, a maximum has less room, a minimum is partly met; so the lines of a cycle cut in two
    come to what one line would have.
    """

    __slots__ = ("off", "total")

    def __init__(self) -> None:
        self.total = ZERO
        self.off: dict[int, Decimal] = {}

    def left(self, own: Sequence[Adjustment], agreed: Sequence[Adjustment]) -> tuple[Adjustment, ...]:
        """What is left of them for the next line."""
        if not own and not agreed:
            return ()
        return tuple(self._left(place, each) for place, each in _placed(own, agreed))

    def note(self, fall: Waterfall, own: Sequence[Adjustment], agreed: Sequence[Adjustment]) -> None:
        """That they acted so on a line; its total is the one billed."""
        self.total += fall.total
        places = [place for place, each in _placed(own, agreed) if isinstance(each, AmountOff)]
        taken = [-step.amount for step in fall.steps if step.kind == AmountOff.kind]
        for place, amount_off in zip(places, taken, strict=True):
            self.off[place] = self.off.get(place, ZERO) + amount_off

    def _left(self, place: int, each: Adjustment) -> Adjustment:
        if isinstance(each, AmountOff):
            return each.less(self.off.get(place, ZERO))
        return each if isinstance(each, PercentOff) else each.less(self.total)


def _placed(own: Sequence[Adjustment], agreed: Sequence[Adjustment]) -> list[tuple[int, Adjustment]]:
    """Places that stay the same when the price changes within a cycle, and its own adjustments with it."""
    return [*((-1, each) for each in own), *enumerate(agreed)]


def _check(value: object, where: str) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
        raise ValueError(f"{where}: must be a finite Decimal, not negative")
