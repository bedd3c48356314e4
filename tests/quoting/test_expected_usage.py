"""What an offer comes to at the usage expected: one number a month for each line, whatever its charge is."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts.terms import ContractTerm
from pricing.charges import load
from pricing.measures import WHOLE, Part, Split
from pricing.periods import Period
from pricing.rating import Price, Term
from quoting import rules

JAN, FEB, MAR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
MONTHS = [Period(JAN, FEB), Period(FEB, MAR)]


def term(key: str, charge: dict[str, Any], meter: str = "") -> ContractTerm:
    agreed = Term(key, key, (Price(JAN, load(charge), "list"),), "USD", JAN, MAR, "UTC", meter=meter)
    return ContractTerm(agreed, key.title(), "unit", "charge", "4000", Decimal(0))


def totals(terms: list[ContractTerm], **expected: int) -> dict[str, Decimal]:
    """What each line comes to in two months."""
    usage = {key: rules.expected_usage(Decimal(n), MONTHS, adds_up=True) for key, n in expected.items()}
    found: dict[str, Decimal] = {}
    for line in rules.rated(terms, usage, Period(JAN, MAR)):
        found[line.key] = found.get(line.key, Decimal(0)) + line.amount.amount
    return found


def per_unit(price: str) -> dict[str, Any]:
    return {"kind": "per_unit", "unit_price": price}


def test_expected_usage_is_one_part_that_is_not_told_apart() -> None:
    usage = rules.expected_usage(Decimal(310), MONTHS, adds_up=True)
    tenth = Period(JAN, JAN.replace(day=2))
    assert usage("m", tenth, WHOLE) == 10
    for split in (Split(by=("model",)), Split(window="day"), Split(each=True)):
        assert usage("m", tenth, split) == (Part(Decimal(10)),)
        assert usage("m", Period(JAN, JAN), split) == ()


@pytest.mark.parametrize(
    ("default", "total"),
    [(per_unit("2"), "400.00"), (None, "600.00")],  # without one, the dearest cell: an offer promises no less
)
def test_a_matrix_is_quoted_at_its_default_or_its_dearest_cell(default: Any, total: str) -> None:
    cells = [{"values": ["a"], "charge": per_unit("1")}, {"values": ["b"], "charge": per_unit("3")}]
    matrix = {"kind": "matrix", "by": ["model"], "cells": cells} | ({"default": default} if default else {})
    assert totals([term("calls", matrix, "calls")], calls=100) == {"calls": Decimal(total)}


def test_a_share_of_other_lines_is_quoted_on_what_they_are_expected_to_come_to() -> None:
    support = {"kind": "composite", "charge": {"kind": "percent", "percent": "10"}}
    terms = [
        term("support", support),
        term("calls", per_unit("0.50"), "calls"),
        term("fee", {"kind": "flat", "amount": "20"}),
    ]
    assert totals(terms, calls=100) == {"support": Decimal(14), "calls": Decimal(100), "fee": Decimal(40)}


def test_lines_of_one_meter_are_expected_each_by_itself() -> None:
    terms = [term("calls", per_unit("1"), "requests"), term("premium", per_unit("2"), "requests")]
    assert totals(terms, calls=10, premium=3) == {"calls": Decimal(20), "premium": Decimal(12)}
