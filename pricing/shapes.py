"""Fields made of others: lists, tables, records; and the fields of a whole charge, read, written and described.

Every charge is a dataclass and every part of one a NamedTuple whose fields are `Annotated[type, kind]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from dataclasses import fields as dataclass_fields
from typing import Annotated, Any, ClassVar, NamedTuple, get_type_hints

from pricing.fields import Kind, Scale, Text
from pricing.steps import ChargeError

MAX_LISTED = 1_000
_SLOTS: dict[Any, dict[str, "Slot"]] = {}


class Slot(NamedTuple):
    """One field: what it holds, and what it is when nothing is said."""

    kind: Kind
    default: Any


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

    def scaled(self, value: Sequence[Any], scale: Scale) -> tuple[Any, ...]:
        return tuple(self.kind.scaled(each, scale) for each in value)

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

    def scaled(self, value: Any, scale: Scale) -> Any:
        return value._replace(**scaled_fields(value, scale))

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

    def scaled(self, value: Sequence[tuple[str, Any]], scale: Scale) -> tuple[tuple[str, Any], ...]:
        return tuple((name, self.kind.scaled(each, scale)) for name, each in value)

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


def scaled_fields(value: Any, scale: Scale) -> dict[str, Any]:
    """Its fields when prices are times a factor."""
    return {name: slot.kind.scaled(held, scale) for name, slot, held in _held(value)}


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


Properties = Annotated[tuple[str, ...], Listed(Text(), "properties", most=10)]
