"""Meters through their doors: the admin's form, its preview and timeline; the API."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from governance.acts import Act
from metering import operations
from metering.models import Meter, MeterVersion
from metering.registry.registering import register_event_type
from tests.metering.conftest import NOON, event

Define = Callable[..., Meter]
FORM = {
    "key": "tokens", "name": "Tokens", "unit": "token", "event_type": "llm.request", "aggregation": "sum",
    "property": "input + 5 * output", "condition": "kind = 'call'", "filters": '{"region": ["eu"]}',
    "dimensions": "model, region", "window": "", "window_zone": "UTC", "per": "", "over": "",
    "because": "We sell tokens",
}  # fmt: skip


@pytest.fixture
def as_eric(client: Client, eric: User) -> Client:
    client.force_login(eric, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def reported(by_eric: Act, db: None) -> None:
    register_event_type(key="llm.request", act=by_eric)
    bodies = [
        {"kind": "call", "region": "eu", "input": 1, "output": "2.5"},
        {"kind": "call", "region": "us", "input": 1, "output": 2},
        {"kind": "ping", "region": "eu", "input": 1, "output": 2},
        {"kind": "call", "region": "eu", "input": 1},
    ]
    operations.ingest([event(f"e{n}", properties=body) for n, body in enumerate(bodies)], source="gateway", at=NOON)


def test_a_meter_is_defined_by_the_form(as_eric: Client) -> None:
    answer = as_eric.post(reverse("admin:metering_meter_add"), FORM)
    assert answer.status_code == 302
    meter = Meter.objects.get()
    assert (meter.property, meter.condition, meter.filters, meter.dimensions) == (
        "input + 5 * output", "kind = 'call'", {"region": ["eu"]}, ["model", "region"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"property": "input +"}, "Property: This cannot be read at character 7"),
        ({"window": "day"}, "Say what becomes of the numbers of each window or value"),
        ({"filters": '{"region": "eu"}'}, "for each property, the values that count."),
        ({"because": ""}, "This field is required."),
    ],
)
def test_the_form_says_what_is_wrong(as_eric: Client, wrong: dict[str, str], sentence: str) -> None:
    answer = as_eric.post(reverse("admin:metering_meter_add"), FORM | wrong)
    assert sentence in answer.content.decode()
    assert Meter.objects.count() == 0


def test_a_billed_meter_is_redefined_by_the_form(as_eric: Client, meter: Define) -> None:
    tokens = meter("tokens")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION meter_billed_through(meter uuid) RETURNS timestamptz STABLE LANGUAGE sql"
            " AS 'SELECT ''2026-04-01 00:00+00''::timestamptz'"
        )
    page = reverse("admin:metering_meter_change", args=[tokens.pk])
    said = FORM | {"because": "Output is dearer", "starts_from": "2026-05-01 00:00"}
    assert as_eric.post(page, said).status_code == 302
    assert MeterVersion.objects.get().until == datetime(2026, 5, 1, tzinfo=UTC)
    shown = as_eric.get(page).content.decode()
    for words in ("Sum of tokens", "before 1 May 2026", "from 1 May 2026 on", "Billed until 1 Apr 2026, 00:00 UTC"):
        assert words in shown


def test_the_preview_says_what_each_event_adds_or_why_not(as_eric: Client, reported: None) -> None:
    answer = as_eric.get(reverse("admin:metering_meter_preview"), FORM).content.decode()
    assert "<strong>13.5</strong>" in answer
    for why in ("region is us, not eu.", "kind = &#x27;call&#x27; is not true of it.", "It has no output."):
        assert f"not counted: {why}" in answer


def test_the_preview_says_what_last_month_would_have_been(as_eric: Client, reported: None, monkeypatch: Any) -> None:
    monkeypatch.setattr("governance.clock.now", lambda: datetime(2026, 4, 5, tzinfo=UTC))
    answer = as_eric.get(reverse("admin:metering_meter_preview"), FORM | {"customer": "contoso"}).content.decode()
    assert "Last month (March 2026, UTC) it would have answered <strong>13.5</strong> for contoso." in answer


def test_the_preview_says_what_cannot_be_read(as_eric: Client) -> None:
    answer = as_eric.get(reverse("admin:metering_meter_preview"), FORM | {"property": "input +"}).content.decode()
    assert "Property: This cannot be read at character 7" in answer


# ---------------------------------------------------------------- API
def sent(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(method, f"/api/v1/{path}", json.dumps(body) if body else "", "application/json")


def test_the_api_defines_lists_and_redefines(as_eric: Client) -> None:
    body = {
        "key": "peaks", "name": "Peaks", "event_type": "host", "aggregation": "max", "property": "cpu",
        "window": "day", "over": "sum", "carries_over": True, "because": "We bill peaks",
    }  # fmt: skip
    answer = sent(as_eric, "POST", "meters", body)
    assert answer.status_code == 201
    assert answer.json() == {
        "event_type": "host", "aggregation": "max", "property": "cpu", "filters": {}, "condition": "",
        "dimensions": [], "window": "day", "window_zone": "UTC", "per": "", "over": "sum", "carries_over": True,
        "key": "peaks", "name": "Peaks", "unit": "unit", "versions": [],
    }  # fmt: skip
    changed = sent(as_eric, "PUT", "meters/peaks", {"over": "average", "because": "The mean is fairer"})
    assert changed.json() == answer.json() | {"over": "average"}
    assert sent(as_eric, "GET", "meters").json() == [changed.json()]
    assert sent(as_eric, "GET", "meters/peaks").json() == changed.json()


def test_the_api_says_in_a_sentence_what_cannot_be_measured(as_eric: Client) -> None:
    body = {"key": "m", "name": "M", "event_type": "host", "aggregation": "max", "property": "a / b", "because": "x"}
    answer = sent(as_eric, "POST", "meters", body)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Property: Divide by a number only, as in duration / 1000: else it would not be exact (at character 1).",
    )
    assert Meter.objects.count() == 0


def test_the_api_previews(as_eric: Client, reported: None) -> None:
    asked = {
        "event_type": "llm.request", "aggregation": "sum", "property": "input", "condition": "kind = 'call'",
        "customer": "contoso", "start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z",
    }  # fmt: skip
    answer = sent(as_eric, "POST", "meters/preview", asked).json()
    assert answer["quantity"] == "3"
    assert {row["id"]: (row["value"], row["why_not"]) for row in answer["events"]} == {
        "e0": ("1", ""), "e1": ("1", ""), "e2": ("1", "kind = 'call' is not true of it."), "e3": ("1", ""),
    }  # fmt: skip
    assert Meter.objects.count() == 0
