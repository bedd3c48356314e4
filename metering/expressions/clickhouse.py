"""An expression in ClickHouse's SQL, over a column of Map(String, String) that holds each scalar's text.

The text is that of `metering.wire.scalars.text_of`; what is missing, null, a list or an object has no entry. Names and
texts that were typed appear only as constants in which everything but letters, digits and `_` is an escape.
"""

from decimal import Decimal

from metering.expressions import tree
from metering.expressions.tree import DECIMALS, FACTOR_DIGITS, MOST_DIGITS, Kind, Node
from metering.wire.scalars import PLAIN_NUMBER


def sql(node: Node, column: str) -> str:  # noqa: C901 -- one line for each kind of node
    """NULL where Python says None. A number is a Decimal(76, S), S the node's `digits`; a condition is a UInt8."""
    match node:
        case tree.Property():
            return _property(node, column)
        case tree.Number():
            return number(node.value, tree.digits(node).decimals)
        case tree.Text():
            return constant(node.value)
        case tree.Truth():
            return "true" if node.value else "false"
        case tree.Nothing():
            return f"CAST(NULL AS Nullable({_TYPES[node.kind]}))"
        case tree.Arithmetic():
            return _arithmetic(node, column)
        case tree.Absolute():
            return f"abs({sql(node.of, column)})"
        case tree.Extreme():
            return _extreme(node, column)
        case tree.First():
            return f"coalesce({', '.join(_alike(node.of, column))})"
        case tree.Choice():
            return _choice(node, column)
        case tree.Comparison():
            operator = "!=" if node.operator == "<>" else node.operator
            left, right = _alike((node.left, node.right), column)
            return f"({left} {operator} {right})"
        case tree.Among():
            of, *values = _alike((node.of, *node.values), column)
            return f"if(isNull({of}), NULL, has([{', '.join(values)}], assumeNotNull({of})))"
        case tree.Like():
            return f"({sql(node.of, column)} LIKE {constant(node.pattern)})"
        case tree.Contains():
            return f"(position({sql(node.of, column)}, {constant(node.part)}) > 0)"
        case tree.Missing():
            return f"isNull({sql(node.of, column)})"
        case tree.Not():
            return f"(NOT {sql(node.of, column)})"
        case tree.Junction():
            return f"({sql(node.left, column)} {node.which} {sql(node.right, column)})"


_TYPES = {Kind.NUMBER: f"Decimal({MOST_DIGITS}, 0)", Kind.TEXT: "String", Kind.CONDITION: "Bool"}


def constant(text: str) -> str:
    """A text as a constant of SQL."""
    return "'" + "".join(map(_escaped, text.encode())) + "'"


def number(value: Decimal, decimals: int) -> str:
    """A number as a Decimal(76, decimals)."""
    return f"toDecimal256('{value:f}', {decimals})"


def _escaped(byte: int) -> str:
    sign = chr(byte)
    return sign if sign == "_" or (byte < 128 and sign.isalnum()) else f"\\x{byte:02X}"


_IS_NUMBER = constant(f"^{PLAIN_NUMBER}$")


def _property(node: tree.Property, column: str) -> str:
    key = constant(node.name)
    text = f"{column}[{key}]"
    if node.kind == Kind.NUMBER:
        return f"if(match({text}, {_IS_NUMBER}), toDecimal256OrNull({text}, {DECIMALS}), NULL)"
    if node.kind == Kind.TEXT:
        return f"if(mapContains({column}, {key}), {text}, NULL)"
    return f"multiIf({text} = 'true', true, {text} = 'false', false, NULL)"


def _arithmetic(node: tree.Arithmetic, column: str) -> str:
    left, right = sql(node.left, column), sql(node.right, column)
    if node.is_guarded:
        limit = number(Decimal(10) ** FACTOR_DIGITS, 0)
        left, right = (f"if(abs({each}) < {limit}, {each}, NULL)" for each in (left, right))
    return f"({left} {node.operator} {right})"


def _extreme(node: tree.Extreme, column: str) -> str:
    """Whether ClickHouse leaves out what is NULL depends on its version and a setting."""
    values = _alike(node.of, column)
    unknown = [f"isNull({value})" for value, each in zip(values, node.of, strict=True) if not tree.is_constant(each)]
    value = f"{node.which}({', '.join(values)})"
    return f"if({' OR '.join(unknown)}, NULL, {value})" if unknown else value


def _choice(node: tree.Choice, column: str) -> str:
    *values, otherwise = _alike((*(value for _, value in node.cases), node.otherwise), column)
    cases = [f"{sql(when, column)}, {value}" for (when, _), value in zip(node.cases, values, strict=True)]
    return f"multiIf({', '.join(cases)}, {otherwise})"


def _alike(nodes: tuple[Node, ...], column: str) -> list[str]:
    """Numbers with the same digits after the point, so that ClickHouse need not decide on a type."""
    written = [sql(each, column) for each in nodes]
    if nodes[0].kind != Kind.NUMBER:
        return written
    decimals = tree.widest(nodes).decimals
    return [
        text if tree.digits(each).decimals == decimals and not isinstance(each, tree.Nothing)
        else f"CAST({text} AS Nullable(Decimal({MOST_DIGITS}, {decimals})))"
        for text, each in zip(written, nodes, strict=True)
    ]  # fmt: skip
