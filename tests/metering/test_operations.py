from collections.abc import Callable
from datetime import timedelta, timezone
from decimal import Decimal

import pytest

from governance.acts import Act, Refused
from governance.models import Change
from metering import operations
from metering.models import EventType, Meter, QuarantinedEvent, UsageBatch, UsageEvent
from metering.operations import Verdict
from metering.quarantine import operations as quarantine
from metering.queries import usage
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def ingest(*events, source="gateway", at=NOON) -> list[str]:
    return [verdict.reason or verdict.outcome for verdict in operations.ingest(events, source=source, at=at)]


def counted() -> list[str]:
    return list(UsageEvent.objects.order_by("event_id").values_list("event_id", flat=True))


def waiting() -> list[tuple[str, str]]:
    return list(QuarantinedEvent.objects.order_by("event_id", "id").values_list("event_id", "reason"))


def test_an_event_is_stored_as_it_was_reported(tokens: Meter) -> None:
    properties = {"tokens": Decimal("0.10"), "model": "large\t\\N", "nested": {"a": [1, None, True]}}
    assert ingest(event("e\\1", properties=properties)) == ["accepted"]
    stored = UsageEvent.objects.get()
    assert (stored.source, stored.event_id, stored.type) == ("gateway", "e\\1", "llm.request")
    assert (stored.customer_key, stored.occurred_at) == ("contoso", NOON)
    assert UsageBatch.objects.get(pk=stored.batch_id).stored_at == NOON
    assert stored.properties == properties
    assert str(stored.properties["tokens"]) == "0.10"


def test_verdicts_come_in_the_order_of_the_events(tokens: Meter) -> None:
    events = [event("z"), event("a", customer="nobody"), event("m"), event("z")]
    assert [verdict.id for verdict in operations.ingest(events, source="gateway", at=NOON)] == ["z", "a", "m", "z"]
    assert ingest(*events) == ["duplicate", "unknown_customer", "duplicate", "duplicate"]
    assert counted() == ["m", "z"]


def test_a_resend_is_a_duplicate_and_another_body_a_conflict(tokens: Meter) -> None:
    assert ingest(event("e1"), event("e2")) == ["accepted", "accepted"]
    assert ingest(event("e1"), event("e2", properties={"tokens": 6}), event("e3")) == [
        "duplicate",
        "conflict",
        "accepted",
    ]
    assert counted() == ["e1", "e2", "e3"]
    assert UsageEvent.objects.get(event_id="e2").properties == {"tokens": 5}
    assert QuarantinedEvent.objects.get().body["properties"] == {"tokens": 6}


@pytest.mark.parametrize(
    "fields",
    [
        {"properties": {"tokens": "5"}},
        {"properties": {"tokens": Decimal("5.0")}},
        {"properties": {}},
        {"customer": "fabrikam"},
        {"before": timedelta(microseconds=1)},
    ],
)
def test_everything_an_event_says_is_part_of_its_body(tokens: Meter, fields: dict) -> None:
    ingest(event("e1"))
    assert ingest(event("e1", **fields)) == ["conflict"]


def test_the_order_of_properties_and_the_zone_of_the_time_are_no_difference(tokens: Meter) -> None:
    ingest(event("e1", properties={"tokens": 5, "region": "eu"}))
    local = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert ingest(event("e1", properties={"region": "eu", "tokens": 5}, time=local)) == ["duplicate"]


def test_an_id_belongs_to_its_source(tokens: Meter) -> None:
    assert ingest(event("e1")) == ["accepted"]
    assert ingest(event("e1"), source="other") == ["accepted"]
    assert ingest(event("e1", source="gateway"), source="other") == ["duplicate"]


def test_the_same_id_twice_in_one_batch_counts_once(tokens: Meter) -> None:
    again, other = event("e1"), event("e1", properties={"tokens": 7})
    assert ingest(event("e1"), again, other) == ["accepted", "duplicate", "conflict"]
    assert counted() == ["e1"]
    assert waiting() == [("e1", "conflict")]


def test_in_one_batch_the_body_that_is_counted_already_wins(tokens: Meter) -> None:
    ingest(event("e1"))
    assert ingest(event("e1", properties={"tokens": 7}), event("e1")) == ["conflict", "duplicate"]


def test_twice_in_one_batch_and_not_countable(tokens: Meter) -> None:
    lost = event("e1", customer="nobody")
    assert ingest(lost, lost, event("e1")) == ["unknown_customer", "unknown_customer", "conflict"]
    assert counted() == []
    assert sorted(waiting()) == [("e1", "conflict"), ("e1", "unknown_customer")]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "llm.other"}, "unknown_type"),
        ({"customer": "nobody"}, "unknown_customer"),
        ({"before": 34 * DAY + HOUR}, "too_late"),
        ({"before": -timedelta(minutes=5, microseconds=1)}, "too_early"),
        ({"properties": {}}, "missing_property"),
        ({"properties": {"tokens": None}}, "missing_property"),
        ({"properties": {"tokens": "many"}}, "missing_property"),
        ({"properties": {"tokens": "٣"}}, "missing_property"),
        ({"properties": {"tokens": "1e3"}}, "missing_property"),
        ({"properties": {"tokens": True}}, "missing_property"),
        ({"properties": {"tokens": 1.5}}, "missing_property"),
        ({"properties": {"tokens": [5]}}, "missing_property"),
    ],
)
def test_what_cannot_be_counted_is_kept_with_the_reason(tokens: Meter, fields: dict, reason: str) -> None:
    assert ingest(event("e1", **fields), event("e2")) == [reason, "accepted"]
    assert counted() == ["e2"]
    assert waiting() == [("e1", reason)]
    ingest(event("e1", **fields))
    assert waiting() == [("e1", reason)]


@pytest.mark.parametrize("fields", [{"before": 34 * DAY}, {"before": -timedelta(minutes=5)}])
def test_the_window_includes_its_edges(tokens: Meter, fields: dict) -> None:
    assert ingest(event("e1", **fields)) == ["accepted"]


def test_the_window_is_a_setting(tokens: Meter, settings) -> None:
    settings.USAGE_WINDOW_DAYS = 1
    assert ingest(event("e1", before=2 * DAY)) == ["too_late"]


def test_what_is_counted_answers_duplicate_however_late(tokens: Meter, customers: set[str]) -> None:
    ingest(event("e1"))
    customers.clear()
    assert ingest(event("e1"), at=NOON + 100 * DAY) == ["duplicate"]
    assert ingest(event("e1", properties={}), at=NOON + 100 * DAY) == ["conflict"]


def test_a_property_is_needed_only_where_the_filters_match(meter: Callable[..., Meter]) -> None:
    meter("eu-tokens", filters={"region": ["eu"]})
    assert ingest(
        event("e1", properties={"region": "us"}),
        event("e2", properties={"region": "eu"}),
        event("e3", properties={"region": "eu", "tokens": 1}),
    ) == ["accepted", "missing_property", "accepted"]


def test_a_unique_meter_needs_any_scalar(meter: Callable[..., Meter]) -> None:
    meter("users", "unique", "user")
    bodies = [{"user": "u1"}, {"user": 7}, {"user": False}, {"user": None}, {"user": ["u1"]}, {}]
    assert ingest(*(event(f"e{n}", properties=body) for n, body in enumerate(bodies))) == [
        *(["accepted"] * 3),
        *(["missing_property"] * 3),
    ]


def test_ten_thousand_events_take_as_many_queries_as_one(tokens: Meter, django_assert_num_queries) -> None:
    def batch(size: int, start: int) -> list:
        good = [event(f"e{start + n}") for n in range(size)]
        return [*good, event(f"x{start}", customer="nobody")]

    ingest(event("fresh"))
    # rules, aliases; begin, patience, number; savepoint, COPY, release; month, COPY; look up, quarantine, batch, commit
    with django_assert_num_queries(14):
        ingest(*batch(1, 0))
    with django_assert_num_queries(14):
        ingest(*batch(10_000, 10))


def test_nothing_to_ingest(db: None) -> None:
    assert ingest() == []


# ---------------------------------------------------------------- quarantine
def test_replay_counts_an_event_in_its_own_period(tokens: Meter, customers: set[str], by_eric: Act) -> None:
    ingest(event("e1", customer="tailspin", before=20 * DAY, properties={"tokens": Decimal("1.10")}))
    lost = QuarantinedEvent.objects.get()
    customers.add("tailspin")
    quarantine.replay(lost, act=by_eric)
    lost.refresh_from_db()
    assert (lost.resolution, lost.resolved_at) == ("counted", NOON)
    day = Period(NOON - 20 * DAY, NOON - 19 * DAY)
    asked = ("tailspin", "tokens", day, WHOLE)
    assert usage([asked]) == {asked: Decimal("1.10")}
    change = Change.objects.get(name="usage_event.replayed")
    assert (change.by_name, change.subject_id) == ("Eric Events", str(lost.pk))
    again = event("e1", customer="tailspin", before=20 * DAY, properties={"tokens": Decimal("1.10")})
    assert ingest(again) == ["duplicate"]


@pytest.mark.parametrize("number", ["100.00", "1E+2", "1E-7", "0.0", "-3"])
def test_a_replayed_event_is_the_same_event(tokens: Meter, customers: set[str], by_eric: Act, number: str) -> None:
    lost = event("e1", customer="tailspin", properties={"tokens": Decimal(number)})
    ingest(lost)
    customers.add("tailspin")
    quarantine.replay(QuarantinedEvent.objects.get(), act=by_eric)
    assert ingest(lost) == ["duplicate"]
    assert UsageEvent.objects.get().properties == {"tokens": Decimal(number)}


def test_replay_forgives_lateness(tokens: Meter, by_eric: Act) -> None:
    ingest(event("e1", before=50 * DAY))
    quarantine.replay(QuarantinedEvent.objects.get(), act=by_eric)
    assert counted() == ["e1"]


def test_replay_is_refused_while_the_reason_stands(tokens: Meter, by_eric: Act) -> None:
    ingest(event("e1", customer="nobody"))
    with pytest.raises(Refused, match=r"still cannot be counted\. No customer has the key 'nobody'"):
        quarantine.replay(QuarantinedEvent.objects.get(), act=by_eric)
    assert counted() == []
    assert QuarantinedEvent.objects.get().resolved_at is None
    assert not Change.objects.filter(name="usage_event.replayed").exists()


def test_a_conflict_cannot_be_replayed(tokens: Meter, by_eric: Act) -> None:
    ingest(event("e1"), event("e1", properties={"tokens": 7}))
    with pytest.raises(Refused, match="Another event is counted under this id"):
        quarantine.replay(QuarantinedEvent.objects.get(), act=by_eric)
    assert UsageEvent.objects.get().properties == {"tokens": 5}
    assert QuarantinedEvent.objects.get().resolved_at is None


def test_replaying_what_was_sent_again_meanwhile_counts_once(tokens: Meter, customers: set[str], by_eric: Act) -> None:
    lost = event("e1", customer="tailspin")
    ingest(lost)
    customers.add("tailspin")
    assert ingest(lost) == ["accepted"]
    quarantine.replay(QuarantinedEvent.objects.get(), act=by_eric)
    assert counted() == ["e1"]
    with pytest.raises(Refused, match="counted already"):
        quarantine.replay(QuarantinedEvent.objects.get(), act=by_eric)


def test_a_dismissed_event_is_kept_and_can_be_replayed(tokens: Meter, customers: set[str], by_eric: Act) -> None:
    ingest(event("e1", customer="tailspin"))
    lost = QuarantinedEvent.objects.get()
    quarantine.dismiss(lost, act=by_eric)
    with pytest.raises(Refused, match="dismissed already"):
        quarantine.dismiss(lost, act=by_eric)
    assert counted() == []
    customers.add("tailspin")
    assert quarantine.replay(lost, act=by_eric).resolution == "counted"


# ---------------------------------------------------------------- meters
def test_a_meter_is_defined_with_who_and_why(meter: Callable[..., Meter]) -> None:
    defined = meter("eu", filters={"region": ["eu"], "tier": [1, True]}, unit="token")
    assert Meter.objects.get() == defined
    assert defined.filters == {"region": ["eu"], "tier": ["1", "true"]}
    changes = Change.objects.order_by("pk").values_list("name", "subject_id", "because")
    assert list(changes) == [
        ("meter.defined", str(defined.pk), "the gateway counts tokens"),
        ("event_type.registered", str(EventType.objects.get().pk), "the gateway counts tokens"),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "not a slug"},
        {"key": "tokens"},
        {"aggregation": "median"},
        {"property": ""},
        {"filters": {"region": "eu"}},
        {"filters": {"region": []}},
        {"filters": {"region": [["eu"]]}},
        {"filters": ["region"]},
        {"event_type": ""},
    ],
)
def test_an_impossible_meter_is_refused(meter: Callable[..., Meter], fields: dict) -> None:
    meter("tokens")
    with pytest.raises(Refused):
        meter(**({"key": "other"} | fields))
    assert (Meter.objects.count(), EventType.objects.count(), Change.objects.count()) == (1, 1, 2)


def test_verdicts_say_the_reason_in_words(tokens: Meter) -> None:
    assert operations.ingest([event("e1", customer="nobody")], source="gateway", at=NOON) == [
        Verdict("e1", "quarantined", "unknown_customer", "No customer has the key 'nobody'.")
    ]
