"""A share of money, with what comes with payment fees: a fee, free ones, bounds for each transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from pricing.charges.base import Charge
from pricing.charges.kinds import kind
from pricing.fields import MaybePrice, MaybeSize, Price, Share
from pricing.measures import WHOLE, Measured, Part, Split, parts_of, total
from pricing.money import EXACT, ONE, ZERO, grouped, plain, shown
from pricing.steps import ChargeError, Step, fee, given_back, netted, percent_of


class _Transaction(NamedTuple):
    charged: Decimal
    is_free: bool
    is_reversed: bool


@kind("percent")
@dataclass(frozen=True, slots=True)
class Percent(Charge):
    """A share of an amount. With anything but the percentage, of each transaction: the share plus a fixed fee.

    The first `free_transactions`, up to `free_amount` in all, are free; used up, either of the two ends it. One that
    crosses the free amount pays the fee, and the share of what lies beyond. The bounds hold for share and fee
    together, not for what is free. A negative transaction gives back what it cost.
    """

    percent: Share
    fixed_fee: Price = ZERO
    free_transactions: MaybeSize = None
    free_amount: MaybeSize = None
    transaction_min: MaybePrice = None
    transaction_max: MaybePrice = None

    def _split(self) -> Split:
        alone = self.free_transactions, self.free_amount, self.transaction_min, self.transaction_max
        return WHOLE if not self.fixed_fee and alone == (None,) * 4 else Split(each=True)

    def _prepare(self) -> None:
        low, high = self.transaction_min, self.transaction_max
        if low is not None and high is not None and high < low:
            raise ChargeError("transaction_max: must not be less than transaction_min")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        if self.split == WHOLE:
            value = total(measured)
            return (percent_of(value, self.percent),) if value else ()
        steps: list[Step] = []
        for each in self._walked(parts_of(measured)):
            priced = self._priced(each)
            steps += given_back(priced) if each.is_reversed else priced
        return netted(steps)

    def _walked(self, parts: Iterable[Part]) -> Iterable[_Transaction]:
        """Each transaction with what of it is charged."""
        count, used = ZERO, ZERO
        is_open = self.free_transactions is not None or self.free_amount is not None
        for part in parts:
            value = part.quantity
            if value < ZERO or not is_open:
                yield _Transaction(value.copy_abs(), False, value < ZERO)
                continue
            left = value if self.free_amount is None else EXACT.subtract(self.free_amount, used)
            free = min(value, left)
            count, used = EXACT.add(count, ONE), EXACT.add(used, free)
            is_open = count != self.free_transactions and used != self.free_amount
            yield _Transaction(EXACT.subtract(value, free), free == value, False)

    def _priced(self, each: _Transaction) -> list[Step]:
        if each.is_free:
            return []
        share = percent_of(each.charged, self.percent)
        steps = [share, Step(ONE, self.fixed_fee, label="transactions")] if self.fixed_fee else [share]
        reached = EXACT.add(share.amount, self.fixed_fee)
        if self.transaction_min is not None and reached < self.transaction_min:
            more = EXACT.subtract(self.transaction_min, reached)
            steps.append(fee(more, "transactions of at least {}", self.transaction_min))
        if self.transaction_max is not None and reached > self.transaction_max:
            more = EXACT.subtract(self.transaction_max, reached)
            steps.append(fee(more, "transactions of at most {}", self.transaction_max))
        return steps

    def edges(self) -> set[Decimal]:
        return set() if self.free_amount is None else {self.free_amount}

    def sentence(self, currency: str) -> str:
        if self.split == WHOLE:
            return f"{plain(self.percent)}% of the amount"
        words = f"{plain(self.percent)}%" + (f" plus {shown(self.fixed_fee, currency)}" if self.fixed_fee else "")
        words += " of each transaction"
        bounds = [
            f"{name} {shown(limit, currency)}"
            for name, limit in (("at least", self.transaction_min), ("at most", self.transaction_max))
            if limit is not None
        ]
        free = [grouped(self.free_transactions)] if self.free_transactions is not None else []
        free += [shown(self.free_amount, currency)] if self.free_amount is not None else []
        if free:
            bounds.append(f"the first {' or '.join(free)} free")
        return ", ".join([words, *bounds])
