import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from metering.wire.events import Event, Unreadable
from metering.wire.reading import CLOUD_EVENT, CLOUD_EVENTS, read

GOOD = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/gateways/eu-1",
    "type": "llm.request",
    "time": "2026-03-10T12:00:00Z",
    "subject": "contoso",
    "data": {"tokens": 5},
}
EVENT = Event(
    id="e1",
    type="llm.request",
    time=datetime(2026, 3, 10, 12, tzinfo=UTC),
    customer_key="contoso",
    properties={"tokens": 5},
    source="/gateways/eu-1",
)


def sent(*events: Any) -> bytes:
    return json.dumps([{**GOOD, **event} if isinstance(event, dict) else event for event in events]).encode()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def test_one_or_a_batch() -> None:
    assert read(json.dumps(GOOD).encode(), CLOUD_EVENT) == read(sent({}), CLOUD_EVENTS) == [EVENT]
    assert read(b"[]", CLOUD_EVENTS) == []


def test_what_is_not_ours_is_let_by_and_null_is_not_there() -> None:
    traced = {"traceparent": "00-1", "dataschema": "https://x", "datacontenttype": "application/json", "customer": None}
    assert read(sent(traced, {"data_base64": None, "datacontenttype": None}), CLOUD_EVENTS) == [EVENT, EVENT]
    assert read(sent({"data": None}), CLOUD_EVENTS)[0].properties == {}
    exact = read(sent({}).replace(b"5", b"1.10"), CLOUD_EVENTS)[0].properties["tokens"]
    assert (exact, type(exact), str(exact)) == (Decimal("1.10"), Decimal, "1.10")


@pytest.mark.parametrize(
    ("event", "customer"),
    [
        ({"customer": "fabrikam"}, "fabrikam"),
        ({"subject": None, "data": {"customer": "fabrikam"}}, "fabrikam"),
        ({"data": {"customer": "fabrikam"}}, "contoso"),
        ({"customer": "fabrikam", "subject": "x" * 500}, "fabrikam"),
    ],
)
def test_who_the_customer_is(event: dict[str, Any], customer: str) -> None:
    assert read(sent(event), CLOUD_EVENTS)[0].customer_key == customer


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        (without("specversion"), "/specversion"),
        (without("id"), "/id"),
        (without("source"), "/source"),
        (without("type"), "/type"),
        (without("time"), "/time"),
        (without("subject"), "/subject"),
        ({**GOOD, "specversion": "0.3"}, "/specversion"),
        ({**GOOD, "time": "2026-03-10T12:00:00"}, "/time"),
        ({**GOOD, "time": "9999-12-31T23:59:59Z"}, "/time"),
        ({**GOOD, "id": ""}, "/id"),
        ({**GOOD, "id": "a\0"}, "/id"),
        ({**GOOD, "source": "x" * 121}, "/source"),
        ({**GOOD, "subject": ""}, "/subject"),
        ({**GOOD, "subject": 7}, "/subject"),
        ({**GOOD, "subject": "a\n"}, "/subject"),
        ({**GOOD, "subject": "x" * 121}, "/subject"),
        ({**GOOD, "customer": "x" * 121}, "/customer"),
        ({**GOOD, "customer": "a\x7f"}, "/customer"),
        ({**GOOD, "subject": None, "data": {"customer": 7}}, "/data/customer"),
        ({**GOOD, "subject": None, "data": {"customer": "a\0"}}, "/data/customer"),
        ({**GOOD, "data": "text"}, "/data"),
        ({**GOOD, "data": [1]}, "/data"),
        ({**GOOD, "data": {"a": [{"b": "\0"}]}}, "/data/a/0/b"),
        ({**GOOD, "data": {"a": 10**30}}, "/data/a"),
        ({**GOOD, "data_base64": "aGk="}, "/data_base64"),
        ({**GOOD, "datacontenttype": "application/xml"}, "/datacontenttype"),
        (7, ""),
    ],
)
def test_a_refusal_points_into_the_cloud_event(event: Any, pointer: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(json.dumps([GOOD, event]).encode(), CLOUD_EVENTS)
    assert [(found.index, found.pointer) for found in refusal.value.problems] == [(1, f"/1{pointer}")]
    with pytest.raises(Unreadable) as refusal:
        read(json.dumps(event).encode(), CLOUD_EVENT)
    assert [found.pointer for found in refusal.value.problems] == [pointer]


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.acme+json; charset=utf-8", "text/json"])
def test_every_kind_of_json_is_json(kind: str) -> None:
    assert read(sent({"datacontenttype": kind}), CLOUD_EVENTS) == [EVENT]


def test_a_batch_is_not_one_and_one_is_not_a_batch() -> None:
    for body, form in ((sent({}), CLOUD_EVENT), (json.dumps(GOOD).encode(), CLOUD_EVENTS), (b"", CLOUD_EVENT)):
        with pytest.raises(Unreadable):
            read(body, form)
