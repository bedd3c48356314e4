"""What an expression may be made of: what sqlglot reads, held against a list. Nothing else gets in."""

from typing import Literal, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

DEEPEST = 25
_DIALECT = "postgres"

ARITHMETIC: dict[type[exp.Expression], Literal["+", "-", "*"]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
COMPARISONS: dict[type[exp.Expression], Literal["=", "<>", "<", "<=", ">", ">="]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
# What a node may carry. Whatever else sqlglot found at it is something we do not know.
_PARTS: dict[type[exp.Expression], set[str]] = {
    exp.Column: {"this", "table", "db", "catalog"},
    exp.Dot: {"this", "expression"},
    exp.Literal: {"this", "is_string"},
    exp.Boolean: {"this"},
    exp.Null: set(),
    exp.Paren: {"this"},
    exp.Neg: {"this"},
    exp.Not: {"this"},
    exp.Abs: {"this"},
    exp.Div: {"this", "expression", "typed", "safe"},
    exp.And: {"this", "expression"},
    exp.Or: {"this", "expression"},
    exp.Like: {"this", "expression", "negate"},
    exp.Contains: {"this", "expression"},
    exp.Is: {"this", "expression", "negate"},
    exp.In: {"this", "expressions", "negate"},
    exp.Between: {"this", "low", "high", "negate"},
    exp.Case: {"this", "ifs", "default"},
    exp.If: {"this", "true"},
    exp.Coalesce: {"this", "expressions"},
    exp.Greatest: {"this", "expressions", "ignore_nulls"},
    exp.Least: {"this", "expressions", "ignore_nulls"},
    **{kind: {"this", "expression"} for kind in (*ARITHMETIC, *COMPARISONS)},
}


def parsed(text: str) -> exp.Expression:
    """What sqlglot reads, all of it on the list. ValueError, with a sentence that says where."""
    if "\0" in text:
        raise ValueError("An expression cannot hold a NUL character.")
    try:
        found = sqlglot.parse(text, dialect=_DIALECT)
    except ParseError as error:
        said = error.errors[0] if error.errors else {}
        near = f" near {said['highlight']!r}" if said.get("highlight") else ""
        column = f" at character {said['col']}" if said.get("col") else ""
        raise ValueError(f"This cannot be read{column}{near}: is something missing or out of place?") from None
    except (SqlglotError, RecursionError):
        raise ValueError("This cannot be read: is a quote or a bracket left open?") from None
    if len(found) != 1 or found[0] is None:
        raise ValueError("This must be one expression.")
    expression = cast(exp.Expression, found[0])
    _check(expression, 1)
    return expression


def wrong(node: exp.Expression, sentence: str) -> ValueError:
    """The sentence, and where in the text the node begins."""
    starts = [found.meta["start"] for found in node.walk() if "start" in found.meta]
    where = f" (at character {min(starts) + 1})" if starts else ""
    return ValueError(f"{sentence[0].upper()}{sentence[1:]}{where}.")


def shown(node: exp.Expression) -> str:
    text = node.sql(dialect=_DIALECT)
    return f"“{text if len(text) <= 60 else f'{text[:57]}…'}”"


def _check(node: exp.Expression, depth: int) -> None:
    """Refuse what is not on the list, before anything is made of it."""
    if depth > DEEPEST:
        raise ValueError(f"An expression nests at most {DEEPEST} levels deep.")
    allowed = _PARTS.get(type(node))
    if allowed is None:
        raise wrong(node, f"{shown(node)} is not something an expression may say")
    if any(value and name not in allowed for name, value in node.args.items()):
        raise wrong(node, f"{shown(node)} says more than an expression may")
    for value in node.args.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expression) and not isinstance(child, exp.Identifier):
                _check(child, depth + 1)
