"""Question: a vector half read, and the one line of one cycle that rating makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pricing.charges import Charge, Step
from pricing.measures import Measured
from pricing.money import ZERO, exactly
from pricing.rating import Price, RatedLine, Term, rate
from tests.peers.peers import Peer
from tests.peers.rounding import Rounding
from tests.peers.vectors import Given

Answer = dict[str, Any]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ONE_UNIT: Mapping[str, Any] = {"kind": "per_unit", "unit_price": "1"}
"""A charge whose workings are the units themselves, for questions about quantities."""


@dataclass(frozen=True)
class Question:
    """What all models have; the rest of the vector is still to be asked of `given`."""

    model: str
    given: Given
    peer: Peer
    currency: str
    rounding: Rounding
    expected: Mapping[str, Any]

    def parameters(self) -> Given:
        return self.given.inner("parameters")

    def asks(self, *names: str) -> bool:
        return any(name in self.expected for name in names)

    def amount(self, value: Decimal) -> Decimal:
        """As exact as the vector wants it."""
        return self.rounding.of_amount(value, self.currency)

    def rated(self, charge: Charge, measured: Measured) -> Decimal:
        """What a cycle in which so much was measured is billed for."""
        line = self.line(charge, usage=measured, meter="" if charge.basis == "none" else "meter")
        return self.rounding.of_line(line)

    def line(self, charge: Charge, usage: Measured = ZERO, **agreed: Any) -> RatedLine:
        term = Term(
            key="line",
            product="product",
            prices=(Price(START, charge, "peer"),),
            currency=self.currency,
            start=START,
            end=END,
            zone="UTC",
            cycle_months=12,
            **agreed,
        )
        (line,) = rate([term], lambda *asked: usage, END)
        return line


def units(steps: tuple[Step, ...]) -> Decimal:
    """How many there are in these workings."""
    with exactly():
        return sum((step.quantity for step in steps), ZERO)
