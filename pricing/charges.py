"""Charges: how a quantity becomes an amount. Each one answers `cost` with its workings and `sentence` with its words.

`cost(quantity, after)` prices the units lying in (after, after + quantity], so a cycle cut in two carries the tier
counter: the parts come to what the whole comes to. A negative quantity gives units back at what they cost. Flat fees
of tiers fall due on entering the tier. Nothing costs nothing, and has no steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from typing import Any, NamedTuple

from pricing.money import EXACT, ONE, ZERO, grouped, parse, shown
from pricing.steps import ChargeError, Step, amount, check, given_back, price_text

__all__ = [
    "Charge", "ChargeError", "Flat", "Graduated", "Package", "PerUnit", "Step", "Tier", "Volume",
    "amount", "dump", "load",
]  # fmt: skip

MAX_TIERS = 1_000
_OPEN = Decimal("Infinity")


class Tier(NamedTuple):
    """Prices for units up to and including `up_to`, counted from the first unit; None: for all there are."""

    up_to: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal = ZERO


class _Rung(NamedTuple):
    floor: Decimal
    up_to: Decimal
    unit_price: Decimal
    flat_fee: Decimal


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
    _ladder: tuple[_Rung, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self.per, "per", positive=True)
        object.__setattr__(self, "_ladder", _ladder(self.tiers))

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        end = EXACT.add(after, quantity)
        if end < after:
            return given_back(self.cost(-quantity, end))
        steps, per = [], self.per
        for floor, up_to, unit_price, flat_fee in self._ladder:
            if end <= floor:
                break
            if after < up_to:
                entered = after <= floor
                units = EXACT.subtract(end if end < up_to else up_to, floor if entered else after)
                steps.append(Step(units, unit_price, per, flat_fee if entered else ZERO))
        return tuple(steps)

    def sentence(self, currency: str) -> str:
        prices = [_tier_price(tier, self.per, currency) for tier in self.tiers]
        if len(prices) == 1:
            return prices[0]
        first, *middle = (
            f"{grouped(tier.up_to)} at {price}"
            for tier, price in zip(self.tiers, prices)
            if tier.up_to is not None
        )
        return ", ".join([f"First {first}", *(f"up to {words}" for words in middle), f"then {prices[-1]}"])


@dataclass(frozen=True, slots=True)
class Volume:
    """All units at the price of the tier the total lies in; past a tier's edge the total may drop."""

    tiers: tuple[Tier, ...]
    per: Decimal = ONE
    _ladder: tuple[_Rung, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self.per, "per", positive=True)
        object.__setattr__(self, "_ladder", _ladder(self.tiers))

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        """The new total's price, less what the units before had cost at theirs."""
        if not quantity:
            return ()
        return self._whole(EXACT.add(after, quantity)) + given_back(self._whole(after))

    def _whole(self, quantity: Decimal) -> tuple[Step, ...]:
        if not quantity:
            return ()
        _, _, unit_price, flat_fee = next(rung for rung in self._ladder if quantity <= rung.up_to)
        return (Step(quantity, unit_price, self.per, flat_fee),)

    def sentence(self, currency: str) -> str:
        prices = [_tier_price(tier, self.per, currency) for tier in self.tiers]
        edges = [f"up to {grouped(tier.up_to)}" for tier in self.tiers if tier.up_to is not None]
        if not edges:
            return prices[0]
        return "All units at " + ", ".join(
            f"{price} {edge}" for price, edge in zip(prices, [*edges, "above"])
        )


@dataclass(frozen=True, slots=True)
class Package:
    """Whole packages only: the first unit opens one."""

    unit_price: Decimal
    size: Decimal

    def __post_init__(self) -> None:
        check(self.unit_price, "unit_price")
        check(self.size, "size", positive=True)

    def cost(self, quantity: Decimal, after: Decimal = ZERO) -> tuple[Step, ...]:
        opened = self._packages(EXACT.add(after, quantity)) - self._packages(after)
        return (Step(opened, self.unit_price, label=f"packages of {grouped(self.size)}"),) if opened else ()

    def _packages(self, quantity: Decimal) -> Decimal:
        full, rest = EXACT.divmod(quantity, self.size)
        return full + ONE if rest else full

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
    """JSON for storing and sending: numbers as text, what has its default left out. `load(dump(charge)) == charge`."""
    kind = next(name for name, cls in KINDS.items() if type(charge) is cls)
    data: dict[str, Any] = {"kind": kind}
    for name, default in _defaults(type(charge)).items():
        value = getattr(charge, name)
        if name == "tiers":
            data[name] = [_dump_tier(tier) for tier in value]
        elif value != default:
            data[name] = format(value, "f")
    return data


def load(data: Mapping[str, Any]) -> Charge:
    """The charge this JSON describes; ChargeError, naming the field, for anything `dump` would not have written."""
    if not isinstance(data, Mapping):
        raise ChargeError("charge: must be an object")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ChargeError(f"kind: must be one of {', '.join(KINDS)}")
    cls = KINDS[kind]
    given = {name: value for name, value in data.items() if name != "kind"}
    readers = {"tiers": _load_tiers}
    return cls(**_read(given, _defaults(cls), readers, ""))


def _dump_tier(tier: Tier) -> dict[str, str | None]:
    data = {name: None if value is None else format(value, "f") for name, value in tier._asdict().items()}
    if not tier.flat_fee:
        del data["flat_fee"]
    return data


def _load_tiers(value: object, where: str) -> tuple[Tier, ...]:
    if not isinstance(value, list) or len(value) > MAX_TIERS:
        raise ChargeError(f"{where}: must be a list of 1 to {MAX_TIERS:,} tiers")
    wanted = {"up_to": MISSING, "unit_price": MISSING, "flat_fee": ZERO}
    tiers = []
    for index, tier in enumerate(value):
        if not isinstance(tier, Mapping):
            raise ChargeError(f"{where}[{index}]: must be an object")
        tiers.append(Tier(**_read(tier, wanted, {"up_to": _load_bound}, f"{where}[{index}].")))
    return tuple(tiers)


def _load_bound(value: object, where: str) -> Decimal | None:
    return None if value is None else _load_number(value, where)


def _load_number(value: Any, where: str) -> Decimal:
    try:
        return parse(value)
    except ValueError as error:
        raise ChargeError(f"{where}: {error}") from None


def _read(
    given: Mapping[str, Any],
    wanted: Mapping[str, Any],
    readers: Mapping[str, Callable[[Any, str], Any]],
    where: str,
) -> dict[str, Any]:
    """The given fields, each read by its reader; ChargeError for one too many or one too few."""
    for name in given:
        if name not in wanted:
            raise ChargeError(f"{where}{name}: unknown field")
    for name, default in wanted.items():
        if default is MISSING and name not in given:
            raise ChargeError(f"{where}{name}: is required")
    return {name: readers.get(name, _load_number)(value, where + name) for name, value in given.items()}


def _defaults(cls: type[Charge]) -> dict[str, Any]:
    return {field.name: field.default for field in fields(cls) if field.init}


def _ladder(tiers: tuple[Tier, ...]) -> tuple[_Rung, ...]:
    """The tiers with their floors, the last one open to infinity; ChargeError unless they rise without a gap."""
    if not isinstance(tiers, tuple) or not 1 <= len(tiers) <= MAX_TIERS:
        raise ChargeError(f"tiers: must be 1 to {MAX_TIERS:,} tiers")
    rungs, floor = [], ZERO
    for index, (up_to, unit_price, flat_fee) in enumerate(tiers):
        where, last = f"tiers[{index}]", index == len(tiers) - 1
        check(unit_price, f"{where}.unit_price")
        check(flat_fee, f"{where}.flat_fee")
        if (up_to is None) != last:
            raise ChargeError(
                f"{where}.up_to: {'the last tier must be open' if last else 'only the last tier is open'}"
            )
        if up_to is not None:
            check(up_to, f"{where}.up_to")
            if up_to <= floor:
                raise ChargeError(f"{where}.up_to: must be greater than {grouped(floor)}")
        rungs.append(_Rung(floor, _OPEN if up_to is None else up_to, unit_price, flat_fee))
        floor = rungs[-1].up_to
    return tuple(rungs)


def _tier_price(tier: Tier, per: Decimal, currency: str) -> str:
    price = price_text(tier.unit_price, per, currency)
    return f"{price} plus {shown(tier.flat_fee, currency)}" if tier.flat_fee else price
