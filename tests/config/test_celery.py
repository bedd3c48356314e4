import os
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from config.celery import app

ROOT = Path(__file__).parents[2]
PUBLISH = "from tests.config.probe import leave_a_mark; leave_a_mark.delay('made by a worker')"
WORKER = ["-m", "celery", "-A", "config", "worker", "-I", "tests.config.probe", "-c1", "-lWARNING"]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    """The URL of a Redis of this test's own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("No Redis to test with. Type: sudo apt install redis-server (or brew install redis).")
    socket = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    yield f"redis+socket://{socket}"
    server.terminate()
    server.wait(10)


def test_a_task_sent_through_the_database_is_done(transactional_db: None, tmp_path: Path) -> None:
    environment = environment_with("", tmp_path)
    manage("install_broker", environment=environment)
    manage("install_broker", environment=environment)
    assert_a_task_is_done(environment, tmp_path)


def test_a_task_sent_through_redis_is_done(transactional_db: None, tmp_path: Path, redis: str) -> None:
    assert_a_task_is_done(environment_with(redis, tmp_path), tmp_path)


def test_the_timetable_names_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} - set(app.tasks) == set()


def environment_with(broker: str, var_dir: Path) -> dict[str, str]:
    """What a process needs to work on this test's database through `broker`."""
    at = connection.settings_dict
    query = urllib.parse.urlencode({"host": at["HOST"] or "localhost", "port": at["PORT"] or 5432})
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"postgres://{at['USER']}:{at['PASSWORD'] or 'x'}@/{at['NAME']}?{query}",
        "CELERY_BROKER_URL": broker,
        "VAR_DIR": str(var_dir),
    }


def manage(*arguments: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)


def assert_a_task_is_done(environment: dict[str, str], tmp_path: Path) -> None:
    manage("shell", "--no-imports", "-c", PUBLISH, environment=environment)
    assert Group.objects.count() == 0
    with (tmp_path / "worker.log").open("w") as log:
        worker = subprocess.Popen([sys.executable, *WORKER], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not Group.objects.exists() and worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        marks = list(Group.objects.values_list("name", flat=True))
        assert marks == ["made by a worker"], (tmp_path / "worker.log").read_text()
    finally:
        worker.terminate()
        worker.wait(30)
