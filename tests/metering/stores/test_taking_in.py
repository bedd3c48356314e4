"""What is stored, counts once, and only when the transaction that stored it has committed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.utils import OperationalError

from metering import operations
from metering.clickhouse import tables
from metering.clickhouse.rows import lines
from metering.clickhouse.store import ClickHouseEventStore
from metering.cutoffs import cutoff_now
from metering.intake import Batch
from metering.meters.totals import Request
from metering.models import EventMove, Meter, RetiredMonth, UsageBatch, UsageIdentity
from metering.postgres.months import Retired
from metering.queries import usage
from metering.store import EventStore, event_store
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event
from tests.metering.stores import odd

DAY = Period(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
TOKENS = ("contoso", "tokens", DAY, WHOLE)


def send(*names: str, **fields: Any) -> list[str]:
    events = [event(name, **fields) for name in names]
    return [verdict.outcome for verdict in operations.ingest(events, source="gateway", at=NOON)]


def counted() -> Decimal:
    total = usage([TOKENS])[TOKENS]
    assert isinstance(total, Decimal)
    return total


def kept(store: ClickHouseEventStore) -> int:
    """How many rows ClickHouse holds, whether they count or not."""
    return int(store.address.client().query(f"SELECT count() FROM {tables.EVENTS}").result_rows[0][0])


def test_resent_events_count_once(store: EventStore, tokens: Meter) -> None:
    assert send("e1", "e2") == ["accepted", "accepted"]
    assert send("e2", "e3", "e2") == ["duplicate", "accepted", "duplicate"]
    assert send("e3", properties={"tokens": 6}) == ["conflict"]
    assert counted() == 15


def test_what_is_taken_back_never_counts_and_can_be_sent_again(store: EventStore, tokens: Meter) -> None:
    send("e1")
    with transaction.atomic():
        assert send("e2", "e3") == ["accepted", "accepted"]
        assert counted() == 15  # in its own eyes
        transaction.set_rollback(True)
    assert counted() == 5
    assert send("e2") == ["accepted"]
    assert counted() == 10


def test_a_cut_off_keeps_its_answer(store: EventStore, tokens: Meter) -> None:
    send("e1")
    first = cutoff_now()
    with transaction.atomic():
        send("e2")
        transaction.set_rollback(True)
    second = cutoff_now()
    send("e3")
    request = Request("contoso", tokens, DAY)
    assert [event_store().totals([request], cutoff)[request.key] for cutoff in (first, second, None)] == [5, 5, 10]


def test_a_batch_says_what_it_was(store: EventStore, tokens: Meter) -> None:
    send("e1", "e2")
    send("e2", "e3", customer="nobody")
    first, second = UsageBatch.objects.order_by("pk")
    assert (first.events, first.duplicates, first.conflicts, first.quarantined, first.is_open) == (2, 0, 0, 0, False)
    assert (second.events, second.conflicts, second.quarantined, second.is_open) == (0, 1, 1, False)


# ---------------------------------------------------------------- ClickHouse
def test_a_batch_is_open_before_its_first_row_is_sent(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    with transaction.atomic():
        batch = Batch("gateway", NOON)
        assert (batch.id,) in _elsewhere("SELECT id FROM metering_usagebatch WHERE is_open")
        batch.take(odd.rows(1, 10))
        transaction.set_rollback(True)
    assert kept(clickhouse) == 10
    assert UsageBatch.objects.get().is_open
    assert not UsageIdentity.objects.exists()
    everything = Period(odd.START, odd.START + timedelta(days=odd.DAYS))
    assert clickhouse.types_seen(everything) == {}
    assert clickhouse.latest(10) == []
    assert clickhouse.matching("contoso", odd.TYPES[0], everything, None) == []


def test_a_crash_between_the_stores_leaves_nothing_that_counts(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    send("e1")
    with transaction.atomic():
        send("e2", "e3")
        transaction.set_rollback(True)
    assert (kept(clickhouse), counted()) == (3, 5)
    assert send("e2", "e3", "e1") == ["accepted", "accepted", "duplicate"]
    assert (kept(clickhouse), counted()) == (5, 15)


def test_rows_that_arrive_after_their_batch_was_given_up_do_not_count(
    clickhouse: ClickHouseEventStore, tokens: Meter
) -> None:
    batch = clickhouse.begin("gateway", NOON)
    send("e1")
    (row,) = clickhouse.latest(1)
    late = operations.rows_of([event("e1")], source="gateway", at=NOON)
    clickhouse.append({batch << 14: late[0]})
    assert (kept(clickhouse), counted()) == (2, 5)
    assert clickhouse.latest(5) == [row]


def test_the_same_rows_sent_again_are_one(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    """As when the connection broke before the answer came."""
    with transaction.atomic():
        batch = Batch("gateway", NOON)
        rows = {batch.id << 14 | place: row for place, row in enumerate(odd.rows(3, 30))}
        batch.take(rows.values())
        clickhouse.append(rows)
        batch.close()
    assert kept(clickhouse) == 30  # it knows the block
    clickhouse.put(lines(rows), token="as if it had forgotten")
    assert kept(clickhouse) == 60
    everything = Period(odd.START, odd.START + timedelta(days=odd.DAYS))
    assert sum(seen.events for seen in clickhouse.types_seen(everything).values()) == 30
    assert len(clickhouse.latest(100)) == 30


def test_given_up_batches_are_swept(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    send("e1")
    with transaction.atomic():
        send("e2", "e3")
        transaction.set_rollback(True)
    assert clickhouse.sweep(NOON + timedelta(minutes=59)) == 0
    assert (kept(clickhouse), UsageBatch.objects.filter(is_open=True).count()) == (3, 1)
    assert clickhouse.sweep(NOON + timedelta(minutes=61)) == 1
    assert (kept(clickhouse), UsageBatch.objects.filter(is_open=True).count(), counted()) == (1, 0, 5)
    assert clickhouse.sweep(NOON + timedelta(minutes=62)) == 0


def test_what_clickhouse_refuses_is_not_stored(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    client = clickhouse.address.client()
    client.command(f"RENAME TABLE {tables.EVENTS} TO hidden")
    try:
        with pytest.raises(OperationalError):
            send("e1")
        with pytest.raises(OperationalError):
            counted()
    finally:
        client.command(f"RENAME TABLE hidden TO {tables.EVENTS}")
    assert not UsageIdentity.objects.exists()
    assert (send("e1"), counted()) == (["accepted"], 5)


def test_another_store_than_that_of_this_database_is_refused(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE metering_eventmove CASCADE")
    EventMove.objects.create(location="elsewhere", started_at=NOON, switched_at=NOON)
    with pytest.raises(Exception, match="is not where the usage events of this database are"):
        send("e1")
    assert (kept(clickhouse), UsageIdentity.objects.count()) == (0, 0)


def test_whoever_was_not_told_can_store_nothing(clickhouse: ClickHouseEventStore, tokens: Meter, settings: Any) -> None:
    settings.EVENT_STORE_URL = ""
    with pytest.raises(OperationalError, match="kept elsewhere: set EVENT_STORE_URL"), transaction.atomic():
        send("e1")
    assert (kept(clickhouse), UsageIdentity.objects.count()) == (0, 0)


def test_events_of_a_retired_month_are_not_taken_for_nothing(clickhouse: ClickHouseEventStore, tokens: Meter) -> None:
    send("e1")
    RetiredMonth.objects.create(month=DAY.start.date().replace(day=1), events=1, retired_at=NOON)
    with pytest.raises(Retired):
        counted()


@pytest.mark.django_db(transaction=True)
def test_many_senders_of_the_same_events_count_once(
    customers: set[str], meter: Callable[..., Meter], address: Any, settings: Any
) -> None:
    settings.EVENT_STORE_URL, settings.EVENT_STORE_CLUSTER = address.url, address.cluster
    address.client().command(f"TRUNCATE TABLE {tables.kept_in(address)}")
    EventMove.objects.create(location=str(address), token=tables.token(address), started_at=NOON, switched_at=NOON)
    meter("tokens")
    names = [f"e{number}" for number in range(60)]

    def one(number: int) -> list[str]:
        try:
            return send(*names[number:], *names[:number])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        given = [outcome for outcomes in pool.map(one, range(8)) for outcome in outcomes]
    assert (given.count("accepted"), given.count("duplicate")) == (60, 7 * 60)
    assert counted() == 300
    assert not UsageBatch.objects.filter(is_open=True).exists()


def _elsewhere(sql: str) -> list[tuple[Any, ...]]:
    """What others see, beside this test's transaction."""
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())
    finally:
        own.close()
