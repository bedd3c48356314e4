"""Charges as JSON: what nested ones look like, and errors that name the field by its whole path."""

import pytest

from pricing.charges import ChargeError, dump, load

PER_UNIT = {"kind": "per_unit", "unit_price": "1"}

EVERY = [
    {"kind": "package", "unit_price": "5", "size": "10", "rounding": "down"},
    {"kind": "percent", "percent": "1.2", "fixed_fee": "0.30", "free_transactions": "3", "transaction_max": "12"},
    {"kind": "graduated_percent", "tiers": [{"up_to": "10", "percent": "2"}, {"up_to": None, "percent": "1"}]},
    {
        "kind": "graduated",
        "tiers": [{"up_to": None, "unit_price": "1", "flat_fee": "2.50", "block": "10", "cap": "7"}],
        "charge_flat_at_zero": True,
    },
    {
        "kind": "matrix",
        "by": ["gpu", "region"],
        "cells": [{"values": ["a100", None], "charge": {"kind": "flat", "amount": "20.00"}}],
        "default": PER_UNIT,
    },
    {
        "kind": "capacity",
        "tiers": [{"limits": {"a": "1", "b": None}, "price": "1"}, {"limits": {"a": None, "b": None}, "price": "2"}],
        "by": "unit",
    },
    {"kind": "dynamic"},
    {"kind": "outcome", "unit_price": "0.99"},
    {"kind": "outcome_share", "percent": "15", "baseline": "1000"},
    {"kind": "converted", "operation": "divide", "factor": "1024", "charge": PER_UNIT, "rounding": "up"},
    {"kind": "converted", "operation": "multiply", "factor": "2", "charge": PER_UNIT, "precision": "2"},
    {"kind": "allowance", "units": "100", "charge": PER_UNIT},
    {"kind": "per_group", "by": ["user"], "charge": PER_UNIT},
    {
        "kind": "per_window",
        "window": "hour",
        "charge": PER_UNIT,
        "hours": [{"from_hour": "9", "to_hour": "12", "charge": {"kind": "flat", "amount": "1"}}],
    },
    {"kind": "adjusted", "charge": PER_UNIT, "percent_off": "10", "minimum": "5"},
    {"kind": "in_unit", "unit": "credit", "price": "0.01", "charge": PER_UNIT},
    {"kind": "committed", "charge": PER_UNIT, "amount": "100", "overage_factor": "1.5", "true_up": False},
    {"kind": "sum", "charges": [PER_UNIT, {"kind": "flat", "amount": "1"}]},
    {"kind": "cheapest", "charges": [PER_UNIT, {"kind": "flat", "amount": "1"}]},
    {"kind": "composite", "charge": {"kind": "percent", "percent": "10"}, "of": ["api", "seats"]},
]


@pytest.mark.parametrize("data", EVERY, ids=lambda data: data["kind"])
def test_what_was_read_is_written_again(data):
    assert dump(load(data)) == data


def test_the_order_of_units_does_not_matter_to_a_capacity():
    """A database keeps none."""
    tiers = [({"a": "1", "b": "2"}, "1"), ({"b": None, "a": None}, "2")]
    data = {"kind": "capacity", "by": "u", "tiers": [{"limits": limits, "price": price} for limits, price in tiers]}
    turned = [{"limits": dict(reversed(tier["limits"].items())), "price": tier["price"]} for tier in data["tiers"]]
    assert load(data) == load(data | {"tiers": turned})


def nested(charge: object) -> dict:
    """Inside an allowance inside the second cell of a matrix."""
    cells = [{"values": ["x"], "charge": PER_UNIT}, {"values": ["y"], "charge": {"kind": "sum", "charges": [charge]}}]
    return {"kind": "matrix", "by": ["a"], "cells": cells}


@pytest.mark.parametrize(
    ("charge", "complaint"),
    [
        ({"kind": "flat"}, "amount: is required"),
        ({"kind": "flat", "amount": "-1"}, "amount: must not be negative"),
        ({"kind": "per_unit", "unit_price": "1", "per": "0"}, "per: must be greater than 0"),
        ({"kind": "per_unit", "unit_price": 1}, "unit_price: must be a number written in plain digits, as text"),
        ({"kind": "magic"}, "kind: must be one of"),
        ("free", "kind: must be one of"),
        (None, "kind: must be one of"),
        ({"kind": "graduated", "tiers": [{"up_to": "5", "unit_price": "1"}]}, r"tiers\[0\].up_to: the last tier must"),
        ({"kind": "graduated", "tiers": [{"up_to": None, "unit_price": "x"}]}, r"tiers\[0\].unit_price: must be a num"),
        ({"kind": "allowance", "units": "1", "charge": {"kind": "flat"}}, "charge.amount: is required"),
        ({"kind": "allowance", "units": "1", "charge": PER_UNIT, "x": 1}, "x: unknown field"),
        ({"kind": "flat", "amount": "1", "currency": "USD"}, "currency: unknown field"),
        ({"kind": "sum", "charges": PER_UNIT}, "charges: must be a list of 1 to 100 charges"),
        ({"kind": "per_window", "window": "hour", "charge": PER_UNIT, "hours": [{}]}, r"hours\[0\].from_hour: is req"),
        (
            {"kind": "converted", "operation": "divide", "factor": "2", "charge": PER_UNIT, "precision": "0.5"},
            "precision",
        ),
        ({"kind": "capacity", "tiers": [{"limits": [], "price": "1"}]}, r"tiers\[0\].limits: must be an object"),
        ({"kind": "capacity", "tiers": [{"limits": {"": "x"}, "price": "1"}]}, r"tiers\[0\].limits.: must be a number"),
        ({"kind": "per_group", "by": [1], "charge": PER_UNIT}, r"by\[0\]: must be text"),
        ({"kind": "per_group", "by": "user", "charge": PER_UNIT}, "by: must be a list of 1 to 10 properties"),
        ({"kind": "composite", "charge": PER_UNIT, "of": [None]}, r"of\[0\]: must be text"),
    ],
)
def test_an_error_names_the_field_by_its_whole_path(charge, complaint):
    with pytest.raises(ChargeError, match=rf"^cells\[1\]\.charge\.charges\[0\]\.{complaint}"):
        load(nested(charge))


def test_charges_are_nested_ten_deep_at_most():
    data: dict = PER_UNIT
    for _ in range(9):
        data = {"kind": "sum", "charges": [data]}
    assert dump(load(data)) == data
    with pytest.raises(ChargeError, match=r"kind: charges can be nested 10 deep$"):
        load({"kind": "sum", "charges": [data]})
    for _ in range(2000):
        data = {"kind": "sum", "charges": [data]}
    with pytest.raises(ChargeError, match="nested 10 deep"):
        load(data)


def test_prices_in_another_currency_are_refused():
    data = PER_UNIT | {"currency": "EUR"}
    assert load(data, "EUR") == load(data) == load(PER_UNIT)
    assert dump(load(data)) == PER_UNIT
    with pytest.raises(ChargeError, match=r"^currency: these prices are in EUR, not USD$"):
        load(data, "USD")
