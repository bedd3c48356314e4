"""`make run`, the whole of it but the demo company: on a fresh folder, stopped by Ctrl-C, and started again."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings_of_its_own(folder: Path) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    return inherited | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": str(folder / "var"),
        "PORT": str(free_port()),
        "DEMO": "false",
    }


def up(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if "Ctrl-C stops everything" in line:
            return


def test_it_starts_answers_stops_and_starts_again(settings_of_its_own: dict[str, str], folder: Path) -> None:
    address = f"http://localhost:{settings_of_its_own['PORT']}"
    for _ in range(2):
        process = up(settings_of_its_own)
        said = "".join(until_ready(process))
        assert f"Quoin is at {address}\n" in said, said
        with urllib.request.urlopen(f"{address}/health") as response:
            assert response.read() == b'{"status": "ok"}'
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert (process.returncode, "Stopping everything" in rest, "Traceback" in said + rest) == (0, True, False)
        assert not (folder / "var" / "postgres" / "postmaster.pid").exists()
        assert processes_that_mention(str(folder)) == []


def test_a_busy_port_is_one_sentence_and_stops_what_was_started(
    settings_of_its_own: dict[str, str], folder: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(settings_of_its_own["PORT"])))
        other.listen()
        said, _ = up(settings_of_its_own).communicate(timeout=60)
    port = int(settings_of_its_own["PORT"])
    assert said.splitlines()[1:] == [
        f"quoin: Port {port} is taken by another program; stop it, or choose another: make run PORT={port + 10}."
    ]
    assert processes_that_mention(str(folder)) == []


def test_a_database_that_cannot_be_reached_is_one_sentence(settings_of_its_own: dict[str, str]) -> None:
    unreachable = f"postgres://quoin:secret@127.0.0.1:{free_port()}/quoin"
    process = up(settings_of_its_own | {"DATABASE_URL": unreachable})
    said, _ = process.communicate(timeout=60)
    sentence = "quoin: Database quoin at 127.0.0.1 (DATABASE_URL) cannot be used: "
    assert process.returncode == 1
    assert [line.startswith(sentence) for line in said.splitlines()] == [True], said
    assert "secret" not in said


def test_another_kind_of_database_is_refused(settings_of_its_own: dict[str, str]) -> None:
    process = up(settings_of_its_own | {"DATABASE_URL": "sqlite:///quoin.sqlite"})
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (
        1,
        "quoin: DATABASE_URL must be the address of a PostgreSQL, postgres://user:password@host/name.\n",
    )


def processes_that_mention(text: str) -> list[str]:
    """The command lines of running processes in which `text` occurs, or whose environment has it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            known_by = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in known_by:
            found.append((folder / "cmdline").read_text().replace("\0", " "))
    return found
