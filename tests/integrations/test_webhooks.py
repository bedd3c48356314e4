"""The hook's door: signed messages are kept and answered, everything else leaves no trace."""

import json
import time

import pytest
import stripe
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.models import InboundMessage

SECRET = "whsec_hook"
EVENT = {"id": "evt_1", "object": "event", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}


@pytest.fixture(autouse=True)
def _on(settings: Settings, db: None) -> None:
    settings.STRIPE_WEBHOOK_SECRET = SECRET


def post(
    client: Client, event: object = EVENT, *, secret: str = SECRET, at: int | None = None, signature: str | None = None
) -> int:
    body = json.dumps(event)
    if signature is None:
        signature = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    answer = client.post("/hooks/stripe", body, "application/json", headers={"Stripe-Signature": signature})
    return answer.status_code


def test_a_signed_event_is_kept_as_it_came_and_not_yet_applied(client: Client) -> None:
    assert post(client) == 200
    message = InboundMessage.objects.get()
    assert (message.sender, message.message_id, message.type) == ("stripe", "evt_1", "invoice.paid")
    assert (message.body, message.status, message.times_received) == (EVENT, "new", 1)


def test_the_same_event_twice_is_kept_once(client: Client) -> None:
    assert [post(client), post(client)] == [200, 200]
    assert InboundMessage.objects.get().times_received == 2


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "nonsense", "t=x,v1=é"])
def test_a_bad_signature_is_refused_and_leaves_no_row(client: Client, signature: str) -> None:
    assert post(client, signature=signature) == 400
    assert InboundMessage.objects.count() == 0


def test_another_secret_is_refused(client: Client) -> None:
    assert post(client, secret="whsec_other") == 400
    assert InboundMessage.objects.count() == 0


def test_a_replay_after_five_minutes_is_refused(client: Client) -> None:
    assert post(client, at=int(time.time()) - 301) == 400
    assert InboundMessage.objects.count() == 0


def test_a_changed_body_is_refused(client: Client) -> None:
    signature = stripe.WebhookSignature.generate_signature_header(json.dumps(EVENT), SECRET)
    assert post(client, {**EVENT, "id": "evt_2"}, signature=signature) == 400
    assert InboundMessage.objects.count() == 0


@pytest.mark.parametrize("event", [[], {}, {"object": "event"}, {"object": "event", "id": "evt_1"}, "text", 1])
def test_a_signed_message_that_is_no_event_is_refused(client: Client, event: object) -> None:
    assert post(client, event) == 400
    assert InboundMessage.objects.count() == 0


def test_both_secrets_are_good_while_they_are_rotated(client: Client, settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = "whsec_new,whsec_hook"
    assert [post(client), post(client, secret="whsec_new")] == [200, 200]


def test_nothing_is_taken_while_stripe_is_off(client: Client, settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert [post(client), post(client, secret="")] == [400, 400]
    assert InboundMessage.objects.count() == 0


def test_only_post_is_answered(client: Client) -> None:
    assert client.get("/hooks/stripe").status_code == 405


def test_no_csrf_token_is_asked_for(client: Client) -> None:
    assert post(Client(enforce_csrf_checks=True)) == 200
