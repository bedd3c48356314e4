"""Billable or not: both are told, and reconciled with all, whichever store keeps the events."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from governance.acts import Act
from metering import operations
from metering.meters.billable import Tally
from metering.models import EventType, Meter
from metering.registry.registering import change_event_type
from metering.store import EventStore
from pricing.periods import Period
from tests.metering.conftest import NOON, event

MARCH = Period(NOON.replace(day=1, hour=0), NOON.replace(month=4, day=1, hour=0))
TOKENS = Tally((2, 3, 5), (Decimal("10.5"), Decimal(17), Decimal("27.5")))


@pytest.fixture
def meters(store: EventStore, meter: Callable[..., Meter], by_eric: Act) -> list[Meter]:
    """Two meters that add up, one that does not; retries, failures and tests are not billable."""
    made = [meter("tokens"), meter("eu", "count", "", filters={"region": ["eu"]}), meter("peak", "max")]
    rule = "NOT coalesce(retry, false) AND coalesce(status, 'ok') <> 'failed' AND test IS NULL"
    change_event_type(EventType.objects.get(), billable_when=rule, act=by_eric)
    reported = [
        {"tokens": 5, "region": "eu"},
        {"tokens": Decimal("5.5"), "status": "ok"},
        {"tokens": 7, "status": "failed", "region": "eu"},
        {"tokens": 9, "retry": True},
        {"tokens": 1, "test": 1},
    ]
    events = [event(f"e{number}", properties=properties) for number, properties in enumerate(reported)]
    other = event("o1", customer="fabrikam", properties={"tokens": 100, "retry": True})
    operations.ingest([*events, other, event("e0")], source="gateway", at=NOON)
    return made


def test_both_totals_of_a_customer_add_up_to_all(store: EventStore, meters: list[Meter]) -> None:
    found = store.tallies(meters, MARCH, "contoso")
    assert found == {
        "tokens": TOKENS,
        "eu": Tally((1, 1, 2), (Decimal(1), Decimal(1), Decimal(2))),
        "peak": Tally((2, 3, 5), None),
    }
    assert all(each.is_reconciled for each in found.values())


def test_of_everybody_and_of_nobody(store: EventStore, meters: list[Meter]) -> None:
    assert store.tallies(meters[:1], MARCH)["tokens"].events == (2, 4, 6)
    nothing = Tally((0, 0, 0), (Decimal(0), Decimal(0), Decimal(0)))
    assert store.tallies(meters[:1], MARCH, "nobody") == {"tokens": nothing}
    assert store.tallies(meters[:1], Period(NOON, NOON), "contoso") == {"tokens": nothing}
    assert store.tallies([], MARCH) == {}


def test_what_does_not_add_up_is_not_reconciled() -> None:
    assert TOKENS.is_reconciled
    assert not Tally((2, 3, 6), None).is_reconciled
    assert not Tally((2, 3, 5), (Decimal(1), Decimal(1), Decimal(3))).is_reconciled
