import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.acts import Act
from metering import operations, queries
from metering.models import Meter
from metering.queries import usage
from metering.registry.screening import matches
from metering.wire.scalars import number_of
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event

DAY = timedelta(days=1)
TODAY = Period(NOON - DAY / 2, NOON + DAY / 2)
Define = Callable[..., Meter]


def report(*bodies: dict[str, Any], **fields: Any) -> None:
    events = [event(f"{fields}{n}", properties=body, **fields) for n, body in enumerate(bodies)]
    operations.ingest(events, source="gateway", at=NOON)


def of(meter: str, period: Period = TODAY, customer: str = "contoso") -> Decimal:
    quantity = usage([(customer, meter, period, WHOLE)])[customer, meter, period, WHOLE]
    assert isinstance(quantity, Decimal)
    return quantity


@pytest.mark.parametrize(
    ("aggregation", "total"),
    [("count", "6"), ("sum", "1000000000000000000000000000.35"), ("max", "1e27"), ("unique", "5"), ("latest", "0.2")],
)
def test_each_way_of_adding_up(meter: Define, aggregation: str, total: str) -> None:
    meter("m", aggregation, "" if aggregation == "count" else "v")
    values = ["0.1", Decimal("0.1"), "-0.1", Decimal(10) ** 27, "0.05", "0.2"]
    for back, value in zip(range(6, 0, -1), values, strict=True):
        report({"v": value}, before=timedelta(minutes=back))
    assert of("m") == Decimal(total)


def test_a_sum_is_exact_where_floats_are_not(tokens: Meter) -> None:
    report(*[{"tokens": Decimal("0.1")}] * 10, {"tokens": Decimal("1e-20")})
    assert str(of("tokens")) == "1.00000000000000000001"


@pytest.mark.parametrize("aggregation", ["count", "sum", "max", "unique", "latest"])
def test_what_was_not_used_is_zero(meter: Define, aggregation: str) -> None:
    meter("m", aggregation, "v")
    assert of("m") == 0
    assert of("m", customer="nobody") == 0


def test_periods_are_half_open(tokens: Meter) -> None:
    tick = timedelta(microseconds=1)
    for back, value in ((tick, 1), (timedelta(0), 10), (-tick, 100)):
        report({"tokens": value}, before=back)
    assert of("tokens", Period(NOON - DAY, NOON)) == 1
    assert of("tokens", Period(NOON, NOON + tick)) == 10
    assert of("tokens", Period(NOON, NOON + DAY)) == 110
    assert of("tokens", Period(NOON, NOON)) == 0


def test_filters_let_through_only_their_values(meter: Define) -> None:
    meter("eu", filters={"region": ["eu", "uk"], "tier": [1]})
    report(
        {"tokens": 1, "region": "eu", "tier": 1},
        {"tokens": 10, "region": "uk", "tier": "1"},
        {"tokens": 100, "region": "us", "tier": 1},
        {"tokens": 1000, "region": "eu", "tier": 2},
        {"tokens": 10000, "region": "eu"},
        {"tokens": 100000, "region": None, "tier": 1},
        {"tokens": 1000000, "region": ["eu"], "tier": 1},
    )
    assert of("eu") == 11


def test_a_meter_answers_for_what_came_before_it(tokens: Meter, meter: Define) -> None:
    report({"tokens": 5, "bytes": "7"}, {"tokens": 5, "bytes": "lots"}, {"tokens": 5})
    meter("bytes", property="bytes")
    meter("peak", "max", "bytes")
    meter("last", "latest", "bytes")
    assert [of("bytes"), of("peak"), of("last")] == [7, 7, 7]


def test_the_latest_of_equals_is_the_one_stored_last(meter: Define) -> None:
    meter("seats", "latest", "seats")
    operations.ingest([event("b", properties={"seats": 3})], source="gateway", at=NOON)
    operations.ingest([event("a", properties={"seats": 4})], source="gateway", at=NOON)
    assert of("seats") == 4


def test_negative_usage_is_kept(meter: Define) -> None:
    meter("peak", "max")
    meter("tokens")
    report({"tokens": -5}, {"tokens": -3})
    assert [of("tokens"), of("peak")] == [-8, -3]


def test_customers_types_and_meters_are_kept_apart(tokens: Meter, meter: Define) -> None:
    meter("calls", "count", "", event_type="call")
    report({"tokens": 1})
    report({"tokens": 10}, customer="fabrikam")
    report({"tokens": 100}, type="call")
    asked = [(customer, name, TODAY, WHOLE) for customer in ("contoso", "fabrikam") for name in ("tokens", "calls")]
    assert usage(asked) == dict(zip(asked, [1, 1, 10, 0], strict=True))


def test_the_number_of_queries_does_not_depend_on_the_requests(meter: Define) -> None:
    for aggregation in Meter.Aggregation:
        meter(aggregation.value, aggregation.value)
    report({"tokens": 1})

    def queries_for(customers: int, days: int) -> int:
        asked = [
            (f"customer-{customer}", aggregation.value, Period(NOON - DAY * (day + 1), NOON - DAY * day), WHOLE)
            for customer in range(customers)
            for day in range(days)
            for aggregation in Meter.Aggregation
        ]
        with CaptureQueriesContext(connection) as captured:
            assert len(usage(asked)) == len(asked)
        return len(captured)

    assert queries_for(1, 1) == queries_for(100, 10) == 4 + 2


def test_asking_twice_or_for_nothing(tokens: Meter) -> None:
    report({"tokens": 5})
    assert usage([("contoso", "tokens", TODAY, WHOLE)] * 2) == {("contoso", "tokens", TODAY, WHOLE): 5}
    assert usage([]) == {}


def test_an_unknown_meter_is_an_error(tokens: Meter) -> None:
    with pytest.raises(LookupError, match="there is no meter 'tokns'"):
        usage([("contoso", "tokens", TODAY, WHOLE), ("contoso", "tokns", TODAY, WHOLE)])


def test_sql_and_python_agree_on_what_counts(meter: Define, by_eric: Act) -> None:
    """Random properties: what the database sums is what the checks at the door call a number and a match."""
    meter("anything", "count", "")
    picked = meter("picked", filters={"kind": ["1", "true", "a", "0.10", "100"]})
    dice = random.Random(7)
    values = [
        "1",
        1,
        True,
        "a",
        Decimal("0.10"),
        "0.10",
        Decimal("1E+2"),
        None,
        "x",
        " 1",
        "1\n",
        "٣",
        "-2.50",
        [1],
        "",
        "+1",
        ".5",
        "1.",
    ]
    bodies = [{"tokens": dice.choice(values), "kind": dice.choice(values)} for _ in range(500)]
    report(*bodies)
    counts = [number for body in bodies if matches(picked, body) and (number := number_of(body["tokens"])) is not None]
    assert of("picked") == sum(counts)
    assert len(counts) > 20


def test_nobody_is_known_until_somebody_says_who_is() -> None:
    queries._customers_source = None
    with pytest.raises(RuntimeError, match="register_customers_source"):
        queries.known_customers({"contoso"})
