import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.utils import IntegrityError

from governance.acts import Act
from metering import operations
from metering.identities import Identity, hashes
from metering.models import Meter, QuarantinedEvent, UsageEvent, UsageIdentity
from metering.quarantine import operations as quarantine
from tests.metering.conftest import NOON, event


def in_threads(count: int, work: Callable[[int], list[str]]) -> list[list[str]]:
    """What each of `count` threads gave, all let loose at one moment."""
    gate = threading.Barrier(count)

    def one(number: int) -> list[str]:
        try:
            gate.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def outcomes(events: list, source: str = "gateway") -> list[str]:
    return [verdict.outcome for verdict in operations.ingest(events, source=source, at=NOON)]


@pytest.mark.django_db(transaction=True)
def test_sixteen_senders_of_the_same_batch_count_once(tokens: Meter) -> None:
    batch = [event(f"e{number}") for number in range(300)]
    lost = [event(f"x{number}", customer="nobody") for number in range(20)]

    def send(number: int) -> list[str]:
        turned = batch[number * 10 :] + batch[: number * 10]
        return outcomes(turned + lost if number % 2 else lost + turned)

    given = [outcome for answers in in_threads(16, send) for outcome in answers]
    assert given.count("accepted") == UsageEvent.objects.count() == 300
    assert given.count("duplicate") == 15 * 300
    assert given.count("quarantined") == 16 * 20
    assert QuarantinedEvent.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_of_contradicting_senders_one_body_wins(tokens: Meter) -> None:
    def send(number: int) -> list[str]:
        return outcomes([event(f"e{n}", properties={"tokens": number}) for n in range(50)])

    given = [outcome for answers in in_threads(8, send) for outcome in answers]
    assert given.count("accepted") == UsageEvent.objects.count() == 50
    assert given.count("conflict") == QuarantinedEvent.objects.count() == 7 * 50


@pytest.mark.django_db(transaction=True)
def test_overlapping_batches_and_replays_count_once(tokens: Meter, customers: set[str], by_eric: Act) -> None:
    late = [event(f"e{number}", customer="tailspin") for number in range(20)]
    outcomes(late)
    customers.add("tailspin")
    waiting = list(QuarantinedEvent.objects.order_by("id"))

    def send_or_replay(number: int) -> list[str]:
        if number % 2:
            return outcomes(late[number:] + late[:number])
        return [quarantine.replay(row, act=by_eric).resolution for row in waiting[number::8]]

    in_threads(8, send_or_replay)
    assert UsageEvent.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_is_not_there(tokens: Meter) -> None:
    with transaction.atomic():
        outcomes([event("e1"), event("e2", customer="nobody")])
        transaction.set_rollback(True)
    assert not UsageEvent.objects.exists()
    assert not QuarantinedEvent.objects.exists()
    assert outcomes([event("e1")]) == ["accepted"]


def test_after_resends_a_batch_is_looked_up_first(tokens: Meter, django_assert_num_queries) -> None:
    outcomes([event("e1")])
    # rules; begin, patience, number; savepoint, COPY, back (2), look up; savepoint, COPY, release; month, COPY;
    # batch and commit
    with django_assert_num_queries(16):
        outcomes([event("e1"), event("e2")])
    with django_assert_num_queries(12):
        outcomes([event("e2"), event("e3")])
    with django_assert_num_queries(7):
        outcomes([event("e3"), event("e2")])
    assert UsageEvent.objects.count() == 3


# ---------------------------------------------------------------- what PostgreSQL itself refuses
def refused(sql: str, match: str) -> None:
    with pytest.raises(IntegrityError, match=match), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE metering_usageevent SET properties = '{\"tokens\": 6}'",
        "UPDATE metering_usageevent SET occurred_at = occurred_at + interval '1 day'",
        "UPDATE metering_usageevent SET customer_key = 'fabrikam'",
        "DELETE FROM metering_usageevent",
    ],
)
def test_a_stored_event_never_changes(tokens: Meter, sql: str) -> None:
    outcomes([event("e1")])
    before = list(UsageEvent.objects.values())
    refused(sql, "a usage event never changes")
    assert list(UsageEvent.objects.values()) == before


def test_an_event_is_stored_once(tokens: Meter) -> None:
    outcomes([event("e1")])
    refused(
        "INSERT INTO metering_usageidentity SELECT source, event_id, body_hash, event + 1 FROM metering_usageidentity",
        "metering_usageidentity_pkey",
    )
    assert UsageEvent.objects.get().customer_key == "contoso"


@pytest.mark.parametrize(
    ("sql", "match"),
    [
        ("UPDATE metering_quarantinedevent SET body = '{}'", "what was reported never changes"),
        ("UPDATE metering_quarantinedevent SET reason = 'too_late'", "what was reported never changes"),
        ("DELETE FROM metering_quarantinedevent", "what was reported never changes"),
        ("UPDATE metering_quarantinedevent SET resolution = 'counted'", "a_resolved_event_says_how"),
    ],
)
def test_a_quarantined_event_keeps_what_was_reported(tokens: Meter, sql: str, match: str) -> None:
    outcomes([event("e1", customer="nobody")])
    refused(sql, match)
    assert QuarantinedEvent.objects.get().resolved_at is None


def test_a_meter_is_not_written_without_a_change(tokens: Meter) -> None:
    with pytest.raises(Exception, match="needs a change that says who and why"), transaction.atomic():
        Meter.objects.update(name="Other")


def test_hashes_are_of_what_is_counted(tokens: Meter) -> None:
    outcomes([event("e1"), event("e2", customer="nobody"), event("e3", before=timedelta(1))])
    found = hashes([Identity("gateway", name) for name in ("e1", "e2", "e3", "e4")])
    kept = UsageIdentity.objects.values_list("source", "event_id", "body_hash")
    assert found == {(source, event_id): bytes(digest) for source, event_id, digest in kept}
    assert {event_id for _, event_id in found} == {"e1", "e3"}
