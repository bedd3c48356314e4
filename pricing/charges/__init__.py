"""Charges: how a quantity becomes an amount. Each answers `cost` with its workings, `sentence` in words.

`cost(quantity, after)` prices the units lying in (after, after + quantity], so a cycle cut in two carries the
tier counter: the parts come to what the whole comes to. A negative quantity gives units back at what they
cost. Flat fees of tiers fall due on entering the tier. Nothing costs nothing, and has no steps.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from typing import Any

from pricing.money import EXACT, ONE, ZERO, grouped, parse, shown
from pricing.steps import ChargeError, Step, amount, check, given_back, price_text
from pricing.tiers import MAX_TIERS, Rung, Tier, ladder

__all__ = [
    "Charge", "ChargeError", "Flat", "Graduated", "Package", "PerUnit", "Step", "Tier", "Volume",
    "amount", "dump", "load",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Flat:
    """The same amount whatever the quantity; rating prorates it by time."""

    amount: Decimal

    def __post_init__(self) -> None:
        check(self.amount, "amount")

    def cost(self, quantity: Decimal = ONE, after: Decimal = ZERO) -> tuple[Step, ...]:
        return (Step(ZERO, ZERO, ONE, self.amount),)

    def sentence(self, currency: str) -> str:
        return f"{shown(self.amount, currency)} flat"


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Every unit at the same price, given for `per` of them."""

    unit_price: Decimal
    per: Decimal = ONE

    def __post_init__(self) -> None:
        check(self.unit_price, "unit_price")
        check(self.per, "per", positive=True)

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        return (Step(quantity, self.unit_price, self.per),) if quantity else ()

    def sentence(self, currency: str) -> str:
        return price_text(self.unit_price, self.per, currency)


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each unit at the price of the tier it lies in."""

    tiers: tuple[Tier, ...]
    per: Decimal = ONE
    _ladder: tuple[Rung, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ladder", ladder(self.tiers, self.per))

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        end = EXACT.add(after, quantity)
        if end < after:
            return given_back(self.cost(quantity.copy_negate(), end))
        steps = []
        for floor, up_to, full in self._ladder:
            if end <= floor:
                break
            if after <= floor and up_to <= end:
                steps.append(full)
            elif after < up_to:
                units = EXACT.subtract(min(end, up_to), max(after, floor))
                steps.append(Step(units, full.unit_price, full.per, full.flat_fee if after <= floor else ZERO))
        return tuple(steps)

    def sentence(self, currency: str) -> str:
        prices = [tier.sentence(self.per, currency) for tier in self.tiers]
        words = [f"up to {grouped(rung.up_to)} at {price}" for rung, price in zip(self._ladder, prices, strict=True)]
        if len(prices) == 1:
            return prices[0]
        return ", ".join([words[0].replace("up to", "First", 1), *words[1:-1], f"then {prices[-1]}"])


@dataclass(frozen=True, slots=True)
class Volume:
    """All units at the price of the tier the total lies in; past a tier's edge the total may drop."""

    tiers: tuple[Tier, ...]
    per: Decimal = ONE
    _ladder: tuple[Rung, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ladder", ladder(self.tiers, self.per))

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        """The new total at its price, less the units before at theirs."""
        if not quantity:
            return ()
        return self._whole(EXACT.add(after, quantity)) + given_back(self._whole(after))

    def _whole(self, quantity: Decimal) -> tuple[Step, ...]:
        if not quantity:
            return ()
        full = next(rung.full for rung in self._ladder if quantity <= rung.up_to)
        return (full._replace(quantity=quantity),)

    def sentence(self, currency: str) -> str:
        prices = [tier.sentence(self.per, currency) for tier in self.tiers]
        if len(prices) == 1:
            return prices[0]
        edges = [*(f"up to {grouped(rung.up_to)}" for rung in self._ladder[:-1]), "above"]
        return "All units at " + ", ".join(f"{price} {edge}" for price, edge in zip(prices, edges, strict=True))


@dataclass(frozen=True, slots=True)
class Package:
    """Whole packages only: the first unit opens one."""

    unit_price: Decimal
    size: Decimal

    def __post_init__(self) -> None:
        check(self.unit_price, "unit_price")
        check(self.size, "size", positive=True)

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        opened = EXACT.subtract(self._packages(EXACT.add(after, quantity)), self._packages(after))
        return (Step(opened, self.unit_price, label=f"packages of {grouped(self.size)}"),) if opened else ()

    def _packages(self, quantity: Decimal) -> Decimal:
        full, rest = EXACT.divmod(quantity, self.size)
        return EXACT.add(full, ONE) if rest else full

    def sentence(self, currency: str) -> str:
        return f"{shown(self.unit_price, currency)} per package of {grouped(self.size)}"


Charge = Flat | PerUnit | Graduated | Volume | Package
KINDS: dict[str, type[Charge]] = {
    "flat": Flat,
    "per_unit": PerUnit,
    "graduated": Graduated,
    "volume": Volume,
    "package": Package,
}


def dump(charge: Charge) -> dict[str, Any]:
    """JSON to store and send: numbers as text, defaults left out. `load(dump(charge)) == charge`, always."""
    kind = next(name for name, cls in KINDS.items() if type(charge) is cls)
    wanted = _wanted(type(charge))
    return {"kind": kind} | _written({name: getattr(charge, name) for name in wanted}, wanted)


def load(data: Mapping[str, Any]) -> Charge:
    """The charge this JSON describes; ChargeError, naming the field, if `dump` could not have written it."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise ChargeError(f"kind: must be one of {', '.join(KINDS)}")
    given = {name: value for name, value in data.items() if name != "kind"}
    return KINDS[kind](**_read(given, _wanted(KINDS[kind])))


_TIER = {"up_to": MISSING, "unit_price": MISSING, "flat_fee": ZERO}


def _wanted(cls: type[Charge]) -> dict[str, Any]:
    """The fields of a charge, with their defaults."""
    return {field.name: field.default for field in fields(cls) if field.init}


def _written(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in values.items() if value != wanted[name]}


def _text(value: Decimal | tuple[Tier, ...] | None) -> Any:
    if isinstance(value, tuple):
        return [_written(tier._asdict(), _TIER) for tier in value]
    return None if value is None else format(value, "f")


def _read(given: Mapping[str, Any], wanted: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    for name in given:
        if name not in wanted:
            raise ChargeError(f"{where}{name}: unknown field")
    for name, default in wanted.items():
        if default is MISSING and name not in given:
            raise ChargeError(f"{where}{name}: is required")
    return {name: _value(name, value, where + name) for name, value in given.items()}


def _value(name: str, value: Any, where: str) -> Any:
    if name == "tiers":
        return _tiers(value, where)
    if name == "up_to" and value is None:
        return None
    try:
        return parse(value)
    except ValueError as error:
        raise ChargeError(f"{where}: {error}") from None


def _tiers(value: Any, where: str) -> tuple[Tier, ...]:
    if not isinstance(value, list) or len(value) > MAX_TIERS:
        raise ChargeError(f"{where}: must be a list of 1 to {MAX_TIERS:,} tiers")
    for index, tier in enumerate(value):
        if not isinstance(tier, Mapping):
            raise ChargeError(f"{where}[{index}]: must be an object")
    return tuple(Tier(**_read(tier, _TIER, f"{where}[{index}].")) for index, tier in enumerate(value))
