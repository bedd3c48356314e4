"""States: merging and finishing, exact whatever the store."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce

import pytest

from metering.meters.states import NOTHING, State, finish, length_of, merged, quotient, seconds_held, single
from metering.models import Meter
from pricing.periods import Period

MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
AGGREGATIONS = list(Meter.Aggregation)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_nothing_is_zero(aggregation: str) -> None:
    assert finish(aggregation, NOTHING, MARCH) == 0


@pytest.mark.parametrize(
    ("aggregation", "number"),
    [("count", "4"), ("sum", "7.5"), ("max", "9"), ("min", "-4"), ("latest", "1.5"), ("average", "1.875")],
)
def test_each_way_of_adding_up(aggregation: str, number: str) -> None:
    values = ["-4", "9", "1", "1.5"]
    states = [single(Decimal(value), MARCH.start + timedelta(hours=n), n) for n, value in enumerate(values)]
    # Different values are counted by the stores.
    state = reduce(merged, [State(s.events, s.total, s.moment, s.highest, s.lowest, s.latest) for s in states])
    assert finish(aggregation, state, MARCH) == Decimal(number)


def test_a_weighted_sum_counts_each_value_for_as_long_as_it_was_held() -> None:
    half = single(Decimal(10), MARCH.start + (MARCH.end - MARCH.start) / 2)
    assert finish("weighted", half, MARCH) == 5
    assert quotient(seconds_held(half, MARCH, Decimal(3)), length_of(MARCH)) == 8
    assert finish("weighted", half, Period(MARCH.start, MARCH.start)) == 0
    third = single(Decimal(1), MARCH.end - (MARCH.end - MARCH.start) / 3)
    assert finish("weighted", third, MARCH) == Decimal("0." + "3" * 50)


def test_a_quotient_is_exact_where_it_ends_and_has_fifty_digits_where_not() -> None:
    assert str(quotient(Decimal(1), 8)) == "0.125"
    assert str(quotient(Decimal("1e30"), 4)) == "250000000000000000000000000000"
    assert str(quotient(Decimal(2), 3)) == "0." + "6" * 49 + "7"
    assert quotient(Decimal(2), 0) == 0


def test_merging_does_not_depend_on_order_nor_lose_a_digit() -> None:
    dice = random.Random(3)
    states = [
        single(Decimal(dice.randrange(-(10**47), 10**47)).scaleb(-18), MARCH.start + timedelta(microseconds=n), n)
        for n in dice.sample(range(10**12), 200)
    ]
    plain = [State(s.events, s.total, s.moment, s.highest, s.lowest, s.latest) for s in states]
    whole = reduce(merged, plain)
    dice.shuffle(plain)
    assert reduce(merged, plain) == whole
    assert whole.events == 200
    assert whole.latest == max(s.latest for s in states if s.latest)


def test_numbers_of_different_values_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        merged(State(2, distinct=2), State(1, distinct=1))
