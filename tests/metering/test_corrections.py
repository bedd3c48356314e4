from datetime import timedelta
from decimal import Decimal

import pytest

from governance.acts import Act
from metering import corrections, operations, queries
from metering.cutoffs import cutoff_now
from metering.models import Meter, UsageCorrection, UsageEvent, UsageVoid
from metering.postgres.rollups import roll_up
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event
from tests.refusals import refused

HOUR = Period(NOON - timedelta(minutes=30), NOON + timedelta(minutes=30))
MARCH = Period(NOON.replace(day=1, hour=0), NOON.replace(month=4, day=1, hour=0))


def counted(as_of=None) -> Decimal:
    key = "contoso", "tokens", MARCH, WHOLE
    return queries.usage([key], as_of)[key]


def ingest(*events) -> None:
    verdicts = operations.ingest(events, source="gateway", at=NOON)
    assert {verdict.outcome for verdict in verdicts} == {"accepted"}


def drafted(act: Act, **fields) -> UsageCorrection:
    given = {"name": "Doubled", "customer_key": "contoso", "event_type": "llm.request", "period": HOUR} | fields
    return corrections.draft_correction(**given, act=act)


@pytest.fixture(params=["raw", "rolled up"])
def settle(request: pytest.FixtureRequest):
    """Rolls up after every step, or never: the answers are the same."""
    return (lambda: roll_up()) if request.param == "rolled up" else (lambda: None)


def test_events_of_a_range_are_replaced_and_restored(tokens: Meter, by_eric: Act, settle) -> None:
    ingest(event("a"), event("b"), event("c", before=timedelta(hours=2)), event("d", customer="fabrikam"))
    settle()
    correction = drafted(by_eric, replacements=[event("a2", properties={"tokens": Decimal("1.5")})])
    assert counted() == 15
    applied = corrections.apply_correction(correction, act=by_eric)
    assert (applied.status, applied.voided, counted()) == ("applied", 2, Decimal("6.5"))
    settle()
    assert counted() == Decimal("6.5")
    corrections.revert_correction(applied, act=by_eric)
    assert counted() == 15
    settle()
    assert counted() == 15
    assert UsageEvent.objects.count() == 5


def test_what_was_asked_as_of_an_earlier_cut_off_stays_answered(tokens: Meter, by_eric: Act, settle) -> None:
    ingest(event("a"), event("b"))
    settle()
    first = cutoff_now()
    applied = corrections.apply_correction(drafted(by_eric), act=by_eric)
    settle()
    second = cutoff_now()
    corrections.revert_correction(applied, act=by_eric)
    ingest(event("late", before=timedelta(days=1)))
    settle()
    assert [counted(first), counted(second), counted()] == [10, 0, 15]


def test_only_events_of_which_the_condition_is_true(tokens: Meter, by_eric: Act) -> None:
    ingest(
        event("eu", properties={"tokens": 5, "region": "eu"}),
        event("us", properties={"tokens": 7, "region": "us"}),
        event("none", properties={"tokens": 9}),
    )
    applied = corrections.apply_correction(drafted(by_eric, condition="region = 'eu'"), act=by_eric)
    assert (applied.voided, counted()) == (1, 16)


def test_a_second_correction_takes_what_the_first_left(tokens: Meter, by_eric: Act) -> None:
    ingest(event("a", properties={"tokens": 5, "test": True}), event("b"))
    first = corrections.apply_correction(drafted(by_eric, condition="test"), act=by_eric)
    second = corrections.apply_correction(drafted(by_eric), act=by_eric)
    assert (first.voided, second.voided, counted()) == (1, 1, 0)
    corrections.revert_correction(first, act=by_eric)
    assert counted() == 5
    corrections.revert_correction(second, act=by_eric)
    assert counted() == 10


def test_all_or_nothing(tokens: Meter, by_eric: Act) -> None:
    ingest(event("a"), event("taken", before=timedelta(days=1)))
    bad = drafted(by_eric, replacements=[event("x"), event("y", properties={"tokens": "many"})])
    with refused("Event 'y' cannot be counted"):
        corrections.apply_correction(bad, act=by_eric)
    assert counted() == 10
    assert not UsageVoid.objects.exists()
    assert UsageEvent.objects.count() == 2


def test_a_replacement_must_have_a_new_id(tokens: Meter, by_eric: Act) -> None:
    ingest(event("a"))
    taken = [event("a", source="gateway", properties={"tokens": 1})]
    draft = drafted(by_eric, replacements=taken)
    with refused("Another event is counted under the id 'a'"):
        corrections.apply_correction(draft, act=by_eric)
    assert counted() == 5


def test_nothing_to_correct_is_refused(tokens: Meter, by_eric: Act) -> None:
    draft = drafted(by_eric)
    with refused("nothing to correct"):
        corrections.apply_correction(draft, act=by_eric)
    assert UsageCorrection.objects.get().status == "draft"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"period": Period(NOON, NOON)}, "ends before it starts"),
        ({"customer_key": "nobody"}, "No customer has the key 'nobody'"),
        ({"event_type": "llm.reqest"}, "No event type 'llm.reqest' is registered"),
        ({"condition": "region ="}, "The condition cannot be read"),
        ({"replacements": [event("x", customer="fabrikam")]}, "of another customer or type"),
        ({"replacements": [event("x", before=timedelta(days=2))]}, "outside the range"),
        ({"replacements": [event("x"), event("x")]}, "has the id of another"),
    ],
)
def test_what_cannot_be_meant_is_refused(tokens: Meter, by_eric: Act, fields, sentence: str) -> None:
    with refused(sentence):
        drafted(by_eric, **fields)
    assert not UsageCorrection.objects.exists()


def test_a_discarded_correction_is_not_applied(tokens: Meter, by_eric: Act) -> None:
    ingest(event("a"))
    discarded = corrections.discard_correction(drafted(by_eric), act=by_eric)
    with refused("cannot become applied"):
        corrections.apply_correction(discarded, act=by_eric)
    assert counted() == 5
