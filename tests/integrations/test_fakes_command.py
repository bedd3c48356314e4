"""`manage.py fakes`, as `make run` starts it: one line each, a clean stop, nothing lost in between."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import stripe

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def fakes(*options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [sys.executable, "manage.py", "fakes", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def settings(directory: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": str(directory),
        "STRIPE_API_KEY": "sk_test_demo",
        "STRIPE_API_URL": f"http://127.0.0.1:{free_port()}",
        "SALESFORCE_INSTANCE_URL": f"https://127.0.0.1:{free_port()}",
        "PUBLIC_URL": "http://127.0.0.1:1",
    }


def lines(running: subprocess.Popen[str], count: int) -> list[str]:
    assert running.stdout is not None
    return [running.stdout.readline().strip() for _ in range(count)]


def test_both_are_played_where_the_settings_look_and_stop_when_told(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    authority = tmp_path / "fakes" / "salesforce-ca.pem"
    seen = []
    for name, number in (("Contoso Ltd", signal.SIGTERM), ("Fabrikam", signal.SIGINT)):
        with fakes(**wanted) as running:
            assert lines(running, 2) == [
                f"Stripe, played by this machine: {wanted['STRIPE_API_URL']}",
                f"Salesforce, played by this machine: {wanted['SALESFORCE_INSTANCE_URL']}",
            ]
            api = stripe.StripeClient("sk_test_demo", base_addresses={"api": wanted["STRIPE_API_URL"]})
            api.v1.customers.create({"name": name})
            session = requests.Session()
            session.verify, session.trust_env = str(authority), False
            session.get(f"{wanted['SALESFORCE_INSTANCE_URL']}/_fake/state", timeout=10).raise_for_status()
            seen.append((authority.read_text(), [one.name for one in api.v1.customers.list().data]))
            running.send_signal(number)
            assert running.wait(timeout=10) == 0
            assert running.stderr is not None
            assert running.stderr.read() == ""
    assert seen[0][0] == seen[1][0]
    assert [names for _, names in seen] == [["Contoso Ltd"], ["Fabrikam", "Contoso Ltd"]]


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with fakes("--stripe-port", str(port), **settings(tmp_path)) as running:
            _, said = running.communicate(timeout=20)
    assert said == f"CommandError: Stripe cannot be played on port {port}: Address already in use.\n"
    assert running.returncode == 1
