"""What was reported at all: meters in use, and the values that events carried."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.acts import Act
from governance.change import change
from metering import operations
from metering.corrections import apply_correction, draft_correction
from metering.models import Meter
from metering.postgres.rollups import roll_up
from metering.queries import meters_in_use, values_seen
from pricing.periods import Period
from tests.metering.conftest import NOON, event

DAY = timedelta(days=1)
THIS_WEEK = Period(NOON - 7 * DAY, NOON + DAY)
Define = Callable[..., Meter]


def report(*bodies: dict[str, Any], prefix: str = "e", **fields: Any) -> None:
    events = [event(f"{prefix}{n}", properties=body, **fields) for n, body in enumerate(bodies)]
    assert {each.outcome for each in operations.ingest(events, source="gateway", at=NOON)} == {"accepted"}


def test_a_meter_is_in_use_once_an_event_of_the_period_passes_its_filters(meter: Define) -> None:
    everywhere, europe = meter("everywhere"), meter("europe", filters={"region": ["eu"]})
    report({"tokens": 5, "region": "us"})
    assert meters_in_use([everywhere, europe], THIS_WEEK) == {"everywhere"}
    report({"tokens": 5, "region": "eu"}, prefix="eu", customer="fabrikam")
    assert meters_in_use([everywhere, europe], THIS_WEEK) == {"everywhere", "europe"}


def test_the_period_is_half_open(tokens: Meter) -> None:
    report({"tokens": 5})
    assert meters_in_use([tokens], Period(NOON, NOON + DAY)) == {"tokens"}
    assert meters_in_use([tokens], Period(NOON - DAY, NOON)) == set()


def test_values_are_counted_by_combination_with_none_for_what_is_missing(meter: Define) -> None:
    tokens, europe = meter("tokens"), meter("europe", filters={"region": ["eu"]})
    report({"tokens": 1, "model": "large", "region": "eu"}, {"tokens": 1, "model": "large", "region": "eu"})
    report({"tokens": 1, "region": "us"}, prefix="us", customer="fabrikam")
    by = ("model", "region")
    assert values_seen([(tokens, by), (europe, ("model",))], THIS_WEEK) == {
        (tokens, by): {("large", "eu"): 2, (None, "us"): 1},
        (europe, ("model",)): {("large",): 2},
    }


def test_daily_totals_and_what_waits_are_seen_alike(meter: Define) -> None:
    tokens, europe = meter("tokens"), meter("europe", filters={"region": ["eu"]})
    calls = meter("calls", "count", "", event_type="call")
    with change("meter.changed", tokens, Act.of_system("Eric", "prices tell regions apart", NOON)):
        tokens.dimensions = ["model", "region"]
        tokens.save()
    report({"tokens": 1, "model": "large", "region": "eu"}, {"tokens": 1, "region": "us"})
    report({"tokens": 1, "region": "us"}, prefix="early", before=3 * DAY)
    roll_up()
    report({"tokens": 1, "region": "us"}, prefix="late")
    for period in (THIS_WEEK, Period(NOON - 7 * DAY, NOON + DAY / 2), Period(NOON - 7 * DAY, NOON + DAY)):
        assert meters_in_use([tokens, europe, calls], period) == {"tokens", "europe"}
        assert values_seen([(tokens, ("region",)), (europe, ("model", "x"))], period) == {
            (tokens, ("region",)): {("eu",): 1, ("us",): 3},
            (europe, ("model", "x")): {("large", None): 1},
        }


def test_void_events_are_not_seen(tokens: Meter) -> None:
    report({"tokens": 1})
    act = Act.of_system("Eric", "a test run", NOON)
    whose = {"customer_key": "contoso", "event_type": "llm.request", "period": THIS_WEEK}
    apply_correction(draft_correction(name="test run", **whose, act=act), act=act)
    assert meters_in_use([tokens], THIS_WEEK) == set()
    assert values_seen([(tokens, ("model",))], THIS_WEEK) == {(tokens, ("model",)): {}}


def test_one_query_for_any_number_and_none_for_none(meter: Define) -> None:
    asked = [meter(key) for key in ("one", "two", "three")]
    with CaptureQueriesContext(connection) as queries:
        meters_in_use(asked, THIS_WEEK)
        values_seen([(each, ("model",)) for each in asked], THIS_WEEK)
        meters_in_use([], THIS_WEEK)
    assert len(queries) == 2 * 3  # one each, and what is kept, before and after
