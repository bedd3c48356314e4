"""Exactly one override acts; the waterfall shows the list price, the difference, and why the others lost."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import operations as catalog
from catalog.models import Product
from contracts.overrides import AgreedOverride, Lost, decided, decisions, overridden
from contracts.overrides_page import shown_overrides
from contracts.queries import terms_of
from contracts.terms import AgreedLine, AgreedPrice
from pricing.charges import Cell, Flat, Graduated, Matrix, Package, PerUnit, Tier, Volume, amount
from pricing.measures import Part
from pricing.rating import Price, Term, rate
from tests import cast
from tests.contracts.test_impact import follows

JANUARY, MARCH, MAY, NEXT_YEAR = (
    datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in (0, 2, 4, 12)
)
LISTED = Price(JANUARY, PerUnit(Decimal(10)), "v1")
TOKENS = object()
EIGHT = AgreedOverride("eight", PerUnit(Decimal(8)), None, 100, JANUARY, None, JANUARY, product=TOKENS)
HALF = AgreedOverride("half", None, Decimal("0.5"), 1, JANUARY, None, JANUARY, product=TOKENS)


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


def test_the_dearer_agreed_price_beats_the_multiplier_and_multipliers_never_compound() -> None:
    """F2.4: 0.9 and 0.8 of 1.00 make 0.80; 0.85 agreed beside 0.8 makes 0.85."""
    one = replace(LISTED, charge=PerUnit(Decimal(1)))
    nine, eight = (
        replace(HALF, multiplier=Decimal("0.9")),
        replace(HALF, key="8", multiplier=Decimal("0.8"), priority=0),
    )
    assert acting(nine, eight, prices=(one,)) == [(JANUARY, PerUnit(Decimal("0.8")))]
    agreed = replace(EIGHT, charge=PerUnit(Decimal("0.85")))
    assert acting(nine, eight, agreed, prices=(one,)) == [(JANUARY, PerUnit(Decimal("0.85")))]


EVERYTHING = replace(HALF, key="all", product=None, priority=0, multiplier=Decimal("0.9"))
TAGGED = replace(EVERYTHING, key="llm", product_tags=("llm",), multiplier=Decimal("0.8"))
TWICE_TAGGED = replace(EVERYTHING, key="eu", product_tags=("eu", "llm"), multiplier=Decimal("0.7"), priority=500)


def test_the_more_specific_target_goes_first() -> None:
    ranked = [HALF, TWICE_TAGGED, TAGGED, EVERYTHING]
    for place, winner in enumerate(ranked):
        acts, lost = decided(reversed(ranked[place:]))
        assert acts == [winner]
        assert {each.why for each in lost} == ({"the more specific goes first"} if lost else set())


def test_an_agreed_price_for_everything_still_beats_a_multiplier_for_a_product() -> None:
    (price,) = overridden([LISTED], [HALF, replace(EIGHT, product=None)], JANUARY, NEXT_YEAR)
    assert price.charge == EIGHT.charge
    assert price.source.startswith("agreed price for everything (priority 100); not used: agreed 0.5 × list")


def test_tags_cover_products_that_have_all_of_them() -> None:
    llm = Product(name="Tokens", tags=["llm"])
    assert [each.covers(llm) for each in (TAGGED, TWICE_TAGGED, EVERYTHING)] == [True, False, True]
    assert replace(EIGHT, product=llm.pk).covers(llm)


LARGE = replace(HALF, key="large", dimensions=(("model", "large"),), multiplier=Decimal("0.1"))
BY_MODEL = replace(LISTED, charge=Matrix(("model",), (Cell(("large",), PerUnit(Decimal(20))),), PerUnit(Decimal(10))))


def costs(price: Price) -> list[Decimal]:
    """Of one large and one small."""
    return [amount(price.charge.cost((Part(Decimal(1), (model,)),))) for model in ("large", "small")]


def test_one_for_values_acts_there_and_leaves_the_rest_to_the_next() -> None:
    (price,) = overridden([BY_MODEL], [HALF, LARGE], JANUARY, NEXT_YEAR)
    assert costs(price) == [Decimal(2), Decimal(5)]
    assert price.source == "agreed 0.1 × list for model large (priority 1); agreed 0.5 × list (priority 1)"
    (price,) = overridden(
        [BY_MODEL], [EIGHT, replace(LARGE, multiplier=None, charge=PerUnit(Decimal(7)))], JANUARY, MAY
    )
    assert costs(price) == [Decimal(7), Decimal(8)]


def test_of_two_for_the_same_values_one_acts_and_a_price_for_all_beats_a_multiplier_for_some() -> None:
    other = replace(LARGE, key="other", priority=0, multiplier=Decimal("0.2"))
    assert decided([LARGE, other]) == ([other], [Lost(LARGE, other, "a lower priority number goes first")])
    assert decided([LARGE, EIGHT]) == ([EIGHT], [Lost(LARGE, EIGHT, "an agreed price goes before a multiplier")])


def test_free_is_a_multiplier_of_nothing() -> None:
    assert acting(replace(HALF, multiplier=Decimal(0))) == [(JANUARY, PerUnit(Decimal(0)))]


def test_what_acts_and_what_loses_over_the_time_of_a_line() -> None:
    spring = replace(EIGHT, key="spring", start=MARCH, end=MAY)
    acts, lost = decisions([HALF, spring], JANUARY, NEXT_YEAR)
    assert (acts, list(lost)) == ({"half", "spring"}, ["half"])
    assert decisions([HALF, spring], MARCH, MAY)[0] == {"spring"}


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


@pytest.mark.django_db
def test_the_page_says_which_act_where_and_why_the_others_do_not() -> None:
    tokens, fee = cast.product("output-tokens"), cast.product("platform-fee")
    agreed = [
        AgreedPrice(tokens, charge=PerUnit(Decimal(9), cast.MILLION)),
        AgreedPrice(multiplier=Decimal("0.9")),
        AgreedPrice(product_tags=("gpu",), multiplier=Decimal("0.5")),
    ]
    contract = follows(lines=[AgreedLine(tokens), AgreedLine(fee)], overrides=agreed)
    assert [(each.target, each.price, each.acts_on, each.losses) for each in shown_overrides(contract)] == [
        ("Output tokens", "$9.00 per million", "Output tokens", []),
        (
            "for everything",
            "0.9 × the list price",
            "Platform fee",
            ["Not used for Output tokens: an agreed price goes before a multiplier (agreed price (priority 100))."],
        ),
        ("for what is tagged gpu", "0.5 × the list price", "", []),
    ]


@pytest.mark.django_db
def test_an_override_by_tag_acts_on_the_products_that_have_it() -> None:
    tokens = cast.product("output-tokens")
    fields = {name: getattr(tokens, name) for name in ("name", "unit", "revenue_account", "description", "is_active")}
    catalog.update_product(tokens, **fields, tags=["llm", "eu"], act=cast.act("ann"))
    lines = [AgreedLine(tokens), AgreedLine(cast.product("input-tokens"))]
    contract = follows(lines=lines, overrides=[AgreedPrice(product_tags=("llm",), multiplier=Decimal("0.5"))])
    first, second = terms_of([contract])[contract.pk]
    assert first.term.prices[0].charge == PerUnit(Decimal("5.00"), cast.MILLION)
    assert (second.term.prices[0].charge, second.term.prices[0].list_charge) == (cast.INPUT, None)
