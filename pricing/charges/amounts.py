"""Compositions that act on what charges come to: limits and discounts, units of account, commitments, sums, choices."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from pricing.adjustments import Adjustment, AmountOff, Maximum, Minimum, PercentOff, adjusted
from pricing.charges.base import Charge
from pricing.charges.kinds import Inner, Inners, Nested, kind
from pricing.charges.quantities import lowered, undivided
from pricing.fields import MaybeAmount, MaybePrice, Number, Price, Switch, Text
from pricing.measures import Measured, Split
from pricing.money import EXACT, ONE, ZERO, exactly, grouped, plain, shown
from pricing.shapes import Listed
from pricing.steps import HUNDRED, ChargeError, Step, amount, fee


@kind("adjusted")
@dataclass(frozen=True, slots=True)
class Adjusted(Charge):
    """An amount off, a percentage off, at most `maximum`, at least `minimum`: in this order, each on what is left.

    As the outermost charge they are those of the cycle: prorated with it, the minimum owed with its last line.
    """

    charge: Inner
    amount_off: Price = ZERO
    percent_off: Annotated[Decimal, Number(at_most=HUNDRED)] = ZERO
    minimum: MaybePrice = None
    maximum: MaybePrice = None

    may_hold_lines: ClassVar[bool] = True

    def adjustments(self, source: str = "price") -> tuple[Adjustment, ...]:
        """As they stand beside a charge, said to come from `source`."""
        found: list[Adjustment] = []
        if self.amount_off:
            found.append(AmountOff(self.amount_off, source))
        if self.percent_off:
            found.append(PercentOff(self.percent_off, source))
        if self.maximum is not None:
            found.append(Maximum(self.maximum, source))
        if self.minimum is not None:
            found.append(Minimum(self.minimum, source))
        return tuple(found)

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        with exactly():
            return adjusted(self._of(self.charge, measured), self.adjustments())

    def sentence(self, currency: str) -> str:
        return ", ".join([self.charge.sentence(currency), *(each.sentence(currency) for each in self.adjustments())])


@kind("in_unit")
@dataclass(frozen=True, slots=True)
class InUnit(Charge):
    """Priced in a unit of account (credits, tokens), of which one is worth `price`."""

    unit: Annotated[str, Text()]
    price: Price
    charge: Annotated[Charge, Nested(is_price=False)]

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        units = amount(self._of(self.charge, measured))
        return (Step(units, self.price, label=self._plural),) if units else ()

    @property
    def _plural(self) -> str:
        return self.unit if self.unit.endswith("s") else f"{self.unit}s"

    def sentence(self, currency: str) -> str:
        return f"{self.charge.sentence(self._plural)}, at {shown(self.price, currency)} per {self.unit}"


@kind("committed")
@dataclass(frozen=True, slots=True)
class Committed(Charge):
    """Up to what was committed, an amount or a quantity, at the charge's price; beyond, at that times a factor.

    With `true_up` what was committed is owed also where less was used.
    """

    charge: Inner
    amount: MaybePrice = None
    quantity: MaybeAmount = None
    overage_factor: Annotated[Decimal, Number()] = ONE
    true_up: Switch = True

    def _split(self) -> Split:
        if (self.amount is None) == (self.quantity is None):
            raise ChargeError("amount: either an amount or a quantity is committed")
        return self.charge.split if self.quantity is None else undivided(self.charge, "a committed quantity")

    def _committed(self) -> Decimal:
        if self.quantity is not None:
            return amount(self.charge.whole(self.quantity))
        assert self.amount is not None
        return self.amount

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        steps, committed = self._of(self.charge, measured), self._committed()
        beyond = EXACT.subtract(amount(steps), committed)
        if beyond < ZERO and self.true_up:
            steps += (fee(beyond.copy_negate(), "up to the {} committed", committed),)
        if beyond > ZERO and self.overage_factor != ONE:
            surcharge = EXACT.multiply(beyond, EXACT.subtract(self.overage_factor, ONE))
            steps += (fee(surcharge, f"beyond {{}} at {plain(self.overage_factor)} times the price", committed),)
        return steps

    def edges(self) -> set[Decimal]:
        return self.charge.edges() | ({self.quantity} if self.quantity is not None else set())

    def sentence(self, currency: str) -> str:
        what = shown(self._committed(), currency) if self.quantity is None else f"{grouped(self.quantity)} units"
        owed = ", owed in any case" if self.true_up else ""
        beyond = f"; beyond at {plain(self.overage_factor)} times the price" if self.overage_factor != ONE else ""
        return f"{self.charge.sentence(currency)}, {what} committed{owed}{beyond}"


@kind("sum")
@dataclass(frozen=True, slots=True)
class Sum(Charge):
    """Several charges on the same usage, together. A flat one among them is due once a cycle, for all of it."""

    charges: Inners

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return tuple(step for charge in self.charges for step in self._of(charge, measured))

    def sentence(self, currency: str) -> str:
        first, *others = [charge.sentence(currency) for charge in self.charges]
        return " plus ".join([first, *map(lowered, others)])


@kind("cheapest")
@dataclass(frozen=True, slots=True)
class Cheapest(Charge):
    """Whichever comes to least, over the whole cycle so far; of equals the first."""

    charges: Inners

    may_hold_lines: ClassVar[bool] = True

    def _prepare(self) -> None:
        if self.basis == "lines" and len({lines_of(charge) for charge in self.charges}) > 1:
            raise ChargeError("charges: must all be shares of the same lines")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return min((self._of(charge, measured) for charge in self.charges), key=amount)

    def sentence(self, currency: str) -> str:
        return "The cheapest of: " + "; ".join(lowered(charge.sentence(currency)) for charge in self.charges)


@kind("composite")
@dataclass(frozen=True, slots=True)
class Composite(Charge):
    """A charge on what other lines come to: those of these products, or with none named all other lines."""

    charge: Inner
    of: Annotated[tuple[str, ...], Listed(Text(), "products", least=0)] = ()

    def _split(self) -> Split:
        return undivided(self.charge, "a share of other lines")

    def _prepare(self) -> None:
        self._set("basis", "lines")

    def whole(self, measured: Measured) -> tuple[Step, ...]:
        return self.charge.whole(measured)

    def sentence(self, currency: str) -> str:
        return f"{self.charge.sentence(currency)} of {', '.join(self.of) or 'all other lines'}"


def lines_of(charge: Charge) -> frozenset[str] | None:
    """The products whose lines it is a share of, empty for all others; None if it is no such share."""
    if isinstance(charge, Composite):
        return frozenset(charge.of)
    return next((lines_of(child) for _, child in charge.children), None) if charge.basis == "lines" else None
