"""Steps: the rows of a charge's workings, and the rule for the numbers a charge may hold."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from pricing.money import EXACT, ONE, ZERO, grouped, shown

MAX_DIGITS = 28
_PER = {ONE: "each", Decimal(1_000): "per thousand", Decimal(1_000_000): "per million"}


class ChargeError(ValueError):
    """This is not a charge anybody could price; the text names the field."""


class Step(NamedTuple):
    """One row of the workings: so many units at so much for every `per` of them, plus a flat fee."""

    quantity: Decimal
    unit_price: Decimal
    per: Decimal = ONE
    flat_fee: Decimal = ZERO
    label: str = ""

    @property
    def amount(self) -> Decimal:
        """Exact, whatever the caller's decimal context."""
        if self.per == ONE:
            return EXACT.fma(self.quantity, self.unit_price, self.flat_fee)
        amount = EXACT.divide(EXACT.multiply(self.quantity, self.unit_price), self.per)
        return EXACT.add(amount, self.flat_fee) if self.flat_fee else amount

    def sentence(self, currency: str) -> str:
        """`10,000,000 at $2.50 per million`, `3 packages of 1,000 at $5.00 each`, `$20.00 flat`."""
        if not self.quantity:
            return f"{shown(self.flat_fee, currency)} flat"
        units = f"{grouped(self.quantity)} {self.label}" if self.label else grouped(self.quantity)
        fee = f" plus {shown(self.flat_fee, currency)}" if self.flat_fee else ""
        return f"{units} at {price_text(self.unit_price, self.per, currency)}{fee}"


def amount(steps: Iterable[Step]) -> Decimal:
    """What these steps come to, exactly."""
    result = ZERO
    for step in steps:
        result = EXACT.add(result, step.amount)
    return result


def given_back(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same units returned, at what they cost."""
    return tuple(
        step._replace(quantity=step.quantity.copy_negate(), flat_fee=step.flat_fee.copy_negate()) for step in steps
    )


@lru_cache(maxsize=4096)
def price_text(unit_price: Decimal, per: Decimal, currency: str) -> str:
    """`$2.50 per million`, `$0.10 each`, `$1.00 per 3,600`."""
    return f"{shown(unit_price, currency)} {_PER.get(per) or f'per {grouped(per)}'}"


def check(value: object, where: str, *, positive: bool = False) -> None:
    """Refuse what cannot be a price, a fee or a size, naming the field: the rule behind every charge."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ChargeError(f"{where}: must be a finite Decimal")
    _, digits, exponent = value.as_tuple()
    if len(digits) > MAX_DIGITS or not -MAX_DIGITS <= int(exponent) <= MAX_DIGITS - len(digits):
        raise ChargeError(f"{where}: must fit in {MAX_DIGITS} significant digits")
    if value < 0:
        raise ChargeError(f"{where}: must not be negative")
    if positive and not value:
        raise ChargeError(f"{where}: must be greater than 0")
