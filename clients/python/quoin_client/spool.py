"""What waits to be sent: a SQLite file that outlives the process, and that several processes may share."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

try:
    import fcntl
except ImportError:  # Windows, where the clients at one spool all send what is in it: harmless, and twice the work
    fcntl = None  # type: ignore[assignment]

# Longer than any of our own transactions; whoever waits longer has a sick disk, and is told.
PATIENCE = 30
PAGE = 4096

_TABLE = """
    CREATE TABLE IF NOT EXISTS waiting (
        -- AUTOINCREMENT: a number is never given again, so that whoever removes late removes nothing new.
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        body TEXT NOT NULL
    )
"""


class SpoolFull(Exception):
    """The event was not recorded: what waits has reached its limit, or the disk is full."""


class Waiting(NamedTuple):
    """An event that waits. `number` counts upward in this spool."""

    number: int
    body: str


class Turn:
    """Whose turn it is to send what waits in a spool, among processes that share it. Ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: IO[bytes] | None = None

    def is_ours(self) -> bool:
        if self._held is None and fcntl is not None:
            file = self._path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._held = file
        return True

    def leave(self) -> None:
        """In a forked child this leaves the parent its turn."""
        if self._held is not None:
            self._held.close()
            self._held = None


class Spool:
    """Safe with threads. A fork is surrounded by `settle_for_fork` and `resume_after_fork`.

    An added event survives the death of the process; that of the machine too, if `fsync`.
    """

    def __init__(self, path: Path, *, max_bytes: int, fsync: bool) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._fsync = fsync
        self._lock = threading.RLock()
        self._opened: sqlite3.Connection | None = None
        self._is_closed = False
        self._turn = Turn(path.with_name(path.name + ".sender"))
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what customers use is nobody else's business
        with self._lock:
            self._connection()

    def add(self, body: str) -> None:
        """Raises `SpoolFull`, and then nothing is added."""
        with self._lock:
            try:
                self._connection().execute("INSERT INTO waiting (body) VALUES (?)", (body,))
            except sqlite3.OperationalError as problem:
                if problem.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                raise SpoolFull(
                    f"{self.path} has no room for another event: it may take {self._max_bytes:,} bytes, "
                    "or the disk is full. See why nothing is sent, or give it more."
                ) from None

    def first(self, most: int, most_bytes: int) -> list[Waiting]:
        """The oldest that wait, as many as fit; one at least, if any."""
        found: list[Waiting] = []
        with self._lock:
            rows = self._connection().execute("SELECT number, body FROM waiting ORDER BY number LIMIT ?", (most,))
            with contextlib.closing(rows):
                for row in rows:
                    most_bytes -= len(row[1]) + 1
                    if found and most_bytes < 0:
                        break
                    found.append(Waiting(*row))
        return found

    def remove(self, done: Iterable[Waiting]) -> None:
        with self._lock:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            with connection:  # commits, or rolls back
                connection.executemany("DELETE FROM waiting WHERE number = ?", [(each.number,) for each in done])

    def last_number(self) -> int:
        """Of the newest that waits, 0 if none does."""
        with self._lock:
            return int(self._connection().execute("SELECT coalesce(max(number), 0) FROM waiting").fetchone()[0])

    def holds_any(self, through: int) -> bool:
        """Whether an event up to this number still waits."""
        with self._lock:
            found = self._connection().execute("SELECT 1 FROM waiting WHERE number <= ? LIMIT 1", (through,))
            return found.fetchone() is not None

    def count(self) -> int:
        with self._lock:
            return int(self._connection().execute("SELECT count(*) FROM waiting").fetchone()[0])

    def is_ours_to_send(self) -> bool:
        """False while another client is at it; once True, it stays so until `close`."""
        with self._lock:
            return not self._is_closed and self._turn.is_ours()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._disconnect()
            self._turn.leave()

    def settle_for_fork(self) -> None:
        """SQLite must not be carried into a child: nothing is open, and nobody opens, until after the fork."""
        self._lock.acquire()
        self._disconnect()

    def resume_after_fork(self, *, is_child: bool) -> None:
        if is_child:
            self._turn.leave()
        self._lock.release()

    def _connection(self) -> sqlite3.Connection:
        if self._is_closed:
            raise ValueError("This client is closed.")
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
        connection.execute(f"PRAGMA journal_size_limit = {1024 * PAGE}")
        connection.execute(f"PRAGMA max_page_count = {max(self._max_bytes // PAGE, 8)}")
        connection.execute(_TABLE)
        return connection

    def _disconnect(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
