"""`bench ingest`: usage over HTTP, as in production, in a throw-away database: batches of 1, 100, 1,000 and 10,000.

The web server is a process of its own with the production settings; four senders keep their connections open; one
event in ten was sent before, in an earlier batch of the same sender. Each size runs without roll-ups and with them,
kept up by another process meanwhile. Events per second are all that were answered for, duplicates too.

The limit is one COPY of the same rows, on one connection, into one table with the same unique index, in the same
minute. PostgreSQL must have fsync on, or nothing would be durable: the bench declines otherwise.
"""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.core.management import CommandError
from django.db import connection

from config import web
from config.bench.database import LIKE_USAGE, copied_out, copy_in, run
from config.bench.figures import Figure, Progress, seconds
from config.bench.senders import request, send
from config.environment import BASE_DIR
from config.journey.stage import database
from config.journey.usage_file import Request
from contracts.models import Customer
from governance import clock
from governance.acts import Act
from governance.change import change
from governance.keys import make_key
from metering.meters.defining import define_meter

BENCH = "ingest"
SENDERS = 4
EVENTS = {1: 4_000, 100: 60_000, 1_000: 200_000, 10_000: 400_000}
ROUNDS = 3
CUSTOMERS, TYPES = 1_000, 5
SENT_BEFORE = 10  # one event in so many
SECONDS_TO_START = 60

_EMPTY = """
    TRUNCATE metering_usageevent, metering_usageidentity, metering_usagebatch, metering_usagerollup,
        metering_usagerollupvalue
"""


class Load(NamedTuple):
    """Requests for each sender, and how many events they have, and how many of them are new."""

    lanes: list[list[bytes]]
    events: int
    fresh: int


def figures(usage: list[Request], progress: Progress) -> Iterator[Figure]:
    """Measure; each figure as soon as it is known. No usage of anybody's is needed."""
    with database():
        _must_be_durable()
        key = _world()
        with _serving() as port:
            for size, events in EVENTS.items():
                for rolled_up in (False, True):
                    progress(f"Sending {events:,} events, {size:,} a request{', rolled up' * rolled_up}")
                    yield of_size(port, key, size, events, rolled_up=rolled_up, rounds=ROUNDS)


def of_size(port: int, key: str, size: int, events: int, *, rolled_up: bool, rounds: int) -> Figure:
    """Batches of one size, beside their COPY; the medians of some rounds, one after the other."""
    sent, copied = zip(*(_round(port, key, size, events, rolled_up) for _ in range(rounds)), strict=True)
    case = f"{size}{' rolled up' * rolled_up}"
    return Figure(BENCH, case, median(sent), "events/s", median(copied))


def _round(port: int, key: str, size: int, events: int, rolled_up: bool) -> tuple[float, float]:
    load = _load(key, size, events)
    run(_EMPTY)
    run("CHECKPOINT")
    with _rolling_up() if rolled_up else contextlib.nullcontext():
        took = seconds(lambda: _send(port, load, rolled_up))
    rows = copied_out()
    run(LIKE_USAGE)
    run("CHECKPOINT")
    copied = seconds(lambda: copy_in(rows))
    return load.events / took, load.fresh / copied


def _send(port: int, load: Load, rolled_up: bool) -> None:
    """Until everything is answered for and, if it is to be, in the totals."""
    counts = send(port, load.lanes)
    if +counts != Counter(accepted=load.fresh, duplicates=load.events - load.fresh):
        raise RuntimeError(f"every event counts once, and {load.fresh:,} are new, but the answers were {counts}")
    while rolled_up and _ask("SELECT EXISTS (SELECT FROM metering_usagebatch WHERE NOT is_rolled_up)"):
        time.sleep(0.01)


# ---------------------------------------------------------------- what is sent
def _world() -> str:
    """Customers, event types and meters; gives the text of a key that may report."""
    act = Act.of_system("bench", "A world to measure", clock.now())
    customers = [Customer(key=f"customer-{number:05}", name=f"Customer {number}") for number in range(CUSTOMERS)]
    with change("bench.filled", customers[0], act):
        Customer.objects.bulk_create(customers)
    for number in range(TYPES):
        event_type = f"gateway.request-{number}"
        define_meter(key=f"calls-{number}", name="Calls", event_type=event_type, aggregation="count", act=act)
        define_meter(
            key=f"tokens-{number}", name="Tokens", event_type=event_type, aggregation="sum", property="tokens", act=act
        )
    return make_key(name="gateway", scopes=["usage:write"], act=act)[1]


def _load(key: str, size: int, events: int) -> Load:
    """New ids each time. Each sender repeats only what it was answered for: whole events, byte for byte."""
    chance = random.Random()  # noqa: S311 - not for secrets
    began = clock.now() - timedelta(hours=2)
    lanes, fresh = [], 0
    for _ in range(SENDERS):
        known: list[bytes] = []
        lane: list[bytes] = []
        for _ in range(events // SENDERS // size):
            again = [chance.choice(known) for _ in range(_repeated(size, len(lane)))] if known else []
            again = list(dict.fromkeys(again))
            new = [_event(chance, began) for _ in range(size - len(again))]
            batch = [*new, *again]
            chance.shuffle(batch)
            known += new
            fresh += len(new)
            lane.append(request(key, b"[" + b",".join(batch) + b"]"))
        lanes.append(lane)
    return Load(lanes, events // SENDERS // size * size * SENDERS, fresh)


def _repeated(size: int, place: int) -> int:
    return size // SENT_BEFORE if size >= SENT_BEFORE else int(place % SENT_BEFORE == SENT_BEFORE - 1)


def _event(chance: random.Random, began: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "type": f"gateway.request-{chance.randrange(TYPES)}",
            "time": began + timedelta(milliseconds=chance.randrange(3_600_000)),
            "customer": f"customer-{chance.randrange(CUSTOMERS):05}",
            "properties": {
                "tokens": chance.randrange(1, 20_000),
                "region": chance.choice(("eu", "us", "ap")),
                "model": chance.choice(("small", "large")),
                "status": "ok",
            },
        }
    )


# ---------------------------------------------------------------- where it goes
@contextlib.contextmanager
def _serving() -> Iterator[int]:
    """The production web server on a free port, on the database of the bench."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = web.command("127.0.0.1", port, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)
    with _process(server):
        _wait_for(port)
        yield port


@contextlib.contextmanager
def _rolling_up() -> Iterator[None]:
    """Totals kept up by a process of their own."""
    with _process(["-m", "config.roller"]) as roller:
        assert roller.stdout is not None
        if roller.stdout.readline() != b"ready\n":
            raise RuntimeError("the process that rolls up does not start")
        yield


@contextlib.contextmanager
def _process(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DATABASE_URL": _address(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, *arguments], cwd=BASE_DIR, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _address() -> str:
    """Of the database of the bench, for other processes."""
    at = connection.settings_dict
    where = {"host": at["HOST"]} | ({"port": at["PORT"]} if at["PORT"] else {})
    return f"postgres://{at['USER']}:{at['PASSWORD']}@/{at['NAME']}?{urllib.parse.urlencode(where)}"


def _must_be_durable() -> None:
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        if _ask(f"SHOW {setting}") == "off":
            raise CommandError(f"This PostgreSQL has {setting} off, so nothing would be durable; measure on another.")


def _ask(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
