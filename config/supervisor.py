"""The processes that make up a running Quoin: started together, watched, and stopped together.

Each child runs in a process group of its own, so that a Ctrl-C reaches only us, and holds a lock on its file
in `var/run`. The lock dies with the child, so a later start can tell a child that was left behind (by a
`kill -9` of its supervisor) from a number that another program was given since.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from config.environment import BASE_DIR

SECONDS_TO_STOP = 20
SECONDS_TO_ANSWER = 90


class CannotRun(Exception):
    """It does not start, or not go on; the text says why in one sentence, for the person at the terminal."""


class Processes:
    """The children of one supervisor. `var_dir` has their logs (`log/NAME.log`), locks (`run/NAME.pid`)."""

    def __init__(self, var_dir: Path) -> None:
        self.logs = var_dir / "log"
        self.locks = var_dir / "run"
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        for folder in (self.logs, self.locks):
            folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts `python ARGUMENTS` in the checkout, its output in its log file."""
        lock = self._lock(name)
        if lock is None:
            raise CannotRun(f"The {name} process of an earlier start is still running; stop it first.")
        with lock, (self.logs / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *arguments],
                cwd=BASE_DIR,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            lock.write(str(child.pid))
        self.children[name] = child

    def check(self) -> None:
        """Raises CannotRun, naming the log to read, when a child has ended."""
        for name, child in self.children.items():
            if child.poll() is not None:
                log = self.logs / f"{name}.log"
                raise CannotRun(f"The {name} process ended unexpectedly; {log} says why.")

    def stop(self) -> None:
        """Ends all children, kindly first, and waits until they are gone."""
        for child in self.children.values():
            child.terminate()  # only the leader, which lets its workers finish what they are at
        deadline = time.monotonic() + SECONDS_TO_STOP
        for child in self.children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            _kill_group(child.pid)
            child.wait()
        self.children.clear()

    def stop_left_behind(self) -> list[str]:
        """Ends what a killed supervisor left running; returns the names."""
        names = []
        for path in sorted(self.locks.glob("*.pid")):
            if self._is_free(path.stem):
                continue
            names.append(path.stem)
            _kill_group(int(path.read_text() or 0))
            _until(partial(self._is_free, path.stem), seconds=10)
        return names

    def _is_free(self, name: str) -> bool:
        path = self.locks / f"{name}.pid"
        with path.open("r") as lock:
            return _try_lock(lock)

    def _lock(self, name: str) -> IO[str] | None:
        lock = (self.locks / f"{name}.pid").open("a+")
        if not _try_lock(lock):
            lock.close()
            return None
        lock.truncate(0)
        return lock


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Inside, no other supervisor runs on the same `var`. Raises CannotRun when one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        if not _try_lock(lock):
            raise CannotRun("Quoin is already running from this folder; stop it first, with Ctrl-C in its terminal.")
        yield


@contextlib.contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and the closing of the terminal set; the old handlers come back after."""
    event = threading.Event()
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, lambda *_: event.set()) for kind in kinds}
    try:
        yield event
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def check_port(host: str, port: int) -> None:
    """Raises CannotRun unless `port` can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as problem:
            raise CannotRun(
                f"Port {port} is not for this user; choose one above 1023: make run PORT=8000."
            ) from problem
        except OSError as problem:
            raise CannotRun(
                f"Port {port} is taken by another program; stop it, or choose another: make run PORT={port + 10}."
            ) from problem


def wait_until_it_answers(url: str, processes: Processes, stop: threading.Event) -> None:
    """Returns when `url` answers 200 or `stop` is set. Raises CannotRun when a child ends or time is up."""

    def settled() -> bool:
        processes.check()
        return stop.is_set() or _answers(url)

    if not _until(settled, seconds=SECONDS_TO_ANSWER):
        raise CannotRun(f"The web process does not answer; {processes.logs / 'web.log'} says why.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _kill_group(leader: int) -> None:
    if leader > 1:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
