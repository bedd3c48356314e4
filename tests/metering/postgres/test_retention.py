"""Old months of events are dropped by policy; identities and daily totals remain, and nothing is answered wrongly."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from governance.acts import Act, Refused
from metering import operations
from metering.cutoffs import cutoff_now
from metering.meters.defining import define_meter
from metering.models import Meter, RetiredMonth, UsageEvent, UsageIdentity
from metering.postgres.months import Retired, kept
from metering.postgres.retention import retire
from metering.postgres.rollups import differences, rebuild, roll_up
from metering.queries import meters_in_use, usage, values_seen
from pricing.measures import WHOLE, Split
from pricing.periods import Period
from tests.metering.conftest import NOON, event

JANUARY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
IN_JANUARY = datetime(2026, 1, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def retired(tokens: Meter, settings: Any) -> None:
    """One event of January and one of March; January is dropped."""
    settings.USAGE_RETENTION_MONTHS = 1
    operations.ingest([event("old", time=IN_JANUARY)], source="gateway", at=IN_JANUARY)
    operations.ingest([event("new")], source="gateway", at=NOON)
    assert date(2026, 1, 1) in kept()
    assert retire(NOON) == [date(2026, 1, 1)]


def test_a_month_is_dropped_and_its_daily_totals_answer_for_it(retired: None) -> None:
    assert list(UsageEvent.objects.values_list("event_id", flat=True)) == ["new"]
    assert list(RetiredMonth.objects.values_list("month", "events")) == [(date(2026, 1, 1), 1)]
    for period, total in ((JANUARY, 5), (Period(JANUARY.start, NOON + DAY / 2), 10)):
        key = ("contoso", "tokens", period, WHOLE)
        assert usage([key]) == {key: Decimal(total)}
    assert retire(NOON) == []
    with connection.cursor() as cursor:
        for statement in differences():
            cursor.execute(statement)
            assert cursor.fetchall() == []


@pytest.mark.parametrize(
    "key",
    [
        ("contoso", "tokens", JANUARY, Split(by=("region",))),
        ("contoso", "tokens", JANUARY, Split(each=True)),
        ("contoso", "tokens", Period(JANUARY.start + DAY / 2, JANUARY.end), WHOLE),
    ],
)
def test_what_daily_totals_do_not_tell_is_refused_rather_than_answered_by_nothing(retired: None, key: tuple) -> None:
    with pytest.raises(Retired, match="The events of 2026-01 are retired"):
        usage([key])


def test_a_resend_of_a_retired_event_is_still_a_duplicate(retired: None) -> None:
    assert UsageIdentity.objects.filter(event_id="old").exists()
    (verdict,) = operations.ingest([event("old", time=IN_JANUARY)], source="gateway", at=IN_JANUARY)
    assert verdict.outcome == "duplicate"
    assert UsageEvent.objects.count() == 1


def test_a_cutoff_before_a_change_in_a_retired_month_is_refused(tokens: Meter, settings: Any) -> None:
    settings.USAGE_RETENTION_MONTHS = 1
    operations.ingest([event("old", time=IN_JANUARY)], source="gateway", at=IN_JANUARY)
    cutoff = cutoff_now()
    operations.ingest([event("late", time=IN_JANUARY)], source="gateway", at=IN_JANUARY)
    after = cutoff_now()
    retire(NOON)
    key = ("contoso", "tokens", JANUARY, WHOLE)
    assert usage([key], as_of=after) == {key: 10}
    with pytest.raises(Retired):
        usage([key], as_of=cutoff)


def test_a_meter_defined_later_does_not_answer_for_a_retired_month(retired: None, by_eric: Act) -> None:
    define_meter(key="calls", name="Calls", event_type="llm.request", aggregation="count", property="", act=by_eric)
    march = ("contoso", "calls", Period(NOON - DAY, NOON + DAY), WHOLE)
    january = ("contoso", "calls", JANUARY, WHOLE)
    for _ in range(2):
        assert usage([march]) == {march: 1}
        with pytest.raises(Retired):
            usage([january])
        roll_up()


def test_a_retired_month_is_not_corrected(retired: None) -> None:
    with pytest.raises(Refused, match="retired"):
        rebuild("contoso", "llm.request", [IN_JANUARY.date()])


def test_sightings_see_daily_totals_of_retired_months(retired: None, tokens: Meter) -> None:
    assert meters_in_use([tokens], JANUARY) == {"tokens"}
    assert values_seen([(tokens, ())], JANUARY) == {(tokens, ()): {(): 1}}


def test_nothing_is_dropped_by_default_nor_what_is_young(tokens: Meter, settings: Any) -> None:
    operations.ingest([event("e1", time=IN_JANUARY)], source="gateway", at=IN_JANUARY)
    assert settings.USAGE_RETENTION_MONTHS == 0
    assert retire(NOON) == []
    settings.USAGE_RETENTION_MONTHS = 2
    assert retire(NOON) == []
    assert UsageEvent.objects.count() == 1


def test_postgresql_drops_no_month_that_is_not_rolled_up(tokens: Meter) -> None:
    operations.ingest([event("e1", time=IN_JANUARY)], source="gateway", at=IN_JANUARY)
    refused = pytest.raises(IntegrityError, match="are not in the daily totals yet")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT usage_retire('2026-01-01')")
    assert UsageEvent.objects.count() == 1
    assert not RetiredMonth.objects.exists()
