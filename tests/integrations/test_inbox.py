"""The way in: kept once, applied once, whatever is sent twice, late or in the wrong order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from governance.acts import Act, Refused
from governance.models import Change
from integrations import inbox
from integrations.errors import Irrelevant, Permanent
from integrations.models import InboundMessage

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Applier:
    """An operation that a message leads to."""

    def __init__(self) -> None:
        self.applied: list[str] = []
        self.failures: list[Exception] = []

    def __call__(self, message: InboundMessage, at: datetime) -> str:
        self.applied.append(message.message_id)
        if self.failures:
            raise self.failures.pop(0)
        return "Applied."


@pytest.fixture
def applier(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Applier:
    applier = Applier()
    monkeypatch.setitem(inbox.APPLIERS, ("bank", "money.arrived"), applier)
    return applier


def receive(message_id: str = "m-1", type: str = "money.arrived", at: datetime = NOW) -> InboundMessage:  # noqa: A002
    return inbox.receive(sender="bank", message_id=message_id, type=type, body={"id": message_id}, at=at)


def the_message() -> InboundMessage:
    return InboundMessage.objects.get()


def test_a_message_is_kept_once_and_counted(applier: Applier) -> None:
    for minutes in range(3):
        receive(at=NOW + minutes * MINUTE)
    assert (the_message().times_received, the_message().received_at, the_message().status) == (3, NOW, "new")
    assert inbox.apply_due(at=NOW) == 1
    receive()
    assert inbox.apply_due(at=NOW + MINUTE) == 0
    assert applier.applied == ["m-1"]
    assert (the_message().status, the_message().applied_at, the_message().note) == ("applied", NOW, "Applied.")


def test_the_same_id_of_another_sender_is_another_message(applier: Applier) -> None:
    receive()
    inbox.receive(sender="post", message_id="m-1", type="letter", body={}, at=NOW)
    assert InboundMessage.objects.count() == 2


def test_what_nobody_acts_on_is_ignored(applier: Applier) -> None:
    receive(type="weather.changed")
    inbox.apply_due(at=NOW)
    assert (the_message().status, the_message().note) == ("ignored", "Nothing is done about messages of this type.")
    assert inbox.apply_due(at=NOW + MINUTE) == 0


def test_what_is_nothing_of_ours_is_ignored_with_the_reason(applier: Applier) -> None:
    receive()
    applier.failures = [Irrelevant("Somebody else's money.")]
    inbox.apply_due(at=NOW)
    assert (the_message().status, the_message().note) == ("ignored", "Somebody else's money.")


@pytest.mark.parametrize("failure", [Refused("Too much."), Permanent("Too much.")])
def test_a_refusal_waits_for_a_person(applier: Applier, failure: Exception) -> None:
    receive()
    applier.failures = [failure]
    inbox.apply_due(at=NOW)
    assert (the_message().status, the_message().attempts, the_message().error) == ("failed", 1, "Too much.")
    inbox.retry(the_message(), act=Act.of_system("cara", "The invoice is right now", NOW + MINUTE))
    assert inbox.apply_due(at=NOW + MINUTE) == 1
    assert (the_message().status, the_message().error) == ("applied", "")
    assert Change.objects.get(name="message.retried").because == "The invoice is right now"


def test_an_applied_message_is_not_retried(applier: Applier) -> None:
    receive()
    inbox.apply_due(at=NOW)
    with pytest.raises(Refused, match="Only a failed or ignored message can be retried; this one is applied"):
        inbox.retry(the_message(), act=Act.of_system("cara", "Once more", NOW))
    assert Change.objects.count() == 0


def test_a_bug_backs_off_and_is_given_up_after_ten_attempts(applier: Applier) -> None:
    receive()
    applier.failures = [KeyError("amount")] * 20
    at = NOW
    for _ in range(20):
        inbox.apply_due(at=at)
        assert the_message().error == "KeyError: 'amount'"
        if the_message().status == "failed":
            break
        assert inbox.apply_due(at=the_message().next_at - timedelta(seconds=1)) == 0
        at = the_message().next_at
    assert (the_message().status, the_message().attempts) == ("failed", 10)
    assert at - NOW == 511 * MINUTE


def test_what_a_failing_operation_wrote_is_gone(applier: Applier, monkeypatch: pytest.MonkeyPatch) -> None:
    receive()

    def write_and_fail(message: InboundMessage, at: datetime) -> str:
        inbox.receive(sender="bank", message_id="m-2", type="x", body={}, at=at)
        raise KeyError("amount")

    monkeypatch.setitem(inbox.APPLIERS, ("bank", "money.arrived"), write_and_fail)
    inbox.apply_due(at=NOW)
    assert the_message().attempts == 1


def test_six_receivers_and_appliers_at_once_keep_and_apply_once(applier: Applier) -> None:
    barrier = Barrier(6)

    def work() -> None:
        barrier.wait()
        for number in range(10):
            receive(f"m-{number}")
        inbox.apply_due(at=NOW)
        connection.close()

    run_together(work, 6)
    inbox.apply_due(at=NOW)
    assert sorted(applier.applied) == [f"m-{number}" for number in range(10)]
    assert set(InboundMessage.objects.values_list("times_received", "status")) == {(6, "applied")}


def run_together(work: Callable[[], None], times: int) -> None:
    threads = [Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
