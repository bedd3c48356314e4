"""The payments adapter against the fake Stripe: exact, repeatable, and safe to kill between any two calls."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import stripe
from pytest_django.fixtures import Settings

from integrations import payments
from integrations.errors import Permanent, Transient
from integrations.fakes.stripe import FakeStripe
from integrations.payment_values import CustomerValues, InvoiceValues, LineValues, PushedInvoice
from tests.integrations.conftest import Mailbox

CONTOSO = CustomerValues(
    key="0b7e", name="Contoso Ltd", email="dan@contoso.example", line1="1 Main St", city="Dublin", country="IE"
)
NOVEMBER = datetime(2023, 11, 1, tzinfo=UTC), datetime(2023, 12, 1, tzinfo=UTC)
LINES = (
    LineValues("l1", "Input tokens", Decimal("42.27"), *NOVEMBER),
    LineValues("l2", "Output tokens", Decimal("34.75"), *NOVEMBER),
    LineValues("l3", "Drawn from Prepaid usage", Decimal("-40.00")),
    LineValues("l4", "Platform fee", Decimal("20.00"), *NOVEMBER),
)
CALLS_OF_A_PUSH = 9  # list, create, list items, four items, retrieve, finalize


def bill(customer: str, **changes: object) -> InvoiceValues:
    due = date.today() + timedelta(days=30)  # noqa: DTZ011 (Stripe's clock is the wall's)
    values = InvoiceValues("9a4c", "INV-0002", customer, "USD", LINES, Decimal("57.02"), due)
    return replace(values, **changes)  # type: ignore[arg-type]


def push_customer(known: str = "") -> str:
    return payments.push_customer(CONTOSO, idempotency_key="delivery-1", known=known)


def push(values: InvoiceValues, known: str = "") -> PushedInvoice:
    return payments.push_invoice(values, idempotency_key="delivery-2", known=known)


def test_it_is_off_without_a_key(settings: Settings) -> None:
    settings.STRIPE_API_KEY = ""
    assert payments.enabled() is False


def test_a_customer_is_made_once_and_then_kept_up_to_date(fake: FakeStripe) -> None:
    first = push_customer()
    renamed = replace(CONTOSO, name="Contoso Group")
    assert payments.push_customer(renamed, idempotency_key="delivery-1") == first
    assert payments.push_customer(renamed, idempotency_key="delivery-9", known=first) == first
    [customer] = fake.customers.values()
    assert (customer["name"], customer["email"]) == ("Contoso Group", "dan@contoso.example")
    assert customer["address"]["country"] == "IE"
    assert customer["metadata"] == {"quoin_customer": "0b7e"}


def test_a_customer_survives_a_kill_after_each_call(fake: FakeStripe) -> None:
    for spared in range(3):
        fake.trouble.spare_next, fake.trouble.drop_next = spared, 1
        with pytest.raises(Transient):
            push_customer()
    fake.forget_keys()
    assert push_customer() in fake.customers
    assert len(fake.customers) == 1


def test_an_invoice_arrives_line_by_line_to_the_cent(fake: FakeStripe) -> None:
    customer = push_customer()
    pushed = push(bill(customer))
    invoice = fake.invoices[pushed.id]
    assert (pushed.status, pushed.hosted_url) == ("open", f"{fake.url}/invoice/{pushed.id}")
    assert (invoice["total"], invoice["amount_due"], invoice["number"]) == (5702, 5702, "INV-0002")
    assert invoice["metadata"] == {"quoin_invoice": "9a4c"}
    shown = [(item["description"], item["amount"]) for item in fake.invoice_items.values()]
    assert shown == [
        ("Input tokens", 4227),
        ("Output tokens", 3475),
        ("Drawn from Prepaid usage", -4000),
        ("Platform fee", 2000),
    ]
    assert next(iter(fake.invoice_items.values()))["period"] == {"start": 1698796800, "end": 1701388799}


def test_pushing_again_changes_nothing(fake: FakeStripe) -> None:
    values = bill(push_customer())
    first = push(values)
    fake.forget_keys()
    assert push(values) == push(values, known=first.id) == first
    assert (len(fake.invoices), len(fake.invoice_items)) == (1, 4)


@pytest.mark.parametrize("forgotten", [False, True], ids=["keys-kept", "keys-forgotten"])
@pytest.mark.parametrize("lost", [False, True], ids=["not-executed", "answer-lost"])
@pytest.mark.parametrize("spared", range(CALLS_OF_A_PUSH))
def test_a_push_killed_at_any_call_ends_in_exactly_one_invoice(
    fake: FakeStripe, spared: int, lost: bool, forgotten: bool
) -> None:
    values = bill(push_customer())
    fake.trouble.spare_next = spared
    setattr(fake.trouble, "drop_next" if lost else "fail_next", 1)
    with pytest.raises(Transient):
        push(values)
    if forgotten:
        fake.forget_keys()
    pushed = push(values)
    [invoice] = fake.invoices.values()
    assert (invoice["id"], invoice["status"], invoice["total"]) == (pushed.id, "open", 5702)
    assert [item["amount"] for item in fake.invoice_items.values()] == [4227, 3475, -4000, 2000]


def test_a_push_makes_as_many_calls_as_the_kill_test_covers(fake: FakeStripe) -> None:
    values = bill(push_customer())
    fake.requests.clear()
    push(values)
    assert len(fake.requests) == CALLS_OF_A_PUSH


def test_lines_that_do_not_add_up_go_nowhere(fake: FakeStripe) -> None:
    values = bill(push_customer(), total=Decimal("57.03"))
    with pytest.raises(Permanent, match=r"do not add up to 57.03 USD"):
        push(values)
    assert fake.invoices == {}


def test_a_draft_that_somebody_touched_is_not_finalized(fake: FakeStripe, api: stripe.StripeClient) -> None:
    customer = push_customer()
    fake.trouble.spare_next, fake.trouble.fail_next = 3, 1
    with pytest.raises(Transient):
        push(bill(customer))
    [draft] = fake.invoices
    api.v1.invoice_items.create({"customer": customer, "invoice": draft, "currency": "usd", "amount": 1})
    with pytest.raises(Permanent, match=r"comes to 57.03 USD, our INV-0002 to 57.02 USD"):
        push(bill(customer))
    assert fake.invoices[draft]["status"] == "draft"


def test_another_invoice_under_the_stored_id_is_noticed(fake: FakeStripe) -> None:
    customer = push_customer()
    other = push(bill(customer, key="ffff", number="INV-0001"))
    with pytest.raises(Permanent, match="is not our INV-0002"):
        push(bill(customer), known=other.id)
    assert len(fake.invoices) == 1


def test_a_refusal_is_tried_afresh_once_its_cause_is_gone(fake: FakeStripe) -> None:
    customer = push_customer()
    other = push(bill(customer, key="ffff"))  # has our number
    for _ in range(2):
        with pytest.raises(Permanent, match="INV-0002 is already in use"):
            push(bill(customer))
    fake.invoices[other.id]["number"] = "INV-0001"
    assert push(bill(customer)).status == "open"


def test_an_invoice_already_overdue_is_due_tomorrow(fake: FakeStripe) -> None:
    pushed = push(bill(push_customer(), due_on=date(2023, 12, 31)))
    assert 0 < fake.invoices[pushed.id]["due_date"] - time.time() <= 86_400


def test_more_lines_than_stripe_takes_are_folded_into_the_last(fake: FakeStripe) -> None:
    lines = tuple(LineValues(f"l{n}", f"Line {n}", Decimal("0.01")) for n in range(252))
    pushed = push(bill(push_customer(), lines=lines, total=Decimal("2.52")))
    assert fake.invoices[pushed.id]["total"] == 252
    assert len(fake.invoice_items) == 250
    assert list(fake.invoice_items.values())[-1]["description"] == "3 further lines, see the invoice"


def test_yen_are_not_multiplied(fake: FakeStripe) -> None:
    lines = (LineValues("l1", "Platform fee", Decimal("5000")),)
    pushed = push(bill(push_customer(), lines=lines, total=Decimal("5000"), currency="JPY"))
    assert fake.invoices[pushed.id]["total"] == 5000


def test_a_transfer_we_recorded_settles_it_once_and_is_not_told_back(fake: FakeStripe, mailbox: Mailbox) -> None:
    pushed = push(bill(push_customer()))
    payments.settle_outside(pushed.id, idempotency_key="delivery-3")
    payments.settle_outside(pushed.id, idempotency_key="delivery-4")
    assert fake.invoices[pushed.id]["status"] == "paid"
    assert fake.wait_for_webhooks()
    assert [payments.received_payment(event) for event in mailbox.events] == [None] * len(mailbox.events)


def test_a_void_reaches_stripe_unless_the_customer_paid_first(fake: FakeStripe) -> None:
    customer = push_customer()
    unpaid, paid = push(bill(customer)), push(bill(customer, key="aaaa", number="INV-0003"))
    fake.pay(paid.id)
    payments.void_invoice(unpaid.id, idempotency_key="delivery-3")
    payments.void_invoice(unpaid.id, idempotency_key="delivery-4")
    with pytest.raises(Permanent, match="Stripe refused"):
        payments.void_invoice(paid.id, idempotency_key="delivery-5")
    assert [fake.invoices[one.id]["status"] for one in (unpaid, paid)] == ["void", "paid"]


@pytest.mark.parametrize(("status", "sentence"), [(429, "slow down"), (500, "failure of its own"), (503, "of its own")])
def test_failures_of_stripes_own_may_pass(fake: FakeStripe, status: int, sentence: str) -> None:
    fake.trouble.fail_next, fake.trouble.fail_status = 1, status
    with pytest.raises(Transient, match=sentence):
        push_customer()


def test_an_unreachable_stripe_and_a_wrong_key_may_pass(fake: FakeStripe, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_test_other"
    with pytest.raises(Transient, match="STRIPE_API_KEY"):
        push_customer()
    settings.STRIPE_API_URL = "http://127.0.0.1:1"
    with pytest.raises(Transient, match="could not be reached"):
        push_customer()


def test_a_refusal_is_permanent_and_says_why(fake: FakeStripe) -> None:
    with pytest.raises(Permanent, match="Country 'Ireland' is unknown"):
        payments.push_customer(replace(CONTOSO, country="Ireland"), idempotency_key="delivery-1")


def test_a_payment_comes_back_as_a_signed_event(fake: FakeStripe, mailbox: Mailbox) -> None:
    pushed = push(bill(push_customer()))
    fake.pay(pushed.id)
    assert fake.wait_for_webhooks()
    events = [payments.verify_webhook(*message) for message in zip(mailbox.bodies, mailbox.signatures, strict=True)]
    [received] = [payment for event in events if (payment := payments.received_payment(event))]
    assert (received.invoice_key, received.invoice_id, received.reference) == ("9a4c", pushed.id, pushed.id)
    assert (str(received.amount), received.currency) == ("57.02", "USD")
    assert received.received_at.timestamp() == fake.invoices[pushed.id]["status_transitions"]["paid_at"]


def test_a_tampered_foreign_or_old_message_is_refused(fake: FakeStripe, settings: Settings) -> None:
    push_customer()
    [event, *_] = fake.events.values()
    body, signature = fake.signed(event)
    assert payments.verify_webhook(body, signature)["id"] == event["id"]
    old = fake.signed(event, at=int(time.time()) - 301)
    for bad in ((body + b" ", signature), (body, ""), (body, "t=1,v1=ab"), (b"\xff", signature), old):
        with pytest.raises(ValueError, match=r"The signature is not Stripe's, or too old."):
            payments.verify_webhook(*bad)
    for secret in ("whsec_another", "", " , "):
        settings.STRIPE_WEBHOOK_SECRET = secret
        with pytest.raises(ValueError, match="signature"):
            payments.verify_webhook(body, signature)


def test_two_secrets_hold_while_they_are_rotated(fake: FakeStripe, settings: Settings) -> None:
    push_customer()
    settings.STRIPE_WEBHOOK_SECRET = "whsec_new, whsec_test"
    [event, *_] = fake.events.values()
    assert payments.verify_webhook(*fake.signed(event))["id"] == event["id"]
