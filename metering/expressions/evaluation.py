"""An expression in Python: a function of an event's properties, exact."""

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from metering.expressions import tree
from metering.expressions.tree import FACTOR_DIGITS, Kind, Node
from metering.wire.scalars import number_of, text_of

Evaluated = Callable[[Mapping[str, Any]], Any]

# More digits than any number on the way can have: an inexact result would be a bug, and surfaces.
_EXACT = Context(prec=2 * tree.MOST_DIGITS, traps=[Inexact, InvalidOperation, Overflow])
_OPERATORS: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_TRUTH = {"true": True, "false": False}
_TOO_LARGE = Decimal(10) ** FACTOR_DIGITS


def compiled(node: Node) -> Evaluated:  # noqa: C901 -- one line for each kind of node
    """What gives the expression's value, None where SQL says NULL."""
    match node:
        case tree.Property():
            return _property(node)
        case tree.Number() | tree.Text() | tree.Truth():
            value = node.value
            return lambda properties: value
        case tree.Nothing():
            return lambda properties: None
        case tree.Arithmetic():
            return _arithmetic(node)
        case tree.Absolute():
            return _strict(_EXACT.abs, node.of)
        case tree.Extreme():
            return _strict(max if node.which == "greatest" else min, *node.of)
        case tree.First():
            return _first(node)
        case tree.Choice():
            return _choice(node)
        case tree.Comparison():
            return _strict(_COMPARED[node.operator], node.left, node.right)
        case tree.Among():
            values = frozenset(value.value for value in node.values)
            return _strict(values.__contains__, node.of)
        case tree.Like():
            return _strict(_like(node.pattern), node.of)
        case tree.Contains():
            part = node.part
            return _strict(lambda value: part in value, node.of)
        case tree.Missing():
            of = compiled(node.of)
            return lambda properties: of(properties) is None
        case tree.Not():
            return _strict(lambda value: not value, node.of)
        case tree.Junction():
            return _junction(node)


def _property(node: tree.Property) -> Evaluated:
    name = node.name
    if node.kind == Kind.NUMBER:
        return lambda properties: number_of(properties.get(name))
    if node.kind == Kind.TEXT:
        return lambda properties: text_of(properties.get(name))
    return lambda properties: _TRUTH.get(text_of(properties.get(name)) or "")


def _strict(function: Callable[..., Any], *nodes: Node) -> Evaluated:
    """None if one of them is."""
    if len(nodes) == 1:
        (of,) = map(compiled, nodes)
        return lambda properties: None if (value := of(properties)) is None else function(value)
    evaluated = [compiled(node) for node in nodes]

    def evaluate(properties: Mapping[str, Any]) -> Any:
        values = [each(properties) for each in evaluated]
        return None if None in values else function(*values)

    return evaluate


def _arithmetic(node: tree.Arithmetic) -> Evaluated:
    operator = _OPERATORS[node.operator]
    if not node.is_guarded:
        return _strict(operator, node.left, node.right)

    def multiplied(left: Decimal, right: Decimal) -> Decimal | None:
        return operator(left, right) if left.copy_abs() < _TOO_LARGE and right.copy_abs() < _TOO_LARGE else None

    return _strict(multiplied, node.left, node.right)


def _first(node: tree.First) -> Evaluated:
    evaluated = [compiled(each) for each in node.of]
    return lambda properties: next((value for each in evaluated if (value := each(properties)) is not None), None)


def _choice(node: tree.Choice) -> Evaluated:
    cases = [(compiled(condition), compiled(value)) for condition, value in node.cases]
    otherwise = compiled(node.otherwise)

    def evaluate(properties: Mapping[str, Any]) -> Any:
        return next((value for condition, value in cases if condition(properties)), otherwise)(properties)

    return evaluate


def _junction(node: tree.Junction) -> Evaluated:
    left, right, decides = compiled(node.left), compiled(node.right), node.which == "OR"

    def evaluate(properties: Mapping[str, Any]) -> bool | None:
        first = left(properties)
        if first is decides:
            return decides
        second = right(properties)
        if second is decides:
            return decides
        return None if first is None or second is None else not decides

    return evaluate


def _like(pattern: str) -> Callable[[str], bool]:
    signs = {"%": ".*", "_": "."}
    matcher = re.compile("".join(signs.get(sign) or re.escape(sign) for sign in pattern), re.DOTALL)
    return lambda value: matcher.fullmatch(value) is not None
