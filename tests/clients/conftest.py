"""A running Quoin that can be killed, and clients of it."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command

from config.environment import BASE_DIR
from quoin_client import Client
from tests import cast
from tests.clients.front import Front
from tests.commands import address
from tests.config.test_up import free_port


class Server:
    """Serves the test's database, while it runs."""

    def __init__(self, launcher: subprocess.Popen[str]) -> None:
        self.launcher, self.port, self.group = launcher, free_port(), 0
        self.url = f"http://127.0.0.1:{self.port}"
        assert self.heard() == "ready"

    def start(self) -> None:
        if self.group:
            return
        self.launcher.stdin.write(f"start {self.port}\n")
        self.launcher.stdin.flush()
        self.group = int(self.heard())
        for _ in range(500):
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:
                assert response.status == 200
                return
            time.sleep(0.02)
        raise AssertionError("The server does not answer.")

    def kill(self) -> None:
        if self.group:
            os.killpg(self.group, signal.SIGKILL)
        self.group = 0

    def heard(self) -> str:
        return self.launcher.stdout.readline().strip()


@pytest.fixture(scope="module", autouse=True)
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The customer contoso and a meter of its tokens, for all tests of a file: to empty the database takes seconds."""
    with django_db_blocker.unblock():
        cast.contoso()
        cast.meter("input-tokens", "input_tokens")
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def server(world: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Not running yet."""
    own = {
        "DATABASE_URL": address(),
        "DJANGO_SETTINGS_MODULE": "config.test_settings",
        "TMPDIR": str(tmp_path_factory.mktemp("server")),
    }
    launcher = subprocess.Popen(
        [sys.executable, "-m", "tests.clients.server"],
        env=os.environ | own,
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Server(launcher)
    launcher.stdin.close()
    launcher.wait(timeout=30)


@pytest.fixture
def quoin(server: Server) -> Server:
    """Running."""
    server.start()
    return server


@pytest.fixture(scope="module")
def key(world: None) -> str:
    return new_key("gateway", "usage:write")


@pytest.fixture(scope="module")
def readers_key(world: None) -> str:
    return new_key("reader", "usage:read")


def new_key(name: str, *scopes: str) -> str:
    return cast.system_key(*scopes, name=name)["Authorization"].removeprefix("Api-Key ")


@pytest.fixture
def source() -> str:
    """Who reports in this test, and in no other."""
    return uuid4().hex


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "usage.spool"


Clients = Callable[..., Client]


@pytest.fixture
def client_of(spool: Path, source: str) -> Iterator[Clients]:
    """`client_of(url, key, …)`: an impatient client with this test's spool and source."""
    made = []

    def client(url: str, key: str = "nobody", **options: Any) -> Client:
        pace = {"batch_seconds": 0.02, "first_pause": 0.02, "longest_pause": 0.1, "timeout": 20}
        made.append(Client(url, key, **{"spool": spool, "source": source} | pace | options))
        return made[-1]

    yield client
    for each in made:
        each.close(timeout=0)


@pytest.fixture
def front(quoin: Server) -> Iterator[Callable[..., Front]]:
    """`front(*answers)`: what stands before the server."""
    made = []

    def front(*answers: Any) -> Front:
        made.append(Front(quoin.url, *answers))
        return made[-1]

    yield front
    for each in made:
        each.shutdown()
        each.server_close()
