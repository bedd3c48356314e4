"""Curves and cliffs: points by themselves, on both sides of every edge."""

from decimal import Decimal

import pytest

from pricing.charges import (
    Adjusted,
    Allowance,
    Cell,
    Converted,
    Flat,
    Graduated,
    Matrix,
    Package,
    Percent,
    PerUnit,
    Tier,
    Volume,
)
from pricing.curves import Cliff, Point, cliffs, curves

D = Decimal
TIERS = (Tier(D(1000), D("0.10")), Tier(D(10000), D("0.08")), Tier(None, D("0.05")))


def totals(charge) -> dict[Decimal, Decimal]:
    [curve] = curves(charge, "USD")
    assert [point.quantity for point in curve.points] == sorted({point.quantity for point in curve.points})
    return {point.quantity: point.total for point in curve.points}


def test_a_curve_shows_both_sides_of_every_edge_and_beyond():
    found = totals(Graduated(TIERS))
    assert {D(0): D(0), D(1000): D(100), D(1001): D("100.08"), D(10000): D(820), D(10001): D("820.05")}.items() <= (
        found.items()
    )
    assert max(found) == D(15000)


def test_points_have_the_average_price():
    [curve] = curves(Graduated(TIERS), "USD", [D(0), D(12500)])
    assert curve.points == [Point(D(0), D(0), D(0)), Point(D(12500), D(945), D("0.0756"))]


@pytest.mark.parametrize(
    ("charge", "edge"),
    [
        (Package(D(5), D(7)), D(7)),
        (Allowance(D(50), Graduated(TIERS)), D(1050)),
        (Converted("divide", D(1024), Graduated(TIERS)), D(1024_000)),
        (Adjusted(Volume(TIERS), minimum=D(5)), D(10000)),
        (PerUnit(D(10), D(1_000_000)), D(1_000_000)),
        (Percent(D(1), free_amount=D("0.5")), D("0.5")),
    ],
)
def test_every_charge_knows_its_edges(charge, edge):
    assert edge in totals(charge)


def test_a_fraction_is_followed_by_the_next_one():
    assert D("2.6") in totals(Graduated((Tier(D("2.5"), D(1)), Tier(None, D(2)))))


def test_a_matrix_has_a_curve_for_each_cell():
    charge = Matrix(("gpu",), (Cell(("a100",), PerUnit(D(2))), Cell((None,), Flat(D(1)))), Graduated(TIERS))
    assert [curve.label for curve in curves(charge, "USD")] == ["a100", "other"]


def test_nothing_depends_on_a_quantity_in_a_flat_price():
    assert curves(Flat(D(20)), "USD") == []


def test_cliffs_tell_what_one_more_unit_saves():
    assert cliffs(Volume(TIERS)) == [
        Cliff(D(1000), D(1001), D("19.92")),
        Cliff(D(10000), D(10001), D("299.95")),
    ]
    assert cliffs(Graduated(TIERS)) == cliffs(Package(D(5), D(10))) == []
    cell = Matrix(("a",), (Cell(("x",), Volume((Tier(D(2), D(3)), Tier(None, D(1))))),))
    assert cliffs(cell) == [Cliff(D(2), D(3), D(3))]
