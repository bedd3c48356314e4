"""Adjustments: the documented order, and a waterfall that adds up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.adjustments import (
    AmountOff,
    Maximum,
    Minimum,
    PercentOff,
    Spent,
    Waterfall,
    WaterfallStep,
    adjust,
    prorated,
)
from pricing.charges import Graduated, Step, Tier
from pricing.money import exactly

D = Decimal
AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=4)
ADJUSTMENTS = st.one_of(
    st.builds(PercentOff, st.decimals(min_value=0, max_value=100, places=3), st.just("deal")),
    st.builds(AmountOff, AMOUNTS, st.just("coupon")),
    st.builds(Minimum, AMOUNTS, st.just("floor")),
    st.builds(Maximum, AMOUNTS, st.just("cap")),
)


def fall_from(amount: str | Decimal, *adjustments) -> Waterfall:
    fall = Waterfall("USD")
    with exactly():
        fall.listed([Step(D(1), D(amount))], "card")
        adjust(fall, adjustments)
    return fall


HUNDRED_OFF, TEN_PERCENT = AmountOff(D(100), "coupon"), PercentOff(D(10), "deal")


@pytest.mark.parametrize(
    ("adjustments", "net"),
    [
        ([HUNDRED_OFF, TEN_PERCENT], "810"),
        ([TEN_PERCENT, HUNDRED_OFF], "810"),
        ([TEN_PERCENT, TEN_PERCENT], "810"),
        ([TEN_PERCENT, HUNDRED_OFF, Minimum(D(900), "floor")], "900"),
        ([Maximum(D(805), "cap"), TEN_PERCENT, HUNDRED_OFF], "805"),
        ([Maximum(D(805), "cap"), Minimum(D(806), "floor")], "806"),
        ([AmountOff(D(5000), "coupon"), TEN_PERCENT], "0"),
        ([PercentOff(D(100), "deal")], "0"),
        ([], "1000"),
    ],
)
def test_amount_then_percent_then_maximum_then_minimum(adjustments, net):
    assert fall_from("1000", *adjustments).total == D(net)


def test_each_step_says_what_it_did_and_who_said_so():
    assert fall_from("1000", TEN_PERCENT, HUNDRED_OFF, Minimum(D(900), "floor")).steps == [
        WaterfallStep("list", "1 at $1,000.00 each", D(1000), D(1000), "card"),
        WaterfallStep("amount_off", "$100.00 off", D(-100), D(900), "coupon"),
        WaterfallStep("percent_off", "10% off", D(-90), D(810), "deal"),
        WaterfallStep("minimum", "at least $900.00", D(90), D(900), "floor"),
    ]


def test_limits_that_do_not_bite_leave_no_step():
    assert [each.kind for each in fall_from("50", Minimum(D(50), "f"), Maximum(D(50), "c")).steps] == ["list"]


def test_a_discount_on_nothing_is_still_shown():
    assert fall_from("0", HUNDRED_OFF).steps[-1] == WaterfallStep("amount_off", "$100.00 off", D(0), D(0), "coupon")


def test_a_credit_is_not_discounted_below_itself():
    assert fall_from("-10", HUNDRED_OFF).total == D(-10)


def test_json_is_text():
    step = WaterfallStep("percent_off", "10% off", D("-90.00"), D("8.1E+2"), "deal")
    assert step.as_json() == {
        "kind": "percent_off",
        "label": "10% off",
        "amount": "-90",
        "total": "810",
        "source": "deal",
    }


@pytest.mark.parametrize("build", [AmountOff, Minimum, Maximum, PercentOff])
@pytest.mark.parametrize("value", [D(-1), D("NaN"), D("Infinity"), 1.5])
def test_an_adjustment_that_cannot_be_applied_cannot_be_built(build, value):
    with pytest.raises(ValueError, match="must be a finite Decimal, not negative"):
        build(value, "x")


def test_no_more_than_everything_can_be_taken_off():
    with pytest.raises(ValueError, match="not be more than 100"):
        PercentOff(D("100.001"), "x")


@given(
    st.lists(st.tuples(AMOUNTS, st.sampled_from([D(1), D(3), D(7), D(3600)])), max_size=6),
    st.lists(ADJUSTMENTS),
)
def test_steps_add_up_to_every_total_they_leave(rows, adjustments):
    fall = Waterfall("USD")
    with exactly():
        fall.listed([Step(quantity, D("1.3"), per) for quantity, per in rows], "card")
        adjust(fall, adjustments)
        reached = D(0)
        for step in fall.steps:
            reached += step.amount
            assert step.total == reached
    assert fall.total == reached
    assert fall.total >= 0


@given(AMOUNTS, st.lists(ADJUSTMENTS))
def test_limits_hold_and_the_minimum_has_the_last_word(amount, adjustments):
    total = fall_from(amount, *adjustments).total
    minimum = max([each.amount for each in adjustments if isinstance(each, Minimum)], default=D(0))
    maxima = [each.amount for each in adjustments if isinstance(each, Maximum)]
    assert total >= minimum
    assert all(total <= max(maximum, minimum) for maximum in maxima)


def test_three_thirds_are_one():
    tiers = tuple(Tier(edge, D(1)) for edge in (D(1), D(2), None))
    fall = Waterfall("USD")
    with exactly():
        fall.listed(Graduated(tiers, per=D(3)).cost(D(3)), "card")
    assert fall.total == 1


def test_a_part_of_a_cycle_prorates_amounts_but_not_percentages():
    assert prorated([HUNDRED_OFF, TEN_PERCENT, Minimum(D(1000), "f")], Fraction(73, 365)) == (
        AmountOff(D(20), "coupon"),
        TEN_PERCENT,
        Minimum(D(200), "f"),
    )


def left_after(amount: str, *acting) -> tuple:
    """What two of a cycle's adjustments have left when one line of it was adjusted so."""
    adjustments = [HUNDRED_OFF, TEN_PERCENT, Maximum(D(500), "cap"), Minimum(D(50), "floor")]
    spent, fall = Spent(), fall_from(amount, *acting)
    spent.note(fall, (), acting)
    return spent.left((), adjustments)


def test_the_next_line_of_a_cycle_has_what_is_left():
    rest = (TEN_PERCENT, Maximum(D(500), "cap"), Minimum(D(50), "floor"))
    assert left_after("80", HUNDRED_OFF) == (AmountOff(D(20), "coupon"), *rest)
    assert left_after("400", HUNDRED_OFF) == (
        AmountOff(D(0), "coupon"),
        TEN_PERCENT,
        Maximum(D(200), "cap"),
        Minimum(D(0), "floor"),
    )


def test_what_a_later_line_gives_back_counts_against_a_minimum_again():
    spent, floor = Spent(), [Minimum(D(100), "floor")]
    for amount in ("120", "-50"):
        spent.note(fall_from(amount), (), floor)
    assert spent.left((), floor) == (Minimum(D(30), "floor"),)


def test_a_price_change_brings_its_own_amount_off_less_what_the_last_one_took():
    spent, agreed = Spent(), [AmountOff(D(40), "coupon")]
    own = [AmountOff(D(30), "card 1")]
    spent.note(fall_from("50", *own, *agreed), own, agreed)
    assert spent.left([AmountOff(D(35), "card 2")], agreed) == (AmountOff(D(5), "card 2"), AmountOff(D(20), "coupon"))
    assert spent.left([], agreed) == (AmountOff(D(20), "coupon"),)
