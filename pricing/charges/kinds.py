"""The kinds of charges by name: charges as JSON, and charges inside charges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar

from pricing.charges.base import Charge
from pricing.fields import Maybe, Scale
from pricing.shapes import Listed, read_fields, write_fields
from pricing.steps import ChargeError

MAX_DEPTH = 10
KINDS: dict[str, type[Charge]] = {}
_Kind = TypeVar("_Kind", bound=type[Charge])


def kind(name: str) -> Callable[[_Kind], _Kind]:
    """Give a class of charges the name it has in JSON."""

    def named(cls: _Kind) -> _Kind:
        cls.kind = name
        KINDS[name] = cls
        return cls

    return named


def dump(charge: Charge) -> dict[str, Any]:
    """JSON to store and send: numbers as text, defaults left out. `load(dump(charge)) == charge`, always."""
    return {"kind": charge.kind} | write_fields(charge)


def load(data: Mapping[str, Any], currency: str | None = None) -> Charge:
    """The charge this JSON describes; ChargeError, naming the field, if `dump` could not have written it.

    The JSON may say which currency its prices are in; it must then be the given one.
    """
    if isinstance(data, Mapping) and "currency" in data:
        stated = data["currency"]
        if currency is not None and stated != currency:
            raise ChargeError(f"currency: these prices are in {stated}, not {currency}")
        data = {name: value for name, value in data.items() if name != "currency"}
    return _read(data, 1)


def _read(data: Any, depth: int) -> Charge:
    name = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or name not in KINDS:
        raise ChargeError(f"kind: must be one of {', '.join(KINDS)}")
    if depth > MAX_DEPTH:
        raise ChargeError(f"kind: charges can be nested {MAX_DEPTH} deep")
    given = {field: value for field, value in data.items() if field != "kind"}
    return KINDS[name](**read_fields(given, KINDS[name], "", depth))


@dataclass(frozen=True, slots=True)
class Nested:
    """A charge inside a charge; errors name it by its whole path. `is_price`: its prices are this one's."""

    is_price: bool = True
    nests: ClassVar[bool] = True

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, Charge):
            raise ChargeError(f"{where}: must be a charge")

    def read(self, data: Any, where: str, depth: int) -> Charge:
        try:
            return _read(data, depth + 1)
        except ChargeError as error:
            raise ChargeError(f"{where}.{error}") from None

    def write(self, value: Charge) -> dict[str, Any]:
        return dump(value)

    def scaled(self, value: Charge, scale: Scale) -> Charge:
        return value.moved(scale) if self.is_price else value

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/charge"}


Inner = Annotated[Charge, Nested()]
MaybeInner = Annotated[Charge | None, Maybe(Nested())]
Inners = Annotated[tuple[Charge, ...], Listed(Nested(), "charges", most=100)]
