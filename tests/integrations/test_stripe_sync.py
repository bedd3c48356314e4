"""Our invoices go to Stripe and its payments come back, over HTTP, against the fake."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from contracts import operations as contracts
from governance import clock, external_ids
from governance.models import ExternalId
from integrations import inbox, outbox
from integrations.fakes.stripe import FakeStripe
from integrations.models import Delivery, InboundMessage
from invoicing import operations as invoicing
from invoicing.models import Invoice, Payment
from tests.books import BILLING_DAY, act, billed_january, booked, pay

D = Decimal
SECRET = "whsec_sync"


@pytest.fixture
def billed(transactional_db: None) -> Iterator[tuple[Invoice, Invoice]]:
    """January's invoices, on their billing day."""
    with clock.clock_set_to(BILLING_DAY):
        yield billed_january()


@pytest.fixture
def stripe(live_server: LiveServer, settings: Settings) -> Iterator[FakeStripe]:
    """A fake Stripe that posts every event twice, to our own door."""
    fake = FakeStripe("sk_test_sync", f"{live_server.url}/hooks/stripe", SECRET, duplicates=2)
    settings.STRIPE_API_KEY = "sk_test_sync"
    settings.STRIPE_API_URL = fake.start()
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    yield fake
    fake.wait_for_webhooks()  # one that is still coming in would meet the tables being emptied
    fake.stop()


def there(fake: FakeStripe, invoice: Invoice) -> dict[str, Any]:
    return fake.invoices[external_ids.known("stripe", invoice)]


def notes(route: str) -> list[tuple[str, str]]:
    return list(Delivery.objects.filter(route=route).order_by("id").values_list("status", "note"))


def test_invoices_go_there_with_their_lines_once(billed: tuple[Invoice, Invoice], stripe: FakeStripe) -> None:
    outbox.drain(at=BILLING_DAY)
    outbox.drain(at=BILLING_DAY)
    commit, month = billed
    assert (len(stripe.customers), len(stripe.invoices)) == (1, 2)
    assert [(there(stripe, each)["number"], there(stripe, each)["total"]) for each in billed] == [
        (commit.number, 3600),
        (month.number, 5225),
    ]
    items = [item["amount"] for item in stripe.invoice_items.values() if item["invoice"] == there(stripe, month)["id"]]
    assert sorted(items) == [-4000, 2000, 3400, 3825]
    assert {there(stripe, each)["status"] for each in billed} == {"open"}
    assert ExternalId.objects.filter(system="stripe").count() == 3


def test_a_payment_there_comes_back_twice_and_is_recorded_once(
    billed: tuple[Invoice, Invoice], stripe: FakeStripe
) -> None:
    outbox.drain(at=BILLING_DAY)
    for invoice in billed:
        stripe.pay(there(stripe, invoice)["id"])
    assert stripe.wait_for_webhooks()
    inbox.apply_due(at=BILLING_DAY)
    outbox.drain(at=BILLING_DAY)
    assert sorted(Payment.objects.values_list("method", "amount")) == [("stripe", D("36.00")), ("stripe", D("52.25"))]
    assert set(Invoice.objects.values_list("status", flat=True)) == {"paid"}
    paid = InboundMessage.objects.filter(type="invoice.paid")
    assert sorted(paid.values_list("status", "times_received")) == [("applied", 2), ("applied", 2)]
    assert not InboundMessage.objects.exclude(status__in=["applied", "ignored"]).exists()
    assert [entry[2] for entry in booked("payment")] == [
        [("1000", "Dr", "36.00"), ("1100", "Cr", "36.00")],
        [("1000", "Dr", "52.25"), ("1100", "Cr", "52.25")],
    ]


def test_a_payment_with_tables_restored_from_before_is_applied_once(
    billed: tuple[Invoice, Invoice], stripe: FakeStripe
) -> None:
    """The message is applied, and somebody has it looked at again."""
    outbox.drain(at=BILLING_DAY)
    stripe.pay(there(stripe, billed[1])["id"])
    stripe.wait_for_webhooks()
    inbox.apply_due(at=BILLING_DAY)
    InboundMessage.objects.update(status="new")
    inbox.apply_due(at=BILLING_DAY)
    assert Payment.objects.count() == 1
    assert set(InboundMessage.objects.filter(type="invoice.paid").values_list("status", flat=True)) == {"applied"}


def test_a_payment_for_more_than_is_open_waits_for_a_person(
    billed: tuple[Invoice, Invoice], stripe: FakeStripe
) -> None:
    """Paid by transfer here, and by card there before Stripe heard of it."""
    outbox.drain(at=BILLING_DAY)
    stripe.pay(there(stripe, billed[1])["id"])
    stripe.wait_for_webhooks()
    invoicing.record_payment(
        billed[1],
        amount=D("52.25"),
        currency="USD",
        method="bank transfer",
        external_id="T-1",
        received_at=BILLING_DAY,
        act=act("Arrived at the bank"),
    )
    inbox.apply_due(at=BILLING_DAY)
    message = InboundMessage.objects.get(type="invoice.paid")
    assert (message.status, message.error) == ("failed", "This invoice is paid and does not await payment.")
    assert Payment.objects.count() == 1


def test_money_for_an_invoice_that_is_not_here_is_loud(stripe: FakeStripe, db: None) -> None:
    paid = {"id": "in_9", "amount_paid": 100, "currency": "usd", "status_transitions": {"paid_at": 1}}
    event = {"type": "invoice.paid", "data": {"object": paid | {"metadata": {"quoin_invoice": "nonsense"}}}}
    inbox.receive(sender="stripe", message_id="evt_9", type="invoice.paid", body=event, at=BILLING_DAY)
    inbox.apply_due(at=BILLING_DAY)
    message = InboundMessage.objects.get()
    assert (message.status, message.error) == ("failed", "Stripe's invoice in_9 names an invoice that is not here.")


def test_somebody_elses_invoice_is_ignored(stripe: FakeStripe, db: None) -> None:
    event = {"type": "invoice.paid", "data": {"object": {"id": "in_9", "metadata": {}}}}
    inbox.receive(sender="stripe", message_id="evt_9", type="invoice.paid", body=event, at=BILLING_DAY)
    inbox.apply_due(at=BILLING_DAY)
    assert InboundMessage.objects.get().status == "ignored"


def test_a_transfer_closes_the_invoice_there(billed: tuple[Invoice, Invoice], stripe: FakeStripe) -> None:
    outbox.drain(at=BILLING_DAY)
    invoicing.record_payment(
        billed[1],
        amount=D("52.25"),
        currency="USD",
        method="bank transfer",
        external_id="T-1",
        received_at=BILLING_DAY,
        act=act("Arrived at the bank"),
    )
    outbox.drain(at=BILLING_DAY)
    stripe.wait_for_webhooks()
    inbox.apply_due(at=BILLING_DAY)
    assert (there(stripe, billed[1])["status"], there(stripe, billed[1])["amount_paid_off_stripe"]) == ("paid", 5225)
    assert Payment.objects.count() == 1
    assert InboundMessage.objects.get(type="invoice.paid").status == "ignored"


def test_a_void_is_void_there_too(billed: tuple[Invoice, Invoice], stripe: FakeStripe) -> None:
    outbox.drain(at=BILLING_DAY)
    invoicing.void_invoice(billed[1], act=act("Wrong address"))
    outbox.drain(at=BILLING_DAY)
    assert there(stripe, billed[1])["status"] == "void"


def test_an_invoice_voided_before_its_push_never_goes_there(
    billed: tuple[Invoice, Invoice], stripe: FakeStripe
) -> None:
    invoicing.void_invoice(billed[1], act=act("Wrong address"))
    outbox.drain(at=BILLING_DAY)
    assert [one["number"] for one in stripe.invoices.values()] == [billed[0].number]
    assert ("done", "The invoice is void; nothing was sent.") in notes("stripe.invoice")
    assert notes("stripe.void") == [("done", "Stripe does not know this invoice.")]


def test_a_lost_id_is_found_again_and_nothing_is_doubled(billed: tuple[Invoice, Invoice], stripe: FakeStripe) -> None:
    """Killed after the call and before the commit; a day later, when Stripe has forgotten our keys."""
    outbox.drain(at=BILLING_DAY)
    ExternalId.objects.all().delete()
    stripe.forget_keys()
    Delivery.objects.filter(route="stripe.invoice").update(status="due", next_at=BILLING_DAY)
    outbox.drain(at=BILLING_DAY)
    assert (len(stripe.customers), len(stripe.invoices)) == (1, 2)
    assert ExternalId.objects.filter(system="stripe").count() == 3


def test_trouble_there_is_tried_again_with_the_same_key(billed: tuple[Invoice, Invoice], stripe: FakeStripe) -> None:
    stripe.trouble.fail_next = 50
    outbox.drain(at=BILLING_DAY)
    assert Delivery.objects.filter(route="stripe.invoice", status="due").exists()
    stripe.trouble.fail_next = 0
    at = max(Delivery.objects.filter(status="due").values_list("next_at", flat=True))
    outbox.drain(at=at)
    assert (len(stripe.customers), len(stripe.invoices)) == (1, 2)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}


def test_a_renamed_customer_is_renamed_there(billed: tuple[Invoice, Invoice], stripe: FakeStripe) -> None:
    outbox.drain(at=BILLING_DAY)
    contracts.update_customer(billed[0].customer, name="Contoso Group", act=act("They merged"))
    outbox.drain(at=BILLING_DAY)
    assert [one["name"] for one in stripe.customers.values()] == ["Contoso Group"]
    assert len(stripe.customers) == 1


def test_while_stripe_is_off_deliveries_are_done_with_a_note(billed: tuple[Invoice, Invoice]) -> None:
    pay(billed[0], "36.00")
    outbox.drain(at=BILLING_DAY)
    off = ("done", "Stripe is off; nothing was sent.")
    assert notes("stripe.invoice") == [off, off]
    assert notes("stripe.settlement") == [off]
    assert ExternalId.objects.count() == 0
