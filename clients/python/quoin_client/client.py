"""The client: what a program that reports usage holds on to."""

import os
import threading
import time as clock
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from quoin_client import events
from quoin_client.dead_letters import DeadLetter, DeadLetters
from quoin_client.sender import Pace, Sender
from quoin_client.spool import Spool, SpoolFull
from quoin_client.transport import Transport

MOST_A_REQUEST = 10_000
_LOOKS_AGAIN = 0.02


class Client:
    """Reports usage to the Quoin at `url` with an API key of scope `usage:write`.

    What is recorded waits in the file `spool`, on a local disk, until the server has answered for it; a thread sends
    it. Threads may share a client, and processes a spool: one of them sends for all, another when that one is gone.
    A forked child may go on with its parent's client.

    `source` names who reports. An event is counted once for its source and id; without it the source is the name of
    the key, so name it when keys come and go. `fsync` puts each event on the disk itself before `record` returns, in
    case the machine dies and not only the process. `max_bytes` bounds the spool, and again the dead letters.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spool: str | os.PathLike[str],
        source: str | None = None,
        on_dead_letter: Callable[[DeadLetter], object] | None = None,
        dead_letters: str | os.PathLike[str] | None = None,
        batch_size: int = 1_000,
        batch_seconds: float = 1.0,
        first_pause: float = 0.5,
        longest_pause: float = 60.0,
        timeout: float = 30.0,
        max_bytes: int = 1 << 30,
        fsync: bool = False,
    ) -> None:
        if not 1 <= batch_size <= MOST_A_REQUEST:
            raise ValueError(f"A batch has 1 to {MOST_A_REQUEST:,} events.")
        path = Path(spool)
        self._source = source
        self._spool = Spool(path, max_bytes=max_bytes, fsync=fsync)
        self._dead_letters = DeadLetters(
            Path(dead_letters or path.with_name(path.name + ".dead-letters.ndjson")), max_bytes=max_bytes
        )
        self._transport = Transport(url, key, timeout=timeout)
        self._pace = Pace(batch_size, batch_seconds, first_pause, longest_pause)
        self._on_dead_letter = on_dead_letter
        self._recorded = 0
        self._starting = threading.Lock()
        self._sender: Sender | None = None
        _alive.add(self)
        self._running()

    def record(
        self,
        type: str,  # noqa: A002 - the field's name
        customer: str,
        properties: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002
        time: datetime | None = None,
    ) -> str:
        """Take an event, and give its id. It is in the spool once this returns; nothing is sent meanwhile.

        Numbers are int, Decimal or, as the shortest text that means the same, float. An id of your own belongs to one
        event for ever; give its time with it, so that recording it again says the same. Raises `SpoolFull`, and
        ValueError or TypeError for what JSON cannot say; then nothing is recorded.
        """
        event_id, body = events.body(type, customer, properties or {}, id, time, self._source)
        if self._dead_letters.is_full():
            raise SpoolFull(f"{self._dead_letters.path} has reached its limit. Look at it, and move it away.")
        self._spool.add(body)
        self._recorded += 1  # a hint, which threads may spoil a little
        sender = self._running()
        if self._recorded >= self._pace.batch_size:
            self._recorded = 0
            sender.wake()
        return event_id

    def flush(self, timeout: float | None = None) -> bool:
        """Send now. True once the server has answered for all that was recorded; False if not in so many seconds.

        A pause after a failure is not cut short.
        """
        last, end = self._spool.last_number(), None if timeout is None else clock.monotonic() + timeout
        self._running().wake()
        while self._spool.holds_any(last):
            if end is not None and clock.monotonic() >= end:
                return False
            clock.sleep(_LOOKS_AGAIN)
        return True

    def close(self, timeout: float = 5.0) -> bool:
        """Flush for at most so many seconds, then end. What is left waits for the next client with this spool."""
        if self not in _alive:
            return True
        end = clock.monotonic() + timeout
        is_empty = self.flush(timeout)
        self._running().stop(max(end - clock.monotonic(), 0.1))
        _alive.discard(self)
        self._spool.close()
        return is_empty

    @property
    def waiting(self) -> int:
        """How many events wait in the spool, those of other processes too."""
        return self._spool.count()

    @property
    def trouble(self) -> str:
        """Why the last attempt failed, in a sentence; empty when it did not."""
        return self._running().trouble

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> Sender:
        """The sender of this process; a forked child starts its own when it first needs one."""
        sender = self._sender
        if sender is None:
            with self._starting:
                sender = self._sender
                if sender is None:
                    sender = Sender(self._spool, self._transport, self._dead_letters, self._pace, self._on_dead_letter)
                    sender.start()
                    self._sender = sender
        return sender


# ---------------------------------------------------------------- forks
_alive: "weakref.WeakSet[Client]" = weakref.WeakSet()
_one_fork = threading.Lock()
_forking: list[Client] = []


def _before_fork() -> None:
    _one_fork.acquire()
    _forking.extend(_alive)
    for client in _forking:
        client._spool.settle_for_fork()


def _after_fork(*, is_child: bool) -> None:
    for client in _forking:
        client._spool.resume_after_fork(is_child=is_child)
        if is_child:  # threads do not live on in a child
            client._sender, client._starting = None, threading.Lock()
    _forking.clear()
    _one_fork.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=partial(_after_fork, is_child=False),
        after_in_child=partial(_after_fork, is_child=True),
    )
