"""YAML and JSON as trees that remember their lines, and read numbers as the text they were written in.

YAML is taken in its plain part: no anchors, no tags, one document. `true`, `false`, `null`, `~` and nothing at all
mean what they say; every other unquoted word is text: neither 2.50 nor a country called no turns into something else.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 500_000
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at a line (0: none is known) and a field (empty: the whole file)."""

    line: int
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text

    def located(self, name: str) -> str:
        """`FILE:LINE: field: what is wrong`."""
        return f"{name}:{self.line}: {self}" if self.line else f"{name}: {self}"


class Unreadable(ValueError):
    """The file cannot be taken; `problems` are all that were found, by line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda each: each.line)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Word:
    """A value: `text` is how it was written, `value` what it means."""

    value: str | bool | None
    line: int
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    values: tuple["Node", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping, in the order of the file; a key that stands twice is there twice."""

    pairs: tuple[tuple[Word, "Node"], ...]
    line: int


Node = Word | Items | Fields


def from_yaml(text: str) -> Node:
    """The tree of a YAML document; Unreadable with the line."""
    _check_size(text)
    try:
        events = _Events(yaml.parse(text, Loader=_Loader))
        return events.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable([Problem(mark.line + 1 if mark else 0, "", f"is no YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise Unreadable([Problem(0, "", f"is no YAML: {str(error).splitlines()[0]}")]) from None


def from_json(text: str) -> Node:
    """The tree of a JSON document; it knows no lines."""
    _check_size(text)
    try:
        data = json.loads(
            text, parse_float=_Number, parse_int=_Number, parse_constant=_refuse, object_pairs_hook=_Pairs
        )
    except json.JSONDecodeError as error:
        raise Unreadable([Problem(error.lineno, "", f"is no JSON: {error.msg}")]) from None
    except (ValueError, RecursionError) as error:
        raise Unreadable([Problem(0, "", f"is no JSON: {error}")]) from None
    return _from_data(data, MAX_DEPTH)


def plain(node: Node) -> Any:
    """The tree as dicts, lists, texts, truths and None; of a key that stands twice the last counts."""
    if isinstance(node, Word):
        return node.value
    if isinstance(node, Items):
        return [plain(each) for each in node.values]
    return {str(key.value): plain(value) for key, value in node.pairs}


def find(node: Node, path: list[str | int]) -> Node:
    """The deepest node on the way along keys and positions."""
    for step in path:
        inner: Node | None = None
        if isinstance(node, Fields):
            inner = next((value for key, value in node.pairs if key.value == step), None)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.values):
            inner = node.values[step]
        if inner is None:
            break
        node = inner
    return node


class _Number(str):
    """A number of JSON, as it was written."""


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, doubles and all."""


class _Events:
    """Builds the tree from the parser's events, which are made one by one: a tower of aliases is never built."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._count = 0

    def document(self) -> Node:
        self._next()  # the stream starts
        first = self._next()
        if isinstance(first, yaml.StreamEndEvent):
            raise Unreadable([Problem(1, "", "is empty")])
        node = self._node(self._next(), 0)
        self._next()  # the document ends
        more = self._next()
        if not isinstance(more, yaml.StreamEndEvent):
            raise _refused(more, "a file holds one document; take away what follows the second ---")
        return node

    def _next(self) -> Any:
        self._count += 1
        return next(self._events)

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, f"aliases (*{event.anchor}) are not read; write it out")
        if event.anchor:
            raise _refused(event, f"anchors (&{event.anchor}) are not read; write it out")
        if event.tag and event.tag != "!":
            raise _refused(event, f"tags ({event.tag}) are not read; quote what is to be text")
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise _refused(event, f"goes deeper than {MAX_DEPTH} levels, or holds more than {MAX_NODES:,} values")
        if isinstance(event, yaml.ScalarEvent):
            return _word(event.value, line, is_quoted=event.style not in (None, ""))
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._until(yaml.SequenceEndEvent, depth + 1)), line)
        pairs = []
        nodes = self._until(yaml.MappingEndEvent, depth + 1)
        for key in nodes:
            if not isinstance(key, Word):
                raise Unreadable([Problem(key.line, "", "a field's name is a word")])
            pairs.append((Word(_text(key), key.line, key.is_quoted), next(nodes)))
        return Fields(tuple(pairs), line)

    def _until(self, end: type[Any], depth: int) -> Iterator[Node]:
        while not isinstance(event := self._next(), end):
            yield self._node(event, depth)


def _word(text: str, line: int, *, is_quoted: bool) -> Word:
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise Unreadable([Problem(line, "", "holds characters that cannot be stored")])
    return Word(text if is_quoted else _WORDS.get(text, text), line, is_quoted)


def _text(word: Word) -> str:
    """A key as it was written: `true` and `null` are names like others."""
    return {True: "true", False: "false", None: "null"}.get(word.value, word.value)  # type: ignore[arg-type, return-value]


def _from_data(data: Any, depth: int) -> Node:
    if not depth:
        raise Unreadable([Problem(0, "", f"goes deeper than {MAX_DEPTH} levels")])
    if isinstance(data, _Pairs):
        pairs = tuple((_word(key, 0, is_quoted=True), _from_data(value, depth - 1)) for key, value in data)
        return Fields(pairs, 0)
    if isinstance(data, list):
        return Items(tuple(_from_data(each, depth - 1) for each in data), 0)
    if isinstance(data, str):
        return _word(str(data), 0, is_quoted=not isinstance(data, _Number))
    return Word(data, 0)


def _check_size(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise Unreadable([Problem(0, "", f"is larger than {MAX_BYTES:,} characters")])


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _refused(event: Any, text: str) -> Unreadable:
    return Unreadable([Problem(event.start_mark.line + 1, "", text)])
