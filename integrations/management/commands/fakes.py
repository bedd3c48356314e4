"""`manage.py fakes`: Stripe and Salesforce played on this machine, for the demo."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.fakes.salesforce import FakeSalesforce
from integrations.fakes.server import FakeServer
from integrations.fakes.stripe import FakeStripe


def port_of(url: str) -> int:
    """The port by which the settings expect a service on this machine; any free one when they look elsewhere."""
    parts = urlsplit(url)
    return (parts.port or 0) if parts.hostname in ("127.0.0.1", "localhost") else 0


class Command(BaseCommand):
    help = "Play Stripe and Salesforce on this machine until interrupted; what they hold outlives a restart."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stripe-port", type=int, default=port_of(settings.STRIPE_API_URL))
        parser.add_argument("--salesforce-port", type=int, default=port_of(settings.SALESFORCE_INSTANCE_URL))
        parser.add_argument("--state-dir", type=Path, default=settings.VAR_DIR / "fakes")

    def handle(self, *, stripe_port: int, salesforce_port: int, state_dir: Path, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        stripe = FakeStripe(
            settings.STRIPE_API_KEY or "sk_test_quoin",
            f"{settings.PUBLIC_URL}/hooks/stripe",
            settings.STRIPE_WEBHOOK_SECRET.split(",")[0].strip() or "whsec_quoin",
            state_file=state_dir / "stripe.json",
        )
        salesforce = FakeSalesforce(
            settings.SALESFORCE_ACCESS_TOKEN or "quoin",
            ca_file=state_dir / "salesforce-ca.pem",
            state_file=state_dir / "salesforce.json",
        )
        running: list[FakeServer] = []
        try:
            for name, fake, port in (("Stripe", stripe, stripe_port), ("Salesforce", salesforce, salesforce_port)):
                running.append(self._start(name, fake, port))
            stopping.wait()
        finally:
            for started in running:
                started.stop()

    def _start(self, name: str, fake: FakeServer, port: int) -> FakeServer:
        try:
            url = fake.start(port)
        except OSError as error:
            raise CommandError(f"{name} cannot be played on port {port}: {error.strerror}.") from error
        self.stdout.write(f"{name}, played by this machine: {url}")
        self.stdout.flush()
        return fake
