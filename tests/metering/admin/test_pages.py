from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from governance.models import Change
from metering import operations
from metering.models import Meter, QuarantinedEvent, UsageEvent
from tests.metering.conftest import NOON, event

METER = {
    "key": "calls",
    "name": "Calls",
    "event_type": "llm.request",
    "aggregation": "count",
    "property": "",
    "unit": "call",
    "filters": '{"region": ["eu"]}',
    "window_zone": "UTC",
    "because": "sales wants to price calls",
}

DEAL = "/admin/metering/quarantinedevent/deal/"


@pytest.fixture
def engineer(client: Client, eric: User) -> Client:
    client.force_login(eric)
    return client


def ingest(*events: Any) -> None:
    operations.ingest(events, source="gateway", at=NOON)


def press(client: Client, button: str, thing: QuarantinedEvent | None = None, **form: str) -> Any:
    args = [] if thing is None else [thing.pk]
    url = reverse(f"admin:metering_quarantinedevent_{button}", args=args)
    return client.post(url, {"_form_submitted": "1", "because": "the mapping is put right"} | form)


def test_an_engineer_defines_a_meter(engineer: Client) -> None:
    response = engineer.post(reverse("admin:metering_meter_add"), METER)
    assert response.status_code == 302
    meter = Meter.objects.get()
    assert (meter.key, meter.filters) == ("calls", {"region": ["eu"]})
    change = Change.objects.get(name="meter.defined")
    assert (change.by_name, change.because) == ("Eric Events", "sales wants to price calls")
    page = engineer.get(reverse("admin:metering_meter_change", args=[meter.pk]))
    assert b"eu" in page.content
    assert engineer.get(reverse("admin:metering_meter_history", args=[meter.pk])).status_code == 200


@pytest.mark.parametrize(
    "fields", [{"filters": '{"region": "eu"}'}, {"because": " "}, {"aggregation": "sum"}, {"key": "no slug"}]
)
def test_an_impossible_meter_is_said_on_the_form(engineer: Client, fields: dict[str, str]) -> None:
    response = engineer.post(reverse("admin:metering_meter_add"), METER | fields)
    assert response.status_code == 200
    assert response.context["errors"]
    assert not Meter.objects.exists()


def test_a_meter_is_redefined_and_keeps_its_key(engineer: Client, tokens: Meter) -> None:
    url = reverse("admin:metering_meter_change", args=[tokens.pk])
    assert engineer.get(url).status_code == 200
    assert engineer.post(url, METER).status_code == 302
    meter = Meter.objects.get()
    assert (meter.key, meter.aggregation, meter.filters) == ("tokens", "count", {"region": ["eu"]})


@pytest.mark.parametrize(("who", "status"), [("ben", 403), ("cara", 200), ("cleo", 200), ("ada", 200)])
def test_who_may_look(request: pytest.FixtureRequest, client: Client, tokens: Meter, who: str, status: int) -> None:
    ingest(event("e1"), event("e2", customer="nobody"))
    client.force_login(request.getfixturevalue(who))
    for name in ("meter", "usageevent", "quarantinedevent"):
        assert client.get(reverse(f"admin:metering_{name}_changelist")).status_code == status


def test_an_event_is_found_by_id_and_by_customer(engineer: Client, tokens: Meter) -> None:
    ingest(event("e1"), event("e12", customer="fabrikam"))
    for term, found in (("e1", ["e1"]), ("fabrikam", ["e12"]), ("e", [])):
        page = engineer.get(reverse("admin:metering_usageevent_changelist"), {"q": term})
        assert [row.event_id for row in page.context["cl"].result_list] == found


def test_an_event_shows_what_counts_it_and_cannot_be_changed(
    engineer: Client, tokens: Meter, meter: Callable[..., Meter]
) -> None:
    meter("eu", filters={"region": ["eu"]})
    ingest(event("e1"))
    url = reverse("admin:metering_usageevent_change", args=[UsageEvent.objects.get().pk])
    page = engineer.get(url).content.decode()
    assert "Tokens" in page
    assert "&quot;tokens&quot;: 5" in page
    assert engineer.post(url, {"customer_key": "fabrikam"}).status_code == 403
    assert engineer.get(reverse("admin:metering_usageevent_add")).status_code == 403
    assert engineer.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert UsageEvent.objects.get().customer_key == "contoso"


def test_replay_and_dismiss(engineer: Client, tokens: Meter, customers: set[str]) -> None:
    ingest(event("e1", customer="tailspin"), event("e2", customer="nobody"))
    first, second = QuarantinedEvent.objects.order_by("event_id")
    press(engineer, "replay", first)
    assert not UsageEvent.objects.exists()
    customers.add("tailspin")
    press(engineer, "replay", first)
    assert UsageEvent.objects.get().event_id == "e1"
    press(engineer, "dismiss", second)
    second.refresh_from_db()
    assert second.resolution == "dismissed"
    change = Change.objects.get(name="usage_event.dismissed")
    assert (change.by_name, change.because) == ("Eric Events", "the mapping is put right")
    assert engineer.get(reverse("admin:metering_quarantinedevent_change", args=[second.pk])).status_code == 200
    assert engineer.get(reverse("admin:metering_quarantinedevent_history", args=[second.pk])).status_code == 200


def test_without_a_reason_nothing_happens(engineer: Client, tokens: Meter) -> None:
    ingest(event("e1", customer="nobody"))
    press(engineer, "dismiss", QuarantinedEvent.objects.get(), because="")
    assert QuarantinedEvent.objects.get().resolved_at is None


def test_only_an_engineer_replays(client: Client, tokens: Meter, cara: User, customers: set[str]) -> None:
    ingest(event("e1", customer="tailspin"))
    customers.add("tailspin")
    client.force_login(cara)
    lost = QuarantinedEvent.objects.get()
    assert press(client, "replay", lost).status_code == 403
    assert press(client, "dismiss", lost).status_code == 403
    assert client.post(DEAL, {"deed": "replay", "because": "I want to"}).status_code == 403
    assert not UsageEvent.objects.exists()


@pytest.mark.parametrize("name", ["usageevent", "quarantinedevent"])
def test_lists_take_as_many_queries_for_one_row_as_for_three(
    engineer: Client, tokens: Meter, name: str, django_assert_max_num_queries: Any
) -> None:
    url = reverse(f"admin:metering_{name}_changelist")
    ingest(event("e0"), event("x0", customer="nobody"))
    engineer.get(url)
    with django_assert_max_num_queries(40) as one:
        engineer.get(url)
    ingest(*[event(f"e{n}") for n in (1, 2)], *[event(f"x{n}", customer="nobody") for n in (1, 2)])
    with django_assert_max_num_queries(40) as three:
        engineer.get(url)
    assert len(one) == len(three)
