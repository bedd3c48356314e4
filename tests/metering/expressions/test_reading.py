"""What an expression may say, what it means, and what it is told when it says something else."""

import re
from decimal import Decimal
from typing import Any

import pytest

from metering.expressions import Kind, parse

EVENT = {
    "a": 7,
    "b": Decimal("0.5"),
    "c": "12.50",
    "region": "eu",
    "test": False,
    "list": [1],
    "gen_ai.usage": 3,
    "in-out": 11,
}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a", "7"),
        ("c", "12.50"),
        ("gen_ai.usage", "3"),
        ("gen_ai.usage * 2", "6"),
        ("a + 2 * b", "8"),
        ("(a - 2) * b", "2.5"),
        ("-a", "-7"),
        ("a / 1000", "0.007"),
        ("a / 0.25", "28"),
        ("abs(2 - a)", "5"),
        ("greatest(a, 10)", "10"),
        ("least(a, b, 10)", "0.5"),
        ("coalesce(missing, list, 4)", "4"),
        ("CASE WHEN region = 'eu' THEN a ELSE 0 END", "7"),
        ("CASE region WHEN 'us' THEN 1 WHEN 'eu' THEN 2 END", "2"),
        ('"gen_ai.usage"', "3"),
        ("a * b", "3.5"),
        ("in-out", "11"),
        ('"in-out" * 2', "22"),
    ],
)
def test_a_number_is_exact(text: str, number: str) -> None:
    assert parse(text).value(EVENT) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["missing", "region", "test", "list", "a + missing", "greatest(a, missing)", "CASE WHEN missing THEN 1 END"]
)
def test_what_is_missing_or_no_number_makes_the_whole_null(text: str) -> None:
    assert parse(text).value(EVENT) is None


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("region = 'eu'", True),
        ("region <> 'eu'", False),
        ("missing <> 'eu'", False),
        ("NOT missing = 'eu'", False),
        ("region IN ('us', 'eu') AND NOT test", True),
        ("region NOT IN ('us', 'eu')", False),
        ("region LIKE 'e_'", True),
        ("region NOT LIKE 'e%'", False),
        ("contains(region, 'u')", True),
        ("NOT contains(region, '%')", True),
        ("NOT contains(missing, 'u')", False),
        ("a > 5 OR missing > 5", True),
        ("a BETWEEN 7 AND 8", True),
        ("a NOT BETWEEN 7 AND 8", False),
        ("a = 7.00", True),
        ("c = 12.5", True),
        ("c = '12.5'", False),
        ("missing IS NULL AND list IS NULL", True),
        ("region IS NOT NULL", True),
        ("test", False),
        ("NOT test", True),
        ("test = false", True),
        ("missing IS NOT TRUE", True),
        ("region = region", True),
        ("true", True),
    ],
)
def test_a_condition_holds_only_where_it_is_true(text: str, holds: bool) -> None:
    assert parse(text).holds(EVENT) is holds


def test_text_is_one_of_the_properties_or_constants() -> None:
    assert parse("coalesce(missing, region)").words(EVENT) == "eu"
    assert parse("a").words(EVENT) == "7"
    assert parse("CASE WHEN a > 5 THEN 'many' ELSE 'few' END").kind == Kind.TEXT


def test_the_properties_it_reads_are_known() -> None:
    assert parse("a + CASE WHEN region = 'b' THEN c ELSE 1 END").names == {"a", "region", "c"}


def test_a_factor_too_large_to_be_kept_exactly_makes_the_product_null() -> None:
    assert parse("a * b").value({"a": 10**18 - 1, "b": 10**18 - 1}) == (10**18 - 1) ** 2
    assert parse("a * b").value({"a": 10**18, "b": 1}) is None
    assert parse("a * 3").value({"a": 10**29}) == 3 * 10**29


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "An expression cannot be empty."),
        ("a" * 501, "An expression has at most 500 characters."),
        ("a +", "This cannot be read at character 3 near '+': is something missing or out of place?"),
        ("a = 'x", "This cannot be read: is a quote or a bracket left open?"),
        ("a; b", "This must be one expression."),
        ("a / b", "Divide by a number only, as in duration / 1000: else it would not be exact (at character 1)."),
        ("1 + a / 3", "Dividing by 3 is not exact; multiply, or let the price divide (at character 5)."),
        ("a / 0", "Dividing by 0 is not exact; multiply, or let the price divide (at character 1)."),
        ("a = NULL", "Nothing equals NULL: say IS NULL or IS NOT NULL (at character 1)."),
        ("a < 'x'", "Only numbers are more or less than others, not text (at character 1)."),
        ("a AND 5", "“5” is a number, and a condition is needed (at character 7)."),
        ("a IN (1, 'x')", "“'x'” is text, and a number is needed (at character 10)."),
        ("a IN (b)", "IN is followed by numbers or texts in brackets (at character 1)."),
        ("a LIKE b", "LIKE is followed by a text in quotes (at character 1)."),
        ("a LIKE '\\%'", "A backslash means nothing in LIKE (at character 1)."),
        ("pg_sleep(5)", "“PG_SLEEP(5)” is not something an expression may say (at character 1)."),
        ("a IN (SELECT 1)", "“a IN (SELECT 1)” says more than an expression may (at character 1)."),
        ("sum(a)", "“SUM(a)” is not something an expression may say (at character 1)."),
        ("a::text", "“CAST(a AS TEXT)” is not something an expression may say (at character 1)."),
        ("a || b", "“a || b” is not something an expression may say (at character 1)."),
        ("(" * 30 + "a" + ")" * 30, "An expression nests at most 25 levels deep."),
    ],
)
def test_anything_else_is_told_what_is_wrong_and_where(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parse(text)


@pytest.mark.parametrize("text", ["a * b * c", "(a + 1) * (b * c)", "a * 0.000000000000000001 * b * 0.01 * 0.001"])
def test_numbers_that_no_store_could_keep_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long to be exact"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["a 'b", "'; DROP TABLE metering_meter; --", "NOT " * 100 + "a", "%s {} \\", "\0", "/*"]
)
def test_whatever_is_typed_the_answer_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$|\?$"):
        parse(text)


@pytest.mark.parametrize("typed", ["it''s", "%(x)s", "{}", "\\", "ü", "a'' OR true --"])
def test_no_sign_that_was_typed_stands_in_the_sql_as_it_was(typed: str) -> None:
    expression = parse(f"\"{typed}\" = '{typed}'")
    for sql in (expression.sql("properties"), expression.clickhouse("properties")):
        assert not {"%", "{", "}", "ü", '"', "--"} & {*sql, *re.findall("--", sql)}
        assert sql.count("'") % 2 == 0


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("a + 1", Kind.CONDITION, "“a + 1” is a number, and a condition is needed (at character 1)."),
        ("region = 'eu'", Kind.NUMBER, "“region = 'eu'” is a condition, and a number is needed (at character 1)."),
        ("a + 1", Kind.TEXT, "“a + 1” is a number, and text is needed (at character 1)."),
    ],
)
def test_it_has_to_be_of_the_kind_that_is_needed(text: str, kind: Kind, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parse(text, kind)


def test_a_bare_property_is_what_is_needed() -> None:
    event: dict[str, Any] = {"test": True, "a": "7"}
    assert parse("test").holds(event)
    assert parse("a", Kind.TEXT).evaluate(event) == "7"
    assert parse("a", Kind.NUMBER).evaluate(event) == 7
