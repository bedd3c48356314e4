"""Event types and aliases on their pages."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from metering import operations
from metering.models import CustomerAlias, EventType, Meter, QuarantinedEvent, UsageEvent
from metering.registry.aliases import define_alias
from metering.registry.registering import change_event_type, publish_schema
from tests import cast
from tests.metering.conftest import NOON, event
from tests.refusals import everything

SCHEMA = {
    "type": "object",
    "required": ["tokens"],
    "properties": {"tokens": {"type": "integer", "minimum": 0}, "model": {"enum": ["small", "large"]}},
}
LIST = "/admin/metering/eventtype/"


@pytest.fixture
def engineer(client: Client, eric: User) -> Client:
    client.force_login(eric)
    return client


@pytest.fixture
def requests(tokens: Meter) -> EventType:
    return EventType.objects.get(key="llm.request")


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


FORM = {
    "key": "gpu.minute",
    "name": "Minutes of GPUs",
    "description": "",
    "owner": "",
    "on_invalid": "reject",
    "billable_when": "NOT test",
    "schema": json.dumps(SCHEMA),
    "units": '{"duration": "ms"}',
    "because": "we rent them out",
}


def test_a_type_is_registered_with_its_schema(engineer: Client) -> None:
    response = engineer.post(f"{LIST}add/", FORM)
    assert response.status_code == 302
    made = EventType.objects.get()
    assert (made.key, made.on_invalid, made.billable_when) == ("gpu.minute", "reject", "NOT test")
    version = made.versions.get()
    assert (version.number, version.schema, version.units) == (1, SCHEMA, {"duration": "ms"})
    page = text(engineer.get(f"{LIST}{made.pk}/change/"))
    assert "tokens integer yes minimum 0" in page
    assert "model one of these small, large" in page
    assert "duration anything ms" in page
    assert "No meter counts events of this type yet" in page


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("schema", '{"type": "nonsense"}', "This is not a valid JSON Schema, at /type"),
        ("schema", "{", "Enter a valid JSON"),
        ("schema", "[1]", "A schema is a JSON object"),
        ("units", '{"duration": 1}', "Units look like"),
        ("billable_when", "status <>", "Billable when: "),
        ("because", " ", "This field is required"),
    ],
)
def test_what_is_wrong_is_said_on_the_form(engineer: Client, field: str, typed: str, error: str) -> None:
    response = engineer.post(f"{LIST}add/", FORM | {field: typed})
    assert response.status_code == 200
    assert error in text(response)
    assert not EventType.objects.exists()


def test_a_type_is_changed_on_its_page(engineer: Client, requests: EventType, eric: User) -> None:
    form = {name: FORM[name] for name in ("name", "description", "on_invalid", "billable_when", "because")}
    assert engineer.post(f"{LIST}{requests.pk}/change/", form | {"owner": str(eric.pk)}).status_code == 302
    requests.refresh_from_db()
    assert (requests.key, requests.name, requests.owner) == ("llm.request", "Minutes of GPUs", eric)
    assert requests.versions.count() == 1


def test_a_new_version_starts_from_the_newest(engineer: Client, requests: EventType) -> None:
    publish_schema(requests, schema=SCHEMA, units={"tokens": "one"}, act=cast.act("eric"))
    url = reverse("admin:metering_eventtype_schema", args=[requests.pk])
    page = engineer.get(url)
    assert "Publish version 3" in text(page)
    assert "&quot;minimum&quot;: 0" in page.content.decode()
    answer = engineer.post(url, {"schema": json.dumps(SCHEMA), "units": '{"tokens": "one"}', "because": "again"})
    assert "This is what version 2 says already" in text(answer)
    changed = json.dumps(SCHEMA | {"required": []})
    assert engineer.post(url, {"schema": changed, "units": "", "because": "looser"}).status_code == 302
    assert [(each.number, each.units) for each in requests.versions.all()] == [(1, {}), (2, {"tokens": "one"}), (3, {})]
    assert "2 earlier versions" in text(engineer.get(f"{LIST}{requests.pk}/change/"))


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "Accepted Counted by Tokens."),
        ({"properties": {"tokens": 5, "test": True}}, "Accepted, not billable By the rule of its type"),
        ({"properties": {}}, "Quarantined A property that is needed is missing or not a number."),
        ({"customer": "nobody"}, "Quarantined No such customer."),
        ({"customer": "eu"}, "eu is an alias: it counts as contoso"),
        ({"type": "strange"}, "Quarantined No such event type."),
        ({"time": "noon"}, "Refused: it cannot be read /time:"),
    ],
)
def test_an_event_is_tried_and_nothing_is_stored(
    engineer: Client, requests: EventType, fields: dict[str, Any], verdict: str
) -> None:
    publish_schema(requests, schema=SCHEMA, act=cast.act("eric"))
    change_event_type(requests, billable_when="test IS NULL", act=cast.act("eric"))
    define_alias(key="eu", customer_key="contoso", act=cast.act("eric"))
    before = everything("metering", "governance")
    tried = {
        "id": "e1",
        "type": "llm.request",
        "time": NOON.isoformat(),
        "customer": "contoso",
        "properties": {"tokens": 5},
    } | fields
    url = reverse("admin:metering_eventtype_try", args=[requests.pk])
    assert verdict in text(engineer.post(url, {"event": json.dumps(tried)}))
    assert everything("metering", "governance") == before


def test_a_strict_type_says_that_the_whole_request_is_refused(engineer: Client, requests: EventType) -> None:
    publish_schema(requests, schema=SCHEMA, act=cast.act("eric"))
    change_event_type(requests, on_invalid="reject", act=cast.act("eric"))
    url = reverse("admin:metering_eventtype_try", args=[requests.pk])
    tried = '{"id": "e1", "type": "llm.request", "time": "2026-03-10T12:00:00Z", "customer": "contoso"}'
    assert "Refused, and the whole request with it" in text(engineer.post(url, {"event": tried}))


def test_the_example_on_the_page_would_be_accepted(engineer: Client, requests: EventType) -> None:
    publish_schema(requests, schema=SCHEMA, act=cast.act("eric"))
    page = engineer.get(f"{LIST}{requests.pk}/change/")
    assert "curl http://testserver/api/v1/usage-events" in text(page)
    url = reverse("admin:metering_eventtype_try", args=[requests.pk])
    assert "Accepted Counted by Tokens." in text(engineer.post(url, {"event": page.context["tried"]}))


# ---------------------------------------------------------------- aliases
def test_an_alias_is_defined_from_quarantine_and_what_waited_is_told(engineer: Client, tokens: Meter) -> None:
    operations.ingest([event("e1", customer="eu"), event("e2", customer="eu")], source="gateway", at=NOON)
    url = "/admin/metering/customeralias/add/"
    assert 'value="eu"' in engineer.get(f"{url}?key=eu").content.decode()
    form = {"key": "eu", "customer_key": "contoso", "because": "Their subsidiary"}
    answer = engineer.post(url, form, follow=True)
    assert "What waited for eu: 2 counted." in [str(message) for message in answer.context["messages"]]
    assert (UsageEvent.objects.count(), QuarantinedEvent.objects.filter(resolved_at=None).count()) == (2, 0)
    answer = engineer.post(url, form, follow=True)
    assert b"already exists" in answer.content or b"is an alias of contoso already" in answer.content


def test_an_alias_is_ended_with_a_reason(engineer: Client, tokens: Meter) -> None:
    alias, _ = define_alias(key="eu", customer_key="contoso", act=cast.act("eric"))
    page = engineer.get(f"/admin/metering/customeralias/{alias.pk}/change/")
    assert page.status_code == 200
    url = reverse("admin:metering_customeralias_end", args=[alias.pk])
    engineer.post(url, {"_form_submitted": "1", "because": "sold"})
    assert not CustomerAlias.objects.exists()


def test_a_reader_changes_nothing(client: Client, cara: User, requests: EventType) -> None:
    client.force_login(cara)
    before = everything("metering", "governance")
    assert client.get(f"{LIST}{requests.pk}/change/").status_code == 200
    assert client.post(f"{LIST}add/", FORM).status_code == 403
    assert client.post(f"{LIST}{requests.pk}/change/", FORM).status_code == 403
    assert client.post(reverse("admin:metering_eventtype_schema", args=[requests.pk]), {}).status_code == 403
    assert client.post("/admin/metering/customeralias/add/", {"key": "x"}).status_code == 403
    assert everything("metering", "governance") == before
