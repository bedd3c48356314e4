"""Customers, meters and events of these tests. Metering knows no contracts: who exists is said here."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.acts import Act
from metering import queries
from metering.meters import defining
from metering.models import Meter
from metering.wire.events import Event

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def customers() -> Iterator[set[str]]:
    """Who exists; a test may add to it."""
    before, exist = queries._customers_source, {"contoso", "fabrikam"}
    queries.register_customers_source(lambda keys: keys & exist)
    yield exist
    queries._customers_source = before


@pytest.fixture
def by_eric() -> Act:
    return Act.of_system("Eric Events", "the gateway counts tokens", NOON)


@pytest.fixture
def meter(db: None, by_eric: Act) -> Callable[..., Meter]:
    """Defines a meter of `llm.request`."""

    def define(key: str, aggregation: str = "sum", property: str = "tokens", **fields: Any) -> Meter:  # noqa: A002
        given = {"name": key.title(), "event_type": "llm.request"} | fields
        return defining.define_meter(key=key, aggregation=aggregation, property=property, act=by_eric, **given)

    return define


@pytest.fixture
def tokens(meter: Callable[..., Meter]) -> Meter:
    return meter("tokens")


def event(id: str = "e1", *, customer: str = "contoso", before: timedelta = timedelta(0), **fields: Any) -> Event:  # noqa: A002
    """An event of five tokens, at noon or so long before."""
    given = {"type": "llm.request", "time": NOON - before, "properties": {"tokens": 5}} | fields
    return Event(id=id, customer_key=customer, **given)
