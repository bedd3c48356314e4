"""The way out: every change relayed once, every delivery made until it succeeds or is given up loudly."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from governance.acts import Act, Refused
from governance.change import change
from governance.models import Change
from integrations import outbox
from integrations.errors import Permanent, Transient
from integrations.handlers import HANDLERS
from integrations.models import Delivery
from integrations.routes import ROUTES, SYSTEMS
from tests import cast

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Listener:
    """An outside system: remembers the deliveries it got, and answers as told."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.failures: list[Exception] = []

    def __call__(self, delivery: Delivery, at: datetime) -> str:
        self.heard.append(delivery.pk)
        if self.failures:
            raise self.failures.pop(0)
        return "Heard."


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Listener:
    """The only one who listens, and to nothing but offers that were sent."""
    listener = Listener()
    monkeypatch.setattr(outbox, "ROUTES", {"quote.sent": ("email.quote", "crm.quote")})
    monkeypatch.setitem(HANDLERS, "email.quote", listener)
    monkeypatch.setitem(HANDLERS, "crm.quote", lambda delivery, at: "Not asked.")
    return listener


def happen(name: str = "quote.sent", times: int = 1) -> None:
    for _ in range(times):
        with change(name, cast.person("eve"), cast.act(because="It happened", at=NOW)):
            pass


def the_delivery() -> Delivery:
    return Delivery.objects.get(route="email.quote")


def retried(delivery: Delivery, at: datetime) -> Delivery:
    return outbox.retry(delivery, act=Act.of_system("cara", "The mail server is back", at))


def test_every_route_has_a_handler_and_a_queue() -> None:
    routes = {route for routes in ROUTES.values() for route in routes}
    assert routes == set(HANDLERS)
    assert {route.split(".")[0] for route in routes} == set(SYSTEMS)


def test_a_change_becomes_one_delivery_per_listener(listener: Listener) -> None:
    happen()
    happen("quote.drafted")
    assert outbox.relay(at=NOW) == 2
    assert outbox.relay(at=NOW) == 0
    assert sorted(Delivery.objects.values_list("route", "status", "attempts")) == [
        ("crm.quote", "due", 0),
        ("email.quote", "due", 0),
    ]
    assert set(Change.objects.values_list("relayed_at", flat=True)) == {NOW}


def test_a_change_that_was_rolled_back_is_never_relayed(listener: Listener) -> None:
    with pytest.raises(ZeroDivisionError), change("quote.sent", cast.person("eve"), cast.act()):
        raise ZeroDivisionError
    assert outbox.relay(at=NOW) == 0


def test_ids_that_commit_out_of_order_are_all_found(listener: Listener) -> None:
    """A change with a smaller id that commits after a relay has passed it."""
    eve = cast.person("eve")
    started, finish = Barrier(2), Barrier(2)

    def slow() -> None:
        with change("quote.sent", eve, cast.act(because="Slow")):
            started.wait()
            finish.wait()
        connection.close()

    thread = Thread(target=slow)
    thread.start()
    started.wait()
    happen()
    assert outbox.relay(at=NOW) == 1
    finish.wait()
    thread.join()
    assert outbox.relay(at=NOW) == 1
    assert Change.objects.filter(relayed_at=None).count() == 0


def test_success_is_noted_with_what_was_done(listener: Listener) -> None:
    happen()
    assert outbox.drain(at=NOW) == 2
    delivery = the_delivery()
    assert (delivery.status, delivery.done_at, delivery.note, delivery.error) == ("done", NOW, "Heard.", "")
    assert outbox.drain(at=NOW + timedelta(days=1)) == 0
    assert len(listener.heard) == 1


def test_failures_back_off_and_are_given_up_after_ten_attempts(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    happen()
    listener.failures = [Transient("The mail server cannot answer now.")] * 20
    at, waits = NOW, []
    outbox.drain(at=at)
    while (delivery := the_delivery()).status == "due":
        waits.append((delivery.next_at - at) / MINUTE)
        assert outbox.drain(at=delivery.next_at - timedelta(seconds=1)) == 0
        at = delivery.next_at
        outbox.drain(at=at)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert (delivery.status, delivery.attempts) == ("failed", 10)
    assert delivery.error == "The mail server cannot answer now."
    assert outbox.drain(at=at + timedelta(days=30)) == 0
    given_up = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in given_up] == [
        f"Delivery {delivery.pk} (email.quote) was given up after attempt 10: Transient"
    ]


def test_the_same_delivery_is_handed_over_every_time(listener: Listener) -> None:
    happen()
    listener.failures = [Transient("later"), OSError("no route to host")]
    for minutes in (0, 1, 3):
        outbox.drain(at=NOW + minutes * MINUTE)
    assert listener.heard == [the_delivery().pk] * 3
    assert (the_delivery().status, the_delivery().error) == ("done", "")


def test_whoever_asks_for_more_time_gets_it(listener: Listener) -> None:
    happen()
    listener.failures = [Transient("Too many requests.", retry_after=600)]
    outbox.drain(at=NOW)
    assert the_delivery().next_at == NOW + 10 * MINUTE


@pytest.mark.parametrize("failure", [Permanent("Not like this."), Refused("Not like this.")])
def test_what_no_repetition_will_mend_fails_at_once(listener: Listener, failure: Exception) -> None:
    happen()
    listener.failures = [failure]
    outbox.drain(at=NOW)
    assert (the_delivery().status, the_delivery().attempts, the_delivery().error) == ("failed", 1, "Not like this.")


def test_a_bug_is_named_and_tried_again(listener: Listener) -> None:
    happen()
    listener.failures = [KeyError("total")]
    outbox.drain(at=NOW)
    assert (the_delivery().status, the_delivery().error) == ("due", "KeyError: 'total'")


def test_a_failing_system_keeps_nobody_else_waiting(listener: Listener) -> None:
    """Its own queue stops for the round after one failure; the others are served."""
    happen(times=3)
    listener.failures = [Transient("down")] * 9
    outbox.relay(at=NOW)
    assert outbox.deliver_due(at=NOW) == 4
    assert Delivery.objects.filter(route="crm.quote", status="done").count() == 3
    assert Delivery.objects.filter(route="email.quote", attempts=0).count() == 2
    assert len(listener.heard) == 1


def test_a_process_killed_after_the_call_repeats_it_with_the_same_key(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen()
    outbox.relay(at=NOW)

    class Killed(BaseException):
        """As the power going off."""

    def call_and_die(delivery: Delivery, at: datetime) -> str:
        listener(delivery, at)
        raise Killed

    monkeypatch.setitem(HANDLERS, "email.quote", call_and_die)
    with pytest.raises(Killed):
        outbox.deliver_due(at=NOW)
    monkeypatch.setitem(HANDLERS, "email.quote", listener)
    assert the_delivery().status == "due"
    assert outbox.deliver(the_delivery().pk, at=NOW + MINUTE) is None  # it may still be running
    outbox.deliver_due(at=NOW + outbox.LEASE)
    assert listener.heard == [the_delivery().pk] * 2
    assert (the_delivery().status, the_delivery().attempts) == ("done", 2)


def test_a_late_failure_does_not_undo_a_success(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that outlives its lease fails after another attempt has succeeded."""
    happen()
    outbox.relay(at=NOW)
    pk = the_delivery().pk

    def outlive(delivery: Delivery, at: datetime) -> str:
        monkeypatch.setitem(HANDLERS, "email.quote", listener)
        outbox.deliver(pk, at=NOW + outbox.LEASE)
        raise Transient("too slow")

    monkeypatch.setitem(HANDLERS, "email.quote", outlive)
    outbox.deliver(pk, at=NOW)
    assert (the_delivery().status, the_delivery().error) == ("done", "")


def test_six_relays_and_deliverers_at_once_deliver_once(listener: Listener) -> None:
    happen(times=30)
    barrier = Barrier(6)

    def work() -> None:
        barrier.wait()
        while outbox.relay(at=NOW, limit=7):
            outbox.deliver_due(at=NOW)
        outbox.deliver_due(at=NOW)
        connection.close()

    run_together(work, 6)
    outbox.drain(at=NOW)
    assert len(listener.heard) == 30
    assert len(set(listener.heard)) == 30
    assert Delivery.objects.filter(status="done").count() == 60


def test_a_failed_delivery_is_tried_again_when_somebody_says_why(listener: Listener) -> None:
    happen()
    listener.failures = [Permanent("Mailbox full.")]
    outbox.drain(at=NOW)
    delivery = retried(the_delivery(), NOW + MINUTE)
    assert (delivery.status, delivery.attempts, delivery.error) == ("due", 0, "Mailbox full.")
    outbox.drain(at=NOW + MINUTE)
    assert (the_delivery().status, the_delivery().error) == ("done", "")
    assert Change.objects.get(name="delivery.retried").because == "The mail server is back"


def test_only_what_failed_is_tried_again(listener: Listener) -> None:
    happen()
    outbox.drain(at=NOW)
    with pytest.raises(Refused, match="Only a failed delivery can be retried; this one is done"):
        retried(the_delivery(), NOW)
    assert Change.objects.filter(name="delivery.retried").count() == 0


def test_postgresql_refuses_a_second_delivery_to_a_listener(listener: Listener) -> None:
    happen()
    outbox.relay(at=NOW)
    with pytest.raises(IntegrityError, match="one_delivery_per_listener"), transaction.atomic():
        Delivery.objects.create(change=the_delivery().change, route="email.quote", next_at=NOW)


def run_together(work: Callable[[], None], times: int) -> None:
    threads = [Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
