"""Drawdown: which commit or credit pays which line. The order is a value, so a contract may bring its own."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from pricing.money import EXACT, ZERO, CurrencyMismatch, exactly
from pricing.periods import Period

Kind = Literal["prepaid", "credit", "postpaid"]
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Instrument:
    """Promised or given money that can pay for usage.

    `cost_basis` is what one unit of access cost: 0 if promotional. No products: it pays for all of them. No
    end: it never expires.
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

    def covers(self, line: "Drawable") -> bool:
        """Right product, and in force at the instant the line's period starts."""
        began = line.period.start
        in_force = self.start <= began and (self.end is None or began < self.end)
        return in_force and (not self.products or line.product in self.products)


@dataclass(frozen=True, slots=True)
class Drawable:
    """A line that commits and credits may pay, or a negative one: something taken back, which pays before they do."""

    key: str
    product: str
    period: Period
    amount: Decimal
    unit_price: Decimal

    @classmethod
    def of(cls, key: str, product: str, period: Period, quantity: Decimal, amount: Decimal) -> Self:
        """A rated line as quotes and invoices draw it: by its net price for a unit."""
        unit_price = EXACT.divide(amount, quantity) if quantity else ZERO
        return cls(key, product, period, amount, unit_price)


@dataclass(frozen=True, slots=True)
class Draw:
    """So much of this line is paid from this instrument; both named by their keys."""

    instrument: str
    line: str
    amount: Decimal


# What comes first has the smaller value. The key is always the last resort, so that the order is total.
CRITERIA: dict[str, Callable[[Instrument], Any]] = {
    "rolled_over": lambda each: not each.rolled_over,
    "prepaid_before_postpaid": lambda each: each.kind == "postpaid",
    "priority": lambda each: each.priority,
    "promotional": lambda each: each.cost_basis != 0,
    "fewest_products": lambda each: (not each.products, len(each.products)),
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
            balance = payer.balance
            for line in queue:
                drawn = min(balance, owed[line.key])
                if drawn > ZERO and payer.covers(line):
                    draws.append(Draw(payer.key, line.key, drawn))
                    balance -= drawn
                    owed[line.key] -= drawn
    return draws


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
