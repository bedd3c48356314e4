"""An expression that was read, and what can be asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from metering.expressions import clickhouse, postgres, tree
from metering.expressions.evaluation import Evaluated, compiled
from metering.expressions.reading import read
from metering.expressions.tree import Kind, Node

LONGEST_SQL = 20_000


@dataclass(frozen=True)
class Expression:
    """What was typed, and its meaning. Equal when typed the same and meant as the same kind."""

    text: str
    kind: Kind
    node: Node

    @cached_property
    def names(self) -> frozenset[str]:
        """The properties it reads."""
        return frozenset(part.name for part in tree.everything(self.node) if isinstance(part, tree.Property))

    @cached_property
    def decimals(self) -> int:
        """Of a number: at most how many digits it has after the point, whatever the properties are."""
        return tree.digits(self.node).decimals

    @cached_property
    def is_name(self) -> bool:
        """Whether it is just a property."""
        return isinstance(self.node, tree.Property)

    @cached_property
    def evaluate(self) -> Evaluated:
        """A Decimal, a str or a bool by its kind; None where SQL says NULL."""
        return compiled(self.node)

    def value(self, properties: Mapping[str, Any]) -> Decimal | None:
        """The number it comes to, exact; None if something it needs is missing or not a number."""
        found: Decimal | None = self._as(Kind.NUMBER).evaluate(properties)
        return found

    def words(self, properties: Mapping[str, Any]) -> str | None:
        """The text it comes to; None if something it needs is missing."""
        found: str | None = self._as(Kind.TEXT).evaluate(properties)
        return found

    def holds(self, properties: Mapping[str, Any]) -> bool:
        """Whether the condition is true: not false, and not NULL."""
        return self._as(Kind.CONDITION).evaluate(properties) is True

    def sql(self, column: str) -> str:
        """In PostgreSQL, over a column of jsonb: numeric, text or boolean by its kind.

        Safe to paste anywhere in a statement, also one with parameters: no `%`, brace or typed quote is in it.
        """
        return postgres.sql(self.node, column)

    def clickhouse(self, column: str) -> str:
        """In ClickHouse, over a Map(String, String) of each scalar's text (`scalars.text_of`), as safe to paste.

        Nullable: a number is a Decimal(76, decimals), text a String, a condition a UInt8 or Bool.
        """
        return clickhouse.sql(self.node, column)

    def _as(self, kind: Kind) -> "Expression":
        return self if self.kind == kind else parse(self.text, kind)


@lru_cache(maxsize=2_000)
def parse(text: str, kind: Kind | None = None) -> Expression:
    """What this text means, as a number, text or condition; without a kind, as what it says it is.

    A bare property says nothing and is then a number. ValueError, with a sentence, if it cannot be read or is not of
    this kind.
    """
    node = read(text, kind)
    found = Expression(text, node.kind, node)
    if len(found.sql("properties")) > LONGEST_SQL or len(found.clickhouse("properties")) > LONGEST_SQL:
        raise ValueError("This is too complicated: use less CASE, greatest and least inside each other.")
    return found
