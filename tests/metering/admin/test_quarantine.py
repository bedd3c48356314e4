"""The page of what waits: totals, money, filters, and many dealt with at once."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from governance.models import Change
from metering import operations
from metering.models import EventType, Meter, QuarantinedEvent, UsageEvent
from metering.quarantine import operations as quarantine
from metering.registry.registering import change_event_type
from tests import cast
from tests.metering.conftest import NOON, event

LIST, DEAL = "/admin/metering/quarantinedevent/", "/admin/metering/quarantinedevent/deal/"


@pytest.fixture
def engineer(client: Client, eric: User) -> Client:
    client.force_login(eric)
    return client


@pytest.fixture
def waiting(tokens: Meter, eric: User) -> None:
    """Three of an unknown customer, worth 3.00 in all, and one without a number, all Eric's; one of no type."""
    change_event_type(EventType.objects.get(), owner=eric, act=cast.act("eric"))
    ingest(*[event(f"c{number}", customer="tailspin") for number in range(3)], event("m1", properties={}))
    ingest(event("t1", type="strange"))
    QuarantinedEvent.objects.filter(reason="unknown_customer").update(
        at_risk=Decimal("1.00"), at_risk_currency="USD", estimated_at=NOON
    )


def ingest(*events: Any) -> None:
    operations.ingest(events, source="gateway", at=NOON)


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def shown(response: Any) -> list[str]:
    return sorted(row.event_id for row in response.context["cl"].result_list)


def deal(client: Client, query: str, **form: str) -> list[str]:
    response = client.post(DEAL + query, {"because": "agreed with the gateway's team"} | form, follow=True)
    return [str(message) for message in response.context["messages"]]


def test_totals_and_money_stand_on_top(engineer: Client, waiting: None) -> None:
    page = text(engineer.get(LIST))
    assert "5 events wait, about $3.00 at risk 2 of unknown worth" in page
    assert "No such customer Eric Events 3 $3.00" in page
    assert "A property that is needed is missing or not a number Eric Events 1 — 1 of unknown worth" in page
    assert "No such event type nobody 1 — 1 of unknown worth" in page


def test_totals_are_those_of_the_filtered_list(engineer: Client, waiting: None) -> None:
    page = engineer.get(f"{LIST}?owner=nobody")
    assert shown(page) == ["t1"]
    assert "1 event waits 1 of unknown worth" in text(page)
    assert "Replay, dismiss or hand over" in text(page)


def test_without_anything_waiting_there_are_no_totals(engineer: Client) -> None:
    page = text(engineer.get(LIST))
    assert "at risk 2" not in page
    assert "Replay, dismiss" not in page
    assert "No quarantined events yet" in page


def test_mine_and_nobodys(engineer: Client, waiting: None, ada: User) -> None:
    assert shown(engineer.get(f"{LIST}?owner=mine")) == ["c0", "c1", "c2", "m1"]
    quarantine.hand_over(QuarantinedEvent.objects.filter(event_id="m1"), to=ada, act=cast.act("eric"))
    assert shown(engineer.get(f"{LIST}?owner=mine")) == ["c0", "c1", "c2"]
    assert shown(engineer.get(f"{LIST}?owner={ada.pk}")) == ["m1"]
    assert shown(engineer.get(f"{LIST}?owner=x%27")) == []


def test_many_are_replayed_by_the_filters_of_the_list(engineer: Client, waiting: None, customers: set[str]) -> None:
    customers.add("tailspin")
    page = engineer.get(f"{DEAL}?reason__exact=unknown_customer")
    assert "3 events that wait, about $3.00 at risk" in text(page)
    assert deal(engineer, "?reason__exact=unknown_customer", deed="replay") == ["3 counted."]
    assert UsageEvent.objects.count() == 3
    assert shown(engineer.get(LIST)) == ["m1", "t1"]
    row = QuarantinedEvent.objects.get(event_id="c1")
    assert row.resolved_in == Change.objects.get(name="quarantine.replayed")
    page = text(engineer.get(f"{LIST}{row.pk}/change/"))
    assert "by Eric Events: agreed with the gateway&#x27;s team" in page


def test_many_are_dismissed_and_what_does_not_fit_waits_on(engineer: Client, waiting: None) -> None:
    assert deal(engineer, "?owner=nobody", deed="dismiss") == ["1 dismissed."]
    assert QuarantinedEvent.objects.get(event_id="t1").resolution == "dismissed"
    assert QuarantinedEvent.objects.filter(resolved_at=None).count() == 4
    assert not UsageEvent.objects.exists()
    assert deal(engineer, "?owner=nobody", deed="dismiss") == ["0 dismissed."]


def test_many_are_handed_over(engineer: Client, waiting: None) -> None:
    eric = cast.person("eric")
    assert deal(engineer, "?reason__exact=unknown_type", deed="hand over", to=str(eric.pk)) == [
        "1 handed over to Eric Events."
    ]
    assert QuarantinedEvent.objects.get(event_id="t1").owner == eric


def test_without_a_reason_nothing_happens(engineer: Client, waiting: None) -> None:
    response = engineer.post(DEAL, {"deed": "dismiss", "because": " "})
    assert response.status_code == 200
    assert "This field is required" in text(response)
    assert QuarantinedEvent.objects.filter(resolved_at=None).count() == 5


def test_what_was_chosen_by_a_search_is_dealt_with(engineer: Client, waiting: None) -> None:
    assert deal(engineer, "?q=tailspin", deed="dismiss") == ["3 dismissed."]
    assert engineer.get(f"{DEAL}?nonsense=1").status_code == 404


def test_one_is_handed_over(engineer: Client, waiting: None) -> None:
    row = QuarantinedEvent.objects.get(event_id="t1")
    url = reverse("admin:metering_quarantinedevent_hand_over", args=[row.pk])
    engineer.post(url, {"_form_submitted": "1", "because": "his", "to": str(cast.person("eric").pk)})
    row.refresh_from_db()
    assert row.owner == cast.person("eric")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("c0", "Say whose tailspin is: define an alias"),
        ("t1", "Register strange, and replay it"),
        ("m1", "Look at what llm.request demands"),
    ],
)
def test_the_page_of_one_says_how_to_put_it_right(engineer: Client, waiting: None, name: str, remedy: str) -> None:
    row = QuarantinedEvent.objects.get(event_id=name)
    page = text(engineer.get(f"{LIST}{row.pk}/change/"))
    assert remedy in page
    assert ("About $1.00 (estimated" in page) == (name == "c0")
    assert ("Not estimated yet" in page) == (name != "c0")


def test_the_list_takes_as_many_queries_for_many_as_for_few(
    engineer: Client, waiting: None, django_assert_max_num_queries: Any
) -> None:
    engineer.get(LIST)
    with django_assert_max_num_queries(40) as few:
        engineer.get(LIST)
    ingest(*[event(f"d{number}", customer="tailspin", before=timedelta(hours=1)) for number in range(9)])
    with django_assert_max_num_queries(40) as many:
        engineer.get(LIST)
    assert len(few) == len(many)
