"""Usage told apart: by property, by calendar window, event by event."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metering import operations
from metering.models import Meter
from metering.queries import usage
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.periods import Period
from tests.metering.conftest import NOON, event

DAY = timedelta(days=1)
TODAY = Period(NOON - DAY / 2, NOON + DAY / 2)
AGGREGATIONS = ["count", "sum", "max", "unique", "latest"]
Define = Callable[..., Meter]


def report(*bodies: tuple[datetime, dict[str, Any]], source: str = "gateway", prefix: str = "e") -> None:
    """Events at these instants, each counted when it happens."""
    for n, (at, body) in enumerate(bodies):
        (verdict,) = operations.ingest([event(f"{prefix}{n}", time=at, properties=body)], source=source, at=at)
        assert verdict.outcome == "accepted"


def of(meter: str, split: Split, period: Period = TODAY, customer: str = "contoso") -> Measured:
    return usage([(customer, meter, period, split)])[customer, meter, period, split]


def minutes(*bodies: dict[str, Any]) -> list[tuple[datetime, dict[str, Any]]]:
    """Bodies a minute apart, the last at noon."""
    return [(NOON - timedelta(minutes=back), body) for back, body in zip(range(len(bodies))[::-1], bodies, strict=True)]


@pytest.mark.parametrize(
    ("aggregation", "eu", "us"),
    [("count", 3, 1), ("sum", "7.5", 9), ("max", 4, 9), ("unique", 3, 1), ("latest", "1.5", 9)],
)
def test_each_way_of_adding_up_by_property(meter: Define, aggregation: str, eu: Any, us: Any) -> None:
    meter("m", aggregation, "" if aggregation == "count" else "v")
    report(*minutes({"v": 4, "r": "eu"}, {"v": "9", "r": "us"}, {"v": "2", "r": "eu"}, {"v": "1.5", "r": "eu"}))
    assert of("m", Split(by=("r",))) == (Part(Decimal(eu), ("eu",)), Part(Decimal(us), ("us",)))


@pytest.mark.parametrize(
    ("aggregation", "first", "second"),
    [("count", 2, 1), ("sum", "3.5", 5), ("max", 2, 5), ("unique", 2, 1), ("latest", "1.5", 5)],
)
def test_each_way_of_adding_up_by_window(meter: Define, aggregation: str, first: Any, second: Any) -> None:
    meter("m", aggregation, "" if aggregation == "count" else "v")
    early = NOON - timedelta(minutes=30)
    report((early, {"v": 2}), (early + timedelta(minutes=5), {"v": "1.5"}), (NOON, {"v": 5}))
    hour = NOON - timedelta(hours=1)
    assert of("m", Split(window="hour")) == (
        Part(Decimal(first), start=hour),
        Part(Decimal(second), start=NOON),
    )


@pytest.mark.parametrize(("aggregation", "own"), [("count", 1), ("sum", 7), ("max", 7), ("unique", 1), ("latest", 7)])
def test_each_event_by_itself(meter: Define, aggregation: str, own: int) -> None:
    meter("m", aggregation, "" if aggregation == "count" else "v")
    report(*minutes({"v": 7}, {"v": 7}))
    minute = timedelta(minutes=1)
    assert of("m", Split(each=True)) == (Part(Decimal(own), (), NOON - minute), Part(Decimal(own), (), NOON))


def test_events_of_one_instant_come_by_source_and_id(meter: Define) -> None:
    meter("m", property="v")
    report((NOON, {"v": 1}), (NOON, {"v": 2}), source="zeta", prefix="a")
    report((NOON, {"v": 3}), (NOON, {"v": 4}), source="Zeta", prefix="b")
    report((NOON - timedelta(seconds=1), {"v": 5}), source="zeta", prefix="c")
    parts = of("m", Split(each=True))
    assert isinstance(parts, tuple)
    assert [part.quantity for part in parts] == [5, 3, 4, 1, 2]


def test_what_has_no_value_is_told_apart_as_none_and_comes_first(meter: Define) -> None:
    meter("m", property="v")
    report(*minutes({"v": 1, "r": "eu"}, {"v": 2}, {"v": 4, "r": None}, {"v": 8, "r": ""}))
    assert of("m", Split(by=("r",))) == (Part(Decimal(6), (None,)), Part(Decimal(8), ("",)), Part(Decimal(1), ("eu",)))


def test_combinations_of_values_in_the_order_asked_for(meter: Define) -> None:
    meter("m", property="v")
    bodies = ({"v": 1, "a": "x", "b": 2}, {"v": 2, "a": "x", "b": True}, {"v": 4, "a": "x", "b": "2"}, {"v": 8, "b": 2})
    report(*minutes(*bodies))
    assert of("m", Split(by=("b", "a"))) == (
        Part(Decimal(8), ("2", None)),
        Part(Decimal(5), ("2", "x")),
        Part(Decimal(2), ("true", "x")),
    )


def test_by_property_within_windows_and_event_by_event(meter: Define) -> None:
    meter("m", property="v")
    early = NOON - timedelta(minutes=1)
    report((early, {"v": 1, "r": "b"}), (early, {"v": 2, "r": "a"}), (NOON, {"v": 4, "r": "a"}), (NOON, {"v": 8}))
    hour = NOON - timedelta(hours=1)
    assert of("m", Split(by=("r",), window="hour")) == (
        Part(Decimal(2), ("a",), hour),
        Part(Decimal(1), ("b",), hour),
        Part(Decimal(8), (None,), NOON),
        Part(Decimal(4), ("a",), NOON),
    )
    each = of("m", Split(by=("r",), each=True))
    assert isinstance(each, tuple)
    assert [(part.quantity, part.values, part.start) for part in each] == [
        (1, ("b",), early),
        (2, ("a",), early),
        (4, ("a",), NOON),
        (8, (None,), NOON),
    ]


def test_a_day_is_the_local_one_and_may_have_25_hours(meter: Define) -> None:
    meter("calls", "count", "")
    saturday, sunday, monday = (
        datetime(2025, 10, day, hour, tzinfo=UTC) for day, hour in ((24, 22), (25, 22), (26, 23))
    )
    last = monday - timedelta(microseconds=1)
    hours = [sunday + timedelta(hours=hour) for hour in range(25)]
    report(*((at, {}) for at in [sunday - timedelta(microseconds=1), *hours, last, monday]))
    month = Period(saturday, monday + DAY)
    assert of("calls", Split(window="day", zone="Europe/Berlin"), month) == (
        Part(Decimal(1), (), saturday),
        Part(Decimal(26), (), sunday),
        Part(Decimal(1), (), monday),
    )
    hourly = of("calls", Split(window="hour", zone="Europe/Berlin"), Period(sunday, monday))
    assert isinstance(hourly, tuple)
    assert [part.start for part in hourly] == hours


def test_a_day_begins_at_the_first_of_two_midnights_and_after_a_gap(meter: Define) -> None:
    """In Havana the clock is put back at one in the morning, and put forward at midnight."""
    meter("calls", "count", "")
    back, forward = datetime(2025, 11, 2, 4, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)
    half = timedelta(minutes=30)
    report((back + half, {}), (back + 3 * half, {}), (forward - half, {}), (forward + half, {}))
    havana = Split(window="day", zone="America/Havana")
    assert of("calls", havana, Period(back - DAY, forward + DAY)) == (
        Part(Decimal(2), (), back),
        Part(Decimal(1), (), forward - DAY),
        Part(Decimal(1), (), forward),
    )


@pytest.mark.parametrize(
    ("window", "start"),
    [
        ("minute", datetime(2026, 3, 9, 20, 5, tzinfo=UTC)),
        ("hour", datetime(2026, 3, 9, 19, 15, tzinfo=UTC)),  # Kathmandu is 5 h 45 min ahead
        ("day", datetime(2026, 3, 9, 18, 15, tzinfo=UTC)),
        ("month", datetime(2026, 2, 28, 18, 15, tzinfo=UTC)),
    ],
)
def test_windows_are_of_the_zone(meter: Define, window: str, start: datetime) -> None:
    meter("calls", "count", "")
    report((datetime(2026, 3, 9, 20, 5, 59, tzinfo=UTC), {}))
    period = Period(NOON - 30 * DAY, NOON)
    assert of("calls", Split(window=window, zone="Asia/Kathmandu"), period) == (Part(Decimal(1), (), start),)


def test_filters_and_periods_hold_for_parts_as_for_the_whole(meter: Define) -> None:
    meter("m", property="v", filters={"kind": ["paid"]})
    report(*minutes({"v": 1, "kind": "paid", "r": "eu"}, {"v": 2, "kind": "free", "r": "eu"}, {"v": 4, "kind": "paid"}))
    period = Period(NOON - DAY, NOON)  # half-open: without the last
    assert of("m", WHOLE, period) == 1
    assert of("m", Split(by=("r",)), period) == (Part(Decimal(1), ("eu",)),)
    assert of("m", Split(each=True), period) == (Part(Decimal(1), (), NOON - timedelta(minutes=2)),)


@pytest.mark.parametrize("split", [Split(by=("r",)), Split(window="day"), Split(each=True)])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_no_events_make_no_parts(meter: Define, aggregation: str, split: Split) -> None:
    meter("m", aggregation, "v")
    assert of("m", split) == ()


@pytest.mark.parametrize("split", [Split(by=("r",)), Split(window="day"), Split(each=True)])
def test_an_event_without_what_the_meter_adds_up_is_in_no_part(tokens: Meter, meter: Define, split: Split) -> None:
    report(*minutes({"tokens": 5, "v": "many", "r": "eu"}))
    for aggregation in AGGREGATIONS[1:]:
        if aggregation != "unique":
            meter(aggregation, aggregation, "v")
            assert of(aggregation, split) == ()
    meter("names", "unique", "name")
    assert of("names", split) == ()


def test_parts_of_a_sum_are_exact_and_add_up_to_it(meter: Define) -> None:
    meter("m", property="v")
    report(*minutes(*({"v": Decimal("0.1"), "r": str(n % 3)} for n in range(10)), {"v": "0.000000000000000001"}))
    parts = of("m", Split(by=("r",)))
    assert isinstance(parts, tuple)
    assert [str(part.quantity) for part in parts] == ["1E-18", "0.4", "0.3", "0.3"]
    assert sum(part.quantity for part in parts) == of("m", WHOLE)


def test_requests_of_every_shape_are_answered_apart(meter: Define) -> None:
    meter("m", property="v")
    report(*minutes({"v": 1, "r": "eu"}, {"v": 2, "r": "us", "s": "x"}))
    splits = [WHOLE, Split(by=("r",)), Split(by=("s",)), Split(window="day"), Split(window="day", zone="Asia/Tokyo")]
    asked = [(customer, "m", TODAY, split) for customer in ("contoso", "nobody") for split in splits]
    answers = usage(asked)
    assert answers.keys() == set(asked)
    midnight, tokyo = NOON - DAY / 2, NOON.replace(hour=15) - DAY
    assert {split: answers["contoso", "m", TODAY, split] for split in splits} == {
        splits[0]: Decimal(3),
        splits[1]: (Part(Decimal(1), ("eu",)), Part(Decimal(2), ("us",))),
        splits[2]: (Part(Decimal(1), (None,)), Part(Decimal(2), ("x",))),
        splits[3]: (Part(Decimal(3), (), midnight),),
        splits[4]: (Part(Decimal(3), (), tokyo),),
    }
    assert [answers["nobody", "m", TODAY, split] for split in splits] == [0, (), (), (), ()]


def test_the_number_of_queries_does_not_depend_on_the_requests(meter: Define) -> None:
    for aggregation in AGGREGATIONS:
        meter(aggregation, aggregation, "v")
    report(*minutes({"v": 1, "r": "eu"}))
    shapes = [WHOLE, Split(by=("r",)), Split(window="day"), Split(each=True)]

    def queries_for(customers: int, days: int) -> int:
        asked = [
            (f"customer-{customer}", aggregation, Period(NOON - DAY * (day + 1), NOON - DAY * day), split)
            for customer in range(customers)
            for day in range(days)
            for aggregation in AGGREGATIONS
            for split in shapes
        ]
        with CaptureQueriesContext(connection) as captured:
            assert len(usage(asked)) == len(asked)
        return len(captured)

    assert queries_for(1, 1) == queries_for(20, 10) == 4 + 3 * len(AGGREGATIONS)  # meters, versions; what is kept, before and after
