"""`make run`: everything up, in one terminal, until Ctrl-C."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from rich.console import Console
from rich.table import Table

from config import web
from config.cast import CAST, PASSWORD
from config.supervisor import (
    CannotRun,
    Processes,
    asked_to_stop,
    check_port,
    only_one,
    wait_until_it_answers,
)

CELERY = ["-m", "celery", "-A", "config"]
# As root, where it was started so, Celery warns; `make run` on a machine of one's own need not.
QUIET = ["-W", "ignore:You're running the worker with superuser privileges"]
WORKER = [*QUIET, *CELERY, "worker", "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]
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
        for port in ports():
            check_port(settings.HOST, port)
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
        if settings.DEMO:
            with self.step("Loading the demo company, once"):
                call_command("demo", stdout=StringIO())

    def start(self, processes: Processes, stop: threading.Event) -> None:
        with self.step("Starting web, worker and scheduler"):
            environment = outside_services()
            if environment:
                # They send their webhooks here, whatever the world calls us.
                processes.start("fakes", fakes(), environment | {"PUBLIC_URL": f"http://{own_address()}"})
            processes.start("web", web_command(), environment)
            processes.start("worker", WORKER, environment)
            processes.start("scheduler", SCHEDULER, environment)
            wait_until_it_answers(f"http://{own_address()}/health", processes, stop)
        if not stop.is_set():
            self.welcome()

    def welcome(self) -> None:
        self.console.print(f"\n  [bold]Quoin is at {settings.PUBLIC_URL}[/]\n")
        if settings.DEMO:
            self.console.print(sign_ins())
        self.console.print("\n  Look first at", places(), sep="\n")
        self.console.print("\n  [bold]Ctrl-C stops everything.[/] What you did is kept for the next start.\n")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Shows what is being done while it is, and how long it took."""
        began = time.monotonic()
        with self.console.status(f"{title} …"):
            yield
        self.console.print(f"  [green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]")


def places() -> Table:
    """Where to look first, and why."""
    table = Table(box=None, show_header=False, padding=(0, 3, 0, 2))
    table.add_row(f"{settings.PUBLIC_URL}/admin/", "what waits for you, what was billed, what is expected")
    table.add_row(f"{settings.PUBLIC_URL}/api/docs/", "the API, to read and to try")
    if mails := getattr(settings, "EMAIL_FILE_PATH", None):
        table.add_row(str(mails), "the e-mails that customers got, with links to their pages")
    table.add_row(str(settings.VAR_DIR / "log"), "what the processes say")
    return table


def sign_ins() -> Table:
    """The people of the demo company, one for each role."""
    table = Table("Sign in as", "Password", "Role", "Looks first at", box=None, padding=(0, 3, 0, 2))
    for person in CAST:
        table.add_row(person.username, PASSWORD, person.role, person.looks_at)
    return table


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


def own_address() -> str:
    """Where this machine reaches the web process, which may listen on every address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104
    return f"[{host}]:{settings.PORT}" if ":" in host else f"{host}:{settings.PORT}"


def web_command() -> Sequence[str]:
    return web.command(settings.HOST, settings.PORT, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)


def fakes() -> list[str]:
    _, stripe, salesforce = ports()
    state = settings.VAR_DIR / "fakes"
    return ["manage.py", "fakes", f"--stripe-port={stripe}", f"--salesforce-port={salesforce}", f"--state-dir={state}"]


def ports() -> list[int]:
    """The web's, and after it those of our stand-ins for Stripe and Salesforce, where they are wanted."""
    return [settings.PORT + offset for offset in range(3 if outside_services() else 1)]


def outside_services() -> dict[str, str]:
    """The settings by which everything speaks to our own stand-ins for Stripe and Salesforce.

    Empty when somebody has set a real one, and without the demo company.
    """
    if settings.STRIPE_API_KEY or settings.SALESFORCE_ACCESS_TOKEN or not settings.DEMO:
        return {}
    return {
        "STRIPE_API_KEY": "sk_test_demo",
        "STRIPE_API_URL": f"http://127.0.0.1:{settings.PORT + 1}",
        "STRIPE_WEBHOOK_SECRET": "whsec_demo",
        "SALESFORCE_INSTANCE_URL": f"https://127.0.0.1:{settings.PORT + 2}",
        "SALESFORCE_ACCESS_TOKEN": "demo",
        "SALESFORCE_CA_BUNDLE": str(settings.VAR_DIR / "fakes" / "salesforce-ca.pem"),
    }
