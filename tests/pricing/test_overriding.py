"""A list price with other figures for some values, or by how much there is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.charges import Adjusted, Cell, Charge, ChargeError, Flat, Graduated, Matrix, PerUnit, Tier, amount
from pricing.measures import Part
from pricing.overriding import Factor, for_values, in_tiers

ONE = PerUnit(Decimal(1))
TWO = PerUnit(Decimal(2))
NINE = PerUnit(Decimal(9))
FACTORS = (Factor(Decimal(100), Decimal(1)), Factor(None, Decimal("0.8")))
BY_MODEL = Matrix(("model",), (Cell(("large",), TWO),), ONE)
MODELS = Matrix(("model", "region"), (Cell((None, "eu"), TWO), Cell(("large", "us"), NINE)), ONE)


def cost(charge: Charge, quantity: int, *values: str) -> Decimal:
    return amount(charge.cost((Part(Decimal(quantity), values),) if values else Decimal(quantity)))


def test_units_cost_the_factor_of_their_tier():
    assert [cost(in_tiers(TWO, FACTORS), quantity) for quantity in (100, 101, 200)] == [200, Decimal("201.6"), 360]


def test_tiers_of_a_ladder_are_cut_where_a_factor_begins():
    listed = Graduated((Tier(Decimal(50), Decimal(3), Decimal(5)), Tier(None, Decimal(2), Decimal(10))))
    agreed = in_tiers(listed, FACTORS)
    assert isinstance(agreed, Graduated)
    assert agreed.tiers == (
        Tier(Decimal(50), Decimal(3), Decimal(5)),
        Tier(Decimal(100), Decimal(2), Decimal(10)),
        Tier(None, Decimal("1.6"), Decimal(0)),
    )


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 1000), st.decimals("0", "2", places=3))
def test_tiers_multiply_what_the_list_asks_for_the_units_in_them(edge: int, cut: int, quantity: int, factor: Decimal):
    listed = Graduated((Tier(Decimal(cut), Decimal(3)), Tier(None, Decimal(2))))
    below = cost(listed, min(quantity, edge))
    beyond = cost(listed, quantity) - below
    agreed = in_tiers(listed, (Factor(Decimal(edge), Decimal("0.5")), Factor(None, factor)))
    assert cost(agreed, quantity) == below * Decimal("0.5") + beyond * factor


def test_tiers_act_inside_a_matrix_and_what_is_adjusted():
    assert cost(in_tiers(BY_MODEL, FACTORS), 200, "large") == 360
    assert in_tiers(Adjusted(ONE, maximum=Decimal(5)), FACTORS) == Adjusted(in_tiers(ONE, FACTORS), maximum=Decimal(5))


@pytest.mark.parametrize(
    ("charge", "factors", "words"),
    [
        (Flat(Decimal(5)), FACTORS, "by the unit only"),
        (Graduated((Tier(None, Decimal(1), cap=Decimal(9)),)), FACTORS, "by the unit only"),
        (ONE, FACTORS[:1], "the last tier must be open"),
        (ONE, (*FACTORS[1:], *FACTORS[1:]), "only the last tier is open"),
    ],
)
def test_what_cannot_be_multiplied_by_tiers_is_refused(charge: Charge, factors: tuple[Factor, ...], words: str):
    with pytest.raises(ChargeError, match=words):
        in_tiers(charge, factors)


def test_a_price_for_a_value_leaves_the_others():
    agreed = for_values(BY_MODEL, BY_MODEL, {"model": "large"}, lambda _: NINE)
    assert [cost(agreed, 10, model) for model in ("large", "small")] == [90, 10]


def test_a_value_may_be_of_a_cell_that_says_more_or_less():
    """In the EU everything costs 2; large ones in the US 9. Half of that for large ones, wherever."""
    agreed = for_values(MODELS, MODELS, {"model": "large"}, lambda listed: listed and listed.scaled(Decimal("0.5")))
    found = {place: cost(agreed, 10, *place) for place in [("large", "eu"), ("large", "us"), ("large", "asia")]}
    assert found == {("large", "eu"): 10, ("large", "us"): 45, ("large", "asia"): 5}
    assert [cost(agreed, 10, "small", region) for region in ("eu", "asia")] == [20, 10]


def test_a_price_that_was_not_told_apart_is_now():
    agreed = for_values(TWO, TWO, {"region": "eu"}, lambda _: ONE)
    assert [cost(agreed, 10, region) for region in ("eu", "us")] == [10, 20]


def test_what_has_no_list_price_gets_none_by_a_multiplier():
    listed = Matrix(("model",), (Cell(("large",), TWO),))
    assert for_values(listed, listed, {"model": "tiny"}, lambda price: price and price.scaled(Decimal(2))) == listed


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([None, "x", "y"]), st.integers(1, 9)),
        unique_by=lambda cell: cell[:2],
        min_size=1,
    ),
    st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from(["a", "b", "x", "y"]), min_size=1),
)
def test_just_what_has_the_values_is_multiplied(
    cells: list[tuple[str | None, str | None, int]], values: dict[str, str]
):
    listed = Matrix(("p", "q"), tuple(Cell(c[:2], PerUnit(Decimal(c[2]))) for c in cells), ONE)
    agreed = for_values(listed, listed, values, lambda price: price and price.scaled(Decimal(3)))
    for p in ("a", "b", "c"):
        for q in ("x", "y", "z"):
            has = {"p": p, "q": q}
            factor = 3 if values.items() <= has.items() else 1
            assert cost(agreed, 1, p, q) == factor * cost(listed, 1, p, q)
