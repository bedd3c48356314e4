"""Compositions that change the quantity before it is priced: conversion and rounding, units that are free."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Annotated

from pricing.charges.base import Charge
from pricing.charges.kinds import Inner, kind
from pricing.fields import Amount, Size, Text, Whole
from pricing.measures import WHOLE, Measured, Split, total
from pricing.money import EXACT, ONE, ZERO, grouped
from pricing.steps import ChargeError, Step

_ROUNDINGS = {"up": ROUND_CEILING, "down": ROUND_FLOOR, "half_up": ROUND_HALF_UP}


def undivided(charge: Charge, doing: str) -> Split:
    """The split of a charge on one number; ChargeError for one that tells usage apart."""
    if charge.split != WHOLE:
        raise ChargeError(
            f"charge: {doing} needs one quantity, but {charge.kind} tells usage apart; "
            f"put it inside the {charge.kind} instead of around it"
        )
    return WHOLE


@kind("converted")
@dataclass(frozen=True, slots=True)
class Converted(Charge):
    """What was measured, multiplied or divided and then rounded, is the quantity priced."""

    operation: Annotated[str, Text(("multiply", "divide"))]
    factor: Size
    charge: Inner
    rounding: Annotated[str, Text(("none", *_ROUNDINGS))] = "none"
    precision: Annotated[int, Whole(0, 12)] = 0

    def _split(self) -> Split:
        return undivided(self.charge, "a conversion")

    def converted(self, quantity: Decimal) -> Decimal:
        """The quantity that is priced; what is given back is rounded like what it was."""
        change = EXACT.multiply if self.operation == "multiply" else EXACT.divide
        result = change(quantity, self.factor)
        if self.rounding == "none":
            return result
        exact = ONE.scaleb(-self.precision)
        return result.copy_abs().quantize(exact, _ROUNDINGS[self.rounding], EXACT).copy_sign(result)

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return self.charge.whole(self.converted(total(measured)))

    def edges(self) -> set[Decimal]:
        back = EXACT.divide if self.operation == "multiply" else EXACT.multiply
        return {back(edge, self.factor) for edge in self.charge.edges()}

    def sentence(self, currency: str) -> str:
        how = "times" if self.operation == "multiply" else "divided by"
        words = f"{self.charge.sentence(currency)}; units are those measured {how} {grouped(self.factor)}"
        if self.rounding == "none":
            return words
        to = f"to {self.precision} decimals" if self.precision else "to whole units"
        return f"{words}, rounded {self.rounding.replace('_', ' ')} {to}"


@kind("allowance")
@dataclass(frozen=True, slots=True)
class Allowance(Charge):
    """The first units are free; tiers of the charge count from the first unit that is not."""

    units: Amount
    charge: Inner

    def _split(self) -> Split:
        return undivided(self.charge, "an allowance")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        quantity = total(measured)
        return self.charge.whole(EXACT.subtract(quantity, min(self.units, max(quantity, ZERO))))

    def edges(self) -> set[Decimal]:
        return {self.units, *(EXACT.add(self.units, edge) for edge in self.charge.edges())}

    def sentence(self, currency: str) -> str:
        return f"First {grouped(self.units)} free, then {lowered(self.charge.sentence(currency))}"


def lowered(sentence: str) -> str:
    """A sentence to go on inside another."""
    return sentence[:1].lower() + sentence[1:] if sentence[:2] != sentence[:2].upper() else sentence
