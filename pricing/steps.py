"""Steps: the rows of a charge's workings, and the rule for the numbers a charge may hold."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from pricing.money import EXACT, ONE, ZERO, grouped, plain, shown

MAX_DIGITS = 28
HUNDRED = Decimal(100)
PERCENT = "%"
BLOCKS = "blocks of "
_PER = {ONE: "each", Decimal(1_000): "per thousand", Decimal(1_000_000): "per million"}


class ChargeError(ValueError):
    """This is not a charge anybody could price; the text names the field."""


class Step(NamedTuple):
    """One row of the workings: so many units at so much for every `per` of them, plus a flat fee.

    `label` says what the units are ("packages of 10"), or PERCENT: the quantity is money, the price a share of it.
    Without a quantity it says what the fee is, "{}" standing for the unit price ("at least {}"). `group` says whose
    they are.
    """

    quantity: Decimal
    unit_price: Decimal
    per: Decimal = ONE
    flat_fee: Decimal = ZERO
    label: str = ""
    group: str = ""

    @property
    def amount(self) -> Decimal:
        """Exact, whatever the caller's decimal context."""
        if self.per == ONE:
            return EXACT.fma(self.quantity, self.unit_price, self.flat_fee)
        amount = EXACT.divide(EXACT.multiply(self.quantity, self.unit_price), self.per)
        return EXACT.add(amount, self.flat_fee) if self.flat_fee else amount

    def sentence(self, currency: str) -> str:
        """`10,000,000 at $2.50 per million`, `3 packages of 1,000 at $5.00 each`, `$20.00 flat`, `1.2% of $50.00`."""
        if not self.quantity:
            words = self._fee_words(currency)
        elif self.label == PERCENT:
            words = f"{plain(self.unit_price)}% of {shown(self.quantity, currency)}"
        else:
            units = f"{grouped(self.quantity)} {_counted(self.label, self.quantity)}".rstrip()
            words = f"{units} at {price_text(self.unit_price, self.per, currency)}"
        if self.quantity and self.flat_fee:
            words += f" plus {shown(self.flat_fee, currency)}"
        return f"{self.group}: {words}" if self.group else words

    def _fee_words(self, currency: str) -> str:
        if not self.label or self.label == PERCENT or self.label.startswith(BLOCKS):
            return f"{shown(self.flat_fee, currency)} flat"
        return self.label.replace("{}", shown(self.unit_price, currency))


def _counted(label: str, quantity: Decimal) -> str:
    """`packages of 10` as one says it of so many: one is a package."""
    noun, space, rest = label.partition(" ")
    return f"{noun.removesuffix('s')}{space}{rest}" if abs(quantity) == 1 else label


def fee(amount: Decimal, label: str = "", limit: Decimal = ZERO) -> Step:
    """An amount by itself, with what it is for."""
    return Step(ZERO, limit, ONE, amount, label)


def percent_of(value: Decimal, percent: Decimal, flat_fee: Decimal = ZERO) -> Step:
    return Step(value, percent, HUNDRED, flat_fee, PERCENT)


def amount(steps: Iterable[Step]) -> Decimal:
    """What these steps come to, exactly."""
    result, fma = ZERO, EXACT.fma
    for quantity, unit_price, per, flat_fee, _, _ in steps:
        # Identity first: most steps hold these very objects, and it is the cheaper question.
        if per is ONE or per == ONE:
            result = fma(quantity, unit_price, result)
        else:
            result = EXACT.add(result, EXACT.divide(EXACT.multiply(quantity, unit_price), per))
        if flat_fee is not ZERO and flat_fee:
            result = EXACT.add(result, flat_fee)
    return result


def given_back(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The same units returned, at what they cost."""
    return tuple(
        step._replace(quantity=step.quantity.copy_negate(), flat_fee=step.flat_fee.copy_negate()) for step in steps
    )


def less(steps: tuple[Step, ...], taken: tuple[Step, ...]) -> tuple[Step, ...]:
    """These steps without those: like from like, what cancels out is gone."""
    return netted((*steps, *given_back(taken))) if taken else steps


def netted(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps of one price, label and group added up, in order of first appearance; none that comes to nothing."""
    found: dict[tuple[Decimal, Decimal, str, str], Step] = {}
    for step in steps:
        key = step.unit_price, step.per, step.label, step.group
        same = found.get(key)
        found[key] = step if same is None else _added(same, step)
    return tuple(step for step in found.values() if step.quantity or step.flat_fee)


def _added(one: Step, other: Step) -> Step:
    quantity, flat_fee = EXACT.add(one.quantity, other.quantity), EXACT.add(one.flat_fee, other.flat_fee)
    return one._replace(quantity=quantity, flat_fee=flat_fee)


@lru_cache(maxsize=4096)
def price_text(unit_price: Decimal, per: Decimal, currency: str) -> str:
    """`$2.50 per million`, `$0.10 each`, `$1.00 per 3,600`."""
    return f"{shown(unit_price, currency)} {_PER.get(per) or f'per {grouped(per)}'}"


def check(value: object, where: str, *, positive: bool = False) -> None:
    """Refuse what cannot be a price, a fee or a size, naming the field: the rule behind every charge."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ChargeError(f"{where}: must be a finite Decimal")
    text = str(value)
    if len(text) > MAX_DIGITS or "E" in text:  # taking a number apart is slow, and short ones are fine
        _check_digits(value, where)
    if value < 0:
        raise ChargeError(f"{where}: must not be negative")
    if positive and not value:
        raise ChargeError(f"{where}: must be greater than 0")


def _check_digits(value: Decimal, where: str) -> None:
    _, digits, exponent = value.as_tuple()
    if len(digits) > MAX_DIGITS or not -MAX_DIGITS <= int(exponent) <= MAX_DIGITS - len(digits):
        raise ChargeError(f"{where}: must fit in {MAX_DIGITS} significant digits")
