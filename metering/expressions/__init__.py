"""Expressions over an event's properties: `input_tokens + 5 * output_tokens`, `region = 'eu' AND NOT test`.

A small part of SQL, read by sqlglot, with the same answer to the last digit in Python, PostgreSQL and ClickHouse:

- A name is a property: `tokens`, `gen_ai.usage.input_tokens`, `input-tokens` (to subtract, leave a space), `"odd"`.
  What it is follows from its use: a number (a JSON number, or text that is a plain decimal), text (of a scalar, as
  PostgreSQL's `->>` writes it), or true/false. Whatever is missing, or is not what is needed, is NULL; so are lists and
  objects.
- Numbers: `+ - *`, `/` by a literal that leaves no remainder, abs, greatest, least, coalesce, CASE.
- Conditions: `= <> < <= > >=`, BETWEEN, IN, LIKE, contains(text, 'part'), IS NULL, AND, OR, NOT. Two bare properties
  are the same if their texts are; texts have no order.
- NULL is as in standard SQL: it makes what it takes part in NULL (greatest and least too), and a condition that is NULL
  does not hold. A factor of 10^18 or more, where two properties are multiplied, is NULL as well.
"""

from metering.expressions.expression import Expression, parse
from metering.expressions.tree import Kind

__all__ = ["Expression", "Kind", "parse"]
