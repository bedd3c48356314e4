"""From the text of an expression to its tree: what sqlglot read, held against what we allow. Nothing else gets in."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal, cast

from sqlglot import exp

from metering.expressions import tree
from metering.expressions.grammar import ARITHMETIC, COMPARISONS, parsed, shown, wrong
from metering.expressions.tree import Kind, Node
from metering.wire.events import DECIMALS, WHOLE_DIGITS

LONGEST = 500
_NAME = re.compile(r"[^\W\d]\w*([.-][^\W\d]\w*)*")
# A hyphen inside of a word belongs to the name: input-tokens. What is quoted already is left alone.
_HYPHENATED = re.compile(r"""'[^']*'|"[^"]*"|(?<![\w.])[^\W\d][\w.]*(?:-[\w.]+)+""")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_CONSTANTS = {"true", "false", "null"}

_NUMBERS = (*ARITHMETIC, exp.Div, exp.Neg, exp.Abs, exp.Greatest, exp.Least)
_CONDITIONS = (*COMPARISONS, exp.And, exp.Or, exp.Not, exp.In, exp.Like, exp.Contains, exp.Between, exp.Is, exp.Boolean)
_CALLED = {Kind.NUMBER: "a number", Kind.TEXT: "text", Kind.CONDITION: "a condition"}


def read(text: str, kind: Kind | None) -> Node:
    """The tree of an expression that comes to this; None: to what it says, a number if it does not.

    ValueError, with a sentence that says where, for anything else.
    """
    text = text.strip()
    if not text:
        raise ValueError("An expression cannot be empty.")
    if len(text) > LONGEST:
        raise ValueError(f"An expression has at most {LONGEST} characters.")
    if _NAME.fullmatch(text) and text.lower() not in _CONSTANTS:
        return tree.Property(text, kind or Kind.NUMBER)
    found, reader = parsed(_HYPHENATED.sub(_quoted, text)), _Reader()
    node = reader.build(found, kind or reader.kind_of(found) or Kind.NUMBER)
    for part in tree.everything(node):
        _hold(part)
    return node


def _quoted(word: re.Match[str]) -> str:
    return word[0] if word[0][0] in "'\"" else f'"{word[0]}"'


def _hold(node: Node) -> None:
    """ValueError for numbers that could become longer than every store can keep."""
    pairs: Iterable[Node] = ()
    match node:
        case tree.Comparison() if node.left.kind == Kind.NUMBER:
            pairs = (node.left, node.right)
        case tree.Among() if node.of.kind == Kind.NUMBER:
            pairs = (node.of, *node.values)
        case _ if node.kind == Kind.NUMBER:
            pairs = (node,)
    if pairs and sum(tree.widest(pairs)) > tree.MOST_DIGITS:
        raise ValueError(
            "The numbers would become too long to be exact: multiply at most two properties, and by short numbers."
        )


class _Reader:
    """Builds trees."""

    def kind_of(self, node: exp.Expression) -> Kind | None:
        """What it says it is; None for a property, which is what its use makes of it."""
        if isinstance(node, _NUMBERS):
            return Kind.NUMBER
        if isinstance(node, _CONDITIONS):
            return Kind.CONDITION
        if isinstance(node, exp.Literal):
            return Kind.TEXT if node.is_string else Kind.NUMBER
        if isinstance(node, exp.Paren):
            return self.kind_of(node.this)
        if isinstance(node, exp.Coalesce):
            return self._common(_items(node))
        if isinstance(node, exp.Case):
            return self._common([*(case.args["true"] for case in node.args["ifs"]), node.args.get("default")])
        return None

    def _common(self, nodes: Iterable[exp.Expression | None]) -> Kind | None:
        return next((kind for node in nodes if node is not None and (kind := self.kind_of(node))), None)

    def build(self, node: exp.Expression, kind: Kind) -> Node:
        """The tree of what must come to this kind."""
        if isinstance(node, exp.Paren):
            return self.build(node.this, kind)
        if isinstance(node, exp.Null):
            return tree.Nothing(kind)
        if isinstance(node, (exp.Column, exp.Dot)):
            return tree.Property(self._name(node), kind)
        is_of = self.kind_of(node)
        if is_of is not None and is_of != kind:
            raise wrong(node, f"{shown(node)} is {_CALLED[is_of]}, and {_CALLED[kind]} is needed")
        if isinstance(node, exp.Coalesce):
            return tree.First(tuple(self.build(each, kind) for each in _items(node)), kind)
        if isinstance(node, exp.Case):
            return self._choice(node, kind)
        if isinstance(node, exp.Literal) and node.is_string:
            return tree.Text(self._text(node))
        if kind == Kind.NUMBER:
            return self._number(node)
        found = self._condition(node)
        return tree.Not(found) if node.args.get("negate") else found

    def _number(self, node: exp.Expression) -> Node:
        if isinstance(node, exp.Literal):
            return tree.Number(self._literal(node))
        if isinstance(node, exp.Neg):
            return self._product(tree.Number(Decimal(-1)), self.build(node.this, Kind.NUMBER))
        if isinstance(node, exp.Abs):
            return tree.Absolute(self.build(node.this, Kind.NUMBER))
        if isinstance(node, (exp.Greatest, exp.Least)):
            which: Literal["greatest", "least"] = "greatest" if isinstance(node, exp.Greatest) else "least"
            return tree.Extreme(which, tuple(self.build(each, Kind.NUMBER) for each in _items(node)))
        left = self.build(node.this, Kind.NUMBER)
        if isinstance(node, exp.Div):
            return self._product(left, self._reciprocal(node))
        right = self.build(node.expression, Kind.NUMBER)
        operator = ARITHMETIC[type(node)]
        return self._product(left, right) if operator == "*" else tree.Arithmetic(operator, left, right)

    def _product(self, left: Node, right: Node) -> Node:
        if isinstance(left, tree.Number) and isinstance(right, tree.Number) and left.value == -1:
            return tree.Number(right.value.copy_negate())
        return tree.Arithmetic("*", left, right, is_guarded=not tree.is_constant(left) and not tree.is_constant(right))

    def _reciprocal(self, node: exp.Expression) -> tree.Number:
        """One by what is divided by, which must be a literal of which that is exact."""
        divisor = node.expression
        while isinstance(divisor, exp.Paren):
            divisor = divisor.this
        if not isinstance(divisor, exp.Literal) or divisor.is_string:
            raise wrong(node, "divide by a number only, as in duration / 1000: else it would not be exact")
        value = self._literal(divisor)
        for decimals in range(DECIMALS + 1):
            if value and 10**decimals % value == 0:
                return tree.Number(Decimal(10**decimals / value).scaleb(-decimals))
        raise wrong(node, f"dividing by {divisor.this} is not exact; multiply, or let the price divide")

    def _condition(self, node: exp.Expression) -> Node:
        if isinstance(node, exp.Boolean):
            return tree.Truth(bool(node.this))
        if isinstance(node, (exp.And, exp.Or)):
            left, right = (self.build(each, Kind.CONDITION) for each in (node.this, node.expression))
            return tree.Junction("AND" if isinstance(node, exp.And) else "OR", left, right)
        if isinstance(node, exp.Not):
            return tree.Not(self.build(node.this, Kind.CONDITION))
        if isinstance(node, exp.Is):
            return self._is(node)
        if isinstance(node, exp.In):
            return self._among(node)
        if isinstance(node, exp.Like):
            return self._like(node)
        if isinstance(node, exp.Contains):
            return self._contains(node)
        if isinstance(node, exp.Between):
            of, low, high = (self.build(node.args[name], Kind.NUMBER) for name in ("this", "low", "high"))
            return tree.Junction("AND", tree.Comparison(">=", of, low), tree.Comparison("<=", of, high))
        return self._comparison(node, COMPARISONS[type(node)], node.this, node.expression)

    def _comparison(
        self,
        node: exp.Expression,
        operator: Literal["=", "<>", "<", "<=", ">", ">="],
        left: exp.Expression,
        right: exp.Expression,
    ) -> tree.Comparison:
        is_order = operator not in ("=", "<>")
        for side in (left, right):
            if isinstance(side, exp.Null):
                raise wrong(node, "nothing equals NULL: say IS NULL or IS NOT NULL")
        kind = self._common((left, right)) or (Kind.NUMBER if is_order else Kind.TEXT)
        if is_order and kind != Kind.NUMBER:
            raise wrong(node, f"only numbers are more or less than others, not {_CALLED[kind]}")
        return tree.Comparison(operator, self.build(left, kind), self.build(right, kind))

    def _is(self, node: exp.Expression) -> Node:
        if isinstance(node.expression, exp.Boolean):
            # It is true or it is not, whatever is missing.
            of = self.build(node.this, Kind.CONDITION)
            of = of if node.expression.this else tree.Not(of)
            return tree.First((of, tree.Truth(False)), Kind.CONDITION)
        if isinstance(node.expression, exp.Null):
            return tree.Missing(self.build(node.this, self.kind_of(node.this) or Kind.TEXT))
        raise wrong(node, "IS is followed by NULL, TRUE or FALSE")

    def _among(self, node: exp.Expression) -> Node:
        values = node.expressions
        kind = self._common(values)
        if not values or kind not in (Kind.NUMBER, Kind.TEXT):
            raise wrong(node, "IN is followed by numbers or texts in brackets")
        built = [self.build(each, kind) for each in values]
        if not all(isinstance(each, (tree.Number, tree.Text)) for each in built):
            raise wrong(node, "IN is followed by numbers or texts in brackets")
        return tree.Among(self.build(node.this, kind), tuple(cast(Sequence[tree.Number | tree.Text], built)))

    def _like(self, node: exp.Expression) -> Node:
        if not isinstance(node.expression, exp.Literal) or not node.expression.is_string:
            raise wrong(node, "LIKE is followed by a text in quotes")
        pattern = self._text(node.expression)
        if "\\" in pattern:
            raise wrong(node, "a backslash means nothing in LIKE")
        return tree.Like(self.build(node.this, Kind.TEXT), pattern)

    def _contains(self, node: exp.Expression) -> Node:
        if not isinstance(node.expression, exp.Literal) or not node.expression.is_string:
            raise wrong(node, "contains looks for a text in quotes")
        return tree.Contains(self.build(node.this, Kind.TEXT), str(node.expression.this))

    def _choice(self, node: exp.Expression, kind: Kind) -> Node:
        of, otherwise = node.args.get("this"), node.args.get("default")
        cases = []
        for case in node.args["ifs"]:
            when = self.build(case.this, Kind.CONDITION) if of is None else self._comparison(case, "=", of, case.this)
            cases.append((when, self.build(case.args["true"], kind)))
        return tree.Choice(tuple(cases), tree.Nothing(kind) if otherwise is None else self.build(otherwise, kind), kind)

    def _name(self, node: exp.Expression) -> str:
        """A name with points in it is one name: properties are not looked for inside others."""
        names = list(node.parts) if isinstance(node, (exp.Column, exp.Dot)) else []
        if not names or not all(isinstance(name, exp.Identifier) for name in names):
            raise wrong(node, f"{shown(node)} is not the name of a property")
        return ".".join(name.name for name in names)

    def _text(self, node: exp.Expression) -> str:
        return str(node.this)

    def _literal(self, node: exp.Expression) -> Decimal:
        text = str(node.this)
        if _NUMBER.fullmatch(text):
            value = Decimal(text)
            if value.adjusted() < WHOLE_DIGITS and -int(value.as_tuple().exponent) <= DECIMALS:
                return value
        raise wrong(node, f"a number is written plainly, with at most {WHOLE_DIGITS} digits before the point "
                                f"and {DECIMALS} after it, not {text[:60]}")  # fmt: skip


def _items(node: exp.Expression) -> list[Any]:
    return [node.this, *node.expressions]
