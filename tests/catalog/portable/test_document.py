"""The file read and written: identity both ways, and every mistake named with its line and field."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import SelectionRule
from catalog.portable.document import Document, GrantEntry, VersionEntry, read, schema
from catalog.portable.nodes import Unreadable
from catalog.portable.writing import TOP, as_data, as_yaml
from pricing.charges import Graduated, PerUnit, Tier
from tests.catalog.portable.files import FULL


def problems(text: str, **how: Any) -> list[str]:
    with pytest.raises(Unreadable) as refusal:
        read(text, **how)
    return [each.located("prices.yaml") for each in refusal.value.problems]


# ---------------------------------------------------------------- there and back
def test_a_file_is_written_as_it_was_read() -> None:
    assert as_yaml(read(FULL)) == TOP + "\n" + FULL


def test_json_says_the_same() -> None:
    document = read(FULL)
    assert read(json.dumps(as_data(document)), is_json=True) == document


def test_numbers_need_no_quotes_and_pass_through_no_float() -> None:
    text = FULL.replace('unit_price: "2.50"', "unit_price: 0.10000000000000000555")
    [first, _] = read(text).rate_cards["standard"].rates["input-tokens"].charge.tiers  # type: ignore[index]
    assert first == Tier(Decimal(10_000_000), Decimal("0.10000000000000000555"))


def test_what_is_left_out_is_its_default() -> None:
    card = read("rate_cards: {c: {name: C, currency: USD}}").rate_cards["c"]
    assert (card.version, card.rates, card.is_public, card.notice_days) == (VersionEntry(), None, False, 0)
    assert read("{}") == Document()


def test_a_day_is_its_first_instant_in_utc() -> None:
    version = "version: {planned_from: 2026-04-01, existing_from: '2026-05-01T02:00:00+02:00'}"
    found = read(f"rate_cards: {{c: {{name: C, currency: USD, {version}}}}}").rate_cards["c"].version
    assert (str(found.planned_from), str(found.existing_from)) == (
        "2026-04-01 00:00:00+00:00",
        "2026-05-01 00:00:00+00:00",
    )


@pytest.mark.parametrize(
    "text",
    ["true", "no", "2.50", "a: b", "a #b", "x,y", "", " leading", "trailing ", "é 💡", "tab\there", "two\nlines",
     "two\n\n  lines\n", "ends twice\n\n", "\n starts", "\u2028", "\x7f", "it's", '"', "- x", "null", "- [", "*a", "&b",
     "%", "@x", "`", "1_000", "0x1f", "a:", "# x"],
)  # fmt: skip
def test_any_text_survives(text: str) -> None:
    document = read(FULL)
    product = replace(
        document.products["seats"], description=text, grants={"sso": GrantEntry(text[:100]), "workspaces": GrantEntry()}
    )
    changed = replace(document, products={"seats": product})
    assert read(as_yaml(changed)) == changed


def test_the_order_of_the_file_is_of_no_account() -> None:
    document = read("products: {b: {name: B, kind: recurring}, a: {name: A, kind: recurring}}")
    assert as_yaml(document).index("  a:") < as_yaml(document).index("  b:")


def test_a_charge_keeps_its_decimals() -> None:
    charge = Graduated((Tier(Decimal("1.50"), Decimal("0.100")), Tier(None, Decimal(0))), per=Decimal("10.0"))
    document = read(FULL)
    rate = replace(document.rate_cards["eu"].rates["seats"], charge=charge)  # type: ignore[index]
    changed = replace(document, rate_cards={"eu": replace(document.rate_cards["eu"], rates={"seats": rate})})
    assert read(as_yaml(changed)).rate_cards["eu"].rates["seats"].charge == charge  # type: ignore[index]


# ---------------------------------------------------------------- mistakes
WRONG = """\
format: 2
products:
  seats:
    name: Seats
    kind: recuring
    unitt: seat
    name: Seats again
    is_active: maybe
  bad key: {name: X, kind: recurring}
  nothing:
rate_cards:
  eu:
    currency: EURO
    notice_days: -1
    version: {planned_from: soon, base_factor: 0, existing_from: 2026-01-01T00:00:00}
    rates:
      seats:
        charge:
          kind: graduated
          tiers:
            - {up_to: 10, unit_price: 1}
            - {up_to: 5, unit_price: 1}
            - {unit_price: 1, up_to: null}
      other: {charge: {kind: magic}}
      third: {charge: {kind: adjusted, charge: {kind: per_unit, unit_price: -1}}, cycle_months: 1.5}
selection_rules:
  - {name: A, card: eu, conditions: {planet: [mars]}}
pricing: 1
"""


def test_every_mistake_is_told_with_its_line_and_field() -> None:
    assert problems(WRONG) == [
        "prices.yaml:1: format: must be 1",
        "prices.yaml:5: products.seats.kind: must be one of usage, recurring, one_time",
        "prices.yaml:6: products.seats.unitt: unknown field; did you mean unit?",
        "prices.yaml:7: products.seats.name: stands here twice, first in line 4",
        "prices.yaml:8: products.seats.is_active: must be true or false",
        "prices.yaml:9: products.bad key: must be a key: letters, digits, - and _, at most 60",
        "prices.yaml:10: products.nothing.name: is required",
        "prices.yaml:10: products.nothing.kind: is required",
        "prices.yaml:13: rate_cards.eu.currency: must not be longer than 3 characters",
        "prices.yaml:13: rate_cards.eu.name: is required",
        "prices.yaml:14: rate_cards.eu.notice_days: must be a whole number from 0 to 3,650",
        "prices.yaml:15: rate_cards.eu.version.planned_from: must be an instant, like 2026-04-01T00:00:00Z",
        "prices.yaml:15: rate_cards.eu.version.base_factor: must be greater than 0",
        "prices.yaml:15: rate_cards.eu.version.existing_from: needs an offset, like 2026-04-01T00:00:00Z",
        "prices.yaml:22: rate_cards.eu.rates.seats.charge.tiers[1].up_to: must be greater than 10",
        "prices.yaml:24: rate_cards.eu.rates.other.charge.kind: must be one of " + KINDS,
        "prices.yaml:25: rate_cards.eu.rates.third.charge.charge.unit_price: must not be negative",
        "prices.yaml:25: rate_cards.eu.rates.third.cycle_months: must be a whole number from 0 to 120",
        f"prices.yaml:27: selection_rules[0].conditions.planet: must be one of {', '.join(SelectionRule.ATTRIBUTES)}",
        f"prices.yaml:28: pricing: unknown field; known are {', '.join(schema()['properties'])}",
    ]


KINDS = ", ".join(
    branch["$ref"].rpartition("/")[2]
    for branch in schema()["$defs"]["priced"]["oneOf"]  # in the kernel's order
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "prices.yaml:1: must be a mapping"),
        ("products: x", "prices.yaml:1: products: must be a mapping"),
        ("selection_rules: {}", "prices.yaml:1: selection_rules: must be a list"),
        ("products: {a: {name: [x], kind: recurring}}", "prices.yaml:1: products.a.name: must be text"),
        ("products: {a: {name: true, kind: recurring}}", "prices.yaml:1: products.a.name: must be text; quote it"),
        (f"products: {{a: {{name: {'x' * 121}, kind: recurring}}}}",
         "prices.yaml:1: products.a.name: must not be longer than 120 characters"),
        ("rate_cards: {c: {name: C, currency: XXX}}",
         "prices.yaml:1: rate_cards.c.currency: XXX is not a currency one can be billed in"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_told(text: str, problem: str) -> None:
    assert problems(text) == [problem]


@pytest.mark.parametrize("number", ["1e3", ".5", "1_000", "NaN", "-1", "1" * 17, "0." + "1" * 13, "true", "[1]", "''"])
def test_a_number_is_plain_digits_that_fit(number: str) -> None:
    cost = f"{{since: 2026-01-01, unit_cost: {number}, currency: USD}}"
    [problem] = problems(f"products: {{a: {{name: A, kind: recurring, costs: [{cost}]}}}}")
    assert problem.startswith("prices.yaml:1: products.a.costs[0].unit_cost: must ")


def test_a_price_in_another_currency_is_told() -> None:
    charge = "{kind: flat, amount: 1, currency: EUR}"
    text = f"rate_cards:\n  c:\n    rates:\n      a: {{charge: {charge}}}\n    name: C\n    currency: USD\n"
    assert problems(text) == ["prices.yaml:4: rate_cards.c.rates.a.charge.currency: these prices are in EUR, not USD"]
    assert read(text.replace("EUR", "USD")).rate_cards["c"].rates is not None


def test_of_json_the_field_is_told() -> None:
    assert problems('{"products": {"a": {"name": 1.50, "kind": "x", "kind": "recurring"}}}', is_json=True) == [
        "prices.yaml: products.a.kind: stands here twice",
        "prices.yaml: products.a.kind: must be one of usage, recurring, one_time",
    ]


def test_the_line_of_a_field_is_that_of_what_is_around_it() -> None:
    document = read(FULL)
    line = FULL.splitlines().index("      seats:") + 1
    assert document.line("rate_cards.eu.rates.seats.charge.tiers[3].up_to") in (line, line + 1)
    assert document.line("products.unknown.name") == FULL.splitlines().index("products:") + 1
    assert document.line("nowhere") == 0


def test_the_schema_describes_every_field() -> None:
    described = schema()
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    card = described["properties"]["rate_cards"]["additionalProperties"]
    assert card["required"] == ["name", "currency"]
    assert set(card["properties"]) >= {"base", "version", "rates"}
    assert card["properties"]["rates"]["additionalProperties"]["properties"]["charge"] == {"$ref": "#/$defs/priced"}
    assert {"per_unit", "matrix", "charge", "priced"} <= described["$defs"].keys()


def test_a_price_per_unit_is_one_line() -> None:
    document = read(FULL)
    rate = replace(document.rate_cards["eu"].rates["seats"], charge=PerUnit(Decimal("0.5")))  # type: ignore[index]
    card = replace(document.rate_cards["eu"], rates={"seats": rate})
    assert '        charge: {kind: per_unit, unit_price: "0.5"}\n' in as_yaml(Document(rate_cards={"eu": card}))
