"""How many ratings a second one core makes, by kind of charge: what a quantity costs, added up and rounded.

Beside it the same arithmetic written straight in `Decimal`, with nothing checked, explained or generalised: the limit.
Both are measured in turns, so that a busy minute of the machine slows both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from time import process_time

from config.bench.figures import Figure, in_turns
from pricing.charges import (
    Adjusted,
    Allowance,
    Cell,
    Charge,
    Composite,
    Converted,
    Flat,
    Graduated,
    InUnit,
    Matrix,
    Package,
    Percent,
    PerGroup,
    PerUnit,
    Tier,
    Volume,
    amount,
)
from pricing.measures import Measured, Part
from pricing.money import exactly, round_amount

CENT, ONE, MILLION = Decimal("0.01"), Decimal(1), Decimal(1_000_000)
PRICE = Decimal("2.5")
EDGES = [Decimal(edge) for edge in (1_000, 10_000, 100_000, 1_000_000)]
PRICES = [Decimal(price) for price in ("0.010", "0.009", "0.008", "0.007", "0.006")]
TIERS = tuple(map(Tier, [*EDGES, None], PRICES))
QUANTITIES = [Decimal(number * number * 7 + number) for number in range(1, 1_501)]
MODELS = ("large", "medium", "small")
BY_MODEL = dict(zip(MODELS, PRICES, strict=False))

Straight = Callable[[Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class Case:
    """A charge, what is measured of each quantity, and the same arithmetic written straight."""

    charge: Charge
    straight: Straight
    measured: Callable[[Decimal], Measured] = lambda quantity: quantity


def figures(bench: str, rounds: int = 9) -> Iterator[Figure]:
    """A figure for each kind of charge. RuntimeError if kernel and straight arithmetic do not agree to the cent."""
    for name, case in CASES.items():
        measured = [case.measured(quantity) for quantity in QUANTITIES]
        if any(_ours(case.charge, [m]) != [case.straight(q)] for m, q in zip(measured, QUANTITIES, strict=True)):
            raise RuntimeError(f"{name}: the kernel and the straight arithmetic differ")
        ours, limit = in_turns(
            lambda case=case, measured=measured: _ours(case.charge, measured),  # type: ignore[misc]
            lambda case=case: [case.straight(quantity) for quantity in QUANTITIES],  # type: ignore[misc]
            rounds,
            process_time,
        )
        yield Figure(bench, name, len(QUANTITIES) / ours, "ratings/s", len(QUANTITIES) / limit)


def _ours(charge: Charge, measured: list[Measured]) -> list[Decimal]:
    with exactly():
        return [round_amount(amount(charge.cost(each)), "USD") for each in measured]


def _rounded(exact: Decimal) -> Decimal:
    return exact.quantize(CENT, ROUND_HALF_UP)


def _graduated(quantity: Decimal) -> Decimal:
    total, floor = Decimal(0), Decimal(0)
    for edge, price in zip(EDGES, PRICES, strict=False):
        if quantity <= edge:
            return _rounded(total + (quantity - floor) * price)
        total, floor = total + (edge - floor) * price, edge
    return _rounded(total + (quantity - floor) * PRICES[-1])


def _volume(quantity: Decimal) -> Decimal:
    for edge, price in zip(EDGES, PRICES, strict=False):
        if quantity <= edge:
            return _rounded(quantity * price)
    return _rounded(quantity * PRICES[-1])


def _thirds(quantity: Decimal) -> tuple[Part, ...]:
    return tuple(Part(quantity, (model,)) for model in MODELS)


CASES = {
    "graduated": Case(Graduated(TIERS), _graduated),
    "volume": Case(Volume(TIERS), _volume),
    "flat": Case(Flat(PRICE), lambda _: _rounded(PRICE)),
    "per_unit": Case(PerUnit(PRICE, MILLION), lambda quantity: _rounded(quantity * PRICE / MILLION)),
    "package": Case(
        Package(PRICE, Decimal(1_000)),
        lambda quantity: _rounded((quantity / 1_000).to_integral_value(ROUND_CEILING) * PRICE),
    ),
    "percent": Case(Percent(PRICE), lambda quantity: _rounded(quantity * PRICE / 100)),
    "composite": Case(Composite(Percent(PRICE)), lambda quantity: _rounded(quantity * PRICE / 100)),
    "converted": Case(
        Converted("divide", Decimal(1_024), PerUnit(PRICE), "up"),
        lambda quantity: _rounded((quantity / 1_024).to_integral_value(ROUND_CEILING) * PRICE),
    ),
    "allowance": Case(
        Allowance(Decimal(1_000), PerUnit(PRICE)),
        lambda quantity: _rounded(max(quantity - 1_000, Decimal(0)) * PRICE),
    ),
    "adjusted": Case(
        Adjusted(PerUnit(PRICE), percent_off=Decimal(10), maximum=MILLION),
        lambda quantity: _rounded(min(quantity * PRICE * (100 - 10) / 100, MILLION)),
    ),
    "in_unit": Case(InUnit("credit", PRICE, PerUnit(CENT)), lambda quantity: _rounded(quantity * CENT * PRICE)),
    "matrix": Case(
        Matrix(("model",), tuple(Cell((model,), PerUnit(price)) for model, price in BY_MODEL.items())),
        lambda quantity: _rounded(sum((quantity * BY_MODEL[model] for model in MODELS), Decimal(0))),
        _thirds,
    ),
    "per_group": Case(
        PerGroup(("model",), PerUnit(PRICE)),
        lambda quantity: _rounded(sum((quantity * PRICE for _ in MODELS), Decimal(0))),
        _thirds,
    ),
}
