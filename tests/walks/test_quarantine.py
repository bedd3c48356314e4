"""Five mistakes, five reasons; each is put right, replayed, and counted in the period it happened in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from governance.acts import Act
from governance.clock import clock_set_to
from metering import queries
from metering.models import EventType, QuarantinedEvent, UsageEvent
from metering.operations import ingest
from metering.quarantine import operations as quarantine
from metering.registry.aliases import define_alias
from metering.registry.registering import change_event_type, publish_schema, register_event_type
from metering.wire.events import Event
from pricing.measures import WHOLE
from pricing.periods import Period
from tests import cast

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SCHEMA = {"required": ["ContextTokens", "model"], "properties": {"ContextTokens": {"type": "integer"}}}
MONTHS = [
    Period(datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month + 1, 1, tzinfo=UTC)) for month in range(1, 4)
]


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


def used() -> list[int]:
    keys = [("contoso", "input-tokens", month, WHOLE) for month in MONTHS]
    found = queries.usage(keys)
    return [int(found[key]) for key in keys]  # type: ignore[arg-type]


def replay(reason: str, at: datetime) -> str:
    waiting = QuarantinedEvent.objects.filter(reason=reason)
    return quarantine.replay_waiting(waiting, act=cast.act("eric", "Put right", at)).words


def test_five_mistakes_are_five_reasons_and_are_counted_when_put_right() -> None:
    cast.contoso()
    cast.meter("input-tokens", "ContextTokens")
    by_eric: Act = cast.act("eric", "Agreed with the gateway's team", NOON)
    llm = EventType.objects.get(key="llm.request")
    publish_schema(llm, schema=SCHEMA, units={"ContextTokens": "token"}, act=by_eric)
    change_event_type(llm, owner=cast.person("eric"), act=by_eric)

    good = {"ContextTokens": 1, "model": "large"}
    mistakes = [
        Event("type", "llm.reqest", NOON, "contoso", good),
        Event("property", "llm.request", NOON, "contoso", {"ContextTokens": 10}),
        Event("unit", "llm.request", NOON, "contoso", good | {"ContextTokens": 100, "ContextTokens_unit": "tok"}),
        Event("future", "llm.request", NOON + timedelta(days=1), "contoso", good | {"ContextTokens": 1_000}),
        Event("customer", "llm.request", NOON, "contosso", good | {"ContextTokens": 10_000}),
    ]
    verdicts = ingest([*mistakes, Event("right", "llm.request", NOON, "contoso", good)], source="gateway", at=NOON)
    assert [(verdict.outcome, verdict.reason) for verdict in verdicts] == [
        ("quarantined", "unknown_type"),
        ("quarantined", "missing_property"),
        ("quarantined", "wrong_unit"),
        ("quarantined", "too_early"),
        ("quarantined", "unknown_customer"),
        ("accepted", ""),
    ]
    owners = dict(QuarantinedEvent.objects.values_list("event_id", "owner__username"))
    assert owners == {"type": None, "property": "eric", "unit": "eric", "future": "eric", "customer": "eric"}
    assert used() == [1, 0, 0]

    later = NOON + timedelta(days=45)
    register_event_type(key="llm.reqest", name="Misspelt by the old gateway", act=by_eric)
    assert replay("unknown_type", later) == "1 counted."
    assert used() == [1, 0, 0], "registered, and no meter counts it"
    publish_schema(llm, schema=SCHEMA | {"required": ["ContextTokens"]}, units={"ContextTokens": "tok"}, act=by_eric)
    assert replay("missing_property", later) == "1 counted."
    assert replay("wrong_unit", later) == "1 counted."
    assert used() == [111, 0, 0]
    assert replay("too_early", NOON) == "0 counted. 1 still cannot be counted (from the future: 1)."
    assert replay("too_early", later) == "1 counted."
    assert used() == [111, 1_000, 0]
    _, replayed = define_alias(key="contosso", customer_key="contoso", act=cast.act("eric", "Misspelt", later))
    assert replayed.words == "1 counted."

    assert used() == [10_111, 1_000, 0], "each in its own period, none in that of the replay"
    assert not QuarantinedEvent.objects.filter(resolved_at=None).exists()
    assert UsageEvent.objects.count() == 6
    again = ingest(mistakes, source="gateway", at=later)
    assert {verdict.outcome for verdict in again} == {"duplicate"}
    assert used() == [10_111, 1_000, 0]
