"""`kill -9` in the midst of billing and of deliveries, again and again: a clean run finishes it, nothing is doubled."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django import Settings

from config.environment import BASE_DIR
from integrations import outbox
from integrations.fakes.stripe import FakeStripe
from integrations.models import Delivery
from invoicing.models import BillingOutcome, BillingRun, Invoice
from ledger.models import JournalEntry
from tests.chaos import world
from tests.chaos.world import FEB_3
from tests.commands import address

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 6


class Victim:
    """Works for a random while, then is killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert self._heard() == "ready"

    def killed(self, work: str, at: datetime, after: float) -> bool:
        """Whether it was still at it."""
        self.process.stdin.write(f"{work} {at.isoformat()}\n")
        self.process.stdin.flush()
        worker = int(self._heard())
        time.sleep(after)
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        became = self._heard()
        assert became in ("killed", "finished")
        return became == "killed"

    def _heard(self) -> str:
        return self.process.stdout.readline().strip()


@pytest.fixture
def stripe(settings: Settings) -> Iterator[FakeStripe]:
    fake = FakeStripe("sk_test_chaos")
    settings.STRIPE_API_KEY = "sk_test_chaos"
    settings.STRIPE_API_URL = fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def victim(stripe: FakeStripe, settings: Settings, tmp_path: Path, transactional_db: None) -> Iterator[Victim]:
    settings.MEDIA_ROOT = str(tmp_path)
    shared = {name: getattr(settings, name) for name in ("STRIPE_API_KEY", "STRIPE_API_URL", "MEDIA_ROOT")}
    environment = {"DATABASE_URL": address(), "QUOIN_VICTIM_SETTINGS": json.dumps(shared)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.victim"],
        env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "config.test_settings"},
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Victim(process)
    process.stdin.close()
    process.wait(timeout=30)


def company(customers: int) -> None:
    world.company()
    for number in range(customers):
        key = f"customer-{number:02}"
        world.sign(key)
        world.use(key, f"{key}-january", 20_000_000, 4_000_000, world.JAN_15)


def test_billing_that_is_killed_is_finished_by_the_next_run(victim: Victim) -> None:
    company(12)
    chance = random.Random(1)
    killed = [victim.killed("bill", FEB_3, chance.uniform(0.02, 1.5)) for _ in range(KILLS)]
    assert any(killed)
    assert BillingRun.objects.filter(finished_at=None).exists()
    assert Invoice.objects.exists()
    world.bill(FEB_3)
    world.book(FEB_3)
    assert not BillingOutcome.objects.filter(result="failed").exists()
    assert Counter(Invoice.objects.values_list("kind", "status", "total")) == {
        ("commit", "finalized", Decimal("36.00")): 12,
        ("period", "finalized", Decimal("52.25")): 12,
    }
    assert [invoice.sequence for invoice in world.issued()] == list(range(1, 25))
    assert world.broken() == {}
    before = world.everything()
    world.bill(FEB_3)
    assert world.everything() == before


def test_deliveries_that_are_killed_are_made_again_without_doubling(victim: Victim, stripe: FakeStripe) -> None:
    company(4)
    world.bill(FEB_3)
    chance, at = random.Random(2), FEB_3
    killed = []
    for _ in range(KILLS):
        killed.append(victim.killed("deliver", at, chance.uniform(0.02, 1)))
        at += outbox.LEASE
    assert any(killed)
    outbox.drain(at=at)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}
    assert Delivery.objects.filter(attempts=2).exists()
    assert (len(stripe.customers), len(stripe.invoices)) == (4, 8)
    assert sorted(each["number"] for each in stripe.invoices.values()) == [each.number for each in world.issued()]
    assert JournalEntry.objects.filter(source_type="invoice").count() == 8
    assert world.broken() == {}
