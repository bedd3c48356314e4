"""Six relays and six deliverers at once: every change is told to each listener once, here and outside."""

from collections import Counter
from collections.abc import Iterator
from time import monotonic

import pytest
from django.core import mail
from pytest_django import Settings

from governance.models import Change
from integrations import outbox
from integrations.fakes.stripe import FakeStripe
from integrations.models import Delivery
from integrations.routes import ROUTES
from tests.chaos import world
from tests.chaos.world import FEB_3

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stripe(settings: Settings) -> Iterator[FakeStripe]:
    fake = FakeStripe("sk_test_chaos")
    settings.STRIPE_API_KEY = "sk_test_chaos"
    settings.STRIPE_API_URL = fake.start()
    yield fake
    fake.stop()


def test_six_relays_and_six_deliverers_deliver_each_once(stripe: FakeStripe) -> None:
    world.company()
    for number in range(2):
        key = f"customer-{number}"
        world.sign(key)
        world.use(key, f"{key}-january", 20_000_000, 4_000_000, world.JAN_15)
    world.bill(FEB_3)
    owed = sum(len(ROUTES.get(name, ())) for name in Change.objects.values_list("name", flat=True))

    def work(number: int) -> int:
        if number < 6:
            relayed = 0
            while count := outbox.relay(at=FEB_3, limit=5):
                relayed += count
            return relayed
        attempted, deadline = 0, monotonic() + 60
        while Delivery.objects.exclude(attempts=0).count() < owed and monotonic() < deadline:
            attempted += outbox.deliver_due(at=FEB_3, limit=5)
        return attempted

    results = world.at_once(12, work)
    assert [each for each in results if isinstance(each, Exception)] == []
    outbox.drain(at=FEB_3)  # what the deliveries themselves recorded, such as journal entries

    assert sum(results[6:]) == owed
    assert Counter(Delivery.objects.values_list("status", "attempts")) == {("done", 1): owed}
    assert Change.objects.filter(relayed_at=None).count() == 0
    assert (len(stripe.customers), len(stripe.invoices)) == (2, 4)
    assert sorted(each["number"] for each in stripe.invoices.values()) == [each.number for each in world.issued()]
    assert len(mail.outbox) == 4
    assert world.broken() == {}
