"""The fake Stripe refuses what Stripe refuses, seen through the official client over HTTP."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import stripe

from integrations.fakes.stripe import FakeStripe
from tests.integrations.conftest import Mailbox

DUE = {"collection_method": "send_invoice", "days_until_due": 30}


def customer(api: stripe.StripeClient) -> str:
    return api.v1.customers.create({"name": "Contoso Ltd", "email": "dan@contoso.example"}).id


def draft(api: stripe.StripeClient, *amounts: int, currency: str = "usd") -> stripe.Invoice:
    who = customer(api)
    invoice = api.v1.invoices.create({"customer": who, "currency": currency, **DUE})
    for amount in amounts:
        fields = {"customer": who, "invoice": invoice.id, "currency": currency, "amount": amount, "description": "Line"}
        api.v1.invoice_items.create(fields)
    return api.v1.invoices.retrieve(invoice.id)


def opened(api: stripe.StripeClient, *amounts: int) -> stripe.Invoice:
    return api.v1.invoices.finalize_invoice(draft(api, *amounts).id)


def test_an_unknown_key_is_refused_and_nothing_is_written(fake: FakeStripe) -> None:
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": fake.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.create({"name": "Eve"})
    assert fake.customers == {}


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"customer": "cus_1", "days_untl_due": "3"}, "parameter_unknown", "days_untl_due"),
        ({"customer": "cus_1", "automatic_tax[enabledd]": "true"}, "parameter_unknown", "automatic_tax[enabledd]"),
        (
            {"customer": "cus_1", "automatic_tax[liability][type]": "self"},
            "parameter_missing",
            "automatic_tax[enabled]",
        ),
        ({"customer": "cus_1", "days_until_due": "soon"}, "parameter_invalid_integer", "days_until_due"),
        ({"customer": ""}, "parameter_invalid_empty", "customer"),
        ({"customer": "cus_1", "collection_method": "barter"}, None, "collection_method"),
        ({"customer": "cus_1", "auto_advance": "perhaps"}, None, "auto_advance"),
        ({"customer": "cus_1", "metadata[a][b]": "c"}, None, "metadata[a]"),
        ({"customer": "cus_1"}, "resource_missing", "customer"),
        ({}, "parameter_missing", "customer"),
    ],
)
def test_parameters_that_stripe_does_not_know_are_refused_by_name(
    fake: FakeStripe, form: dict[str, str], code: str | None, param: str
) -> None:
    answer = requests.post(
        f"{fake.url}/v1/invoices", data=form, headers={"Authorization": "Bearer sk_test_quoin"}, timeout=10
    )
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert fake.invoices == {}


def test_a_valid_parameter_that_is_not_played_says_so(fake: FakeStripe, api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.APIError) as raised:
        api.v1.customers.create({"name": "Contoso Ltd", "balance": -500})
    assert raised.value.http_status == 501
    assert fake.customers == {}


def test_what_does_not_exist_is_a_404(api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.invoices.retrieve("in_nothing")
    assert (raised.value.http_status, raised.value.code) == (404, "resource_missing")


def test_the_same_key_and_body_is_answered_once_and_replayed(fake: FakeStripe, api: stripe.StripeClient) -> None:
    first = api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    again = api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert list(fake.customers) == [first.id]


def test_the_same_key_with_another_body_is_refused(fake: FakeStripe, api: stripe.StripeClient) -> None:
    api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        api.v1.customers.create({"name": "Fabrikam"}, {"idempotency_key": "k"})
    assert [one["name"] for one in fake.customers.values()] == ["Contoso Ltd"]


def test_a_twin_of_a_running_request_is_a_conflict(fake: FakeStripe, api: stripe.StripeClient) -> None:
    fake.trouble.delay = 0.5

    def create(_: int) -> int:
        try:
            api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
        except stripe.StripeError as error:
            return error.http_status or 0
        return 200

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, range(4))) == [200, 409, 409, 409]
    assert len(fake.customers) == 1


def test_a_refused_validation_does_not_use_up_the_key(fake: FakeStripe, api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.customers.create({"nickname": "x"}, {"idempotency_key": "k"})  # type: ignore[arg-type]
    api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    assert len(fake.customers) == 1


def test_keys_are_forgotten_on_demand(fake: FakeStripe, api: stripe.StripeClient) -> None:
    api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    fake.forget_keys()
    api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    assert len(fake.customers) == 2


def test_an_invoice_adds_up_is_finalized_and_paid(fake: FakeStripe, api: stripe.StripeClient) -> None:
    invoice = opened(api, 4227, 3475, -4000, 2000)
    assert (invoice.status, invoice.total, invoice.amount_due) == ("open", 5702, 5702)
    assert [line.amount for line in invoice.lines.data] == [4227, 3475, -4000, 2000]
    assert invoice.hosted_invoice_url == f"{fake.url}/invoice/{invoice.id}"
    paid = api.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa", "expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 5702, 0)
    assert paid.payments is not None
    assert [one.amount_paid for one in paid.payments.data] == [5702]


def test_a_finalized_invoice_takes_no_more_items(fake: FakeStripe, api: stripe.StripeClient) -> None:
    invoice = opened(api, 100)
    item = {"customer": str(invoice.customer), "invoice": invoice.id, "currency": "usd", "amount": 1}
    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.invoice_items.create(item)
    assert raised.value.code == "invoice_not_editable"
    assert len(fake.invoice_items) == 1


def test_states_go_one_way(api: stripe.StripeClient) -> None:
    invoices = api.v1.invoices
    unfinished, voided, paid, lost = draft(api, 100), opened(api, 100), opened(api, 100), opened(api, 100)
    invoices.void_invoice(voided.id)
    invoices.pay(paid.id, {"paid_out_of_band": True})
    invoices.mark_uncollectible(lost.id)
    for refused in (
        lambda: invoices.pay(unfinished.id, {"paid_out_of_band": True}),
        lambda: invoices.void_invoice(unfinished.id),
        lambda: invoices.pay(voided.id, {"paid_out_of_band": True}),
        lambda: invoices.finalize_invoice(voided.id),
        lambda: invoices.void_invoice(paid.id),
        lambda: invoices.pay(paid.id, {"paid_out_of_band": True}),
        lambda: invoices.finalize_invoice(paid.id),
        lambda: invoices.mark_uncollectible(paid.id),
        lambda: invoices.delete(paid.id),
        lambda: invoices.update(paid.id, {"description": "x"}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            refused()
        assert raised.value.code == "invoice_not_editable"
    states = [invoices.retrieve(one.id).status for one in (unfinished, voided, paid, lost)]
    assert states == ["draft", "void", "paid", "uncollectible"]


def test_nothing_due_is_paid_at_once(api: stripe.StripeClient) -> None:
    assert opened(api, 4000, -4000).status == "paid"


def test_an_invoice_below_zero_becomes_the_customers_credit(fake: FakeStripe, api: stripe.StripeClient) -> None:
    invoice = opened(api, -300)
    assert (invoice.status, invoice.total, invoice.amount_due) == ("paid", -300, 0)
    assert fake.customers[str(invoice.customer)]["balance"] == -300


def test_a_due_date_in_the_past_is_refused(fake: FakeStripe, api: stripe.StripeClient) -> None:
    fields = {"customer": customer(api), "collection_method": "send_invoice", "due_date": int(time.time()) - 1}
    with pytest.raises(stripe.InvalidRequestError) as raised:
        api.v1.invoices.create(fields)
    assert raised.value.param == "due_date"
    assert fake.invoices == {}


def test_a_number_is_given_once(fake: FakeStripe, api: stripe.StripeClient) -> None:
    fields = {"customer": customer(api), "number": "INV-1", **DUE}
    api.v1.invoices.create(fields)
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.invoices.create(fields)
    assert len(fake.invoices) == 1


def test_currencies_do_not_mix_and_keep_their_decimals(fake: FakeStripe, api: stripe.StripeClient) -> None:
    invoice = draft(api)
    for currency, amount in (("eur", 100), ("kwd", 1234)):
        item = {"customer": str(invoice.customer), "invoice": invoice.id, "currency": currency, "amount": amount}
        with pytest.raises(stripe.InvalidRequestError):
            api.v1.invoice_items.create(item)
    assert fake.invoice_items == {}


def test_a_declined_card_leaves_the_invoice_open(fake: FakeStripe, api: stripe.StripeClient, mailbox: Mailbox) -> None:
    invoice = opened(api, 100)
    with pytest.raises(stripe.CardError) as raised:
        api.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeDeclined"})
    assert raised.value.code == "card_declined"
    assert api.v1.invoices.retrieve(invoice.id).status == "open"
    assert fake.wait_for_webhooks()
    assert mailbox.types[-1] == "invoice.payment_failed"


def test_a_refund_never_exceeds_the_charge(fake: FakeStripe, api: stripe.StripeClient) -> None:
    fake.pay(opened(api, 500).id)
    [intent] = fake.store.tables["payment_intents"]
    api.v1.refunds.create({"payment_intent": intent, "amount": 200})
    with pytest.raises(stripe.InvalidRequestError):
        api.v1.refunds.create({"payment_intent": intent, "amount": 301})
    api.v1.refunds.create({"payment_intent": intent})
    assert [one["amount"] for one in fake.store.tables["refunds"].values()] == [200, 300]


def test_lists_are_newest_first_and_paged(api: stripe.StripeClient) -> None:
    made = [customer(api) for _ in range(5)]
    page = api.v1.customers.list({"limit": 2})
    assert [one.id for one in page.data] == made[:2:-1]
    assert page.has_more is True
    assert [one.id for one in page.auto_paging_iter()] == made[::-1]
    assert api.v1.customers.list({"email": "eve@else.example"}).data == []


def test_webhooks_are_signed_and_tell_the_story(fake: FakeStripe, api: stripe.StripeClient, mailbox: Mailbox) -> None:
    invoice = opened(api, 5702)
    fake.pay(invoice.id)
    assert fake.wait_for_webhooks()
    assert mailbox.types == [
        "customer.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.succeeded",
        "charge.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    for body, signature in zip(mailbox.bodies, mailbox.signatures, strict=True):
        stripe.WebhookSignature.verify_header(body, signature, "whsec_test", 300)
    assert {event["api_version"] for event in mailbox.events} == {stripe.api_version}
    assert mailbox.events[-2]["data"]["object"]["amount_paid"] == 5702


def test_a_webhook_that_is_not_taken_comes_again(fake: FakeStripe, api: stripe.StripeClient, mailbox: Mailbox) -> None:
    mailbox.refuse = 2
    customer(api)
    assert fake.wait_for_webhooks()
    assert mailbox.types == ["customer.created"]


def test_webhooks_come_twice_and_out_of_order_when_asked(mailbox: Mailbox) -> None:
    fake = FakeStripe("sk_test_quoin", mailbox.url, "whsec_test", duplicates=2, out_of_order=True)
    api = stripe.StripeClient("sk_test_quoin", base_addresses={"api": fake.start()})
    opened(api, 100)
    assert fake.wait_for_webhooks()
    fake.stop()
    assert sorted(mailbox.types) == sorted(["customer.created", "invoice.created", "invoice.finalized"] * 2)
    assert mailbox.types[0] != "customer.created"
    assert len({event["id"] for event in mailbox.events}) == 3


def test_the_hosted_page_shows_the_invoice_and_pays_it(fake: FakeStripe, api: stripe.StripeClient) -> None:
    invoice = opened(api, 123456)
    address = str(invoice.hosted_invoice_url)
    assert "Pay 1,234.56 USD" in requests.get(address, timeout=10).text
    after = requests.post(address, timeout=10)
    assert "Paid on" in after.text
    assert "<button" not in after.text
    assert fake.invoices[invoice.id]["status"] == "paid"
    assert requests.get(f"{fake.url}/invoice/in_nothing", timeout=10).status_code == 404


def test_failures_are_ordered_by_count(fake: FakeStripe, api: stripe.StripeClient) -> None:
    requests.post(f"{fake.url}/_fake/trouble", json={"fail_next": 2, "fail_status": 429}, timeout=10)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            customer(api)
    customer(api)
    assert len(fake.customers) == 1


def test_an_answer_lost_on_the_way_was_committed(fake: FakeStripe, api: stripe.StripeClient) -> None:
    fake.trouble.drop_next = 1
    with pytest.raises(stripe.APIConnectionError):
        api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    assert len(fake.customers) == 1
    made = api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    assert list(fake.customers) == [made.id]


def test_a_restart_loses_nothing_and_posts_what_was_left(tmp_path: Path, mailbox: Mailbox) -> None:
    nowhere = "http://127.0.0.1:1/hooks/stripe"
    first = FakeStripe("sk_test_quoin", nowhere, "whsec_test", state_file=tmp_path / "stripe.json")
    api = stripe.StripeClient("sk_test_quoin", base_addresses={"api": first.start()})
    made = api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    first.stop()
    second = FakeStripe("sk_test_quoin", mailbox.url, "whsec_test", state_file=tmp_path / "stripe.json")
    api = stripe.StripeClient("sk_test_quoin", base_addresses={"api": second.start()})
    again = api.v1.customers.create({"name": "Contoso Ltd"}, {"idempotency_key": "k"})
    assert second.wait_for_webhooks()
    second.stop()
    assert again.id == made.id
    assert mailbox.types == ["customer.created"]


def test_a_payment_by_control_request_and_a_resent_event(
    fake: FakeStripe, api: stripe.StripeClient, mailbox: Mailbox
) -> None:
    invoice = opened(api, 100)
    requests.post(f"{fake.url}/_fake/pay/{invoice.id}", timeout=10).raise_for_status()
    state = requests.get(f"{fake.url}/_fake/state", timeout=10).json()
    assert [one["status"] for one in state["invoices"]] == ["paid"]
    requests.post(f"{fake.url}/_fake/resend/{state['events'][-1]['id']}", timeout=10).raise_for_status()
    assert fake.wait_for_webhooks()
    assert mailbox.types[-2:] == ["invoice.payment_succeeded"] * 2


def test_many_writers_lose_nothing(fake: FakeStripe, api: stripe.StripeClient) -> None:
    start = threading.Barrier(8)

    def create(_: int) -> str:
        start.wait()
        return customer(api)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(create, range(8))) == set(fake.customers)


def test_a_clock_dates_the_objects_and_a_seed_names_them(mailbox: Mailbox) -> None:
    made = []
    for _ in range(2):
        fake = FakeStripe("sk_test_quoin", mailbox.url, "whsec_test", clock=lambda: 1_700_000_000, seed="journey")
        api = stripe.StripeClient("sk_test_quoin", base_addresses={"api": fake.start()})
        invoice = opened(api, 100)
        assert fake.open_invoices() == [invoice.id]
        fake.pay(invoice.id)
        assert fake.open_invoices() == []
        assert fake.wait_for_webhooks()
        fake.stop()
        made.append((invoice.id, invoice.customer, fake.invoices[invoice.id]["status_transitions"]["paid_at"]))
    assert made[0] == made[1]
    assert made[0][2] == 1_700_000_000
    stripe.WebhookSignature.verify_header(mailbox.bodies[0], mailbox.signatures[0], "whsec_test", 300)
