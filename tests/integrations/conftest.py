"""The fakes, served over HTTP for one test each, and the settings that point the product at them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe
from pytest_django.fixtures import Settings

from integrations.fakes.salesforce import FakeSalesforce
from integrations.fakes.stripe import FakeStripe

SECRET = "whsec_test"


class Mailbox:
    """A web server that takes webhooks; `refuse` answers that many with 500 first."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.refuse = 0
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                box.refuse -= 1
                if box.refuse < 0:
                    box.bodies.append(body)
                    box.signatures.append(self.headers["Stripe-Signature"])
                self.send_response(200 if box.refuse < 0 else 500)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/stripe"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    yield box
    box.server.shutdown()
    box.server.server_close()


@pytest.fixture
def fake(mailbox: Mailbox, settings: Settings) -> Iterator[FakeStripe]:
    """A fake Stripe that posts to `mailbox`, and that the settings point to."""
    fake = FakeStripe("sk_test_quoin", mailbox.url, SECRET)
    settings.STRIPE_API_KEY = "sk_test_quoin"
    settings.STRIPE_API_URL = fake.start()
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    yield fake
    fake.stop()


@pytest.fixture
def api(fake: FakeStripe) -> stripe.StripeClient:
    """The official client, without retries of its own."""
    return stripe.StripeClient("sk_test_quoin", base_addresses={"api": fake.url}, max_network_retries=0)


@pytest.fixture
def salesforce(tmp_path: Path, settings: Settings) -> Iterator[FakeSalesforce]:
    """A fake Salesforce that the settings point to."""
    fake = FakeSalesforce("token", ca_file=tmp_path / "ca.pem")
    settings.SALESFORCE_INSTANCE_URL = fake.start()
    settings.SALESFORCE_ACCESS_TOKEN = "token"
    settings.SALESFORCE_CA_BUNDLE = str(fake.ca_file)
    yield fake
    fake.stop()
