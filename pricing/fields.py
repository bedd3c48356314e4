"""What the fields of a charge may hold, said once: to check it, to read and write it as JSON, to scale and describe it.

A field is declared as `Annotated[type, kind]`. Errors are ChargeError and name the field by its whole path.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from dataclasses import fields as dataclass_fields
from decimal import Decimal
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, get_type_hints

from pricing.money import EXACT, parse
from pricing.steps import ChargeError, check

MAX_LISTED = 1_000
_SLOTS: dict[Any, dict[str, "Slot"]] = {}
_NUMBER_PATTERN = r"^[0-9]{1,28}(\.[0-9]{1,28})?$"


class Kind(Protocol):
    """What one field may hold; `nests`: also charges."""

    @property
    def nests(self) -> bool: ...

    def check(self, value: Any, where: str) -> None:
        """ChargeError unless a charge may hold it."""

    def read(self, data: Any, where: str, depth: int) -> Any:
        """The value this JSON means; ChargeError if none. What it comes to is checked when the charge is built."""

    def write(self, value: Any) -> Any:
        """The JSON it is stored and sent as."""

    def scaled(self, value: Any, factor: Decimal) -> Any:
        """The value when all prices are times this factor."""

    def schema(self) -> dict[str, Any]:
        """JSON Schema of what `write` gives."""


class Slot(NamedTuple):
    """One field: what it holds, and what it is when nothing is said."""

    kind: Kind
    default: Any


class Simple:
    """A kind that is its own JSON and stays what it is when prices change."""

    nests: ClassVar[bool] = False

    def read(self, data: Any, where: str, depth: int) -> Any:
        return data

    def write(self, value: Any) -> Any:
        return value

    def scaled(self, value: Any, factor: Decimal) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class Number(Simple):
    """A Decimal, never negative; text in JSON. `is_price`: it grows with the price."""

    is_price: bool = False
    is_positive: bool = False
    at_most: Decimal | None = None

    def check(self, value: Any, where: str) -> None:
        check(value, where, positive=self.is_positive)
        if self.at_most is not None and value > self.at_most:
            raise ChargeError(f"{where}: must not be more than {self.at_most}")

    def read(self, data: Any, where: str, depth: int) -> Decimal:
        try:
            return parse(data)
        except ValueError as error:
            raise ChargeError(f"{where}: {error}") from None

    def write(self, value: Decimal) -> str:
        return format(value, "f")

    def scaled(self, value: Decimal, factor: Decimal) -> Decimal:
        return EXACT.multiply(value, factor) if self.is_price else value

    def schema(self) -> dict[str, Any]:
        bound = f", not more than {self.at_most}" if self.at_most is not None else ""
        least = "greater than 0" if self.is_positive else "not negative"
        return {"type": "string", "pattern": _NUMBER_PATTERN, "description": f"A number as text, {least}{bound}."}


@dataclass(frozen=True, slots=True)
class Whole(Simple):
    """An int from `least` to `most`; text in JSON like every number."""

    least: int
    most: int

    def check(self, value: Any, where: str) -> None:
        if type(value) is not int or not self.least <= value <= self.most:
            raise ChargeError(f"{where}: must be a whole number from {self.least} to {self.most}")

    def read(self, data: Any, where: str, depth: int) -> int:
        number = Number().read(data, where, depth)
        if number != int(number):
            raise ChargeError(f"{where}: must be a whole number from {self.least} to {self.most}")
        return int(number)

    def write(self, value: int) -> str:
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": "^[0-9]{1,2}$",
            "description": f"A whole number as text, from {self.least} to {self.most}.",
        }


@dataclass(frozen=True, slots=True)
class Text(Simple):
    """Words of at most 200 characters; with `choices`, one of them."""

    choices: tuple[str, ...] = ()
    may_be_empty: bool = False

    def check(self, value: Any, where: str) -> None:
        if self.choices and value not in self.choices:
            raise ChargeError(f"{where}: must be one of {', '.join(self.choices)}")
        if not isinstance(value, str) or len(value) > 200 or "\0" in value:
            raise ChargeError(f"{where}: must be text of at most 200 characters")
        if not value and not self.may_be_empty:
            raise ChargeError(f"{where}: must not be empty")

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string", "minLength": 0 if self.may_be_empty else 1, "maxLength": 200}


@dataclass(frozen=True, slots=True)
class Flag(Simple):
    """True or false."""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, bool):
            raise ChargeError(f"{where}: must be true or false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Maybe:
    """The same, or None where that means something of its own."""

    kind: Kind

    @property
    def nests(self) -> bool:
        return self.kind.nests

    def check(self, value: Any, where: str) -> None:
        if value is not None:
            self.kind.check(value, where)

    def read(self, data: Any, where: str, depth: int) -> Any:
        return None if data is None else self.kind.read(data, where, depth)

    def write(self, value: Any) -> Any:
        return None if value is None else self.kind.write(value)

    def scaled(self, value: Any, factor: Decimal) -> Any:
        return None if value is None else self.kind.scaled(value, factor)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Listed:
    """A tuple of them, `least` to `most`; `noun` names them in errors."""

    kind: Kind
    noun: str
    least: int = 1
    most: int = MAX_LISTED

    @property
    def nests(self) -> bool:
        return self.kind.nests

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, tuple) or not self.least <= len(value) <= self.most:
            raise ChargeError(f"{where}: must be a tuple of {self.least} to {self.most:,} {self.noun}")
        for index, each in enumerate(value):
            self.kind.check(each, f"{where}[{index}]")

    def read(self, data: Any, where: str, depth: int) -> tuple[Any, ...]:
        if not isinstance(data, list) or not self.least <= len(data) <= self.most:
            raise ChargeError(f"{where}: must be a list of {self.least} to {self.most:,} {self.noun}")
        return tuple(self.kind.read(each, f"{where}[{index}]", depth) for index, each in enumerate(data))

    def write(self, value: Sequence[Any]) -> list[Any]:
        return [self.kind.write(each) for each in value]

    def scaled(self, value: Sequence[Any], factor: Decimal) -> tuple[Any, ...]:
        return tuple(self.kind.scaled(each, factor) for each in value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.kind.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Record:
    """A NamedTuple whose fields are declared like those of a charge; an object in JSON."""

    cls: Any

    @property
    def nests(self) -> bool:
        return any(slot.kind.nests for slot in slots_of(self.cls).values())

    def check(self, value: Any, where: str) -> None:
        if type(value) is not self.cls:
            raise ChargeError(f"{where}: must be a {self.cls.__name__}")
        for name, slot in slots_of(self.cls).items():
            slot.kind.check(getattr(value, name), f"{where}.{name}")

    def read(self, data: Any, where: str, depth: int) -> Any:
        if not isinstance(data, Mapping):
            raise ChargeError(f"{where}: must be an object")
        return self.cls(**read_fields(data, self.cls, f"{where}.", depth))

    def write(self, value: Any) -> dict[str, Any]:
        return write_fields(value)

    def scaled(self, value: Any, factor: Decimal) -> Any:
        return value._replace(**scaled_fields(value, factor))

    def schema(self) -> dict[str, Any]:
        return object_schema(self.cls)


@dataclass(frozen=True, slots=True)
class Table:
    """Pairs of a name and a value, in order, no name twice; an object in JSON."""

    kind: Kind
    noun: str
    most: int = 100
    nests: ClassVar[bool] = False

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, tuple) or not 1 <= len(value) <= self.most:
            raise ChargeError(f"{where}: must be a tuple of 1 to {self.most} pairs of {self.noun}")
        if len({name for name, _ in value}) < len(value):
            raise ChargeError(f"{where}: names one of its {self.noun} twice")
        for name, each in value:
            Text(may_be_empty=True).check(name, where)
            self.kind.check(each, f"{where}.{name}")

    def read(self, data: Any, where: str, depth: int) -> tuple[tuple[str, Any], ...]:
        if not isinstance(data, Mapping):
            raise ChargeError(f"{where}: must be an object")
        return tuple((name, self.kind.read(each, f"{where}.{name}", depth)) for name, each in data.items())

    def write(self, value: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        return {name: self.kind.write(each) for name, each in value}

    def scaled(self, value: Sequence[tuple[str, Any]], factor: Decimal) -> tuple[tuple[str, Any], ...]:
        return tuple((name, self.kind.scaled(each, factor)) for name, each in value)

    def schema(self) -> dict[str, Any]:
        values = self.kind.schema()
        return {"type": "object", "additionalProperties": values, "minProperties": 1, "maxProperties": self.most}


def slots_of(cls: Any) -> dict[str, Slot]:
    """The fields of a charge or a record, in order: what each holds and its default, MISSING if it must be given."""
    found = _SLOTS.get(cls)
    if found is None:
        if hasattr(cls, "_field_defaults"):
            defaults = {name: cls._field_defaults.get(name, MISSING) for name in cls._fields}
        else:
            defaults = {field.name: field.default for field in dataclass_fields(cls) if field.init}
        hints = get_type_hints(cls, include_extras=True)
        found = _SLOTS[cls] = {name: Slot(hints[name].__metadata__[0], default) for name, default in defaults.items()}
    return found


def read_fields(given: Mapping[str, Any], cls: Any, where: str, depth: int) -> dict[str, Any]:
    """Keyword arguments for `cls` from a JSON object."""
    wanted = slots_of(cls)
    for name in given:
        if name not in wanted:
            raise ChargeError(f"{where}{name}: unknown field")
    for name, slot in wanted.items():
        if slot.default is MISSING and name not in given:
            raise ChargeError(f"{where}{name}: is required")
    return {name: wanted[name].kind.read(value, where + name, depth) for name, value in given.items()}


def write_fields(value: Any) -> dict[str, Any]:
    """The JSON object of a charge or record, defaults left out."""
    return {name: slot.kind.write(held) for name, slot, held in _held(value) if held != slot.default}


def scaled_fields(value: Any, factor: Decimal) -> dict[str, Any]:
    """Its fields when all prices are times this factor."""
    return {name: slot.kind.scaled(held, factor) for name, slot, held in _held(value)}


def object_schema(cls: Any) -> dict[str, Any]:
    """JSON Schema of what `write_fields` gives."""
    wanted = slots_of(cls)
    return {
        "type": "object",
        "description": (cls.__doc__ or "").partition("\n")[0],
        "properties": {name: slot.kind.schema() for name, slot in wanted.items()},
        "required": [name for name, slot in wanted.items() if slot.default is MISSING],
        "additionalProperties": False,
    }


def _held(value: Any) -> Iterator[tuple[str, Slot, Any]]:
    for name, slot in slots_of(type(value)).items():
        yield name, slot, getattr(value, name)


Price = Annotated[Decimal, Number(is_price=True)]
Amount = Annotated[Decimal, Number()]
Size = Annotated[Decimal, Number(is_positive=True)]
MaybePrice = Annotated[Decimal | None, Maybe(Number(is_price=True))]
MaybeAmount = Annotated[Decimal | None, Maybe(Number())]
MaybeSize = Annotated[Decimal | None, Maybe(Number(is_positive=True))]
Switch = Annotated[bool, Flag()]
Properties = Annotated[tuple[str, ...], Listed(Text(), "properties", most=10)]
