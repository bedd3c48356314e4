"""Where the journey plays: a database of its own, our server on a free port, fake outside services, a test clock."""

import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core import mail
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler, get_internal_wsgi_application
from django.db import connection, connections
from django.test.utils import override_settings

from governance.clock import clock_set_to, now
from integrations import inbox, outbox
from integrations.fakes.salesforce import FakeSalesforce
from integrations.fakes.stripe import FakeStripe

PUBLIC_URL = "https://quoin.example"  # as documents and messages give it, whatever port the stage listens on
WEBHOOK_SECRET = "whsec_journey"  # noqa: S105 - of the fake service on this machine
STRIPE_KEY = "sk_test_journey"


@dataclass
class Stage:
    """The doors and the outside world, as the story sees them."""

    url: str
    stripe: FakeStripe
    salesforce: FakeSalesforce
    browser: requests.Session = field(default_factory=requests.Session)
    _clock: ExitStack = field(default_factory=ExitStack)

    def set_clock(self, instant: datetime) -> datetime:
        """From now on it is `instant`, for this process's tasks and its web server alike."""
        self._clock.close()
        self._clock.enter_context(clock_set_to(instant))
        return instant

    def work_off(self, at: datetime) -> None:
        """What the timetable would do until nothing is due: relay changes, deliver, apply inbound messages."""
        outbox.drain(at=at)
        self.stripe.wait_for_webhooks()
        inbox.apply_due(at=at)
        outbox.drain(at=at)

    def last_mail(self, subject: str) -> Any:
        """The latest message sent whose subject contains `subject`."""
        return next(message for message in reversed(mail.outbox) if subject in message.subject)

    def link_in_mail(self, subject: str, path: str) -> str:
        """The address under `path` that the latest such message gives its reader."""
        found = re.search(re.escape(PUBLIC_URL) + f"({re.escape(path)}" + r"\S+)", self.last_mail(subject).body)
        if found is None:
            raise LookupError(f"no link to {path} in the message about {subject}")
        return self.url + found.group(1).rstrip(".")

    def fill_in_form(self, url: str, **fields: str) -> str:
        """Open a page in the customer's browser and post its form; returns the page that follows."""
        page = self.browser.get(url, timeout=60)
        page.raise_for_status()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        answer = self.browser.post(
            url,
            data={"csrfmiddlewaretoken": token.group(1) if token else "", **fields},
            headers={"Referer": url},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.text


@contextmanager
def stage() -> Iterator[Stage]:
    """Set everything up, and leave nothing behind: the user's data is never touched."""
    with ExitStack() as stack:
        files = Path(tempfile.mkdtemp(prefix="quoin-journey-"))
        stack.callback(shutil.rmtree, files, ignore_errors=True)
        stack.enter_context(database())
        url = stack.enter_context(_serving())
        stripe = FakeStripe(
            STRIPE_KEY,
            f"{url}/hooks/stripe",
            WEBHOOK_SECRET,
            duplicates=2,
            clock=lambda: now().timestamp(),
            seed="journey",
        )
        stripe_url = stripe.start()
        stack.callback(stripe.stop)
        salesforce = FakeSalesforce("journey", ca_file=files / "salesforce-ca.pem")
        salesforce_url = salesforce.start()
        stack.callback(salesforce.stop)
        stack.enter_context(
            override_settings(
                PUBLIC_URL=PUBLIC_URL,
                ALLOWED_HOSTS=["*"],
                MEDIA_ROOT=str(files / "files"),
                EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
                STRIPE_API_KEY=STRIPE_KEY,
                STRIPE_API_URL=stripe_url,
                STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET,
                SALESFORCE_INSTANCE_URL=salesforce_url,
                SALESFORCE_ACCESS_TOKEN="journey",  # noqa: S106
                SALESFORCE_CA_BUNDLE=str(salesforce.ca_file),
            )
        )
        mail.outbox = []
        stage = Stage(url, stripe, salesforce)
        stack.callback(stage._clock.close)
        yield stage


@contextmanager
def database() -> Iterator[None]:
    """A new database beside the user's, migrated, and dropped at the end."""
    usual = settings.DATABASES["default"]["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{usual}_journey"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        _drop(connection.settings_dict["NAME"], usual)


def _drop(name: str, usual: str) -> None:
    """Drop our database, whoever is still connected: threads of the web server keep connections for a while."""
    connections.close_all()
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = usual
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)} WITH (FORCE)")


@contextmanager
def _serving() -> Iterator[str]:
    """Our web server on a free port of this machine, in a thread, so that the test clock is one for all."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _QuietHandler)
    server.set_app(get_internal_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing: the journey shows its own progress."""
