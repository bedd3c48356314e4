"""What quarantined usage is worth: by contract, by public price, or nobody can tell."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog import operations as catalog
from metering.models import EventType, QuarantinedEvent
from metering.operations import ingest
from metering.quarantine import at_risk
from metering.registry.registering import change_event_type
from metering.tasks import estimate_at_risk
from metering.wire.events import Event
from tests import cast

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 1, 15, 12, tzinfo=UTC)
BAD = DAY + timedelta(days=60)  # received so late that it waits


def wait(name: str, *, customer: str = "contoso", at: datetime = BAD, **fields: Any) -> QuarantinedEvent:
    given = {"properties": {"ContextTokens": 1_000_000, "GeneratedTokens": 0}} | fields
    (verdict,) = ingest([Event(name, "llm.request", DAY, customer, **given)], source="gateway", at=at)
    assert verdict.outcome == "quarantined"
    return QuarantinedEvent.objects.get(event_id=name)


def worth(name: str) -> tuple[Decimal | None, str]:
    row = QuarantinedEvent.objects.get(event_id=name)
    return row.at_risk, row.at_risk_currency


def count(tokens: int) -> None:
    event = Event("counted", "llm.request", DAY, "contoso", {"ContextTokens": tokens, "GeneratedTokens": 0})
    assert ingest([event], source="gateway", at=DAY)[0].outcome == "accepted"


def test_by_the_terms_of_the_contract_with_its_discount() -> None:
    cast.signed_contract()
    wait("e1")
    assert at_risk.estimate(at=BAD) == 1
    assert worth("e1") == (Decimal("2.125"), "USD"), "2.50 less 15 %"
    assert QuarantinedEvent.objects.get().estimated_at == BAD


def test_in_the_tier_that_the_usage_so_far_has_reached() -> None:
    cast.signed_contract()
    count(10_000_000)
    wait("e1")
    wait("e2", properties={"ContextTokens": 3_000_000, "GeneratedTokens": 1_000_000})
    at_risk.estimate(at=BAD)
    assert worth("e1") == (Decimal("1.7"), "USD"), "the second tier's 2.00 less 15 %"
    assert worth("e2") == (Decimal("13.6"), "USD"), "3 × 1.70, and 10.00 of output less 15 %"


def test_for_nobody_we_know_by_the_public_price() -> None:
    cast.signed_contract()
    wait("e1", customer="who")
    at_risk.estimate(at=BAD)
    assert worth("e1") == (None, ""), "no price is public"
    card = cast.card()
    catalog.update_rate_card(card, name=card.name, is_public=True, act=cast.act("ann"))
    assert at_risk.estimate(at=BAD + timedelta(minutes=59)) == 0
    assert at_risk.estimate(at=BAD + timedelta(minutes=61)) == 1
    assert worth("e1") == (Decimal("2.5"), "USD")


def test_what_nobody_can_tell_stays_unknown() -> None:
    cast.signed_contract()
    cast.customer("fabrikam")
    wait("no contract", customer="fabrikam")
    wait("no number", properties={"ContextTokens": "many"})
    wait("known")
    ingest([Event("strange", "strange.type", DAY, "contoso", {"a": 1})], source="gateway", at=DAY)
    at_risk.estimate(at=BAD)
    assert [worth(name) for name in ("no contract", "no number", "strange")] == [(None, "")] * 3
    assert worth("known") == (Decimal("2.125"), "USD")


def test_what_is_not_billable_is_worth_nothing_to_anybody() -> None:
    cast.signed_contract()
    change_event_type(EventType.objects.get(key="llm.request"), billable_when="test IS NULL", act=cast.act())
    wait("e1", properties={"ContextTokens": 1_000_000, "GeneratedTokens": 0, "test": True})
    at_risk.estimate(at=BAD)
    assert worth("e1") == (None, "")


def test_the_timetable_estimates_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    cast.signed_contract()
    monkeypatch.setattr(at_risk, "BLOCK", 2)
    for number in range(5):
        wait(f"e{number}")
    estimate_at_risk()
    assert not QuarantinedEvent.objects.filter(estimated_at=None).exists()


def test_the_number_of_queries_does_not_depend_on_how_many_wait(django_assert_max_num_queries: Any) -> None:
    cast.signed_contract()
    wait("e0")
    with django_assert_max_num_queries(40) as one:
        at_risk.estimate(at=BAD)
    for number in range(1, 4):
        wait(f"e{number}")
    with django_assert_max_num_queries(40) as three:
        at_risk.estimate(at=BAD)
    assert len(one) == len(three)
