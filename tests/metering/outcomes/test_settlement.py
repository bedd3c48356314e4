"""From provisional to final, and back: each outcome is counted once, whoever runs, however often."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from governance.models import Change
from metering.intake import Batch
from metering.meters.defining import define_meter
from metering.models import EventType, Meter, Outcome, OutcomeDefinition, UsageEvent, UsageIdentity
from metering.operations import ingest, rows_of
from metering.outcomes.decisions import attach_evidence, dispute, reverse, uphold
from metering.outcomes.reporting import report
from metering.outcomes.reports import Evidence
from metering.outcomes.settlement import settle_due
from metering.queries import usage
from metering.registry.registering import change_event_type
from metering.wire.events import Event
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.outcomes.conftest import NOON, WINDOW, act, said
from tests.refusals import everything, refused

HOUR = timedelta(hours=1)
ENDED = NOON + WINDOW
EVIDENCE = Evidence("https://desk.example/1", "sha256:abc", "The transcript")


@pytest.fixture
def meters(resolution: OutcomeDefinition) -> list[Meter]:
    return [
        define_meter(
            key=key,
            name=key.title(),
            event_type="outcome.resolution",
            aggregation="sum",
            property=name,
            act=act(),
        )
        for key, name in (("resolutions", "quantity"), ("savings", "value"))
    ]


def reported(attribution: str = "1", at: datetime = NOON, **fields: Any) -> Outcome:
    (answer,) = report([said(attribution, at, **fields)], act=act(at))
    return answer.outcome


def settle(at: datetime = ENDED) -> int:
    return settle_due(act=act(at, "The window is over"))


def used(meter: str, day: datetime, days: int = 1) -> Decimal:
    key = ("contoso", meter, Period(day, day + timedelta(days=days)), WHOLE)
    answer = usage([key])[key]
    assert isinstance(answer, Decimal)
    return answer


def now(outcome: Outcome) -> Outcome:
    return Outcome.objects.get(pk=outcome.pk)


def kinds(outcome: Outcome) -> list[str]:
    return [entry.kind for entry in outcome.entries.all()]


@contextmanager
def nothing_written() -> Iterator[None]:
    before = everything("metering", "governance")
    yield
    assert everything("metering", "governance") == before


def test_nothing_becomes_final_before_its_window_is_over(resolution: OutcomeDefinition) -> None:
    reported()
    with nothing_written():
        assert settle(ENDED - timedelta(microseconds=1)) == 0


def test_what_is_final_is_an_event_at_the_instant_it_became_so(meters: list[Meter]) -> None:
    outcome = reported(value=Decimal("2.50"), confidence=Decimal("0.9"), properties={"csat": Decimal("4.5")})
    assert settle(ENDED + 5 * HOUR) == 1
    outcome = now(outcome)
    assert (outcome.status, outcome.final_at, outcome.counted_at) == ("final", ENDED, ENDED)
    event = UsageEvent.objects.get()
    assert (event.source, event.event_id, event.type) == ("outcomes", f"{outcome.pk}/final", "outcome.resolution")
    assert (event.customer_key, event.occurred_at) == ("contoso", ENDED)
    assert event.properties == {
        "conversation_id": "1",
        "quantity": 1,
        "value": Decimal("2.50"),
        "confidence": Decimal("0.9"),
        "source": "vendor",
        "csat": Decimal("4.5"),
    }
    assert kinds(outcome) == ["reported", "settled"]
    assert outcome.entries.get(kind="settled").event_id == event.event_id
    assert Change.objects.filter(name="outcome.settled", subject_id=str(outcome.pk)).count() == 1
    assert (used("resolutions", NOON, 7), used("savings", NOON, 7)) == (1, Decimal("2.50"))


def test_it_may_count_in_the_period_in_which_it_happened(define: Any) -> None:
    define(counts_in="occurred")
    outcome = reported()
    settle()
    outcome = now(outcome)
    assert (outcome.final_at, outcome.counted_at) == (ENDED, NOON)
    assert UsageEvent.objects.get().occurred_at == NOON
    reverse(outcome, act=act(ENDED + HOUR))
    assert set(UsageEvent.objects.values_list("occurred_at", flat=True)) == {NOON}


def test_settling_again_changes_nothing(meters: list[Meter]) -> None:
    reported(value=Decimal(1))
    assert settle() == 1
    with nothing_written():
        assert settle() == 0


def test_many_are_settled_some_at_a_time(resolution: OutcomeDefinition) -> None:
    report([said(str(number)) for number in range(5)], act=act())
    assert [settle_due(act=act(ENDED), limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert UsageEvent.objects.count() == 5


def test_without_the_evidence_it_needs_it_waits_and_is_final_when_it_has_it(define: Any) -> None:
    define(evidence_required=True)
    outcome = reported()
    assert settle(ENDED + HOUR) == 0
    attach_evidence(outcome, EVIDENCE, act=act(ENDED + 2 * HOUR))
    assert settle(ENDED + 9 * HOUR) == 1
    assert now(outcome).final_at == ENDED + 2 * HOUR


def test_evidence_that_came_in_time_delays_nothing(define: Any) -> None:
    define(evidence_required=True)
    outcome = reported(evidence=[EVIDENCE])
    settle(ENDED + HOUR)
    assert now(outcome).final_at == ENDED


def test_the_same_evidence_is_kept_once(resolution: OutcomeDefinition) -> None:
    outcome = reported()
    made = attach_evidence(outcome, EVIDENCE, act=act())
    assert (made.evidence_url, made.evidence_hash, made.because) == (EVIDENCE.url, EVIDENCE.hash, EVIDENCE.note)
    with nothing_written():
        assert attach_evidence(outcome, EVIDENCE, act=act()) == made
    with refused("begins with http"):
        attach_evidence(outcome, Evidence("ftp://desk.example"), act=act())
    reverse(outcome, act=act())
    with refused("evidence is of no use"):
        attach_evidence(outcome, Evidence(hash="sha256:def"), act=act())


def test_reversed_within_the_window_it_is_never_counted(meters: list[Meter]) -> None:
    outcome = reported(value=Decimal(1))
    reverse(outcome, act=act(NOON + HOUR, "The customer wrote again"))
    assert settle() == 0
    assert kinds(outcome) == ["reported", "reversed"]
    assert outcome.entries.get(kind="reversed").because == "The customer wrote again"
    assert not UsageEvent.objects.exists()


def test_reversed_when_final_it_is_taken_back_at_the_same_instant(meters: list[Meter]) -> None:
    """An outcome and its reversal come to nothing, and both stay in the history."""
    outcome = reported(value=Decimal("123456789012345678901234567890.123456789012345678"))
    settle()
    reverse(outcome, act=act(ENDED + timedelta(days=40), "It was wrong"))
    first, second = UsageEvent.objects.order_by("id")
    assert (second.event_id, second.occurred_at) == (f"{outcome.pk}/reversed", first.occurred_at)
    assert (second.properties["quantity"], second.properties["value"]) == (-1, first.properties["value"].copy_negate())
    assert (used("resolutions", NOON, 60), used("savings", NOON, 60)) == (0, 0)
    assert kinds(outcome) == ["reported", "settled", "reversed"]
    with nothing_written():
        assert reverse(outcome, act=act()).status == "reversed"


def test_a_disputed_outcome_does_not_become_final_until_it_is_upheld(meters: list[Meter]) -> None:
    outcome = reported(value=Decimal(1))
    dispute(outcome, act=act(NOON + HOUR, "We solved it ourselves"))
    with nothing_written():
        assert dispute(outcome, act=act()).status == "disputed"
    assert settle(ENDED + HOUR) == 0
    assert uphold(outcome, act=act(ENDED + 2 * HOUR, "The transcript says otherwise")).status == "provisional"
    assert settle(ENDED + 9 * HOUR) == 1
    assert now(outcome).final_at == ENDED + 2 * HOUR
    assert kinds(outcome) == ["reported", "disputed", "upheld", "settled"]


def test_a_final_outcome_stays_counted_while_it_is_disputed(meters: list[Meter]) -> None:
    outcome = reported(value=Decimal(1))
    settle()
    dispute(outcome, act=act(ENDED + HOUR))
    assert used("resolutions", NOON, 7) == 1
    assert uphold(outcome, act=act(ENDED + 2 * HOUR)).status == "final"
    assert UsageEvent.objects.count() == 1
    dispute(outcome, act=act(ENDED + 3 * HOUR))
    assert reverse(outcome, act=act(ENDED + 4 * HOUR)).status == "reversed"
    assert used("resolutions", NOON, 7) == 0
    assert now(outcome).final_at == ENDED


def test_what_is_not_disputed_or_is_reversed_is_not_decided(resolution: OutcomeDefinition) -> None:
    outcome = reported()
    with refused("provisional: there is no dispute"):
        uphold(outcome, act=act())
    reverse(outcome, act=act())
    with refused("reversed and cannot become disputed"):
        dispute(outcome, act=act())


def test_the_rule_of_the_type_says_what_is_billable_and_a_reversal_follows_what_was(meters: list[Meter]) -> None:
    kind = EventType.objects.get(key="outcome.resolution")
    change_event_type(kind, billable_when="csat >= 4", act=act())
    good = reported("good", value=Decimal(1), properties={"csat": 5})
    bad = reported("bad", value=Decimal(1), properties={"csat": 2})
    settle()
    assert (now(good).is_billable, now(bad).is_billable) == (True, False)
    assert used("resolutions", NOON, 7) == 1
    change_event_type(kind, billable_when="", act=act())
    reverse(bad, act=act(ENDED + HOUR))
    assert used("resolutions", NOON, 7) == 1
    assert UsageEvent.objects.filter(is_billable=False).count() == 2


def test_an_outcome_cannot_be_sent_as_usage(meters: list[Meter]) -> None:
    """Neither by its type nor by the source of its events: it would escape settlement, or take another's place."""
    outcome = reported(value=Decimal(1))
    properties = {"quantity": 5, "value": 5}
    sent = [
        Event("e1", "outcome.resolution", NOON, "contoso", properties),
        Event(f"{outcome.pk}/final", "llm.request", NOON, "contoso", properties, source="outcomes"),
        Event("e2", "outcome.other", NOON, "contoso"),
    ]
    verdicts = ingest(sent, source="eve", at=NOON)
    assert [each.reason for each in verdicts] == ["invalid", "invalid", "unknown_type"]
    assert settle() == 1
    assert used("resolutions", NOON, 7) == 1


def test_somebody_elses_event_is_never_taken_for_an_outcomes(resolution: OutcomeDefinition) -> None:
    outcome = reported()
    event = Event(f"{outcome.pk}/final", "outcome.resolution", NOON, "contoso", {"quantity": 5}, source="outcomes")
    with transaction.atomic():
        batch = Batch("by hand", NOON)
        batch.take(rows_of([event], source="by hand", at=NOON))
        batch.close()
    with nothing_written(), pytest.raises(RuntimeError, match="somebody else's event"):
        settle()
    assert now(outcome).status == "provisional"


@pytest.mark.django_db(transaction=True)
def test_many_at_once_count_each_once(define: Any) -> None:
    define()
    outcomes = [answer.outcome for answer in report([said(str(number)) for number in range(40)], act=act())]

    def work() -> None:
        try:
            while settle_due(act=act(ENDED), limit=7):
                pass
            for outcome in outcomes[:20]:
                reverse(outcome, act=act(ENDED))
            while settle_due(act=act(ENDED), limit=7):
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle()
    counted = Outcome.objects.exclude(final_at=None).count()
    taken_back = Outcome.objects.filter(status="reversed").exclude(final_at=None).count()
    assert (Outcome.objects.filter(status="final").count(), Outcome.objects.filter(status="reversed").count()) == (
        20,
        20,
    )
    assert UsageEvent.objects.count() == UsageIdentity.objects.count() == counted + taken_back
