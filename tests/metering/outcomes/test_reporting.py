"""A subject has one outcome, however often and by however many it is reported."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from governance.models import Change
from metering.meters.defining import define_meter
from metering.models import EventType, Outcome, OutcomeDefinition, OutcomeEntry
from metering.outcomes.decisions import reverse
from metering.outcomes.definitions import define_outcome, revise_outcome
from metering.outcomes.reporting import NotReported, report
from metering.outcomes.reports import Evidence
from tests.metering.outcomes.conftest import NOON, WINDOW, act, said
from tests.refusals import everything, refused


def kinds(outcome: Outcome) -> list[str]:
    return [entry.kind for entry in outcome.entries.all()]


def results(*reports: Any, at: Any = NOON) -> list[str]:
    return [answer.result for answer in report(reports, act=act(at))]


def problems(*reports: Any) -> list[tuple[str, str]]:
    """Where and what, of reports that are refused; nothing is stored."""
    before = everything("metering", "governance")
    with pytest.raises(NotReported) as refusal:
        report(reports, act=act())
    assert everything("metering", "governance") == before
    return [(problem.pointer, problem.message) for problem in refusal.value.problems]


def test_defining_one_registers_its_event_type(resolution: OutcomeDefinition) -> None:
    assert resolution.event_type == "outcome.resolution"
    assert EventType.objects.get().key == "outcome.resolution"
    assert (resolution.scope, resolution.settlement_hours, resolution.counts_in) == ("customer", 72, "final")


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"key": "not a slug"}, "key:"),
        ({"attribution_key": ""}, "attribution key:"),
        ({"attribution_key": "quantity"}, "Every outcome has its own quantity"),
        ({"sources": ["somebody"]}, "Nobody reports as somebody"),
        ({"scope": "year"}, "scope:"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(db: None, fields: dict[str, Any], because: str) -> None:
    given: dict[str, Any] = {"key": "resolution", "name": "Resolved", "attribution_key": "conversation_id"} | fields
    with refused(because):
        define_outcome(act=act(), **given)
    assert not EventType.objects.exists()


def test_a_report_is_provisional_with_its_window(resolution: OutcomeDefinition) -> None:
    details = {"value": Decimal("12.50"), "confidence": Decimal("0.97"), "properties": {"csat": Decimal("4.5")}}
    (answer,) = report([said(evidence=[Evidence("https://desk.example/1")], **details)], act=act())
    outcome = Outcome.objects.get()
    assert (answer.outcome, answer.is_new) == (outcome, True)
    assert (outcome.status, outcome.settles_at, outcome.final_at) == ("provisional", NOON + WINDOW, None)
    assert (outcome.value, outcome.confidence) == (Decimal("12.50"), Decimal("0.97"))
    assert outcome.properties == {"csat": Decimal("4.5")}
    assert kinds(outcome) == ["reported", "evidence"]
    assert Change.objects.filter(name="outcome.reported", subject_id=str(outcome.pk)).count() == 1


def test_what_is_reported_late_is_settled_at_once(resolution: OutcomeDefinition) -> None:
    (answer,) = report([said(time=NOON - timedelta(days=10))], act=act())
    assert answer.outcome.settles_at == NOON


def test_a_second_report_answers_the_first(resolution: OutcomeDefinition) -> None:
    assert results(said(), said(), said(time=NOON - timedelta(hours=1)), said("2")) == [
        "reported", "existing", "existing", "reported",
    ]  # fmt: skip
    before = everything("metering", "governance")
    assert results(said(), said("2")) == ["existing", "existing"]
    assert everything("metering", "governance") == before


@pytest.mark.parametrize(("scope", "second"), [("customer", "existing"), ("month", "existing"), ("day", "reported")])
def test_how_far_a_subject_reaches(define: Any, scope: str, second: str) -> None:
    define(scope=scope)
    assert results(said(), said(time=NOON - timedelta(days=1))) == ["reported", second]


def test_months_are_those_of_utc(define: Any) -> None:
    define(scope="month")
    first = NOON.replace(day=1, hour=0)
    assert results(said(time=first), said(time=first - timedelta(seconds=1))) == ["reported", "reported"]
    assert set(Outcome.objects.values_list("scope", flat=True)) == {"2026-03", "2026-02"}


def test_another_customers_subject_is_another(resolution: OutcomeDefinition) -> None:
    assert results(said(), said(customer_key="fabrikam")) == ["reported", "reported"]


def test_after_a_reversal_the_same_report_is_the_old_one_and_a_later_result_a_new_one(
    resolution: OutcomeDefinition,
) -> None:
    (first,) = report([said()], act=act())
    reverse(first.outcome, act=act())
    again, later = report([said(), said(time=NOON + timedelta(minutes=1))], act=act(NOON + timedelta(hours=1)))
    assert (again.outcome, again.is_new) == (first.outcome, False)
    assert again.outcome.status == "reversed"
    assert (later.is_new, later.outcome.status) == (True, "provisional")


def test_what_cannot_be_taken_is_pointed_at_and_nothing_is_stored(define: Any) -> None:
    define(sources=["customer"])
    fine = said("fine", source="customer")
    assert problems(
        fine,
        said("b", source="customer", outcome="unknown"),
        said("c", source="customer", customer_key="nobody"),
        said("d"),
        said("e", source="customer", time=NOON + timedelta(hours=1)),
        said("f", source="customer", time=NOON - timedelta(days=100)),
        said("g", source="customer", properties={"conversation_id": "another"}),
        said("h", source="customer", properties={"quantity": 5}),
    ) == [
        ("/1/outcome", "No outcome 'unknown' is defined"),
        ("/2/customer", "No customer has the key 'nobody'"),
        ("/3/source", "Resolved conversation is not reported by vendor"),
        ("/4/time", "2026-03-10T13:00:00+00:00 has not come yet"),
        ("/5/time", "Older than 2026-02-04T12:00:00+00:00, where late reports end"),
        ("/6/properties/conversation_id", "This is not the attribution, 'g'"),
        ("/7/properties/quantity", "Every outcome has its own quantity; give this property another name"),
    ]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"value": Decimal("NaN")}, "/0/value"),
        ({"value": Decimal("1e31")}, "/0/value"),
        ({"confidence": Decimal("1.01")}, "/0/confidence"),
        ({"confidence": Decimal("NaN")}, "/0/confidence"),
        ({"evidence": [Evidence("https://fine.example"), Evidence("javascript:alert(1)")]}, "/0/evidence/1/url"),
        ({"evidence": [Evidence(note="I saw it")]}, "/0/evidence/0"),
        ({"attribution": "a\tb"}, "/0/attribution"),
        ({"properties": {"a": "\0"}}, "/0/properties/a"),
    ],
)
def test_what_cannot_be_kept_is_pointed_at(resolution: OutcomeDefinition, fields: Any, pointer: str) -> None:
    ((where, _),) = problems(said(**fields))
    assert where == pointer


def test_a_value_that_a_meter_adds_up_is_asked_for_at_once(resolution: OutcomeDefinition) -> None:
    define_meter(
        key="savings",
        name="Savings",
        event_type="outcome.resolution",
        aggregation="sum",
        property="value",
        act=act(),
    )
    ((where, message),) = problems(said())
    assert (where, message) == ("/0/properties", "Meter savings needs a number in property 'value'")
    assert results(said(value=Decimal(5))) == ["reported"]


def test_a_meter_that_counts_events_would_count_a_reversal_as_one_more(resolution: OutcomeDefinition) -> None:
    counting = {"name": "Results", "event_type": "outcome.resolution", "act": act()}
    for aggregation, name in (("count", ""), ("unique", "conversation_id")):
        with refused("Outcomes are added up"):
            define_meter(key="results", aggregation=aggregation, property=name, **counting)
    define_meter(key="results", aggregation="count", **counting | {"event_type": "outcome.other"})
    with refused("Meter results counts events of outcome.other"):
        define_outcome(key="other", name="Other", attribution_key="ticket", act=act())


def test_a_definition_may_settle_otherwise_from_now_on(resolution: OutcomeDefinition) -> None:
    (before,) = report([said()], act=act())
    fields = {"name": "Resolved", "description": "No answer for a day", "evidence_required": True, "sources": []}
    revise_outcome(resolution, settlement_hours=24, act=act(), **fields)  # type: ignore[arg-type]
    (after,) = report([said("2")], act=act())
    before.outcome.refresh_from_db()
    assert before.outcome.settles_at == NOON + WINDOW
    assert after.outcome.settles_at == NOON + timedelta(hours=24)


def test_a_definition_keeps_a_name(resolution: OutcomeDefinition) -> None:
    with refused("name:"):
        revise_outcome(
            resolution, name="", description="", settlement_hours=1, evidence_required=False, sources=[], act=act()
        )


@pytest.mark.django_db(transaction=True)
def test_many_who_report_the_same_at_once_make_it_once(define: Callable[..., OutcomeDefinition]) -> None:
    define()
    batches = [[said(str(number)) for number in order] for order in (range(30), range(29, -1, -1)) for _ in range(4)]
    answers: list[Any] = []

    def send(batch: Any) -> None:
        try:
            answers.extend(report(batch, act=act()))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[batch]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 240
    assert sum(answer.is_new for answer in answers) == Outcome.objects.count() == 30
    assert OutcomeEntry.objects.count() == Change.objects.filter(name="outcome.reported").count() == 30
    assert len({answer.outcome.pk for answer in answers}) == 30
