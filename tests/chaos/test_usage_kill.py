"""The web server is killed, and PostgreSQL at once shut down, while four senders report usage, again and again.

Nothing that was acknowledged is lost, nothing counts twice. QUOIN_CHAOS_ROUNDS says how often of each.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from config import postgres
from config.environment import BASE_DIR
from tests.config.test_up import free_port

ROUNDS = int(os.environ.get("QUOIN_CHAOS_ROUNDS", "2"))
SENDERS, BATCH = 4, 50


class Quoin:
    """On a PostgreSQL of its own, with fsync on."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.data, self.stack = folder / "postgres", stack
        self.database = stack.enter_context(postgres.running(self.data))
        own = {"DATABASE_URL": self.database, "DJANGO_SETTINGS_MODULE": "config.test_settings", "TMPDIR": str(folder)}
        self.launcher = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.usage_server"],
            env=os.environ | own,
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.key = self.heard().removeprefix("key ")
        self.port, self.group = free_port(), 0

    def serve(self) -> None:
        self.group = int(self.asked(f"start {self.port}"))
        for _ in range(1_000):
            with suppress(OSError), socket_open(self.port):
                return
            time.sleep(0.02)
        raise AssertionError("The server does not answer.")

    def kill_the_server(self) -> None:
        os.killpg(self.group, signal.SIGKILL)
        self.serve()

    def shut_postgres_down_at_once(self) -> None:
        """As `pg_ctl stop -m immediate` does."""
        leader = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(leader, signal.SIGQUIT)
        while (self.data / "postmaster.pid").exists():
            time.sleep(0.02)
        self.stack.enter_context(postgres.running(self.data))

    def asked(self, line: str) -> str:
        self.launcher.stdin.write(f"{line}\n")
        self.launcher.stdin.flush()
        return self.heard()

    def heard(self) -> str:
        return self.launcher.stdout.readline().strip()

    def counted(self, table: str, prefix: str) -> list[str]:
        """The ids of this test's events in a table, sorted."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute(
                f"SELECT event_id FROM {table} WHERE event_id LIKE %s ORDER BY 1", [f"{prefix}-%"]
            )
            return [event_id for (event_id,) in rows]


def socket_open(port: int) -> Any:
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)


class Sender(threading.Thread):
    """Sends a batch until it is acknowledged, then the next."""

    def __init__(self, quoin: Quoin, name: str, stop: threading.Event) -> None:
        super().__init__()
        self.quoin, self.prefix, self.stop = quoin, name, stop
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.failures = 0

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            ids = [f"{self.prefix}-{number + place}" for place in range(BATCH)]
            number += BATCH
            self.sent += ids
            body = json.dumps([event(each) for each in ids]).encode()
            while not self.stop.is_set():
                if acknowledged(self.quoin, body) == BATCH:
                    self.acknowledged += ids
                    break
                self.failures += 1
                time.sleep(0.01)


def event(event_id: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"id": event_id, "type": "llm.request", "time": now, "customer": "contoso", "properties": {"tokens": 1}}


def acknowledged(quoin: Quoin, body: bytes) -> int:
    """How many events the answer says are counted; 0 without an answer, or one that says to come again."""
    headers = {"Authorization": f"Api-Key {quoin.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{quoin.port}/api/v1/usage-events", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        if refusal.code not in (429, 503):
            raise
        return 0
    except (OSError, HTTPException, ValueError):
        return 0
    return int(told["accepted"] + told["duplicates"])


@pytest.fixture(scope="module")
def quoin() -> Iterator[Quoin]:
    with TemporaryDirectory(prefix="quoin-") as folder, ExitStack() as stack:
        quoin = Quoin(Path(folder), stack)
        quoin.serve()
        yield quoin
        quoin.launcher.stdin.close()
        quoin.launcher.wait(timeout=60)


def survive(quoin: Quoin, name: str, blow: Callable[[], None]) -> None:
    """Senders at work, a blow each round after a random while; then the books are checked."""
    stop, chance = threading.Event(), random.Random(name)
    senders = [Sender(quoin, f"{name}-{number}", stop) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.3, 1))
            blow()
    finally:
        time.sleep(1)
        stop.set()
        for sender in senders:
            sender.join()
    events, identities = (quoin.counted(f"metering_usage{kind}", name) for kind in ("event", "identity"))
    assert events == sorted(set(events)) == identities
    assert {each for sender in senders for each in sender.acknowledged} <= set(events)
    assert set(events) <= {each for sender in senders for each in sender.sent}
    assert all(sender.acknowledged for sender in senders)
    assert any(sender.failures for sender in senders)
    assert quoin.asked("books") == "0"


def test_a_killed_server_loses_and_doubles_nothing(quoin: Quoin) -> None:
    survive(quoin, "killed", quoin.kill_the_server)


def test_an_immediate_shutdown_of_postgres_loses_and_doubles_nothing(quoin: Quoin) -> None:
    survive(quoin, "shut", quoin.shut_postgres_down_at_once)


def test_sixteen_senders_of_the_same_batch_count_once(quoin: Quoin) -> None:
    ids = [f"same-{number}" for number in range(500)]
    at, gate = datetime.now(UTC).isoformat(), threading.Barrier(16)

    def send(turn: int) -> None:
        order = ids[turn * 30 :] + ids[: turn * 30]
        body = json.dumps([event(each) | {"time": at} for each in order]).encode()
        gate.wait()
        while acknowledged(quoin, body) != len(ids):
            time.sleep(0.05)

    threads = [threading.Thread(target=send, args=(turn,)) for turn in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        quoin.counted("metering_usageevent", "same") == quoin.counted("metering_usageidentity", "same") == sorted(ids)
    )
    assert quoin.asked("books") == "0"
