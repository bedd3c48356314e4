"""Meters with two steps, meters that carry over, and meters over expressions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from metering import operations
from metering.models import Meter
from metering.queries import usage
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.periods import Period
from tests.metering.conftest import event

pytestmark = pytest.mark.usefixtures("store")
Define = Callable[..., Meter]
APRIL = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
FIRST = APRIL.start
REMOVED = "CASE WHEN operation = 'remove' THEN 0 ELSE 1 END"


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 4, number, hour, tzinfo=UTC)


@pytest.fixture
def report() -> Callable[..., None]:
    """Takes in (instant, properties) in this order."""

    def report(*bodies: tuple[datetime, dict[str, Any]], prefix: str = "e") -> None:
        for number, (at, body) in enumerate(bodies):
            (verdict,) = operations.ingest(
                [event(f"{prefix}{number}", time=at, properties=body)], source="gateway", at=at
            )
            assert verdict.outcome == "accepted"

    return report


def of(meter: str, split: Split = WHOLE, period: Period = APRIL) -> Measured:
    return usage([("contoso", meter, period, split)])["contoso", meter, period, split]


def test_seats_are_weighted_by_the_time_they_were_held(meter: Define, report: Any) -> None:
    """Ten seats from the first day and five more on the sixteenth of thirty: 10 + 5 × 15 / 30."""
    meter("seats", "weighted", "seats")
    report((day(1), {"seats": 10}), (day(16), {"seats": 5}))
    assert of("seats") == Decimal("12.5")


def test_seats_that_were_there_before_the_period_are_held_all_along(meter: Define, report: Any) -> None:
    meter("seats", "weighted", "seats", carries_over=True)
    report((FIRST - timedelta(days=40), {"seats": 12}), (FIRST - timedelta(days=1), {"seats": -2}))
    report((day(16), {"seats": 5}), prefix="later")
    assert of("seats") == Decimal("12.5")


def test_a_running_total_carries_over_and_a_sum_does_not(meter: Define, report: Any) -> None:
    meter("stored", "sum", "gb", carries_over=True)
    meter("moved", "sum", "gb")
    report((FIRST - timedelta(days=3), {"gb": 100}), (day(2), {"gb": "-30.5"}))
    assert of("stored") == Decimal("69.5")
    assert of("moved") == Decimal("-30.5")


@pytest.mark.parametrize(("aggregation", "carried", "own"), [("latest", 3, 3), ("max", 8, 5), ("min", 3, 3)])
def test_a_level_read_before_the_period_counts_until_it_is_read_again(
    meter: Define, report: Any, aggregation: str, carried: int, own: int
) -> None:
    meter("carried", aggregation, "gb", carries_over=True)
    meter("own", aggregation, "gb")
    report((FIRST - timedelta(days=9), {"gb": 50}), (FIRST - timedelta(days=3), {"gb": 8}))
    assert of("carried") == 8
    report((day(2), {"gb": 5}), (day(9), {"gb": 3}), prefix="later")
    assert (of("carried"), of("own")) == (carried, own)


def test_what_was_never_reported_is_nothing_to_carry_over(meter: Define, report: Any) -> None:
    meter("level", "min", "gb", carries_over=True)
    report((APRIL.end, {"gb": 5}))
    assert of("level") == 0
    assert of("level", Split(by=("region",))) == ()


def test_the_highest_of_each_day_is_added_up(meter: Define, report: Any) -> None:
    meter("peaks", "max", "cpu", window="day", over="sum", window_zone="America/New_York")
    report(
        (day(1, 3), {"cpu": 9}),  # in New York, still the day before
        (day(1, 12), {"cpu": 2}),
        (day(2, 3), {"cpu": 4}),  # the same local day
        (day(3, 12), {"cpu": 7}),
    )
    assert of("peaks") == 9 + 4 + 7


@pytest.mark.parametrize(
    ("over", "number"), [("sum", "12"), ("max", "7"), ("min", "2"), ("average", "4"), ("count", "3"), ("unique", "3")]
)
def test_what_becomes_of_the_numbers_of_windows(meter: Define, report: Any, over: str, number: str) -> None:
    meter("m", "sum", "v", window="day", over=over)
    report((day(1), {"v": 3}), (day(2), {"v": 1}), (day(2, 1), {"v": 1}), (day(5), {"v": 7}))
    assert of("m") == Decimal(number)


def test_the_average_of_the_daily_level_knows_the_days_without_an_event(meter: Define, report: Any) -> None:
    """A level of 10 from day 1 and of 40 from day 21 of 30: 20 days of 10 and ten of 40."""
    meter("m", "max", "gb", window="day", over="average", carries_over=True)
    report((FIRST - timedelta(days=5), {"gb": 10}), (day(21), {"gb": 40}))
    assert of("m") == Decimal(20)


def test_the_level_at_the_end_of_a_window_is_what_the_next_begins_with(meter: Define, report: Any) -> None:
    """Up to 40 on the first day and down to 1 again: the days after it have 1."""
    meter("m", "max", "gb", window="day", over="sum", carries_over=True)
    report((day(1, 1), {"gb": 40}), (day(1, 2), {"gb": 1}))
    assert of("m", period=Period(day(1), day(4))) == 40 + 1 + 1


def test_active_users_are_the_latest_of_each_added_up(meter: Define, report: Any) -> None:
    meter("active", "latest", REMOVED, per="user", over="sum", carries_over=True)
    report(
        (FIRST - timedelta(days=8), {"user": "ann"}),
        (FIRST - timedelta(days=7), {"user": "ben"}),
        (FIRST - timedelta(days=6), {"user": "ben", "operation": "remove"}),
        (day(3), {"user": "dee"}),
        (day(4), {"user": "cara"}),
        (day(5), {"user": "dee", "operation": "remove"}),
    )
    assert of("active") == 2


def test_days_on_which_a_user_was_active_are_counted(meter: Define, report: Any) -> None:
    meter("days", "max", REMOVED, per="user", window="day", over="sum", carries_over=True)
    report(
        (day(3, 9), {"user": "dee"}), (day(5, 7), {"user": "dee", "operation": "remove"}), (day(30), {"user": "ann"})
    )
    assert of("days") == 3 + 1


def test_users_over_what_is_free_for_each_count(meter: Define, report: Any) -> None:
    meter("m", "sum", "greatest(minutes - 10, 0)", per="user", over="max", condition="kind <> 'test'")
    report(
        (day(1), {"user": "ann", "minutes": 12, "kind": "call"}),
        (day(2), {"user": "ann", "minutes": "13.5", "kind": "call"}),
        (day(3), {"user": "ben", "minutes": 14, "kind": "call"}),
        (day(3), {"user": "ben", "minutes": 500, "kind": "test"}),
    )
    assert of("m") == Decimal("5.5")


def test_two_steps_told_apart(meter: Define, report: Any) -> None:
    meter("m", "max", "v", window="hour", over="sum")
    report(
        (day(1, 1), {"v": 3, "r": "eu"}),
        (day(1, 1) + timedelta(minutes=5), {"v": 5, "r": "us"}),
        (day(1, 4), {"v": 2, "r": "eu"}),
        (day(2, 4), {"v": 9, "r": "eu"}),
    )
    assert of("m") == 5 + 2 + 9
    assert of("m", Split(by=("r",))) == (Part(Decimal(14), ("eu",)), Part(Decimal(5), ("us",)))
    assert of("m", Split(window="day")) == (Part(Decimal(7), start=day(1)), Part(Decimal(9), start=day(2)))
    assert of("m", Split(each=True))[0] == Part(Decimal(3), start=day(1, 1))


def test_carried_over_and_told_apart_by_window(meter: Define, report: Any) -> None:
    """Every window begins with what the one before left; weighted, they add up to the whole."""
    meter("total", "sum", "gb", carries_over=True)
    meter("held", "weighted", "gb", carries_over=True)
    report((FIRST - timedelta(days=3), {"gb": 6}), (day(2, 12), {"gb": 4}))
    three = Period(day(1), day(4))
    by_day = Split(window="day")
    assert [part.quantity for part in of("total", by_day, three)] == [6, 10, 10]
    thirds = [part.quantity * 3 for part in of("held", by_day, three)]
    assert [round(third, 20) for third in thirds] == [6, 8, 10]
    assert of("held", period=three) == 8


def test_a_window_that_the_period_cuts_is_measured_within_it(meter: Define, report: Any) -> None:
    meter("m", "weighted", "v", window="day", over="max")
    report((day(1, 6), {"v": 8}))
    half = Period(day(1), day(1, 12))
    assert of("m", period=half) == 4


def test_carrying_over_asks_two_questions_whatever_the_number_of_customers(
    meter: Define, report: Any, store: Any, django_assert_max_num_queries: Any
) -> None:
    meter("m", "sum", "gb", carries_over=True)
    report((FIRST - timedelta(days=3), {"gb": 6}))
    with django_assert_max_num_queries(12):
        found = usage(
            [(f"customer-{number}", "m", APRIL, WHOLE) for number in range(50)] + [("contoso", "m", APRIL, WHOLE)]
        )
    assert sum(found.values()) == 6
