"""Every case of the peers' meters, asked of ours on both stores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metering import queries
from metering.store import EventStore
from tests.metering.stores.conftest import address, clickhouse, nothing_stays, store  # noqa: F401 - fixtures
from tests.peers import metering
from tests.peers.judge import judge, verdict
from tests.peers.vectors import UnknownToAdapter, Vector

pytestmark = pytest.mark.django_db
PERIOD = {"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def customer() -> Iterator[None]:
    """Metering knows no contracts: the peer's customer exists."""
    before = queries._customers_source
    queries.register_customers_source(lambda keys: keys & {metering.CUSTOMER})
    yield
    queries._customers_source = before


def vector(kind: str, expected: dict[str, Any], **inputs: Any) -> Vector:
    return Vector("case-1", {"id": "case-1", "kind": kind, "inputs": inputs, "expected": expected, "note": ""})


def events(*said: tuple[int, str], **common: Any) -> list[dict[str, Any]]:
    """A value on each of these days of April."""
    return [{"at": f"2026-04-{day:02}T00:00:00Z", "value": value, "id": f"e{day}", **common} for day, value in said]


def test_usage_adds_up_as_the_peer_answers(aggregation_vector: Vector | Path, store: EventStore) -> None:  # noqa: F811
    reason = "" if isinstance(aggregation_vector, Path) else metering.differs_on_purpose(aggregation_vector)
    if reason and isinstance(aggregation_vector, Vector):
        if different := verdict(aggregation_vector, metering.answer(aggregation_vector)):
            pytest.xfail(f"{reason}: {different}")
        return
    judge(aggregation_vector, metering.answer)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ({"type": "count"}, {"value": "3", "events_count": "3"}),
        ({"type": "sum"}, {"value": "9", "events_count": "2"}),
        ({"type": "avg"}, {"value": "4.5"}),
        ({"type": "min"}, {"value": "-1"}),
        ({"type": "latest", "floor_zero": True, "empty_is_zero": True}, {"value": "0"}),
        ({"type": "unique_count"}, {"value": "3"}),
        ({"type": "weighted_sum", "decimals": "5"}, {"value": "9.96667", "variation": "9"}),
        ({"type": "windowed", "inner": "sum", "outer": "avg", "unit": "day"}, {"value": "4.5"}),
        ({"type": "two_level", "inner": "max", "by": "region", "outer": "unique_count"}, {"value": "2"}),
        ({"type": "prorated_sum", "days_in_period": "30", "decimals": "3"}, {"value": "9.967"}),
        ({"type": "prorated_sum", "days_in_period": "30", "persisted_days": "10"}, {"value": "3"}),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_few_figures_worked_out_by_hand(aggregation: dict[str, Any], expected: dict[str, Any]) -> None:
    """Ten on the first day, a word on the second, one less on the thirtieth."""
    said = [
        *events((1, "10"), properties={"region": "eu"}),
        *events((2, "x")),
        *events((30, "-1"), properties={"region": "us"}),
    ]
    case = vector("aggregate", expected, events=said, aggregation=aggregation, period=PERIOD)
    assert verdict(case, metering.answer(case)) == ""


@pytest.mark.usefixtures("store")
def test_values_that_were_removed_are_not_active() -> None:
    said = [*events((1, "ann"), (2, "ben"), (3, "cara"), operation="add"), *events((4, "ben"), operation="remove")]
    case = vector("aggregate", {"value": "2"}, events=said, aggregation={"type": "unique_count"}, period=PERIOD)
    assert verdict(case, metering.answer(case)) == ""


@pytest.mark.usefixtures("store")
def test_another_figure_is_told() -> None:
    case = vector("aggregate", {"value": "3"}, events=events((1, "2")), aggregation={"type": "sum"}, period=PERIOD)
    assert "expected.value: '3', got 2" in verdict(case, metering.answer(case))


@pytest.mark.usefixtures("store")
def test_nothing_read_is_not_zero() -> None:
    case = vector("aggregate", {"value": None}, events=[], aggregation={"type": "max"}, period=PERIOD)
    assert verdict(case, metering.answer(case)) == ""


@pytest.mark.parametrize(
    ("kind", "inputs", "named"),
    [
        ("aggregate", {"aggregation": {"type": "median"}}, "inputs.aggregation.type: "),
        ("aggregate", {"aggregation": {"type": "sum", "step": "3"}}, "inputs.aggregation.step: "),
        ("aggregate", {"aggregation": {"type": "sum"}, "weights": "3"}, "inputs.weights: "),
        ("forecast", {}, "kind: "),
    ],
)
def test_what_the_adapter_does_not_know_is_named(kind: str, inputs: dict[str, Any], named: str) -> None:
    case = vector(kind, {"value": "0"}, **{"events": [], "period": PERIOD, "aggregation": {"type": "sum"}} | inputs)
    with pytest.raises(UnknownToAdapter, match=f"^{named}"):
        metering.answer(case)
