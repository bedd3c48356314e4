"""Exactly one override acts; the waterfall shows the list price, the difference, and why the others lost."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from contracts.overrides import AgreedOverride, overridden
from pricing.charges import Flat, Graduated, Package, PerUnit, Tier, Volume
from pricing.rating import Price, Term, rate

JANUARY, MARCH, MAY, NEXT_YEAR = (
    datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in (0, 2, 4, 12)
)
LISTED = Price(JANUARY, PerUnit(Decimal(10)), "v1")
EIGHT = AgreedOverride("eight", PerUnit(Decimal(8)), None, 100, JANUARY, None, JANUARY)
HALF = AgreedOverride("half", None, Decimal("0.5"), 1, JANUARY, None, JANUARY)


def acting(*overrides: AgreedOverride, prices: tuple[Price, ...] = (LISTED,)) -> list[tuple[datetime, object]]:
    return [(price.since, price.charge) for price in overridden(prices, overrides, JANUARY, NEXT_YEAR)]


def test_without_overrides_the_list_price_stands() -> None:
    assert overridden([LISTED], [], JANUARY, NEXT_YEAR) == (LISTED,)


def test_an_agreed_price_beats_a_multiplier_whatever_their_priorities() -> None:
    (price,) = overridden([LISTED], [HALF, EIGHT], JANUARY, NEXT_YEAR)
    assert (price.charge, price.list_charge, price.list_source) == (EIGHT.charge, LISTED.charge, "v1")
    assert price.source == (
        "agreed price (priority 100); "
        "not used: agreed 0.5 × list (priority 1), an agreed price goes before a multiplier"
    )


def test_the_lowest_priority_number_acts() -> None:
    seven = replace(EIGHT, key="seven", charge=PerUnit(Decimal(7)), priority=50)
    assert acting(EIGHT, seven) == [(JANUARY, seven.charge)]


def test_of_the_same_priority_the_newest_acts() -> None:
    seven = replace(EIGHT, key="seven", charge=PerUnit(Decimal(7)), agreed_at=MARCH)
    assert acting(EIGHT, seven) == acting(seven, EIGHT) == [(JANUARY, seven.charge)]


def test_it_acts_from_its_start_to_its_end_and_no_longer() -> None:
    spring = replace(HALF, start=MARCH, end=MAY)
    assert acting(spring) == [(JANUARY, LISTED.charge), (MARCH, PerUnit(Decimal("5.0"))), (MAY, LISTED.charge)]


def test_a_multiplier_follows_the_list_price() -> None:
    dearer = Price(MARCH, PerUnit(Decimal(12)), "v2")
    assert acting(HALF, prices=(LISTED, dearer)) == [
        (JANUARY, PerUnit(Decimal("5.0"))),
        (MARCH, PerUnit(Decimal("6.0"))),
    ]


def test_an_agreed_price_stays_when_the_list_price_changes() -> None:
    dearer = Price(MARCH, PerUnit(Decimal(12)), "v2")
    prices = overridden((LISTED, dearer), [EIGHT], JANUARY, NEXT_YEAR)
    assert [(price.charge, price.list_charge) for price in prices] == [
        (EIGHT.charge, LISTED.charge),
        (EIGHT.charge, dearer.charge),
    ]


def test_the_waterfall_shows_the_list_price_and_then_the_difference() -> None:
    prices = overridden([LISTED], [EIGHT], JANUARY, NEXT_YEAR)
    term = Term("line", "tokens", prices, "USD", JANUARY, MARCH, "UTC", meter="tokens")
    first, _ = rate([term], lambda *_: Decimal(3), MARCH)
    assert [(step.kind, step.amount) for step in first.waterfall] == [("list", Decimal(30)), ("override", Decimal(-6))]
    assert first.amount.amount == Decimal(24)


factors = st.decimals("0.000001", "9.999999", places=6)
quantities = st.integers(0, 10_000).map(Decimal)
TIERS = (Tier(Decimal(10), Decimal("2.5"), Decimal(1)), Tier(None, Decimal("1.25")))
CHARGES = [
    Flat(Decimal(20)),
    PerUnit(Decimal("0.10"), Decimal(7)),
    Graduated(TIERS),
    Volume(TIERS),
    Package(Decimal(5), Decimal(100)),
]


@given(st.sampled_from(CHARGES), factors, quantities)
def test_a_multiplied_charge_costs_so_many_times_the_list(charge: object, factor: Decimal, quantity: Decimal) -> None:
    listed = sum((step.amount for step in charge.cost(quantity)), Decimal(0))  # type: ignore[attr-defined]
    agreed = sum((step.amount for step in charge.scaled(factor).cost(quantity)), Decimal(0))  # type: ignore[attr-defined]
    assert abs(agreed - listed * factor) < Decimal("1e-18")
