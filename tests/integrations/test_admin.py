"""Deliveries and messages in the admin: failures first, and a retry that says why."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import Change, ExternalId
from integrations import inbox, outbox
from integrations.models import Delivery, InboundMessage
from tests import cast

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
DELIVERIES, MESSAGES = "/admin/integrations/delivery/", "/admin/integrations/inboundmessage/"


def signed_in(name: str) -> Client:
    client = Client()
    client.force_login(cast.person(name), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def failed(db: None) -> Delivery:
    """The oldest of three deliveries failed."""
    for key in ("a", "b", "c"):
        cast.customer(key)
    outbox.relay(at=NOW)
    delivery = Delivery.objects.order_by("id")[0]
    Delivery.objects.exclude(pk=delivery.pk).update(status="done", done_at=NOW)
    Delivery.objects.filter(pk=delivery.pk).update(status="failed", attempts=10, error="Salesforce refused: no.")
    return Delivery.objects.get(pk=delivery.pk)


@pytest.fixture
def refused_message(db: None) -> InboundMessage:
    message = inbox.receive(sender="bank", message_id="m-1", type="money.arrived", body={"a": "<b>"}, at=NOW)
    InboundMessage.objects.filter(pk=message.pk).update(status="failed", error="Too much.")
    return InboundMessage.objects.get(pk=message.pk)


def retry(client: Client, page: str, pk: int, because: str = "They are back") -> int:
    url = reverse(f"admin:integrations_{page.split('/')[-2]}_retry", args=[pk])
    return client.post(url, {"_form_submitted": "1", "because": because}).status_code


@pytest.mark.parametrize(
    ("name", "status"), [("cara", 200), ("ada", 200), ("eric", 200), ("ann", 403), ("ben", 403), ("dee", 403)]
)
def test_what_goes_out_and_comes_in_is_for_those_who_mend_it(
    failed: Delivery, refused_message: InboundMessage, name: str, status: int
) -> None:
    client = signed_in(name)
    pages = [DELIVERIES, f"{DELIVERIES}{failed.pk}/change/", MESSAGES, f"{MESSAGES}{refused_message.pk}/change/"]
    for url in pages:
        assert client.get(url).status_code == status, url


def test_failures_come_first_with_their_error(failed: Delivery) -> None:
    page = signed_in("eric").get(DELIVERIES)
    assert next(row.pk for row in page.context["cl"].result_list) == failed.pk
    assert "Salesforce refused: no." in page.content.decode()


def test_a_retry_makes_it_due_again_and_keeps_the_reason(failed: Delivery) -> None:
    assert "Try again" in signed_in("eric").get(f"{DELIVERIES}{failed.pk}/change/").content.decode()
    retry(signed_in("eric"), DELIVERIES, failed.pk)
    failed.refresh_from_db()
    assert (failed.status, failed.attempts) == ("due", 0)
    change = Change.objects.get(name="delivery.retried")
    assert (change.by_name, change.because) == ("Eric Events", "They are back")


@pytest.mark.parametrize("name", ["ben", "dee", "cleo"])
def test_who_may_not_retry_changes_nothing(failed: Delivery, name: str) -> None:
    assert retry(signed_in(name), DELIVERIES, failed.pk) == 403
    failed.refresh_from_db()
    assert failed.status == "failed"
    assert not Change.objects.filter(name="delivery.retried").exists()


def test_a_retry_without_a_reason_changes_nothing(failed: Delivery) -> None:
    retry(signed_in("eric"), DELIVERIES, failed.pk, because=" ")
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_what_did_not_fail_has_no_retry(failed: Delivery) -> None:
    done = Delivery.objects.filter(status="done")[0]
    assert "Try again" not in signed_in("eric").get(f"{DELIVERIES}{done.pk}/change/").content.decode()
    retry(signed_in("eric"), DELIVERIES, done.pk)
    done.refresh_from_db()
    assert done.status == "done"


def test_a_refused_message_shows_what_came_and_can_be_looked_at_again(refused_message: InboundMessage) -> None:
    page = signed_in("cara").get(f"{MESSAGES}{refused_message.pk}/change/").content.decode()
    assert "Too much." in page
    assert "&quot;a&quot;: &quot;&lt;b&gt;&quot;" in page
    retry(signed_in("cara"), MESSAGES, refused_message.pk)
    refused_message.refresh_from_db()
    assert refused_message.status == "new"


def test_lists_ask_as_often_for_one_row_as_for_three(failed: Delivery, django_assert_max_num_queries: Any) -> None:
    client = signed_in("eric")
    client.get(DELIVERIES)
    counts = []
    for query in ({"status__exact": "failed"}, {}):
        with django_assert_max_num_queries(60) as asked:
            client.get(DELIVERIES, query)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_ids_of_others_lead_to_our_records(failed: Delivery) -> None:
    customer = cast.customer("a")
    ExternalId.objects.create(
        system="stripe", subject_type="contracts.customer", subject_id=str(customer.pk), external_id="cus_1"
    )
    assert "cus_1" in signed_in("eric").get("/admin/governance/externalid/").content.decode()
