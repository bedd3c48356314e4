"""What may stand in the file: shapes that read a node, name what is wrong, and describe themselves in JSON Schema.

A shape never stops at the first thing it finds: it notes the problem, answers `INVALID`, and the reading goes on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Protocol

from catalog.portable.nodes import Fields, Items, Node, Problem, Word
from pricing.money import parse

INVALID = object()
_KEY = r"[-a-zA-Z0-9_]{1,60}"


@dataclass(slots=True)
class Reading:
    """What a reading found so far: the problems, in which line each field stands, whose currency prices are in."""

    problems: list[Problem] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    currency: str | None = None

    def wrong(self, node: Node, path: str, text: str) -> Any:
        self.problems.append(Problem(node.line, path, text))
        return INVALID


class Shape(Protocol):
    def read(self, node: Node, path: str, reading: Reading) -> Any:
        """The value, or INVALID with the problems noted."""

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text, no longer than `most`; a number or a truth without quotes is taken as it is written."""

    most: int = 120
    may_be_empty: bool = True
    pattern: str = ""
    means: str = ""

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if not isinstance(node, Word):
            return reading.wrong(node, path, "must be text")
        if isinstance(node.value, bool):
            return reading.wrong(node, path, "must be text; quote it")
        text = node.value or ""
        if not text and not self.may_be_empty:
            return reading.wrong(node, path, "may not be empty")
        if len(text) > self.most:
            return reading.wrong(node, path, f"must not be longer than {self.most:,} characters")
        if self.pattern and text and not re.fullmatch(self.pattern, text):
            return reading.wrong(node, path, self.means)
        return text

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "string", "maxLength": self.most}
        if not self.may_be_empty:
            found["minLength"] = 1
        return found | ({"pattern": f"^({self.pattern})?$"} if self.pattern else {})


KEY = Text(60, pattern=_KEY, means="must be a key: letters, digits, - and _, at most 60", may_be_empty=False)
REFERENCE = Text(60, pattern=_KEY, means="must be a key: letters, digits, - and _, at most 60")


@dataclass(frozen=True, slots=True)
class Choice:
    values: Sequence[str]

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if isinstance(node, Word) and node.value in self.values and isinstance(node.value, str):
            return node.value
        return reading.wrong(node, path, f"must be one of {', '.join(self.values)}")

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Flag:
    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if isinstance(node, Word) and isinstance(node.value, bool):
            return node.value
        return reading.wrong(node, path, "must be true or false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number:
    """An exact number, quoted or not, of no more than `whole` and `decimals` digits."""

    is_positive: bool = False
    whole: int = 16
    decimals: int = 12

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        text = node.value if isinstance(node, Word) else None
        try:
            number = parse(text)  # type: ignore[arg-type]
        except ValueError:
            return reading.wrong(node, path, "must be a number in plain digits, like 2.50")
        if number < 0 or (self.is_positive and not number):
            return reading.wrong(node, path, f"must {'be greater than 0' if self.is_positive else 'not be negative'}")
        whole, _, decimals = str(text).partition(".")
        if len(whole.lstrip("0")) > self.whole or len(decimals.rstrip("0")) > self.decimals:
            return reading.wrong(node, path, f"must fit in {self.whole} digits and {self.decimals} decimals")
        return number

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?$", "minimum": 0}


@dataclass(frozen=True, slots=True)
class Whole:
    least: int
    most: int

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        text = node.value if isinstance(node, Word) else None
        if isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text) and self.least <= int(text) <= self.most:
            return int(text)
        bounds = f"must be a whole number from {self.least} to {self.most:,}"
        return reading.wrong(node, path, f"must be {self.least}" if self.least == self.most else bounds)

    def schema(self) -> dict[str, Any]:
        return {"type": ["integer", "string"], "minimum": self.least, "maximum": self.most, "pattern": "^[0-9]+$"}


@dataclass(frozen=True, slots=True)
class Instant:
    """RFC 3339 with an offset, or a day: its first instant in UTC. Nothing is no instant, unless it is required."""

    is_required: bool = False

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        text = node.value if isinstance(node, Word) else None
        if isinstance(node, Word) and node.value is None and not self.is_required:
            return None
        try:
            instant = datetime.fromisoformat(text)  # type: ignore[arg-type]
            if re.fullmatch(r"\d{4}-\d\d-\d\d", str(text)):
                instant = instant.replace(tzinfo=UTC)
            if instant.tzinfo is None:
                return reading.wrong(node, path, "needs an offset, like 2026-04-01T00:00:00Z")
            return instant.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            return reading.wrong(node, path, "must be an instant, like 2026-04-01T00:00:00Z")

    def schema(self) -> dict[str, Any]:
        kind: Any = "string" if self.is_required else ["string", "null"]
        return {"type": kind, "description": "RFC 3339 with an offset, or a day (UTC)"}


@dataclass(frozen=True, slots=True)
class ListOf:
    inner: Shape
    most: int = 10_000

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if not isinstance(node, Items):
            return reading.wrong(node, path, "must be a list")
        if len(node.values) > self.most:
            return reading.wrong(node, path, f"must not hold more than {self.most:,}")
        values = []
        for index, each in enumerate(node.values):
            reading.lines[f"{path}[{index}]"] = each.line
            values.append(self.inner.read(each, f"{path}[{index}]", reading))
        return INVALID if INVALID in values else tuple(values)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.inner.schema(), "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class MappingOf:
    """A mapping from names to things of one shape. Nothing at all is an empty one."""

    inner: Shape
    names: Text = KEY
    most: int = 20_000

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if isinstance(node, Word) and node.value is None:
            return {}
        if not isinstance(node, Fields):
            return reading.wrong(node, path, "must be a mapping")
        if len(node.pairs) > self.most:
            return reading.wrong(node, path, f"must not hold more than {self.most:,}")
        found: dict[str, Any] = {}
        _doubles(node, path, reading)
        for key, value in node.pairs:
            where = f"{path}.{key.value}"
            reading.lines[where] = key.line
            name = self.names.read(key, where, reading)
            inner = self.inner.read(value, where, reading)
            found[str(name)] = INVALID if name is INVALID else inner
        return INVALID if INVALID in found.values() else found

    def schema(self) -> dict[str, Any]:
        return {
            "type": ["object", "null"],
            "propertyNames": self.names.schema(),
            "additionalProperties": self.inner.schema(),
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known fields, which make a `cls`; a field without a default there is required."""

    cls: Callable[..., Any]
    shapes: Mapping[str, Shape]

    def read(self, node: Node, path: str, reading: Reading) -> Any:
        if isinstance(node, Word) and node.value is None:
            node = Fields((), node.line)
        if not isinstance(node, Fields):
            return reading.wrong(node, path, "must be a mapping")
        _doubles(node, path, reading)
        found: dict[str, Any] = {}
        for key, value in node.pairs:
            name, where = str(key.value), _within(path, str(key.value))
            reading.lines[where] = key.line
            if name not in self.shapes:
                found[name] = reading.wrong(key, where, self._unknown(name))
            else:
                found[name] = self.shapes[name].read(value, where, reading)
        for name in self._required():
            if name not in found:
                found[name] = reading.wrong(node, _within(path, name), "is required")
        return INVALID if any(value is INVALID for value in found.values()) else self.cls(**found)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: shape.schema() for name, shape in self.shapes.items()},
            "required": self._required(),
            "additionalProperties": False,
        }

    def _required(self) -> list[str]:
        return [
            each.name
            for each in fields(self.cls)  # type: ignore[arg-type]
            if each.name in self.shapes and each.default is MISSING and each.default_factory is MISSING
        ]

    def _unknown(self, name: str) -> str:
        near = get_close_matches(name, self.shapes, 1)
        return (
            f"unknown field; did you mean {near[0]}?" if near else f"unknown field; known are {', '.join(self.shapes)}"
        )


def _within(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _doubles(node: Fields, path: str, reading: Reading) -> None:
    first: dict[Any, int] = {}
    for key, _ in node.pairs:
        if key.value in first:
            line = f", first in line {first[key.value]}" if first[key.value] else ""
            reading.wrong(key, _within(path, str(key.value)), f"stands here twice{line}")
        first.setdefault(key.value, key.line)
