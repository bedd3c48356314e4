"""What a type demands of its events, and what becomes of those that do not carry it."""

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.acts import Act, Refused
from governance.clock import clock_set_to
from governance.models import Change
from metering import operations
from metering.models import EventType, EventTypeVersion, Meter, QuarantinedEvent, UsageEvent
from metering.quarantine import operations as quarantine
from metering.queries import usage
from metering.registry.registering import change_event_type, publish_schema, register_event_type
from metering.wire.events import Rejected
from metering.wire.loading import load
from pricing.measures import WHOLE
from pricing.periods import Period
from tests import cast
from tests.metering.conftest import NOON, event
from tests.refusals import everything

pytestmark = pytest.mark.django_db
SCHEMA = {
    "type": "object",
    "required": ["tokens"],
    "properties": {
        "tokens": {"type": "integer", "minimum": 0},
        "model": {"enum": ["small", "large"]},
        "at": {"type": "string", "format": "date-time"},
        "parts": {"type": "array", "items": {"type": "integer"}},
    },
}
UNIT = "/properties/tokens_unit: tokens is measured in one,"
MARCH = Period(NOON.replace(day=1, hour=0), NOON.replace(month=4, day=1, hour=0))


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def request_type(tokens: Meter) -> EventType:
    """`llm.request`, which its meter has registered."""
    return EventType.objects.get(key="llm.request")


def ingest(*events: Any) -> list[str]:
    return [verdict.reason or verdict.outcome for verdict in operations.ingest(events, source="gateway", at=NOON)]


def used() -> Decimal:
    key = ("contoso", "tokens", MARCH, WHOLE)
    return usage([key])[key]


# ---------------------------------------------------------------- registering
def test_a_type_is_registered_with_its_first_version(by_eric: Act) -> None:
    made = register_event_type(
        key="gpu.minute", owner=cast.person("eric"), schema=SCHEMA, units={"duration": "ms"}, act=by_eric
    )
    assert (made.name, made.on_invalid, made.owner) == ("gpu.minute", "quarantine", cast.person("eric"))
    version = EventTypeVersion.objects.get()
    assert (version.type, version.number, version.created_at) == (made, 1, NOON)
    assert (version.schema, version.units) == (SCHEMA, {"duration": "ms"})
    assert Change.objects.get().name == "event_type.registered"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"key": "llm.request"}, "already exists"),
        ({"key": ""}, "blank"),
        ({"key": "x" * 121}, "120"),
        ({"on_invalid": "ignore"}, "not a valid choice"),
        ({"billable_when": "status <>"}, "Billable when: "),
        ({"schema": []}, "A schema is a JSON object"),
        ({"schema": {"type": "nonsense"}}, "not a valid JSON Schema, at /type"),
        ({"schema": {"properties": {"a": {"minimum": "x"}}}}, "at /properties/a/minimum"),
        ({"schema": {"$ref": "https://example.com/schema.json"}}, "not a valid JSON Schema"),
        ({"schema": {"$ref": "#/$defs/nowhere"}}, "not a valid JSON Schema"),
        ({"schema": {"properties": {"a": {"pattern": "(?=x)"}}}}, "not a valid JSON Schema"),
        ({"schema": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "Schemas are of the dialect"),
        ({"schema": {"title": "x" * 65_536}}, "at most 65,536 bytes"),
        ({"units": ["ms"]}, "Units look like"),
        ({"units": {"duration": 1}}, "Units look like"),
    ],
)
def test_an_impossible_type_is_refused(
    request_type: EventType, by_eric: Act, fields: dict[str, Any], sentence: str
) -> None:
    before = everything("metering", "governance")
    with pytest.raises(Refused, match=sentence):
        register_event_type(**({"key": "other"} | fields), act=by_eric)
    assert everything("metering", "governance") == before


def test_a_type_is_changed_and_keeps_what_is_not_said(request_type: EventType, by_eric: Act) -> None:
    eric = cast.person("eric")
    change_event_type(request_type, owner=eric, name="Requests", act=by_eric)
    changed = change_event_type(request_type, on_invalid="reject", billable_when=" NOT test ", act=by_eric)
    assert (changed.owner, changed.name, changed.on_invalid, changed.billable_when) == (
        eric,
        "Requests",
        "reject",
        "NOT test",
    )
    with pytest.raises(TypeError):
        change_event_type(request_type, key="other", act=by_eric)
    assert EventType.objects.get().key == "llm.request"


def test_versions_are_numbered_and_the_same_is_not_published_twice(request_type: EventType, by_eric: Act) -> None:
    assert publish_schema(request_type, schema=SCHEMA, act=by_eric).number == 2
    with pytest.raises(Refused, match="version 2 says already"):
        publish_schema(request_type, schema=SCHEMA, act=by_eric)
    assert publish_schema(request_type, schema=SCHEMA, units={"tokens": "1"}, act=by_eric).number == 3
    assert EventTypeVersion.objects.count() == 3


# ---------------------------------------------------------------- what is held against events
@pytest.mark.parametrize(
    ("properties", "reason", "detail"),
    [
        ({"tokens": 5}, "", ""),
        ({"tokens": Decimal("5.0"), "model": "small", "extra": None}, "", ""),
        ({}, "missing_property", '/properties/tokens: "tokens" is a required property.'),
        ({"tokens": Decimal("5.5")}, "invalid", '/properties/tokens: 5.5 is not of type "integer".'),
        ({"tokens": "5"}, "invalid", '/properties/tokens: "5" is not of type "integer".'),
        ({"tokens": -1}, "invalid", "/properties/tokens: -1 is less than the minimum of 0."),
        ({"tokens": 5, "model": "tiny"}, "invalid", '/properties/model: "tiny" is not one of "small" or "large".'),
        ({"tokens": 5, "at": "noon"}, "invalid", '/properties/at: "noon" is not a "date-time".'),
        ({"tokens": 5, "parts": [1, "2"]}, "invalid", '/properties/parts/1: "2" is not of type "integer".'),
        ({"tokens": 5, "tokens_unit": "k"}, "wrong_unit", f"{UNIT} not in 'k'."),
        ({"tokens": 5, "tokens_unit": "one"}, "", ""),
        ({"tokens": 5, "tokens_unit": 1}, "wrong_unit", f"{UNIT} not in 1."),
    ],
)  # fmt: skip
def test_what_the_schema_and_the_units_say(
    request_type: EventType, by_eric: Act, properties: dict[str, Any], reason: str, detail: str
) -> None:
    publish_schema(request_type, schema=SCHEMA, units={"tokens": "one"}, act=by_eric)
    (verdict,) = operations.ingest([event(properties=properties)], source="gateway", at=NOON)
    assert (verdict.reason, verdict.detail) == (reason, detail)
    assert UsageEvent.objects.exists() == (not reason)
    assert list(QuarantinedEvent.objects.values_list("reason", "detail")) == ([(reason, detail)] if reason else [])


def test_an_event_may_name_a_version_before_the_newest(request_type: EventType, by_eric: Act) -> None:
    publish_schema(request_type, schema=SCHEMA | {"required": ["tokens", "model"]}, act=by_eric)
    old, new = event("e1", schema_version=1), event("e2")
    unknown = event("e3", schema_version=7)
    assert ingest(old, new, unknown) == ["accepted", "missing_property", "invalid"]
    assert QuarantinedEvent.objects.get(event_id="e3").detail == (
        "/schema_version: There is no version 7 of llm.request."
    )
    assert ingest(msgspec.structs.replace(old, schema_version=2)) == ["duplicate"], "no part of what it says"
    publish_schema(request_type, schema={}, act=by_eric)
    assert quarantine.replay_waiting(QuarantinedEvent.objects.all(), act=by_eric).words == (
        "1 counted. 1 still cannot be counted (not as the schema of its type wants it: 1)."
    )
    assert QuarantinedEvent.objects.get(event_id="e3").body["schema_version"] == 7


def test_types_without_a_schema_take_anything(request_type: EventType) -> None:
    assert ingest(event(properties={"tokens": 5, "model": ["any"]})) == ["accepted"]


def test_the_check_takes_no_more_queries_once_a_version_is_known(request_type: EventType, by_eric: Act) -> None:
    ingest(event("e0"))
    with CaptureQueriesContext(connection) as without:
        ingest(event("e1"))
    publish_schema(request_type, schema=SCHEMA, act=by_eric)
    ingest(event("e2"))
    with CaptureQueriesContext(connection) as checked:
        ingest(event("e3"))
    assert len(checked) == len(without)


# ---------------------------------------------------------------- refusing the whole request
@pytest.fixture
def strict(request_type: EventType, by_eric: Act) -> EventType:
    publish_schema(request_type, schema=SCHEMA, units={"tokens": "one"}, act=by_eric)
    return change_event_type(request_type, on_invalid="reject", act=by_eric)


BAD = {"properties": {"tokens": "many"}}


def test_a_strict_type_refuses_the_whole_request(strict: EventType) -> None:
    before = everything("metering")
    with pytest.raises(Rejected, match="2 of 3 events are not as the schema wants it; nothing was stored") as refusal:
        ingest(event("e1"), event("e2", **BAD), event("e3", properties={"tokens": 1, "tokens_unit": "k"}))
    assert [(each.index, each.pointer) for each in refusal.value.problems] == [
        (1, "/1/properties/tokens"),
        (2, "/2/properties/tokens_unit"),
    ]
    assert everything("metering") == before


def test_what_is_counted_stays_counted_when_its_type_becomes_strict(request_type: EventType, by_eric: Act) -> None:
    assert ingest(event("e1", properties={"tokens": "5"})) == ["accepted"]
    publish_schema(request_type, schema=SCHEMA, act=by_eric)
    change_event_type(request_type, on_invalid="reject", act=by_eric)
    assert ingest(event("e1", properties={"tokens": "5"})) == ["duplicate"]


def test_what_is_wrong_otherwise_waits_in_quarantine_though_the_type_is_strict(strict: EventType) -> None:
    assert ingest(event("e1", customer="nobody")) == ["unknown_customer"]


WIRE = {"id": "e2", "type": "llm.request", "time": "2026-03-10T12:00:00Z", "customer": "contoso"}
CLOUD = {name: WIRE[name] for name in ("id", "type", "time")} | {
    "specversion": "1.0",
    "source": "s",
    "subject": "contoso",
}


@pytest.mark.parametrize(
    ("body", "content_type", "pointer"),
    [
        (WIRE | BAD, "application/json", "/properties/tokens"),
        ([WIRE | {"id": "e1", "properties": {"tokens": 1}}, WIRE | BAD], "application/json", "/1/properties/tokens"),
        (WIRE | BAD, "application/x-ndjson", "/0/properties/tokens"),
        (CLOUD | {"data": {"tokens": "many"}}, "application/cloudevents+json", "/data/tokens"),
        ([CLOUD | {"data": {"tokens": "many"}}], "application/cloudevents-batch+json", "/0/data/tokens"),
        ([CLOUD | {"dataschema": "https://x.test/v9"}], "application/cloudevents-batch+json", "/0/dataschema"),
        (WIRE | {"schema_version": 9}, "application/json", "/schema_version"),
    ],
)  # fmt: skip
def test_the_refusal_points_at_event_and_field(strict: EventType, body: Any, content_type: str, pointer: str) -> None:
    client = Client(headers=cast.system_key("usage:write"))
    before = everything("metering")
    answer = client.post("/api/v1/usage-events", json.dumps(body), content_type=content_type)
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith("not as the schema wants it; nothing was stored.")
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert everything("metering") == before


def test_a_cloud_event_names_the_version_by_its_dataschema(request_type: EventType, by_eric: Act) -> None:
    publish_schema(request_type, schema=SCHEMA, act=by_eric)
    client = Client(headers=cast.system_key("usage:write"))
    for number, expected in ((1, "accepted"), (2, "quarantined")):
        body = CLOUD | {"id": f"e{number}", "data": {"tokens": "5"}, "dataschema": f"https://x.test/t/v{number}"}
        answer = client.post("/api/v1/usage-events", json.dumps(body), content_type="application/cloudevents+json")
        assert answer.json()["events"][0]["outcome"] == expected


def test_of_a_file_the_lines_that_are_refused_are_told_and_the_others_count(strict: EventType) -> None:
    lines = [WIRE | {"id": f"e{n}", "properties": {"tokens": n if n % 2 else "many"}} for n in range(60)]
    file = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    loaded = list(load(file, "usage.ndjson", source="files"))[-1]
    assert loaded.counts == {"accepted": 30, "unreadable": 30}
    assert loaded.remarks[0].detail == '/properties/tokens: "many" is not of type "integer".'
    assert UsageEvent.objects.count() == 30


# ---------------------------------------------------------------- billable or not
def test_meters_count_what_is_billable_and_the_rest_is_kept(request_type: EventType, by_eric: Act) -> None:
    change_event_type(request_type, billable_when="status <> 'failed' AND NOT coalesce(test, false)", act=by_eric)
    kinds = {"e1": {"status": "ok"}, "e2": {"status": "failed"}, "e3": {"status": "ok", "test": True}, "e4": {}}
    ingest(*(event(name, properties={"tokens": 5} | fields) for name, fields in kinds.items()))
    assert list(UsageEvent.objects.order_by("event_id").values_list("event_id", "is_billable")) == [
        ("e1", True),
        ("e2", False),
        ("e3", False),
        ("e4", False),
    ]
    assert used() == 5


def test_a_new_rule_is_for_what_comes_after_it(request_type: EventType, by_eric: Act) -> None:
    ingest(event("e1"))
    change_event_type(request_type, billable_when="tokens > 100", act=by_eric)
    ingest(event("e2"), event("e3", properties={"tokens": 101}))
    assert used() == 106


def test_both_totals_are_told_and_add_up_to_all(request_type: EventType, by_eric: Act) -> None:
    change_event_type(request_type, billable_when="test IS NULL", act=by_eric)
    ingest(event("e1"), event("e2", properties={"tokens": Decimal("2.5"), "test": True}))
    client = Client(headers=cast.system_key("usage:read"))
    url = "/api/v1/usage?customer=contoso&from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z"
    row = {"meter": "tokens", "unit": "unit", "quantity": "5"}
    assert client.get(url).json()["usage"] == [row]
    assert client.get(f"{url}&reconcile=true").json()["usage"] == [
        row
        | {
            "billable": {"events": 1, "quantity": "5"},
            "not_billable": {"events": 1, "quantity": "2.5"},
            "all": {"events": 2, "quantity": "7.5"},
        }
    ]


def test_the_page_shows_both_totals(client: Client, request_type: EventType, by_eric: Act) -> None:
    change_event_type(request_type, billable_when="test IS NULL", act=by_eric)
    ingest(event("e1"), event("e2", properties={"tokens": Decimal("2.5"), "test": True}))
    client.force_login(cast.person("cara"))
    url = reverse("admin:metering_usageevent_billable")
    (row,) = client.get(url).context["rows"]
    assert (row["cells"], row["is_reconciled"]) == ([("1", "5"), ("1", "2.5"), ("2", "7.5")], True)
    assert client.get(f"{url}?customer=contoso&month=2026-03").context["rows"]
    for query in ("customer=fabrikam", "month=2026-02", "month=none", "customer=nobody"):
        page = client.get(f"{url}?{query}")
        assert (page.status_code, page.context["rows"]) == (200, [])
