"""What an expression is made of, once every property has its type. The three languages are written from this."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from metering.wire.events import DECIMALS, WHOLE_DIGITS

FACTOR_DIGITS = 18
"""Where two properties are multiplied, a factor has at most so many digits before the point, or is NULL."""
MOST_DIGITS = 76
"""Of any number on the way: those of ClickHouse's Decimal256."""


class Kind(StrEnum):
    """What an expression, or a part of it, comes to."""

    NUMBER = "number"
    TEXT = "text"
    CONDITION = "condition"


class Digits(NamedTuple):
    """At most how many digits a number has before and after the point, whatever the properties are."""

    whole: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Number:
    value: Decimal
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Truth:
    value: bool
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Nothing:
    """NULL."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`is_guarded`: two properties multiplied, so that a factor of more than FACTOR_DIGITS is NULL."""

    operator: Literal["+", "-", "*"]
    left: "Node"
    right: "Node"
    is_guarded: bool = False
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Absolute:
    of: "Node"
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Extreme:
    """NULL if one of them is."""

    which: Literal["greatest", "least"]
    of: tuple["Node", ...]
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class First:
    """Coalesce: the first that is not NULL."""

    of: tuple["Node", ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """CASE: the value of the first condition that is true."""

    cases: tuple[tuple["Node", "Node"], ...]
    otherwise: "Node"
    kind: Kind


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: Literal["=", "<>", "<", "<=", ">", ">="]
    left: "Node"
    right: "Node"
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Among:
    of: "Node"
    values: tuple["Number | Text", ...]
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Like:
    of: "Node"
    pattern: str
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Contains:
    """Whether a text has this one anywhere in it."""

    of: "Node"
    part: str
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Missing:
    """IS NULL; never NULL itself."""

    of: "Node"
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Not:
    of: "Node"
    kind: Kind = Kind.CONDITION


@dataclass(frozen=True, slots=True)
class Junction:
    which: Literal["AND", "OR"]
    left: "Node"
    right: "Node"
    kind: Kind = Kind.CONDITION


Node = (
    Property
    | Number
    | Text
    | Truth
    | Nothing
    | Arithmetic
    | Absolute
    | Extreme
    | First
    | Choice
    | Comparison
    | Among
    | Like
    | Contains
    | Missing
    | Not
    | Junction
)


def parts(node: Node) -> Iterator[Node]:
    """What it is directly made of."""
    match node:
        case Arithmetic() | Comparison() | Junction():
            yield from (node.left, node.right)
        case Extreme() | First():
            yield from node.of
        case Choice():
            for case in node.cases:
                yield from case
            yield node.otherwise
        case Among():
            yield node.of
            yield from node.values
        case Absolute() | Like() | Contains() | Missing() | Not():
            yield node.of


def everything(node: Node) -> Iterator[Node]:
    yield node
    for part in parts(node):
        yield from everything(part)


def digits(node: Node) -> Digits:
    """Of a number."""
    match node:
        case Property():
            return Digits(WHOLE_DIGITS, DECIMALS)
        case Number():
            return _digits_of(node.value)
        case Arithmetic("*"):
            left, right = digits(node.left), digits(node.right)
            whole = 2 * FACTOR_DIGITS if node.is_guarded else left.whole + right.whole
            return Digits(whole, left.decimals + right.decimals)
        case Arithmetic():
            both = widest((node.left, node.right))
            return Digits(both.whole + 1, both.decimals)
        case Choice():
            return widest((*(value for _, value in node.cases), node.otherwise))
        case Extreme() | First():
            return widest(node.of)
        case Absolute():
            return digits(node.of)
    return Digits(0, 0)


def is_constant(node: Node) -> bool:
    """Whether it is the same for every event, and never NULL."""
    return not any(isinstance(part, (Property, Nothing)) for part in everything(node))


def widest(nodes: Iterable[Node]) -> Digits:
    """What holds all of these numbers."""
    all_of = [digits(node) for node in nodes]
    return Digits(max(each.whole for each in all_of), max(each.decimals for each in all_of))


def _digits_of(value: Decimal) -> Digits:
    exponent = int(value.as_tuple().exponent)
    return Digits(max(value.adjusted() + 1, 0), max(-exponent, 0))
