"""Every kind of charge from events to the invoice: what was measured is priced, once, and what comes late is added."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from invoicing.models import UnpricedUsage
from tests.invoicing.books import MAR_2, bill
from tests.invoicing.charges import NOON, Json, billed, d, late, sold, use

PACKAGES: Json = {"kind": "package", "unit_price": "7", "size": "20"}
pytestmark = pytest.mark.django_db


def test_a_percentage_of_each_transaction_with_one_free(ann: User) -> None:
    sold(ann, {"cards": {"kind": "percent", "percent": "2.9", "fixed_fee": "0.30", "free_transactions": "1"}})
    for minutes, amount in enumerate((100, 50, 200)):
        use("cards", amount, at=NOON + timedelta(minutes=minutes))
    assert billed() == [("cards", d("350"), d("7.85"))]  # 1.45 + 0.30, 5.80 + 0.30
    use("cards", 10, at=NOON - timedelta(hours=1))  # now this was the first, and 100 is charged: 2.90 + 0.30
    assert late() == [("cards", d("10"), d("3.20"))]


def test_a_ladder_that_restarts_each_local_day(ann: User) -> None:
    tiers = [{"up_to": "10", "unit_price": "0"}, {"up_to": None, "unit_price": "1.00"}]
    sold(ann, {"calls": {"kind": "per_window", "window": "day", "charge": {"kind": "graduated", "tiers": tiers}}})
    midnight = datetime(2026, 1, 15, 23, tzinfo=UTC)  # in Berlin
    use("calls", 8, at=midnight - timedelta(minutes=1))
    use("calls", 6, at=midnight)
    use("calls", 7, at=midnight + timedelta(hours=2))
    assert billed() == [("calls", d("21"), d("3.00"))]
    use("calls", 5, at=midnight - timedelta(minutes=2))  # 13 on the 15th
    assert late() == [("calls", d("5"), d("3.00"))]


def test_support_is_a_tenth_of_what_usage_comes_to(ann: User) -> None:
    charges = {
        "tokens": {"kind": "per_unit", "unit_price": "0.90"},
        "support": {"kind": "composite", "charge": {"kind": "percent", "percent": "10"}},
    }
    sold(ann, charges)
    use("tokens", 1050)
    assert billed() == [("support", d("945.00"), d("94.50")), ("tokens", d("1050"), d("945.00"))]
    use("tokens", 10)
    assert late() == [("support", d("9.00"), d("0.90")), ("tokens", d("10"), d("9.00"))]


def test_the_month_s_peak_decides_the_capacity(ann: User) -> None:
    tiers = [{"limits": {"": "10"}, "price": "100.00"}, {"limits": {"": None}, "price": "250.00"}]
    sold(ann, {"seats": {"kind": "capacity", "tiers": tiers}}, {"seats": ("max", "v")})
    use("seats", 4)
    use("seats", 9, at=NOON + timedelta(days=1))
    assert billed() == [("seats", d("9"), d("100.00"))]
    use("seats", 12, at=NOON + timedelta(days=2))
    # January is the next tier's now; February, with nobody, is the first one's.
    assert billed(MAR_2) == [("seats", d("3"), d("150.00")), ("seats", d("0"), d("100.00"))]


def test_capacity_of_several_units_takes_the_tier_that_holds_them_all(ann: User) -> None:
    tiers = [
        {"limits": {"cpu": "4", "gpu": "1"}, "price": "100.00"},
        {"limits": {"cpu": None, "gpu": None}, "price": "400.00"},
    ]
    sold(ann, {"nodes": {"kind": "capacity", "by": "unit", "tiers": tiers}}, {"nodes": ("max", "v")})
    use("nodes", 3, unit="cpu")
    use("nodes", 1, unit="gpu")
    assert [line[2] for line in billed()] == [d("100.00")]
    use("nodes", 2, unit="gpu")
    assert [line[2] for line in billed(MAR_2)] == [d("300.00"), d("100.00")]


def test_an_amount_that_the_event_carries(ann: User) -> None:
    sold(ann, {"resale": {"kind": "dynamic", "multiplier": "1.2"}})
    use("resale", "12.345")
    use("resale", "0.055")
    assert billed() == [("resale", d("12.4"), d("14.88"))]
    use("resale", "10")
    assert late() == [("resale", d("10"), d("12.00"))]


def test_prices_in_credits_with_a_minimum_in_money(ann: User) -> None:
    in_credits = {
        "kind": "in_unit",
        "unit": "credits",
        "price": "0.01",
        "charge": {"kind": "per_unit", "unit_price": "2"},
    }
    sold(ann, {"runs": {"kind": "adjusted", "minimum": "50.00", "charge": in_credits}})
    use("runs", 1000)  # 2,000 credits: $20.00
    assert billed() == [("runs", d("1000"), d("50.00"))]
    use("runs", 2000)  # 6,000 credits: $60.00
    assert billed(MAR_2) == [("runs", d("2000"), d("10.00")), ("runs", d("0"), d("50.00"))]


def test_tokens_by_model_and_direction(ann: User) -> None:
    def at(price: str) -> Json:
        return {"kind": "per_unit", "unit_price": price, "per": "1000000"}

    cells = [
        {"values": ["opus", "output"], "charge": at("25.00")},
        {"values": ["opus", None], "charge": at("5.00")},
    ]
    sold(ann, {"tokens": {"kind": "matrix", "by": ["model", "side"], "cells": cells, "default": at("1.00")}})
    use("tokens", 2_000_000, model="opus", side="output")
    use("tokens", 4_000_000, model="opus", side="input")
    use("tokens", 3_000_000, side="input")
    assert billed() == [("tokens", d("9000000"), d("73.00"))]
    assert not UnpricedUsage.objects.exists()
    use("tokens", 1_000_000, model="opus", side="output")
    assert late() == [("tokens", d("1000000"), d("25.00"))]


@pytest.mark.parametrize(
    ("charge", "amount", "more"),
    [
        ({"kind": "per_unit", "unit_price": "0.5"}, "15.00", "5.00"),
        (PACKAGES, "14.00", "0.00"),
        (
            {
                "kind": "volume",
                "tiers": [{"up_to": "30", "unit_price": "1"}, {"up_to": None, "unit_price": "0.5"}],
            },
            "30.00",
            "-10.00",  # past the edge the total falls, and the difference is given back
        ),
        ({"kind": "allowance", "units": "25", "charge": {"kind": "per_unit", "unit_price": "2"}}, "10.00", "20.00"),
        (
            {
                "kind": "converted",
                "operation": "divide",
                "factor": "16",
                "rounding": "up",
                "charge": {"kind": "per_unit", "unit_price": "3"},
            },
            "6.00",
            "3.00",
        ),
        ({"kind": "adjusted", "percent_off": "10", "charge": {"kind": "per_unit", "unit_price": "1"}}, "27.00", "9.00"),
        ({"kind": "per_group", "by": ["team"], "charge": PACKAGES}, "21.00", "0.00"),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else None,
)  # fmt: skip
def test_what_comes_late_is_billed_as_the_difference(ann: User, charge: Json, amount: str, more: str) -> None:
    sold(ann, {"units": charge})
    use("units", 5, team="b")
    use("units", 25, team="a")
    assert billed() == [("units", d("30"), d(amount))]
    use("units", 10, team="b")
    if d(more):
        assert late() == [("units", d("10"), d(more))]
    else:
        assert bill(MAR_2) == []
