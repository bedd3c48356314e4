"""Flags found in what was stored: once each, resolved by a person, the same number of queries for many customers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.acts import Act
from metering import queries
from metering.flags import operations as flags
from metering.models import Meter, UsageFlag
from metering.operations import ingest
from tests.metering.conftest import NOON, event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def listed(customers: set[str]) -> Iterator[None]:
    before = queries._customer_keys
    queries.register_customer_keys(lambda: customers)
    yield
    queries._customer_keys = before


def send(count: int, *, prefix: str = "e", batches: int = 1, late: timedelta = timedelta(0), **fields: Any) -> None:
    """So many events within the hour before noon, in so many batches, each batch stored `late` after its events."""
    for batch in range(batches):
        at = NOON - timedelta(minutes=batch)
        made = [
            event(f"{prefix}{batch}-{place}", before=timedelta(minutes=batch), **fields)
            for place in range(count // batches)
        ]
        ingest(made, source="gateway", at=at + late)


def found() -> list[tuple[str, str, str, Decimal, Decimal]]:
    rows = UsageFlag.objects.order_by("kind", "customer_key")
    return [(flag.kind, flag.customer_key, flag.source, flag.seen, flag.usual) for flag in rows]


def test_a_burst_of_duplicates_is_flagged_beside_what_was_counted(tokens: Meter) -> None:
    send(150)
    send(150)
    send(40, customer="fabrikam", prefix="f")
    send(40, customer="fabrikam", prefix="f")
    (flag,) = flags.look(NOON)
    assert found() == [("duplicates", "contoso", "gateway", Decimal(150), Decimal(150))]
    assert flag.detail == "150 events from gateway on 10 March 2026 were sent before; 150 counted."


def test_a_flag_that_is_still_open_says_what_is_seen_now(tokens: Meter) -> None:
    for _ in range(2):
        send(150)
    flags.look(NOON)
    send(150)
    assert flags.look(NOON + timedelta(minutes=15)) == []
    assert found() == [("duplicates", "contoso", "gateway", Decimal(300), Decimal(150))]


def test_what_is_resolved_stays_as_it_was(tokens: Meter, by_eric: Act) -> None:
    for _ in range(2):
        send(150)
    flags.look(NOON)
    flags.resolve(UsageFlag.objects.get(), act=by_eric)
    send(150)
    assert flags.look(NOON + timedelta(minutes=15)) == []
    assert found()[0][3] == Decimal(150)


def test_a_clock_that_is_ahead_is_one_flag_until_it_is_resolved(tokens: Meter) -> None:
    send(20, batches=10, late=timedelta(seconds=-90))
    (flag,) = flags.look(NOON)
    assert found() == [("skew", "contoso", "gateway", Decimal(90), Decimal(0))]
    assert flag.detail == (
        "Events from gateway come 1 min 30 s before they happen: the clock there, or its time zone, is wrong."
    )
    assert flags.look(NOON + timedelta(days=1)) == []


def test_a_time_zone_that_is_wrong(tokens: Meter) -> None:
    send(20, batches=10, late=timedelta(hours=2))
    flags.look(NOON + timedelta(hours=3))
    assert found() == [("skew", "contoso", "gateway", Decimal(7200), Decimal(0))]


def test_what_is_too_far_ahead_to_be_counted_says_so_too(tokens: Meter) -> None:
    ingest([event(f"e{place}", before=timedelta(hours=-1)) for place in range(20)], source="gateway", at=NOON)
    flags.look(NOON)
    assert found() == [("skew", "contoso", "gateway", Decimal(3600), Decimal(0))]


def test_ordinary_traffic_is_not_flagged(tokens: Meter) -> None:
    send(40, batches=20)
    send(10, batches=5)
    assert flags.look(NOON) == []


def test_many_customers_take_as_many_queries_as_one(
    tokens: Meter, meter: Callable[..., Meter], customers: set[str]
) -> None:
    meter("calls", "count", "")
    send(40)

    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as statements:
            flags.look(NOON)
        return len(statements)

    few = asked()
    customers |= {f"customer-{number}" for number in range(50)}
    assert asked() == few
