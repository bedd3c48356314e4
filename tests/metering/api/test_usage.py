import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.clock import clock_set_to
from metering.models import Meter, QuarantinedEvent, UsageBatch, UsageEvent
from metering.wire.events import MAX_BYTES
from metering.wire.reading import FORMS
from tests import cast
from tests.metering.conftest import NOON

URL, USAGE = "/api/v1/usage-events", "/api/v1/usage"
GOOD = {
    "id": "e1",
    "type": "llm.request",
    "time": "2026-03-10T12:00:00Z",
    "customer": "contoso",
    "properties": {"tokens": 5},
}
Key = Callable[..., Client]


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def key(db: None) -> Key:
    """A client with a key of these scopes."""

    def client(*scopes: str, name: str = "gateway", **fields: Any) -> Client:
        return Client(headers=cast.system_key(*scopes, name=name, **fields))

    return client


@pytest.fixture
def gateway(key: Key, tokens: Meter) -> Client:
    return key("usage:write", "usage:read")


def post(client: Client, body: Any, content_type: str = "application/json") -> Any:
    return client.post(URL, body if isinstance(body, bytes) else json.dumps(body), content_type=content_type)


def test_a_batch_is_answered_event_by_event(gateway: Client) -> None:
    batch = [GOOD, GOOD, {**GOOD, "properties": {"tokens": 6}}, {**GOOD, "id": "e2", "customer": "nobody"}]
    response = post(gateway, batch)
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 1,
        "duplicates": 1,
        "conflicts": 1,
        "quarantined": 1,
        "events": [
            {"id": "e1", "outcome": "accepted"},
            {"id": "e1", "outcome": "duplicate"},
            {
                "id": "e1",
                "outcome": "conflict",
                "reason": "conflict",
                "detail": "Another body came first under this id; it stands.",
            },
            {
                "id": "e2",
                "outcome": "quarantined",
                "reason": "unknown_customer",
                "detail": "No customer has the key 'nobody'.",
            },
        ],
    }
    stored = UsageEvent.objects.get()
    assert (stored.source, UsageBatch.objects.get(pk=stored.batch_id).stored_at) == ("gateway", NOON)


def test_one_event_needs_no_array_and_may_name_its_source(gateway: Client) -> None:
    assert post(gateway, {**GOOD, "source": "proxy"}).json()["accepted"] == 1
    assert UsageEvent.objects.get().source == "proxy"
    assert post(gateway, []).json() == {
        "accepted": 0,
        "duplicates": 0,
        "conflicts": 0,
        "quarantined": 0,
        "events": [],
    }


@pytest.mark.parametrize(
    ("body", "index", "pointer"),
    [
        ([GOOD, {**GOOD, "id": "a\0"}], 1, "/1/id"),
        ([GOOD, {**GOOD, "time": "soon"}], 1, "/1/time"),
        ([GOOD, {**GOOD, "properties": {"a": ["\0"]}}], 1, "/1/properties/a/0"),
        (json.dumps([GOOD, GOOD]).replace('"tokens": 5', '"tokens": 1e99').encode(), 0, "/0/properties/tokens"),
        ({**GOOD, "customer": 7}, 0, "/customer"),
        ([GOOD, 7], 1, "/1"),
    ],
)
def test_a_malformed_event_refuses_everything(gateway: Client, body: Any, index: int, pointer: str) -> None:
    response = post(gateway, body)
    assert response.status_code == 400
    found = response.json()["errors"][0]
    assert (found["index"], found["pointer"], bool(found["message"])) == (index, pointer, True)
    assert "nothing was stored" in response.json()["detail"]
    assert not UsageEvent.objects.exists()
    assert not QuarantinedEvent.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (b"5", 400),
        (json.dumps([GOOD]).replace("5", "NaN").encode(), 400),
        (b"[" * 100_000, 400),
        (b'{"id": "' + b"x" * MAX_BYTES + b'"}', 413),
        (json.dumps([GOOD] * 10_001).encode(), 413),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(gateway: Client, body: bytes, status: int) -> None:
    response = post(gateway, body)
    assert response.status_code == status
    assert response.json()["detail"]
    assert not UsageEvent.objects.exists()


def test_other_media_are_not_taken(gateway: Client) -> None:
    assert post(gateway, b"a,b", "text/csv").status_code == 415
    assert gateway.put(URL, "{}", content_type="application/json").status_code == 405


def test_ten_thousand_events_fit(gateway: Client) -> None:
    batch = [{**GOOD, "id": f"e{n}"} for n in range(10_000)]
    assert post(gateway, batch).json()["accepted"] == UsageEvent.objects.count() == 10_000


@pytest.mark.parametrize(
    "fields", [{"scopes": ["usage:read"]}, {"scopes": []}, {"revoked": True}, {"expiry_date": NOON - timedelta(9999)}]
)
def test_a_key_without_the_scope_reports_nothing(key: Key, tokens: Meter, fields: dict[str, Any]) -> None:
    given = {"scopes": ["usage:write"]} | fields
    response = post(key(*given.pop("scopes"), **given), [GOOD])
    assert response.status_code == 403
    assert not UsageEvent.objects.exists()


def test_people_and_strangers_report_nothing(client: Client, tokens: Meter, eric: User) -> None:
    assert post(client, [GOOD]).status_code == 403
    client.force_login(eric)
    assert post(client, [GOOD]).status_code == 403
    assert post(Client(headers={"Authorization": "Api-Key nonsense"}), [GOOD]).status_code == 403
    assert not UsageEvent.objects.exists()


# ---------------------------------------------------------------- asking
def ask(client: Client, **question: str) -> Any:
    period = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}
    return client.get(USAGE, {"customer": "contoso"} | period | question)


def test_usage_is_exact_text(gateway: Client, meter: Callable[..., Meter]) -> None:
    meter("calls", "count", "")
    post(gateway, json.dumps([GOOD, {**GOOD, "id": "e2"}]).replace("5", "1.10", 1).encode())
    assert ask(gateway).json() == {
        "customer": "contoso",
        "usage": [
            {"meter": "calls", "unit": "unit", "quantity": "2"},
            {"meter": "tokens", "unit": "unit", "quantity": "6.1"},
        ],
    }
    assert ask(gateway, meter="tokens", to="2026-03-10T12:00:00Z").json()["usage"][0]["quantity"] == "0"
    assert ask(gateway, meter="tokens", **{"from": "2026-03-10T13:00:00+01:00"}).json()["usage"][0]["quantity"] == "6.1"


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"customer": "nobody"}, "customer"),
        ({"customer": ""}, "customer"),
        ({"customer": "a\0"}, "customer"),
        ({"meter": "nothing"}, "meter"),
        ({"from": "yesterday"}, "from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"to": "2026-02-01T00:00:00Z"}, "to"),
    ],
)
def test_an_impossible_question_names_the_field(gateway: Client, question: dict[str, str], field: str) -> None:
    response = ask(gateway, **question)
    assert response.status_code == 400
    assert list(response.json()) == [field]


def test_an_event_can_be_found(gateway: Client) -> None:
    post(gateway, [GOOD, {**GOOD, "customer": "nobody"}])
    found = gateway.get(URL, {"id": "e1", "source": "gateway"}).json()["events"]
    assert [(event["outcome"], event["customer"]) for event in found] == [
        ("accepted", "contoso"),
        ("quarantined", "nobody"),
    ]
    assert found[0] == GOOD | {
        "source": "gateway",
        "outcome": "accepted",
        "received_at": "2026-03-10T12:00:00Z",
    }
    assert gateway.get(URL, {"id": "e9"}).json() == {"events": []}
    assert gateway.get(URL).status_code == 400


def test_finding_takes_as_many_queries_for_many_sources(gateway: Client) -> None:
    post(gateway, GOOD)
    with CaptureQueriesContext(connection) as of_one:
        assert len(gateway.get(URL, {"id": "e1"}).json()["events"]) == 1
    for name in ("proxy", "mirror"):
        post(gateway, {**GOOD, "source": name})
    with CaptureQueriesContext(connection) as of_three:
        assert len(gateway.get(URL, {"id": "e1"}).json()["events"]) == 3
    assert len(of_three) == len(of_one)


def test_who_may_read(key: Key, tokens: Meter, client: Client, eric: User, ben: User) -> None:
    assert ask(key("usage:write")).status_code == 403
    assert ask(client).status_code == 403
    client.force_login(ben)
    assert ask(client).status_code == 403
    client.force_login(eric)
    assert ask(client).status_code == 200


def test_the_schema_shows_examples(client: Client, db: None) -> None:
    schema = client.get("/api/schema/", {"format": "json"}).json()
    report = schema["paths"]["/api/v1/usage-events"]["post"]
    body = report["requestBody"]["content"]["application/json"]
    assert body["examples"]["AnEvent"]["value"][0]["id"] == "req-7f3a"
    assert set(report["responses"]) == {"200", "400", "413", "415", "429", "503"}
    assert set(report["requestBody"]["content"]) == set(FORMS)
    assert [p["name"] for p in schema["paths"]["/api/v1/usage"]["get"]["parameters"]] == [
        "customer",
        "from",
        "meter",
        "reconcile",
        "to",
    ]


def test_the_clock_is_read_at_the_door(gateway: Client) -> None:
    with clock_set_to(datetime(2026, 6, 1, tzinfo=UTC)):
        assert post(gateway, [GOOD]).json()["events"][0]["reason"] == "too_late"
