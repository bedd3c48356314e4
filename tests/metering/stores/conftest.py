"""Both stores, one after the other: what is tested here must be so whichever keeps the events.

ClickHouse is the engine inside this process; QUOIN_TEST_CLICKHOUSE=clickhouse://user:password@host:port/database takes
a server instead. Its tables are made, and EMPTIED.
"""

import os
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import connection

from metering.clickhouse import tables
from metering.clickhouse.address import Address
from metering.clickhouse.store import ClickHouseEventStore
from metering.models import EventMove
from metering.store import EventStore, event_store
from tests.metering.conftest import NOON

TOKEN = UUID("6f6b7a52-0000-4000-8000-000000000001")


@pytest.fixture(scope="session")
def address() -> Address:
    """A ClickHouse with all its tables."""
    address = Address(os.environ.get("QUOIN_TEST_CLICKHOUSE", "chdb://"), os.environ.get("QUOIN_TEST_CLUSTER", ""))
    tables.migrate(address)
    if tables.token(address) is None:
        tables.own(address, TOKEN)
    return address


@pytest.fixture
def nothing_stays(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """Open batches are written beside the test's transaction, so they outlive it."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("TRUNCATE metering_usagebatch")


@pytest.fixture
def clickhouse(nothing_stays: None, address: Address, db: None, settings: object) -> ClickHouseEventStore:
    """An empty ClickHouse that keeps the events."""
    address.client().command(f"TRUNCATE TABLE {tables.kept_in(address)}")
    settings.EVENT_STORE_URL, settings.EVENT_STORE_CLUSTER = address.url, address.cluster  # type: ignore[attr-defined]
    EventMove.objects.create(location=str(address), token=TOKEN, started_at=NOON, switched_at=NOON)
    store = event_store()
    assert isinstance(store, ClickHouseEventStore)
    return store


@pytest.fixture(params=["postgresql", "clickhouse"])
def store(request: pytest.FixtureRequest) -> EventStore:
    """The store that keeps the events: either."""
    request.getfixturevalue("clickhouse" if request.param == "clickhouse" else "db")
    return event_store()
