"""The Python client and the real server: whatever dies in between, each recorded event is counted once."""

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from config.environment import BASE_DIR
from metering.models import QuarantinedEvent, UsageEvent
from quoin_client import DeadLetter, SpoolFull
from quoin_client.sender import Pace
from tests.clients.conftest import Clients, Server
from tests.clients.front import LOSE_THE_ANSWER, Front

# What the server commits is seen from here; what a test writes would not be seen there.
pytestmark = pytest.mark.django_db

ONE = {"input_tokens": 1}
NOWHERE = "http://127.0.0.1:9"  # the port of discard, which nobody serves
Fronts = Callable[..., Front]


def counted(source: str) -> list[str]:
    """The ids of what the server counts of this source."""
    return sorted(UsageEvent.objects.filter(source=source).values_list("event_id", flat=True))


# ---------------------------------------------------------------- all is well
def test_an_event_arrives_as_it_was_recorded(quoin: Server, key: str, client_of: Clients, source: str) -> None:
    client = client_of(quoin.url, key)
    at = datetime.now(UTC) - timedelta(hours=1)
    properties = {"input_tokens": Decimal("0.100000000000000001"), "rate": 0.1, "deep": [{"a": Decimal("1E+3")}]}
    assert client.record("llm.request", "contoso", properties, "req-1", at) == "req-1"
    assert client.flush(20)
    event = UsageEvent.objects.get(source=source)
    assert (event.event_id, event.type, event.customer_key) == ("req-1", "llm.request", "contoso")
    assert event.occurred_at == at
    assert event.properties == properties | {"rate": Decimal("0.1")}
    assert (client.waiting, client.trouble) == (0, "")


def test_without_a_source_of_its_own_it_reports_for_the_key(quoin: Server, key: str, client_of: Clients) -> None:
    with client_of(quoin.url, key, source=None) as client:
        event_id = client.record("llm.request", "contoso", ONE)
        assert client.flush(20)
    assert counted("gateway") == [event_id]


def test_ids_of_the_client_are_unique_and_in_the_order_of_time(client_of: Clients) -> None:
    client = client_of(NOWHERE)
    first = client.record("llm.request", "contoso")
    time.sleep(0.002)
    ids = [client.record("llm.request", "contoso") for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(each > first and each[14] == "7" and each[19] in "89ab" for each in ids)


def test_threads_share_a_client(quoin: Server, key: str, client_of: Clients, source: str) -> None:
    client = client_of(quoin.url, key, batch_size=50)
    recorded: list[str] = []

    def work() -> None:
        recorded.extend(client.record("llm.request", "contoso", ONE) for _ in range(100))

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(20)
    assert counted(source) == sorted(recorded)
    assert len(recorded) == 800


def test_of_the_clients_at_one_spool_one_sends(front: Fronts, key: str, client_of: Clients, source: str) -> None:
    before = front()
    clients = [client_of(before.url, key, batch_size=10) for _ in range(3)]
    recorded = [client.record("llm.request", "contoso", ONE) for client in clients for _ in range(40)]
    assert all(client.flush(20) for client in clients)
    assert counted(source) == sorted(recorded)
    assert sorted(each["id"] for body in before.passed_on for each in json.loads(body)) == sorted(recorded)


def test_a_forked_child_goes_on_with_its_parents_client(
    quoin: Server, key: str, client_of: Clients, source: str
) -> None:
    client = client_of(quoin.url, key)
    client.record("llm.request", "contoso", ONE, "of the parent")
    assert client.flush(20)
    listen, tell = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            client.record("llm.request", "contoso", ONE, "while the parent lives")
            os.read(listen, 1)
            client.record("llm.request", "contoso", ONE, "after the parent")
            os._exit(0 if client.flush(20) else 3)
        os._exit(4)
    assert client.close(20)
    os.write(tell, b".")
    assert os.waitpid(child, 0) == (child, 0)
    assert counted(source) == ["after the parent", "of the parent", "while the parent lives"]


def examples(page: str, spool: Path, source: str, **known: Any) -> dict[str, Any]:
    """What the Python of a page leaves behind, when its reader has put in what is theirs."""
    text = (BASE_DIR / page).read_text().replace("/var/lib/gateway/usage.spool", str(spool))
    text = text.replace("https://quoin.example.com", known["QUOIN"]).replace("gateway", source)
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        exec(block, known)
    return known


def test_the_example_of_the_readme_works(quoin: Server, key: str, spool: Path, source: str) -> None:
    examples("clients/python/README.md", spool, source, QUOIN=quoin.url, KEY=key)
    assert len(counted(source)) == 1


def test_the_examples_of_the_api_work(quoin: Server, key: str, spool: Path, source: str) -> None:
    page = examples("docs/api.md", spool, source, QUOIN=quoin.url, KEY=key)
    said = {
        "tenant.id": "contoso",
        "gen_ai.request.model": "large",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
    }
    ended = int(datetime.now(UTC).timestamp()) * 10**9 + 123_456_789
    context = SimpleNamespace(trace_id=0xABC, span_id=0xDEF)
    for attributes in (said, said, {"tenant.id": "contoso"}):
        page["report"](SimpleNamespace(attributes=attributes, context=context, end_time=ended))
    assert page["quoin"].close(20)
    span, _ = counted(source)
    assert span == f"{'abc':0>32}-{'def':0>16}"
    event = UsageEvent.objects.get(source=source, event_id=span)
    assert event.properties == {"input_tokens": 7, "output_tokens": 3, "model": "large"}
    assert abs(event.occurred_at.timestamp() - ended / 1e9) < 1e-5


# ---------------------------------------------------------------- the server dies
def test_what_is_recorded_while_the_server_is_down_is_sent_when_it_is_up(
    quoin: Server, key: str, client_of: Clients, source: str
) -> None:
    quoin.kill()
    client = client_of(quoin.url, key)
    recorded = [client.record("llm.request", "contoso", ONE) for _ in range(30)]
    assert not client.flush(0.3)
    assert client.waiting == 30
    assert "cannot be reached: [Errno" in client.trouble
    quoin.start()
    assert client.flush(20)
    assert counted(source) == sorted(recorded)
    assert client.trouble == ""


def test_a_server_killed_again_and_again_counts_everything_once(
    quoin: Server, key: str, client_of: Clients, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, chance = client_of(quoin.url, key, batch_size=40), random.Random(1)
    recorded: list[str] = []
    stop: list[bool] = []

    def work() -> None:
        while not stop:
            recorded.append(client.record("llm.request", "contoso", ONE))
            time.sleep(0.0005)

    worker = Thread(target=work)
    worker.start()
    for _ in range(6):
        time.sleep(chance.uniform(0.05, 0.4))
        quoin.kill()
        quoin.start()
    stop.append(True)
    worker.join()
    assert client.flush(30)
    assert counted(source) == sorted(recorded)
    assert len(recorded) > 100
    assert sum("trying again" in each.message for each in caplog.records) >= 6
    assert not QuarantinedEvent.objects.filter(source=source).exists()


@pytest.mark.parametrize(
    "answer",
    [
        LOSE_THE_ANSWER,
        (200, {}, b"<html>Sign in to the wireless network</html>"),
        (200, {}, b'{"events": [{"outcome": "accepted"}]}'),
        (302, {"Location": "/elsewhere"}, b""),
        (400, {}, b"<h1>Bad Request (400)</h1>"),
        (404, {}, b""),
        (500, {}, b""),
        (503, {}, b'{"detail": "Later."}'),
    ],
    ids=str,
)
def test_what_was_not_answered_is_sent_again(
    front: Fronts, key: str, client_of: Clients, source: str, answer: Any
) -> None:
    before = front(answer, answer)
    client = client_of(before.url, key, batch_size=5, batch_seconds=0.5)
    recorded = [client.record("llm.request", "contoso", ONE) for _ in range(5)]
    assert client.flush(20)
    assert counted(source) == sorted(recorded)
    assert len(before.arrivals) >= 3
    assert not client._dead_letters.path.exists()


@pytest.mark.parametrize(("status", "wait"), [(429, "1"), (503, "a date")])
def test_retry_after_is_honoured(
    front: Fronts, key: str, client_of: Clients, source: str, status: int, wait: str
) -> None:
    if wait == "a date":
        wait = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    before = front((status, {"Retry-After": wait}, b'{"detail": "Busy."}'))
    client = client_of(before.url, key)
    client.record("llm.request", "contoso", ONE, "e1")
    assert not client.flush(0.5)
    assert (len(before.arrivals), client.trouble[:12]) == (1, f"Answered {status}")
    assert client.flush(20)
    assert before.arrivals[1] - before.arrivals[0] >= 0.9
    assert counted(source) == ["e1"]


def test_pauses_double_to_a_limit_with_full_jitter() -> None:
    pace = Pace(batch_size=1, batch_seconds=1, first_pause=1, longest_pause=8)
    for failures, longest in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (1000, 8)]:
        pauses = [pace.pause(failures, 0) for _ in range(200)]
        assert 0 <= min(pauses) < longest / 4
        assert longest * 3 / 4 < max(pauses) <= longest
    asked = [pace.pause(1000, 30) for _ in range(200)]
    assert 30 <= min(asked) < max(asked) <= 31


# ---------------------------------------------------------------- the client dies
@pytest.mark.parametrize("is_up", [True, False])
def test_a_killed_program_leaves_what_it_recorded_to_the_next(
    quoin: Server, key: str, client_of: Clients, source: str, spool: Path, is_up: bool
) -> None:
    recorder, url = str(Path(__file__).with_name("recorder.py")), quoin.url if is_up else NOWHERE
    program = subprocess.Popen(
        [sys.executable, recorder, url, key, spool, source],
        env=os.environ | {"PYTHONPATH": str(BASE_DIR / "clients" / "python")},
        stdout=subprocess.PIPE,
        text=True,
    )
    recorded: list[str] = []
    while len(recorded) < 300 or (is_up and len(recorded) < 30_000 and not counted(source)):
        recorded += [program.stdout.readline().strip() for _ in range(100)]
    program.kill()
    recorded += program.stdout.read().split()
    program.wait()
    assert bool(counted(source)) == is_up
    client = client_of(quoin.url, key)
    assert client.flush(20)
    there = counted(source)
    # Killed between the commit and the word of it, the last may be there although nobody was told.
    assert set(recorded) <= set(there)
    assert len(there) <= len(recorded) + 1


# ---------------------------------------------------------------- what is not counted
def test_what_is_not_counted_is_told_with_the_servers_reason(
    quoin: Server, key: str, client_of: Clients, source: str, spool: Path
) -> None:
    told: list[DeadLetter] = []

    def tell(letter: DeadLetter) -> None:
        told.append(letter)
        raise RuntimeError("The callback is broken.")

    client = client_of(quoin.url, key, on_dead_letter=tell, batch_seconds=0.3)
    at = datetime.now(UTC)
    for number in range(20):
        client.record("llm.request", "contoso", ONE, f"good-{number:02}", at)
        if number in (3, 7):
            client.record("llm.request", "contoso", ONE | {"name": "\0"}, f"bad-{number}", at)
        if number == 11:
            client.record("llm.request", "contoso", ONE | {"name": "\ud800"}, f"bad-{number}", at)
    client.record("llm.request", "nobody", ONE | {"exact": Decimal("0.10")}, "stranger", at)
    assert client.flush(20)
    client.record("llm.request", "contoso", {"input_tokens": 2}, "good-00", at)
    assert client.flush(20)

    assert counted(source) == [f"good-{number:02}" for number in range(20)]
    assert [(each.event["id"], each.outcome, each.reason) for each in told if each.event["id"] != "bad-11"] == [
        ("bad-3", "refused", ""),
        ("bad-7", "refused", ""),
        ("stranger", "quarantined", "unknown_customer"),
        ("good-00", "conflict", "conflict"),
    ]
    by_id = {each.event["id"]: each for each in told}
    assert (by_id["bad-3"].pointer, by_id["bad-3"].detail) == ("/properties/name", "NUL characters cannot be stored")
    assert by_id["bad-11"].outcome == "refused"
    assert by_id["stranger"].detail == "No customer has the key 'nobody'."
    assert by_id["stranger"].event["properties"] == {"input_tokens": 1, "exact": Decimal("0.10")}
    lines = Path(f"{spool}.dead-letters.ndjson").read_text().splitlines()
    assert [(line["event"], line["outcome"], line["detail"]) for line in map(json.loads, lines)] == [
        (json.loads(each.body), each.outcome, each.detail) for each in told
    ]
    assert QuarantinedEvent.objects.filter(source=source).count() == 2


def test_an_event_larger_than_a_request_is_told_and_the_others_counted(
    quoin: Server, key: str, client_of: Clients, source: str
) -> None:
    told: list[DeadLetter] = []
    client = client_of(quoin.url, key, on_dead_letter=told.append, batch_seconds=0.3)
    client.record("llm.request", "contoso", ONE, "before")
    client.record("llm.request", "contoso", ONE | {"prompt": "x" * 6_000_000}, "huge")
    client.record("llm.request", "contoso", ONE, "after")
    assert client.flush(20)
    assert counted(source) == ["after", "before"]
    assert [(each.event["id"], each.outcome) for each in told] == [("huge", "refused")]
    assert "larger than" in told[0].detail


def test_a_refused_batch_that_names_no_event_is_halved_until_it_is_found(
    front: Fronts, key: str, client_of: Clients, source: str
) -> None:
    told: list[DeadLetter] = []
    no = (400, {}, b'{"detail": "Something is wrong."}')
    client = client_of(front(no, no, no).url, key, on_dead_letter=told.append, batch_seconds=0.3)
    recorded = [client.record("llm.request", "contoso", ONE) for _ in range(4)]
    assert client.flush(20)
    assert [(each.event["id"], each.detail) for each in told] == [(recorded[0], "Something is wrong.")]
    assert counted(source) == sorted(recorded[1:])


def test_a_key_that_is_refused_loses_nothing(
    quoin: Server, key: str, readers_key: str, client_of: Clients, source: str
) -> None:
    client = client_of(quoin.url, readers_key)
    client.record("llm.request", "contoso", ONE, "e1")
    assert not client.flush(0.5)
    assert "Answered 403 Forbidden" in client.trouble
    assert not client.close(timeout=0)
    assert client_of(quoin.url, key).flush(20)
    assert counted(source) == ["e1"]


# ---------------------------------------------------------------- what is not recorded
def test_a_full_spool_is_one_sentence_and_has_room_again_once_it_is_sent(
    quoin: Server, key: str, client_of: Clients, source: str, spool: Path
) -> None:
    quoin.kill()
    client, recorded = client_of(quoin.url, key, max_bytes=200_000), []

    def fill() -> None:
        while len(recorded) < 2000:
            recorded.append(client.record("llm.request", "contoso", ONE | {"note": "x" * 100}))

    with pytest.raises(SpoolFull, match=rf"{spool} has no room for another event: it may take 200,000 bytes"):
        fill()
    assert client.waiting == len(recorded) > 100
    assert spool.stat().st_size <= 200_000
    quoin.start()
    assert client.flush(20)
    recorded.append(client.record("llm.request", "contoso", ONE))
    assert client.flush(20)
    assert counted(source) == sorted(recorded)


def test_dead_letters_are_bounded(quoin: Server, key: str, client_of: Clients, spool: Path) -> None:
    client = client_of(quoin.url, key, max_bytes=100_000)
    file = Path(f"{spool}.dead-letters.ndjson")
    file.write_bytes(b"\n" * 50_000)
    client.record("llm.request", "nobody", ONE)  # the server keeps it
    assert client.flush(20)
    assert file.stat().st_size == 50_000
    client.record("llm.request", "contoso", {"name": "\0" + "x" * 55_000}, "bad")
    assert client.flush(20)
    assert json.loads(file.read_text())["event"]["id"] == "bad"
    with pytest.raises(SpoolFull, match=f"{file} has reached its limit"):
        client.record("llm.request", "contoso", ONE)
    assert client.waiting == 0


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"properties": {"a": float("nan")}}, ValueError),
        ({"properties": {"a": Decimal("Infinity")}}, ValueError),
        ({"properties": {"a": {1, 2}}}, TypeError),
        ({"properties": {"a": Decimal(1), "b": {1: 2}}}, TypeError),
        ({"time": datetime(2026, 1, 1)}, ValueError),
    ],
)
def test_what_json_cannot_say_is_not_recorded(client_of: Clients, fields: dict[str, Any], error: type) -> None:
    client = client_of(NOWHERE)
    with pytest.raises(error):
        client.record("llm.request", "contoso", **fields)
    assert client.waiting == 0


def test_a_closed_client_takes_nothing(client_of: Clients) -> None:
    client = client_of(NOWHERE)
    assert client.close()
    assert client.close()
    with pytest.raises(ValueError, match="closed"):
        client.record("llm.request", "contoso", ONE)


@pytest.mark.parametrize("options", [{"url": "quoin.example.com"}, {"url": NOWHERE, "batch_size": 0}])
def test_options_that_cannot_be_meant_are_refused(client_of: Clients, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"http://|batch"):
        client_of(**options)
