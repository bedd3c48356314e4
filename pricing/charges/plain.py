"""Charges on one number: flat, per unit, packages, a share of money, what events carry, outcomes."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pricing.charges.base import Charge
from pricing.charges.kinds import kind
from pricing.fields import Amount, Price, Share, Size, Text
from pricing.measures import Measured, total
from pricing.money import EXACT, ONE, ZERO, grouped, plain, shown
from pricing.steps import Step, percent_of, price_text
from pricing.tiers import round_up


@kind("flat")
@dataclass(frozen=True, slots=True)
class Flat(Charge):
    """The same amount whatever the quantity; rating prorates it by time."""

    amount: Price

    def _prepare(self) -> None:
        self._set("basis", "none")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return (Step(ZERO, ZERO, ONE, self.amount),)

    def sentence(self, currency: str) -> str:
        return f"{shown(self.amount, currency)} flat"


@kind("per_unit")
@dataclass(frozen=True, slots=True)
class PerUnit(Charge):
    """Every unit at the same price, given for `per` of them."""

    unit_price: Price
    per: Size = ONE

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        quantity = total(measured)
        return (Step(quantity, self.unit_price, self.per),) if quantity else ()

    def sentence(self, currency: str) -> str:
        return price_text(self.unit_price, self.per, currency)


@kind("package")
@dataclass(frozen=True, slots=True)
class Package(Charge):
    """By packages of `size`: the first unit opens one; rounding down, only full ones count; with none, parts do."""

    unit_price: Price
    size: Size
    rounding: Annotated[str, Text(("up", "down", "none"))] = "up"

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        quantity = total(measured)
        if self.rounding == "none":
            return (Step(quantity, self.unit_price, self.size),) if quantity else ()
        count = round_up(quantity, self.size) if self.rounding == "up" else EXACT.divide_int(quantity, self.size)
        return (Step(count, self.unit_price, label=f"packages of {grouped(self.size)}"),) if count else ()

    def edges(self) -> set[Decimal]:
        return set() if self.rounding == "none" else {EXACT.multiply(self.size, count) for count in range(1, 6)}

    def sentence(self, currency: str) -> str:
        which = {"up": "package", "down": "full package", "none": "package and part of it"}[self.rounding]
        price = shown(self.unit_price, currency)
        return f"{price} per {which.replace('package', f'package of {grouped(self.size)}', 1)}"


@kind("dynamic")
@dataclass(frozen=True, slots=True)
class Dynamic(Charge):
    """Events carry their amount, in the currency; it is charged times `multiplier`."""

    multiplier: Share = ONE

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        carried = total(measured)
        return (percent_of(carried, EXACT.multiply(self.multiplier, 100)),) if carried else ()

    def sentence(self, currency: str) -> str:
        return "The amount each event carries" + ("" if self.multiplier == ONE else f" × {plain(self.multiplier)}")


@kind("outcome")
@dataclass(frozen=True, slots=True)
class Outcome(Charge):
    """So much for each final outcome; one that is reversed later comes back at what it cost."""

    unit_price: Price

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        quantity = total(measured)
        return (Step(quantity, self.unit_price, label="outcomes"),) if quantity else ()

    def sentence(self, currency: str) -> str:
        return f"{shown(self.unit_price, currency)} per outcome"


@kind("outcome_share")
@dataclass(frozen=True, slots=True)
class OutcomeShare(Charge):
    """A share of the value that outcomes bring, as far as it exceeds the baseline."""

    percent: Share
    baseline: Amount = ZERO

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        value = total(measured)
        above = EXACT.subtract(value, min(self.baseline, max(value, ZERO)))
        return (percent_of(above, self.percent),) if above else ()

    def edges(self) -> set[Decimal]:
        return {self.baseline}

    def sentence(self, currency: str) -> str:
        above = f" above {shown(self.baseline, currency)}" if self.baseline else ""
        return f"{plain(self.percent)}% of the value{above}"
