"""Drawdown: which commit or credit pays which line. The order is a value, so a contract may bring its own."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal, Self

from pricing.money import EXACT, ONE, ZERO, CurrencyMismatch, exactly, exponent
from pricing.periods import Period

Kind = Literal["prepaid", "credit", "postpaid"]
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
# Balances are kept with nine decimals.
_FINEST = Decimal(1).scaleb(-9)


@dataclass(frozen=True, slots=True)
class Instrument:
    """Promised or given access that can pay for usage: a balance in its unit, one of which pays `worth` of money.

    `cost_basis` is what one unit of access cost: 0 if promotional. It pays for its products and for all that have one
    of its tags; with neither, for all of them. No end: it never expires.
    """

    key: str
    kind: Kind
    balance: Decimal
    currency: str
    start: datetime
    end: datetime | None
    created_at: datetime
    priority: int = 100
    cost_basis: Decimal = Decimal(1)
    products: frozenset[str] = frozenset()
    rolled_over: bool = False
    worth: Decimal = ONE
    tags: frozenset[str] = frozenset()

    def covers(self, line: "Drawable") -> bool:
        """Right product, and in force at the instant the line's period starts."""
        began = line.period.start
        in_force = self.start <= began and (self.end is None or began < self.end)
        return in_force and in_scope(self.products, self.tags, line.product, line.tags)

    @property
    def pays(self) -> Decimal:
        """What its balance comes to in money, in whole minor units of its currency."""
        return (self.balance * self.worth).quantize(Decimal(1).scaleb(-exponent(self.currency)), ROUND_DOWN)

    def units_for(self, amount: Decimal) -> Decimal:
        """How many of its units pay so much, to nine decimals. Rounded down, so that it never lacks a fraction."""
        return (amount / self.worth).quantize(_FINEST, ROUND_DOWN)


def in_scope(products: Collection[str], tags: Collection[str], product: str, its_tags: Collection[str]) -> bool:
    """Whether what names these products and tags means this product: it or one of its tags is named, or nothing is."""
    return product in products or any(tag in tags for tag in its_tags) or not (products or tags)


@dataclass(frozen=True, slots=True)
class Drawable:
    """A line that commits and credits may pay, or a negative one: something taken back, which pays before they do."""

    key: str
    product: str
    period: Period
    amount: Decimal
    unit_price: Decimal
    tags: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        key: str,
        product: str,
        period: Period,
        quantity: Decimal,
        amount: Decimal,
        tags: frozenset[str] = frozenset(),
    ) -> Self:
        """A rated line as quotes and invoices draw it: by its net price for a unit."""
        unit_price = EXACT.divide(amount, quantity) if quantity else ZERO
        return cls(key, product, period, amount, unit_price, tags)


@dataclass(frozen=True, slots=True)
class Draw:
    """So much of this line is paid from this instrument, which so many of its units do; both named by their keys."""

    instrument: str
    line: str
    amount: Decimal
    units: Decimal


# What comes first has the smaller value. The key is always the last resort, so that the order is total.
CRITERIA: dict[str, Callable[[Instrument], Any]] = {
    "rolled_over": lambda each: not each.rolled_over,
    "prepaid_before_postpaid": lambda each: each.kind == "postpaid",
    "priority": lambda each: each.priority,
    "promotional": lambda each: each.cost_basis != 0,
    "fewest_products": lambda each: (not (each.products or each.tags), len(each.products) + len(each.tags)),
    "earliest_end": lambda each: each.end or _FOR_EVER,
    "earliest_start": lambda each: each.start,
    "oldest": lambda each: each.created_at,
    "key": lambda each: each.key,
}
DEFAULT_ORDER = tuple(CRITERIA)


def draw_down(
    lines: Iterable[Drawable], instruments: Iterable[Instrument], order: Sequence[str] = DEFAULT_ORDER
) -> list[Draw]:
    """Pay lines from instruments, in order, never more than a balance or a line, nor than all lines come to.

    Lines: earlier period, then higher unit price, then product, then key. The answer does not depend on the
    order of the arguments. CurrencyMismatch for instruments in two currencies; ValueError for an unknown
    criterion or a key used twice.
    """
    queue, payers = sorted(lines, key=_line_order), sorted(instruments, key=_instrument_order(order))
    if len({payer.currency for payer in payers}) > 1:
        raise CurrencyMismatch("instruments in different currencies cannot pay the same lines")
    if len({line.key for line in queue}) < len(queue) or len({payer.key for payer in payers}) < len(payers):
        raise ValueError("two lines or two instruments have the same key")
    draws = []
    with exactly():
        owed = _owed(queue)
        for payer in payers:
            for line in queue:
                if not (owed[line.key] and payer.covers(line)):
                    continue
                drawn = min(payer.pays, owed[line.key])
                if drawn > ZERO:
                    units = payer.units_for(drawn)
                    draws.append(Draw(payer.key, line.key, drawn, units))
                    payer = replace(payer, balance=payer.balance - units)
                    owed[line.key] -= drawn
    return draws


def give_back(paid: Sequence[Draw], amount: Decimal) -> list[Draw]:
    """Return so much of what these paid, in the order they paid: the last of them first, as draws below zero.

    Never more than each paid. What is returned in part returns its units in proportion.
    """
    returned = []
    with exactly():
        for draw in reversed(paid):
            back = min(draw.amount, amount)
            if back > ZERO:
                units = draw.units if back == draw.amount else (draw.units * back / draw.amount).quantize(_FINEST)
                returned.append(replace(draw, amount=-back, units=-units))
                amount -= back
    return returned


def _owed(queue: Sequence[Drawable]) -> dict[str, Decimal]:
    """What each line leaves to pay after what was taken back: of its own product first, the rest of any."""
    owed = {line.key: max(line.amount, ZERO) for line in queue}
    back: dict[str, Decimal] = defaultdict(Decimal)
    for line in queue:
        back[line.product] += max(-line.amount, ZERO)
    for line in queue:
        paid = min(back[line.product], owed[line.key])
        back[line.product] -= paid
        owed[line.key] -= paid
    rest = sum(back.values(), ZERO)
    for line in queue:
        paid = min(rest, owed[line.key])
        rest -= paid
        owed[line.key] -= paid
    return owed


def _line_order(line: Drawable) -> tuple[Any, ...]:
    return line.period.start, -line.unit_price, line.product, line.key


def _instrument_order(order: Sequence[str]) -> Callable[[Instrument], tuple[Any, ...]]:
    if unknown := [name for name in order if name not in CRITERIA]:
        raise ValueError(f"order: unknown criterion {unknown[0]!r}")
    criteria = [CRITERIA[name] for name in [*order, "key"]]
    return lambda each: tuple(criterion(each) for criterion in criteria)
