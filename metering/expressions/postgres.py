"""An expression in PostgreSQL's SQL, over a column of jsonb.

Names and texts that were typed appear only as `U&'…'` constants in which everything but letters, digits and `_` is an
escape: no quote, `%` or brace is left for anybody to misread.
"""

from decimal import Decimal

from metering.expressions import tree
from metering.expressions.tree import FACTOR_DIGITS, Kind, Node
from metering.wire.scalars import PLAIN_NUMBER


def sql(node: Node, column: str) -> str:  # noqa: C901 -- one line for each kind of node
    """NULL where Python says None. Numbers are numeric without a limit."""
    match node:
        case tree.Property():
            return _property(node, column)
        case tree.Number():
            return f"{number(node.value)}::numeric"
        case tree.Text():
            return f"{constant(node.value)}::text"
        case tree.Truth():
            return "true" if node.value else "false"
        case tree.Nothing():
            return f"NULL::{_TYPES[node.kind]}"
        case tree.Arithmetic():
            return _arithmetic(node, column)
        case tree.Absolute():
            return f"abs({sql(node.of, column)})"
        case tree.Extreme():
            return _extreme(node, column)
        case tree.First():
            return f"coalesce({_listed(node.of, column)})"
        case tree.Choice():
            cases = " ".join(f"WHEN {sql(when, column)} THEN {sql(then, column)}" for when, then in node.cases)
            return f"CASE {cases} ELSE {sql(node.otherwise, column)} END"
        case tree.Comparison():
            return f"({sql(node.left, column)} {node.operator} {sql(node.right, column)})"
        case tree.Among():
            return f"({sql(node.of, column)} IN ({_listed(node.values, column)}))"
        case tree.Like():
            return f"({sql(node.of, column)} LIKE {constant(node.pattern)})"
        case tree.Contains():
            return f"(strpos({sql(node.of, column)}, {constant(node.part)}) > 0)"
        case tree.Missing():
            return f"({sql(node.of, column)} IS NULL)"
        case tree.Not():
            return f"(NOT {sql(node.of, column)})"
        case tree.Junction():
            return f"({sql(node.left, column)} {node.which} {sql(node.right, column)})"


_TYPES = {Kind.NUMBER: "numeric", Kind.TEXT: "text", Kind.CONDITION: "boolean"}


def constant(text: str) -> str:
    """A text as a constant of SQL."""
    return "U&'" + "".join(map(_escaped, text)) + "'"


def number(value: Decimal) -> str:
    """A number as a constant of SQL."""
    return f"({format(value, 'f')})" if value < 0 else format(value, "f")


def _escaped(sign: str) -> str:
    if sign == "_" or (sign.isascii() and sign.isalnum()):
        return sign
    return f"\\+{ord(sign):06X}"


_IS_NUMBER = constant(f"^{PLAIN_NUMBER}$")


def _property(node: tree.Property, column: str) -> str:
    key = constant(node.name)
    value, text = f"({column} -> {key})", f"({column} ->> {key})"
    if node.kind == Kind.NUMBER:
        return (
            f"CASE jsonb_typeof{value} WHEN 'number' THEN {value}::numeric"
            f" WHEN 'string' THEN CASE WHEN {text} ~ {_IS_NUMBER} THEN {text}::numeric END END"
        )
    if node.kind == Kind.TEXT:
        return f"CASE WHEN jsonb_typeof{value} NOT IN ('object', 'array') THEN {text} END"
    return f"CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END"


def _arithmetic(node: tree.Arithmetic, column: str) -> str:
    left, right = sql(node.left, column), sql(node.right, column)
    if node.is_guarded:
        left, right = (f"CASE WHEN abs({each}) < 1e{FACTOR_DIGITS} THEN {each} END" for each in (left, right))
    return f"({left} {node.operator} {right})"


def _extreme(node: tree.Extreme, column: str) -> str:
    """PostgreSQL leaves out what is NULL; standard SQL does not."""
    unknown = [f"{sql(each, column)} IS NOT NULL" for each in node.of if not tree.is_constant(each)]
    value = f"{node.which}({_listed(node.of, column)})"
    return f"CASE WHEN {' AND '.join(unknown)} THEN {value} END" if unknown else value


def _listed(nodes: tuple[Node, ...], column: str) -> str:
    return ", ".join(sql(each, column) for each in nodes)
