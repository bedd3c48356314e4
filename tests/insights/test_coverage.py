"""What is not connected: sold and not measured, measured and not sold, sent and not counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.clock import clock_set_to
from insights.coverage import Coverage, coverage
from metering.meters.defining import define_meter
from metering.operations import ingest
from metering.registry.registering import register_event_type
from metering.wire.events import Event
from tests import cast
from tests.books import act, use

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 20, tzinfo=UTC)
PAGE = "/admin/insights/coverage/"


def covered(days: int = 30, **fields: Any) -> Coverage:
    return coverage(days, NOW, **({"sees_contracts": True} | fields))


def ever_more() -> None:
    """One gap of each kind."""
    define_meter(key="calls", name="Calls", event_type="llm.request", aggregation="count", act=act("Count them"))
    define_meter(key="runs", name="Runs", event_type="agent.run", aggregation="count", act=act("Count them"))
    register_event_type(key="search", act=act("We search"))
    at = NOW - timedelta(days=1)
    ingest([Event("s1", "search", at, "contoso", {})], source="gateway", at=at)
    ingest([Event("x1", "llm.requests", at, "contoso", {})], source="gateway", at=at)


def test_everything_is_connected(client: Client) -> None:
    cast.signed_contract()
    use("january", 20_000_000, 4_000_000)
    assert covered().gaps == 0
    client.force_login(cast.person("cara"))
    with clock_set_to(NOW):
        assert "Everything is connected." in client.get(PAGE).content.decode()


def test_every_kind_of_gap_is_found() -> None:
    contract = cast.signed_contract()
    ever_more()
    found = covered()
    assert [product.key for product in found.silent_products] == ["input-tokens", "output-tokens"]
    assert [(each.key, each.is_registered, each.events, each.last_at) for each in found.unmetered_types] == [
        ("search", True, 1, NOW - timedelta(days=1))
    ]
    assert [(meter.key, is_used) for meter, is_used in found.unsold_meters] == [("calls", False), ("runs", False)]
    assert [(each.key, each.events, each.reasons) for each in found.refused_types] == [
        ("llm.requests", 1, "No such event type")
    ]
    assert found.silent_customers == [(contract.customer, [contract])]
    assert found.gaps == 7


def test_what_came_too_long_ago_does_not_connect() -> None:
    cast.signed_contract()
    use("january", 20_000_000, 4_000_000)  # on the 15th
    assert [covered(days).gaps for days in (3, 4, 5, 6)] == [3, 3, 0, 0]


def test_who_sees_no_contracts_is_told_nothing_of_customers(client: Client) -> None:
    cast.signed_contract()
    assert covered(sees_contracts=False).silent_customers is None
    client.force_login(cast.person("eric"))
    with clock_set_to(NOW):
        page = client.get(PAGE).content.decode()
        told = client.get("/api/v1/coverage", headers=cast.system_key("usage:read")).json()
    assert ("Customers with a contract" in page, told["customers_without_usage"]) == (False, None)


def test_the_api_tells_the_same(client: Client) -> None:
    contract = cast.signed_contract()
    ever_more()
    headers = cast.system_key("usage:read", "contracts:read")
    with clock_set_to(NOW):
        told = client.get("/api/v1/coverage?days=7", headers=headers).json()
    assert (told["days"], told["gaps"], told["products_without_events"]) == (7, 7, ["input-tokens", "output-tokens"])
    assert told["customers_without_usage"] == [{"customer": "contoso", "contracts": [contract.number]}]
    assert client.get("/api/v1/coverage?days=0", headers=headers).status_code == 400


def test_more_of_everything_takes_no_more_queries() -> None:
    cast.signed_contract()

    def asked() -> int:
        with CaptureQueriesContext(connection) as statements:
            covered()
        return len(statements)

    few = asked()
    cast.signed_contract(title="Another", to=cast.customer("fabrikam"))
    ever_more()
    assert asked() == few
