"""Vectors: cases read from files, field by field, so that nothing a case says goes unheard.

The shapes are those of `README.md`, `pricing.md` and `rounding.md` beside the cases.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

ABOUT = {"id", "source", "model", "kind", "note", "verified", "peer_quirk", "expected"}


class UnknownToAdapter(Exception):
    """The case says something the adapter does not understand; the text names the field."""


class Given:
    """What a case gives, asked for by name. Leaving the block fails, naming them, if fields were not asked for.

    `null` means absent, so a field that is null may go unasked.
    """

    def __init__(self, values: Any, where: str = "") -> None:
        if not isinstance(values, Mapping):
            raise UnknownToAdapter(f"{where}: must be an object, not {values!r}")
        self.where = where
        self._values = dict(values)
        self._asked: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        unasked = [name for name, value in self._values.items() if value is not None and name not in self._asked]
        if unasked and kind is None:
            paths = ", ".join(map(self._path, unasked))
            raise UnknownToAdapter(f"{paths}: the adapter does not know what this means")

    def _path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def has(self, name: str) -> bool:
        """Whether it says anything, which is not yet asking what."""
        return self._values.get(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        self._asked.add(name)
        value = self._values.get(name)
        return default if value is None else value

    def need(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise UnknownToAdapter(f"{self._path(name)}: is missing")
        return value

    def one_of(self, name: str, *choices: Any) -> Any:
        """One of these; the first of them when the case does not say."""
        value = self.get(name, choices[0])
        if value not in choices:
            raise UnknownToAdapter(f"{self._path(name)}: the adapter does not know {value!r}")
        return value

    def number(self, name: str) -> Decimal:
        return decimal(self.need(name), self._path(name))

    @overload
    def number_or(self, name: str) -> Decimal | None: ...
    @overload
    def number_or(self, name: str, default: Decimal) -> Decimal: ...
    def number_or(self, name: str, default: Decimal | None = None) -> Decimal | None:
        return decimal(self.get(name), self._path(name)) if self.has(name) else self.get(name, default)

    def text_or(self, name: str, default: str | None = None) -> str | None:
        """The number as the JSON of a charge has it."""
        return plain_text(self.number(name)) if self.has(name) else self.get(name, default)

    def text(self, name: str) -> str:
        return plain_text(self.number(name))

    def numbers(self, name: str) -> list[Decimal]:
        return [decimal(each, f"{self._path(name)}[{index}]") for index, each in enumerate(self.need(name))]

    def inner(self, name: str) -> "Given":
        return Given(self.need(name), self._path(name))

    def each(self, name: str) -> Iterator["Given"]:
        """The objects of a list, in order, each in a block of its own."""
        for index, value in enumerate(self.need(name)):
            with Given(value, f"{self._path(name)}[{index}]") as given:
                yield given


@dataclass(frozen=True)
class Vector:
    """One case as it stands in its file."""

    id: str
    data: Mapping[str, Any]

    @property
    def what(self) -> str:
        """Its model or, for rounding, its kind."""
        return str(self.data.get("model") or self.data.get("kind"))

    @property
    def expected(self) -> Mapping[str, Any]:
        return self.data["expected"]

    @property
    def note(self) -> str:
        return str(self.data.get("note") or "")

    @property
    def is_quirk(self) -> bool:
        """The peer asserts what the collection advises not to copy."""
        return any(each.get("peer_quirk") for each in (self.data, self.data.get("inputs") or {}))

    def given(self) -> Given:
        return Given({name: value for name, value in self.data.items() if name not in ABOUT})


def vectors(file: Path) -> list[Vector]:
    """All cases of a file. Numbers that are not text stay exact."""
    return [Vector(str(case["id"]), case) for case in json.loads(file.read_text(), parse_float=Decimal)]


def decimal(value: Any, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise UnknownToAdapter(f"{where}: must be a number, not {value!r}")
    return Decimal(value)


def plain_text(value: Decimal) -> str:
    return format(value, "f")
