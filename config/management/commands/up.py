"""`make run`: everything up, in one terminal, until Ctrl-C."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from rich.console import Console
from rich.table import Table

from config import postgres
from config.supervisor import (
    CannotRun,
    Processes,
    asked_to_stop,
    check_port,
    only_one,
    wait_until_it_answers,
)

CELERY = ["-m", "celery", "-A", "config"]
WEB = ["-m", "gunicorn", "config.wsgi"]
WORKER = [*CELERY, "worker", "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]
SCHEDULER = ["-m", "celery", "--quiet", "-A", "config", "beat", "--loglevel=WARNING"]


class Command(BaseCommand):
    help = "Prepares the database, starts web, worker and scheduler together, and stops them together on Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        try:
            with only_one(settings.VAR_DIR / "up.lock"):
                self.run(Processes(settings.VAR_DIR))
        except CannotRun as problem:
            sys.exit(f"quoin: {problem}")

    def run(self, processes: Processes) -> None:
        processes.stop_left_behind()
        check_port(settings.HOST, settings.PORT)
        self.prepare()
        with asked_to_stop() as stop:
            try:
                self.start(processes, stop)
                while not stop.wait(0.5):
                    processes.check()
            finally:
                with self.step("Stopping everything"):
                    processes.stop()
                    connection.close()

    def prepare(self) -> None:
        """The database as this version wants it. Quick when it is so already."""
        with self.step("Connecting to PostgreSQL"):
            check_database()
        with self.step("Bringing the tables up to date"):
            call_command("prepare")
        if settings.DEMO and "demo" in get_commands():
            self.console.print("  [dim]…[/] Loading the demo company, the first time only")
            call_command("demo")

    def start(self, processes: Processes, stop: threading.Event) -> None:
        with self.step("Starting web, worker and scheduler"):
            environment = outside_services()
            if environment and "fakes" in get_commands():
                processes.start("fakes", ["manage.py", "fakes"], environment)
            bind = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
            processes.start("web", [*WEB, *web_options(bind)], environment)
            processes.start("worker", WORKER, environment)
            processes.start("scheduler", SCHEDULER, environment)
            wait_until_it_answers(f"http://localhost:{settings.PORT}/health", processes, stop)
        if not stop.is_set():
            self.welcome()

    def welcome(self) -> None:
        self.console.print(f"\n  [bold]Quoin is at {settings.PUBLIC_URL}[/]\n")
        sign_ins = settings.VAR_DIR / "sign-ins.json"
        if settings.DEMO and sign_ins.exists():
            table = Table("Role", "Sign in as", "Password", box=None, padding=(0, 3, 0, 2), header_style="dim")
            for each in json.loads(sign_ins.read_text()):
                table.add_row(each["role"], each["username"], each["password"])
            self.console.print(table)
        self.console.print(FIRST_LOOK.format(url=settings.PUBLIC_URL, logs=settings.VAR_DIR / "log"))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Shows what is being done while it is, and how long it took."""
        began = time.monotonic()
        with self.console.status(f"{title} …"):
            yield
        self.console.print(f"  [green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]")


FIRST_LOOK = """
  Look first at
    {url}/admin/     the home page: what waits for you, what was billed, what is expected
    {url}/api/docs/  the API, to read and to try
    {logs}  what the processes say

  [bold]Ctrl-C stops everything.[/] What you did is kept for the next start.
"""


def check_database() -> None:
    """Raises CannotRun when the database does not answer."""
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        at = connection.settings_dict
        reason = str(problem).strip().splitlines()[-1].strip()
        raise CannotRun(
            f"Database {at['NAME']} at {at['HOST'] or 'localhost'} (DATABASE_URL) cannot be used: {reason}"
        ) from problem


def web_options(host: str) -> list[str]:
    return [
        f"--bind={host}:{settings.PORT}",
        f"--workers={settings.WEB_WORKERS}",
        f"--threads={settings.WEB_THREADS}",
        "--log-level=warning",
        "--graceful-timeout=10",
    ]


def outside_services() -> dict[str, str]:
    """The settings by which everything speaks to our own stand-ins for Stripe and Salesforce.

    Empty when somebody has set a real one, or works on a database of their own.
    """
    if settings.STRIPE_API_KEY or settings.SALESFORCE_ACCESS_TOKEN or not postgres.is_embedded():
        return {}
    return {
        "STRIPE_API_KEY": "sk_test_demo",
        "STRIPE_API_URL": f"http://localhost:{settings.PORT + 1}",
        "STRIPE_WEBHOOK_SECRET": "whsec_demo",
        "SALESFORCE_INSTANCE_URL": f"https://localhost:{settings.PORT + 2}",
        "SALESFORCE_ACCESS_TOKEN": "demo",
        "SALESFORCE_CA_BUNDLE": str(settings.VAR_DIR / "fakes" / "ca.pem"),
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or settings.PUBLIC_URL,
    }
