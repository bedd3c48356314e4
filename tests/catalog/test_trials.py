"""Trying a price: the same arithmetic as on an invoice, told apart as the charge wants it, in rows that add up."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import trials
from catalog.editions import Offer
from pricing.charges import Charge, ChargeError, Flat, Graduated, PerUnit, Tier, load
from pricing.measures import WHOLE, Part, Split
from tests.catalog.cards import APRIL, TIERED

THIRDS = PerUnit(Decimal(1), Decimal(3))
TIERS = [{"up_to": "1000", "unit_price": "0.10"}, {"up_to": "10000", "unit_price": "0.08"}]
LAST = {"up_to": None, "unit_price": "0.05"}
STEPS = [
    {"limits": {"bandwidth": "10", "members": "500"}, "price": "10"},
    {"limits": {"bandwidth": None, "members": None}, "price": "100"},
]


def tried(charge: Charge | dict[str, Any], asked: dict[str, Any], months: int = 1) -> Decimal:
    if isinstance(charge, dict):
        charge = load(charge)
    usage = trials.measured(asked, charge.split, APRIL)
    return trials.tried(Offer(charge, months, False), "USD", usage, charge.split, APRIL).amount.amount


@pytest.mark.parametrize(
    ("charge", "asked", "total"),
    [
        ({"kind": "per_unit", "unit_price": "0.0015"}, {"quantity": "12345"}, "18.52"),
        ({"kind": "graduated", "tiers": [*TIERS, LAST]}, {"quantity": "12500"}, "945.00"),
        ({"kind": "volume", "tiers": [*TIERS, LAST]}, {"quantity": "10001"}, "500.05"),
        (
            {"kind": "allowance", "units": "100", "charge": {"kind": "package", "unit_price": "5", "size": "1000"}},
            {"quantity": "2101"},
            "15.00",
        ),
        ({"kind": "flat", "amount": "20"}, {"quantity": "1"}, "20.00"),
        ({"kind": "dynamic", "multiplier": "1.2"}, {"quantity": "12.345"}, "14.81"),
        (
            {"kind": "in_unit", "unit": "credit", "price": "0.01", "charge": {"kind": "per_unit", "unit_price": "1"}},
            {"quantity": "12345"},
            "123.45",
        ),
        (
            {
                "kind": "matrix",
                "by": ["gpu", "region"],
                "cells": [
                    {"values": ["a100", "us"], "charge": {"kind": "per_unit", "unit_price": "2"}},
                    {"values": ["h100", "eu"], "charge": {"kind": "per_unit", "unit_price": "4.50"}},
                ],
            },
            {"parts": [{"quantity": "700", "values": ["a100", "us"]}, {"quantity": "300", "values": ["h100", "eu"]}]},
            "2750.00",
        ),
        (
            {"kind": "capacity", "by": "unit", "tiers": STEPS},
            {"parts": [{"quantity": "8", "values": ["bandwidth"]}, {"quantity": "900", "values": ["members"]}]},
            "100.00",
        ),
        (
            {"kind": "adjusted", "minimum": "50", "charge": {
                "kind": "composite", "of": ["usage", "seats"], "charge": {"kind": "percent", "percent": "10"}}},
            {"quantity": "945"},
            "94.50",
        ),
        (
            {"kind": "per_window", "window": "hour", "charge": {"kind": "per_unit", "unit_price": "1"},
             "hours": [{"from_hour": "22", "to_hour": "6", "charge": {"kind": "per_unit", "unit_price": "0.5"}}]},
            {"parts": [{"quantity": "10", "at": "12"}, {"quantity": "10", "at": "23"}]},
            "15.00",
        ),
    ],
)  # fmt: skip
def test_it_comes_to_what_the_reference_says(charge: dict[str, Any], asked: dict[str, Any], total: str) -> None:
    assert tried(charge, asked) == Decimal(total)


@given(st.decimals("0", "1e12", places=7), st.sampled_from([THIRDS, TIERED]))
def test_the_rows_shown_add_up_to_the_total(quantity: Decimal, charge: Charge) -> None:
    line = trials.tried(Offer(charge, 1, False), "USD", quantity, WHOLE, APRIL)
    shown = trials.rows(line)
    assert sum((row.amount for row in shown), Decimal(0)) == line.amount.amount
    assert all(row.amount == round(row.amount, 6) for row in shown)


def test_parts_carry_their_values_and_begin_where_they_were_typed() -> None:
    split = Split(by=("model",), window="hour")
    start = trials.cycle(1, APRIL).start
    asked = {"parts": [{"quantity": "5", "values": ["large"], "at": "9"}, {"quantity": "1"}]}
    assert trials.measured(asked, split, APRIL) == (
        Part(Decimal(5), ("large",), start + timedelta(hours=9)),
        Part(Decimal(1), (None,), start + timedelta(hours=1)),
    )


def test_a_price_that_tells_usage_apart_differently_gets_what_there_is_of_it() -> None:
    held = Split(by=("model", "region"))
    parts = (Part(Decimal(5), ("large", "eu")), Part(Decimal(2), ("large", "us")))
    assert trials.as_wanted(parts, held, Split(by=("model",))) == (Part(Decimal(7), ("large",)),)
    assert trials.as_wanted(parts, held, Split(by=("team",))) == Decimal(7)
    assert trials.as_wanted(Decimal(7), WHOLE, held) == Decimal(7)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"parts": "many"}, "trial: give 1 to 500 rows"),
        ({"parts": [{"quantity": "1"}] * 501}, "trial: give 1 to 500 rows"),
        ({"parts": [{"quantity": "1"}, {"quantity": "x"}]}, "trial: row 2: “x” is not a number"),
        ({"parts": [{"quantity": "-1"}]}, "trial: row 1: must not be negative"),
        ({"parts": [{"quantity": "1", "at": "999999"}]}, "trial: row 1 lies outside the cycle"),
    ],
)
def test_a_row_that_is_none_is_named(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ChargeError) as refused:
        trials.measured(asked, Split(window="day"), APRIL)
    assert str(refused.value) == sentence


def test_a_quantity_to_begin_with_reaches_all_tiers() -> None:
    tiers = '[{"up_to": "10", "unit_price": "2"}, {"up_to": null, "unit_price": "1"}]'
    assert trials.sample(f'{{"kind": "graduated", "tiers": {tiers}}}', "USD") == "15"
    assert trials.sample('{"kind": "flat", "amount": "5"}', "USD") == "1"
    assert trials.sample('{"kind": "per_unit"}', "USD") == "1000"


def test_once_and_yearly_are_tried_like_monthly() -> None:
    once = Graduated((Tier(Decimal(10), Decimal(2)), Tier(None, Decimal(1))))
    assert {tried(once, {"quantity": "15"}, months) for months in (0, 1, 12)} == {Decimal("25.00")}
    assert {tried(Flat(Decimal(9)), {"quantity": "1"}, months) for months in (0, 1, 12)} == {Decimal("9.00")}
