"""Events move while they keep coming; nothing is lost, and nothing changes over unless everything is equal."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from metering import operations
from metering.clickhouse import moving, tables
from metering.clickhouse.address import Address
from metering.clickhouse.store import ClickHouseEventStore
from metering.intake import Batch
from metering.models import EventMove, EventMoveMonth, Meter, UsageEvent
from metering.queries import usage
from metering.store import PostgresEventStore, event_store
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event
from tests.metering.stores import odd
from tests.metering.stores.conftest import TOKEN

ALWAYS = Period(odd.START, NOON.replace(year=2027))
TOKENS = ("contoso", "tokens", ALWAYS, WHOLE)


@pytest.fixture
def elsewhere(nothing_stays: None, address: Address, db: None, settings: Any) -> Iterator[Address]:
    """A ClickHouse that EVENT_STORE_URL names, and to which nothing was moved yet."""
    for table in (tables.kept_in(address), tables.OWNERS):
        address.client().command(f"TRUNCATE TABLE {table}")
    settings.EVENT_STORE_URL, settings.EVENT_STORE_CLUSTER = address.url, address.cluster
    yield address
    address.client().command(f"TRUNCATE TABLE {tables.OWNERS}")
    tables.own(address, TOKEN)


def send(*names: str) -> None:
    events = [event(name) for name in names]
    assert {verdict.outcome for verdict in operations.ingest(events, source="gateway", at=NOON)} == {"accepted"}


def store_odd(seed: int, count: int) -> None:
    list(odd.stored(odd.rows(seed, count), seed))


def moved(**options: Any) -> str:
    out = StringIO()
    call_command("move_events", stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def rows(address: Address) -> int:
    return int(address.client().query(f"SELECT count() FROM {tables.EVENTS}").result_rows[0][0])


def test_it_copies_compares_and_changes_over(elsewhere: Address, tokens: Meter) -> None:
    store_odd(1, 150)
    send("e1", "e2")
    before = usage([TOKENS])
    assert isinstance(event_store(), PostgresEventStore)
    assert moved() == (
        f"152 events copied, 152 in all; equal by day and meter.\nUsage events are kept in {elsewhere} from now on.\n"
    )
    assert isinstance(event_store(), ClickHouseEventStore)
    assert usage([TOKENS]) == before == {TOKENS: 10}
    send("e3")
    assert (rows(elsewhere), UsageEvent.objects.count(), usage([TOKENS])[TOKENS]) == (153, 152, 15)
    assert [found.event_id for found in event_store().latest(2)] == ["e3", "e2"]
    (verdict,) = operations.ingest([event("e1")], source="gateway", at=NOON)
    assert verdict.outcome == "duplicate"


def test_it_goes_on_where_it_was(elsewhere: Address, tokens: Meter) -> None:
    store_odd(2, 100)
    told: list[str] = []

    def interrupt(text: str) -> None:
        told.append(text)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moving.move(elsewhere, at=NOON, switch=True, block=30, tell=interrupt)
    assert sum(EventMoveMonth.objects.values_list("events", flat=True)) == rows(elsewhere) == 60
    assert isinstance(event_store(), PostgresEventStore)
    send("e1")
    result = moving.move(elsewhere, at=NOON, switch=True, block=30)
    assert (result.copied, result.events, result.is_switched) == (41, 101, True)
    assert EventMove.objects.count() == 1
    assert usage([TOKENS])[TOKENS] == 5


def test_a_block_that_was_copied_but_not_noted_is_copied_again(elsewhere: Address, tokens: Meter) -> None:
    send(*(f"e{number}" for number in range(20)))
    moving.move(elsewhere, at=NOON, switch=False)
    EventMoveMonth.objects.update(below=0, events=0)
    moving.move(elsewhere, at=NOON, switch=True, block=7)
    assert usage([TOKENS])[TOKENS] == 100


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            "DELETE WHERE event_id = 'e1'",
            "all events: PostgreSQL has 2 events and {both}, ClickHouse 1 and {second}",
        ),
        (
            "UPDATE texts = mapUpdate(texts, map('tokens', '6')) WHERE event_id = 'e1'",
            "meter tokens: PostgreSQL has 2 events and 10, ClickHouse 2 and 11",
        ),
    ],
)
def test_what_differs_is_told_and_nothing_changes_over(
    elsewhere: Address, tokens: Meter, wrong: str, told: str
) -> None:
    send("e1", "e2")
    moved(only_copy=True)
    elsewhere.client().command(f"ALTER TABLE {tables.kept_in(elsewhere)} {wrong}", settings={"mutations_sync": 2})
    out = StringIO()
    with pytest.raises(CommandError, match="The copy is not equal; nothing was changed over"):
        call_command("move_events", stdout=out, stderr=StringIO())
    first, second = UsageEvent.objects.order_by("id").values_list("id", flat=True)
    assert f"2026-03-10, type llm.request, {told.format(both=first + second, second=second)}" in out.getvalue()
    assert isinstance(event_store(), PostgresEventStore)
    send("e3")
    assert usage([TOKENS])[TOKENS] == 15


def test_it_does_not_change_over_to_what_processes_do_not_know(
    elsewhere: Address, tokens: Meter, settings: Any
) -> None:
    send("e1")
    settings.EVENT_STORE_URL = ""
    assert moved(to=elsewhere.url) == (
        "1 events copied, 1 in all; equal by day and meter.\n"
        "To change over, set this for every process, restart them, and run it again:\n"
        f"EVENT_STORE_URL={elsewhere.url}\n"
    )
    settings.EVENT_STORE_URL = elsewhere.url
    assert "Run it again without --only-copy" in moved(only_copy=True)
    assert isinstance(event_store(), PostgresEventStore)
    assert "from now on" in moved()
    assert isinstance(event_store(), ClickHouseEventStore)


def test_what_comes_while_it_copies_is_caught_up_with(
    elsewhere: Address, tokens: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "FEW", 0)
    send("e1")
    late = iter([("e2", "e3"), ("e4",)])

    def meanwhile(text: str) -> None:
        if "copied" in text and (names := next(late, ())):
            send(*names)

    assert moving.move(elsewhere, at=NOON, switch=True, tell=meanwhile).events == 4
    assert usage([TOKENS])[TOKENS] == 20


def test_it_moves_once(elsewhere: Address, tokens: Meter) -> None:
    send("e1")
    moved()
    with pytest.raises(CommandError, match=r"Usage events are kept in .* since 20"):
        moved()
    with pytest.raises(CommandError, match="EVENT_STORE_URL is clickhouse://user:password@host:port/database"):
        moved(to="postgres://somewhere")
    assert rows(elsewhere) == 1


def test_the_store_of_another_installation_is_left_alone(elsewhere: Address, tokens: Meter) -> None:
    send("e1")
    tables.own(elsewhere, TOKEN)
    with pytest.raises(CommandError, match="keeps the events of another installation"):
        moved()
    assert rows(elsewhere) == 0
    assert not EventMove.objects.exists()


def test_a_new_installation_keeps_its_events_there_from_the_first_on(elsewhere: Address, tokens: Meter) -> None:
    assert moving.adopt(elsewhere, at=NOON)
    assert isinstance(event_store(), ClickHouseEventStore)
    send("e1")
    assert (rows(elsewhere), UsageEvent.objects.count(), usage([TOKENS])[TOKENS]) == (1, 0, 5)
    assert moving.adopt(elsewhere, at=NOON)


def test_a_deployment_says_when_events_are_not_there_yet(elsewhere: Address, tokens: Meter) -> None:
    send("e1")
    assert moved(adopt=True) == "Usage events are still in PostgreSQL; `manage.py move_events` moves them.\n"
    assert (rows(elsewhere), UsageEvent.objects.count()) == (0, 1)
    moved()
    assert moved(adopt=True) == ""


def test_an_installation_with_events_moves_only_when_it_is_told_to(elsewhere: Address, tokens: Meter) -> None:
    send("e1")
    assert not moving.adopt(elsewhere, at=NOON)
    assert isinstance(event_store(), PostgresEventStore)


def test_a_batch_that_was_under_way_is_waited_for(elsewhere: Address, tokens: Meter) -> None:
    """A batch that began before the change stores here, and is copied; the next one stores there."""
    assert _cut_off_at_once()
    with transaction.atomic():
        batch = Batch("gateway", NOON)
        assert not _cut_off_at_once()
        batch.take(operations.rows_of([event("e1")], source="gateway", at=NOON))
        batch.close()
    moved()
    assert usage([TOKENS])[TOKENS] == 5


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_doubled_while_others_send(
    customers: set[str], meter: Callable[..., Meter], address: Address, settings: Any
) -> None:
    for table in (tables.kept_in(address), tables.OWNERS):
        address.client().command(f"TRUNCATE TABLE {table}")
    settings.EVENT_STORE_URL, settings.EVENT_STORE_CLUSTER = address.url, address.cluster
    meter("tokens")
    done = threading.Event()

    def sender(number: int) -> int:
        sent = 0
        try:
            while not done.is_set() or sent < 10:
                send(f"{number}/{sent}")
                sent += 1
        finally:
            connections.close_all()
        return sent

    with ThreadPoolExecutor(2) as pool:
        senders = [pool.submit(sender, number) for number in range(2)]
        moving.move(address, at=NOON, switch=True, block=10)
        before = UsageEvent.objects.count()
        done.set()
        sent = sum(each.result() for each in senders)
    assert UsageEvent.objects.count() == before  # nothing came here any more
    assert usage([TOKENS])[TOKENS] == 5 * sent
    assert rows(address) == sent
    address.client().command(f"TRUNCATE TABLE {tables.OWNERS}")
    tables.own(address, TOKEN)


def _cut_off_at_once() -> bool:
    """Whether somebody else could take a cut-off now."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('quoin.usage_batches', 0))")
            return bool(cursor.fetchone()[0])
    finally:
        other.close()
