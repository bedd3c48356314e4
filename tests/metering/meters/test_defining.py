"""Definitions that make no sense are refused; definitions that were billed by stay."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from governance.acts import Act, Refused
from governance.change import change
from metering import operations
from metering.meters.defining import billed_through, redefine_meter
from metering.meters.definitions import said_by
from metering.models import EventType, Meter, MeterVersion
from metering.queries import usage
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event
from tests.refusals import refused

Define = Callable[..., Meter]
DAY = timedelta(days=1)
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
APRIL = Period(MARCH.end, datetime(2026, 5, 1, tzinfo=UTC))


@pytest.fixture
def billed(db: None) -> Callable[[datetime], None]:
    """Says until when every meter is billed, in place of the invoices."""

    def until(instant: datetime) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION meter_billed_through(meter uuid) RETURNS timestamptz STABLE LANGUAGE sql"
                f" AS 'SELECT ''{instant.isoformat()}''::timestamptz'"
            )

    return until


@pytest.fixture
def tokens(meter: Define) -> Meter:
    return meter("tokens")


def of(period: Period) -> Any:
    return usage([("contoso", "tokens", period, WHOLE)])["contoso", "tokens", period, WHOLE]


NOT_CARRIED = (
    "Different values and averages do not carry over: they do not say what is left at the end of a period. "
    "To count what is active, take the latest of 1 or 0 per value, and the sum of these."
)


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ({"property": ""}, "Say which property is added up; only a count needs none."),
        ({"property": "a +"}, "Property: This cannot be read at character 3 near '+': is something missing or"),
        ({"property": "a = 1"}, "Property: “a = 1” is a condition, and a number is needed (at character 1)."),
        ({"condition": "a + 1"}, "Condition: “a + 1” is a number, and a condition is needed (at character 1)."),
        ({"aggregation": "unique", "property": "a + 1"}, "Property: “a + 1” is a number, and text is needed"),
        ({"window": "day"}, "Say what becomes of the numbers of each window or value: their sum, the highest, …"),
        ({"over": "max"}, "Say for which windows, or for each value of which property, it is added up first."),
        ({"window": "day", "over": "max", "window_zone": "Mars/Base"}, "There is no time zone 'Mars/Base'."),
        ({"dimensions": ["a", "a"]}, "There are at most 8 dimensions, each named once."),
        ({"dimensions": [1]}, "Dimensions are names of properties, of at most 60 characters."),
        ({"aggregation": "average", "carries_over": True}, NOT_CARRIED),
        ({"filters": {"a": "b"}}, 'Filters look like {"region": ["eu", "us"]}: for each property, the values'),
    ],
)
def test_what_cannot_be_measured_is_not_defined(meter: Define, definition: dict[str, Any], sentence: str) -> None:
    with refused(re.escape(sentence)):
        meter("m", **definition)
    assert Meter.objects.count() == EventType.objects.count() == 0


def test_until_it_is_billed_by_a_meter_simply_changes(tokens: Meter, by_eric: Act) -> None:
    operations.ingest([event(), event("e2")], source="gateway", at=NOON)
    redefine_meter(tokens, property="tokens * 2", name="Doubled", dimensions=["model"], act=by_eric)
    assert of(MARCH) == 20
    assert MeterVersion.objects.count() == 0
    assert list(tokens.history.values_list("property", flat=True)) == ["tokens * 2", "tokens"]


def test_once_billed_the_old_definition_measures_what_starts_before(
    tokens: Meter, by_eric: Act, billed: Callable[[datetime], None]
) -> None:
    operations.ingest([event()], source="gateway", at=NOON)
    operations.ingest([event("e2", time=APRIL.start + DAY)], source="gateway", at=APRIL.start + DAY)
    before = said_by(tokens)
    billed(MARCH.end)
    redefine_meter(tokens, property="tokens * 2", act=by_eric)
    assert (of(MARCH), of(APRIL)) == (5, 10)
    assert of(Period(MARCH.start, APRIL.end)) == 10  # by the definition of its start
    (version,) = MeterVersion.objects.all()
    assert (said_by(version), version.number, version.until) == (before, 1, MARCH.end)


def test_both_definitions_answer_in_one_question(tokens: Meter, by_eric: Act, billed: Any) -> None:
    operations.ingest([event()], source="gateway", at=NOON)
    billed(MARCH.end)
    redefine_meter(tokens, aggregation="count", act=by_eric)
    keys = [("contoso", "tokens", period, WHOLE) for period in (MARCH, APRIL)]
    assert usage(keys) == {keys[0]: 5, keys[1]: 0}


def test_another_definition_may_start_later_than_what_is_billed(tokens: Meter, by_eric: Act, billed: Any) -> None:
    billed(MARCH.start)
    redefine_meter(tokens, property="a", from_=MARCH.end, act=by_eric)
    redefine_meter(tokens, property="b", from_=APRIL.end, act=by_eric)
    assert list(MeterVersion.objects.values_list("number", "property", "until")) == [
        (1, "tokens", MARCH.end),
        (2, "a", APRIL.end),
    ]


def test_what_was_said_between_two_bills_leaves_no_version(tokens: Meter, by_eric: Act, billed: Any) -> None:
    """It never measured a period that was billed."""
    billed(MARCH.end)
    redefine_meter(tokens, property="a", act=by_eric)
    redefine_meter(tokens, property="b", act=by_eric)
    assert list(MeterVersion.objects.values_list("property", flat=True)) == ["tokens"]


def test_names_and_dimensions_change_without_a_version(tokens: Meter, by_eric: Act, billed: Any) -> None:
    billed(MARCH.end)
    redefine_meter(tokens, name="Tokens used", unit="token", dimensions=["model"], act=by_eric)
    assert MeterVersion.objects.count() == 0
    assert Meter.objects.get().dimensions == ["model"]


def test_no_definition_starts_before_what_is_billed(tokens: Meter, by_eric: Act, billed: Any) -> None:
    billed(MARCH.end)
    with refused("It is billed until 2026-04-01 00:00 UTC; another definition can start from then on."):
        redefine_meter(tokens, property="a", from_=MARCH.start, act=by_eric)
    redefine_meter(tokens, property="a", from_=APRIL.end, act=by_eric)
    with refused("Another definition measures what starts before 2026-05-01 00:00 UTC."):
        redefine_meter(tokens, property="b", from_=MARCH.end, act=by_eric)
    assert Meter.objects.get().property == "a"


def test_a_senseless_definition_leaves_the_meter_as_it_was(tokens: Meter, by_eric: Act, billed: Any) -> None:
    billed(MARCH.end)
    with pytest.raises(Refused):
        redefine_meter(tokens, property="a +", act=by_eric)
    assert Meter.objects.get().property == "tokens"
    assert MeterVersion.objects.count() == 0


def test_postgresql_refuses_another_definition_of_what_is_billed(tokens: Meter, by_eric: Act, billed: Any) -> None:
    billed(MARCH.end)
    tokens.property = "a"
    with (
        pytest.raises(DatabaseError, match="meter tokens is billed until"),
        change("meter.redefined", tokens, by_eric),
    ):
        tokens.save()
    assert Meter.objects.get().property == "tokens"


@pytest.mark.parametrize(
    ("said", "until", "message"),
    [
        ({"property": "a"}, MARCH.end, "a version is the definition that the meter had"),
        ({}, MARCH.start, "a version measures all that is billed and not measured by another"),
    ],
)
def test_postgresql_refuses_versions_that_never_were(
    tokens: Meter, billed: Any, said: dict[str, Any], until: datetime, message: str
) -> None:
    billed(MARCH.end)
    with pytest.raises(DatabaseError, match=message), transaction.atomic():
        MeterVersion.objects.create(meter=tokens, number=1, until=until, **said_by(tokens) | said)
    assert MeterVersion.objects.count() == 0


def test_nothing_is_billed_as_far_as_metering_knows(tokens: Meter) -> None:
    assert billed_through(tokens) is None


def test_events_are_screened_by_expression_and_condition(meter: Define) -> None:
    meter("m", property="input + 5 * output", condition="kind = 'call'")
    bodies = [{"kind": "call", "input": 1, "output": 2}, {"kind": "call", "input": 1}, {"kind": "ping"}]
    verdicts = operations.ingest(
        [event(f"e{n}", properties=body) for n, body in enumerate(bodies)], source="gateway", at=NOON
    )
    assert [verdict.outcome for verdict in verdicts] == ["accepted", "quarantined", "accepted"]
    assert verdicts[1].detail == "Meter m needs a number in expression 'input + 5 * output'."
