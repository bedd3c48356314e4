import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.supervisor import CannotRun, Processes, check_port, only_one

SLEEP = ["-c", "import time; time.sleep(60)"]
SLEEP_TWICE = ["-c", "import os, time; os.fork(); time.sleep(60)"]
SUPERVISOR = f"""
import pathlib, sys, time
from config.supervisor import Processes

processes = Processes(pathlib.Path(sys.argv[1]))
processes.start("web", {SLEEP_TWICE}, {{}})
processes.start("worker", {SLEEP}, {{}})
print("started", flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_children_run_until_they_are_stopped(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("one", SLEEP, {})
    processes.start("two", SLEEP, {})
    pids = [child.pid for child in processes.children.values()]
    processes.check()
    assert [is_alive(pid) for pid in pids] == [True, True]
    processes.stop()
    assert [is_alive(pid) for pid in pids] == [False, False]


def test_a_child_that_ends_is_reported_with_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("web", ["-c", "import os; print('cannot go on', os.environ['WHY'])"], {"WHY": "today"})
    processes.children["web"].wait(30)
    with pytest.raises(CannotRun) as refusal:
        processes.check()
    assert str(refusal.value) == f"The web process ended unexpectedly; {tmp_path}/log/web.log says why."
    assert (tmp_path / "log" / "web.log").read_text() == "cannot go on today\n"


def test_what_a_killed_supervisor_left_behind_is_ended_by_the_next(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"started\n"
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    pids = [int((tmp_path / "run" / f"{name}.pid").read_text()) for name in ("web", "worker")]
    assert [is_alive(pid) for pid in pids] == [True, True]

    following = Processes(tmp_path)
    with pytest.raises(CannotRun, match="The web process of an earlier start is still running; stop it first"):
        following.start("web", SLEEP, {})
    assert following.stop_left_behind() == ["web", "worker"]
    assert [is_alive(pid) for pid in pids] == [False, False]
    assert following.stop_left_behind() == []


def test_a_number_that_another_program_was_given_since_is_left_alone(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    bystander = subprocess.Popen([sys.executable, *SLEEP], start_new_session=True)
    (tmp_path / "run" / "web.pid").write_text(str(bystander.pid))
    assert processes.stop_left_behind() == []
    assert is_alive(bystander.pid)
    os.killpg(bystander.pid, signal.SIGKILL)
    bystander.wait()


def test_a_second_supervisor_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "up.lock"
    with only_one(lock), pytest.raises(CannotRun, match="already running"), only_one(lock):
        pytest.fail("two at once")
    with only_one(lock):
        pass


def test_a_busy_port_is_refused_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotRun) as refusal:
            check_port("127.0.0.1", port)
    assert str(refusal.value) == (
        f"Port {port} is taken by another program; stop it, or choose another: make run PORT={port + 10}."
    )
    check_port("127.0.0.1", port)
