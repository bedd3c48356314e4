"""The ways to send usage: by lines, as CloudEvents, packed; and what happens when the database is away."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import zstandard
from django.db import connection
from django.test import Client

from governance.clock import clock_set_to
from metering.models import Meter, QuarantinedEvent, UsageEvent
from tests import cast
from tests.metering.conftest import NOON

URL = "/api/v1/usage-events"
GOOD = {
    "id": "e1",
    "type": "llm.request",
    "time": "2026-03-10T12:00:00Z",
    "customer": "contoso",
    "properties": {"tokens": 5},
}
CLOUD = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/eu-1",
    "type": "llm.request",
    "time": "2026-03-10T12:00:00Z",
    "subject": "contoso",
    "data": {"tokens": 5},
}
LINES, ONE, BATCH = "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"
PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def gateway(tokens: Meter) -> Client:
    return Client(headers=cast.system_key("usage:write", name="gateway"))


def post(client: Client, body: bytes, content_type: str = "application/json", encoding: str = "") -> Any:
    headers = {"Content-Encoding": encoding} if encoding else {}
    return client.post(URL, body, content_type=content_type, headers=headers)


def written() -> tuple[int, int]:
    return UsageEvent.objects.count(), QuarantinedEvent.objects.count()


def test_events_come_by_lines(gateway: Client) -> None:
    body = "\n".join(json.dumps({**GOOD, "id": f"e{n}"}) for n in range(3)).encode()
    assert post(gateway, body, LINES).json()["accepted"] == 3
    assert post(gateway, body, f"{LINES}; charset=utf-8").json()["duplicates"] == 3


def test_cloud_events_come_one_by_one_and_in_batches(gateway: Client) -> None:
    assert post(gateway, json.dumps(CLOUD).encode(), ONE).json()["accepted"] == 1
    answer = post(gateway, json.dumps([CLOUD, {**CLOUD, "id": "e2", "customer": "fabrikam"}]).encode(), BATCH).json()
    assert [event["outcome"] for event in answer["events"]] == ["duplicate", "accepted"]
    assert list(UsageEvent.objects.order_by("event_id").values_list("source", "event_id", "customer_key")) == [
        ("/eu-1", "e1", "contoso"),
        ("/eu-1", "e2", "fabrikam"),
    ]


def test_every_way_to_say_it_is_the_same_event(gateway: Client) -> None:
    said = {**GOOD, "source": "/eu-1"}
    assert post(gateway, json.dumps(CLOUD).encode(), ONE).json()["accepted"] == 1
    for way, pack in PACK.items():
        assert post(gateway, pack(json.dumps(said).encode()), encoding=way).json()["duplicates"] == 1
        assert post(gateway, pack(json.dumps(said).encode()), LINES, way).json()["duplicates"] == 1
    assert written() == (1, 0)


@pytest.mark.parametrize(
    ("body", "content_type", "pointer"),
    [
        ([GOOD, {**GOOD, "properties": {"tokens": 10**30}}], "application/json", "/1/properties/tokens"),
        ([CLOUD, {**CLOUD, "data": {"a": {"b": "\0"}}}], BATCH, "/1/data/a/b"),
        ({**CLOUD, "specversion": "2"}, ONE, "/specversion"),
        ({**GOOD, "id": ""}, LINES, "/0/id"),
        ({**GOOD, "properties": {"a": "x" * 70_000}}, LINES, "/0"),
    ],
)
def test_a_refusal_points_into_the_body_and_writes_nothing(
    gateway: Client, body: Any, content_type: str, pointer: str
) -> None:
    answer = post(gateway, json.dumps(body).encode(), content_type)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert written() == (0, 0)


@pytest.mark.parametrize("way", PACK)
@pytest.mark.parametrize(
    ("body", "status"), [(b"[" + b" " * 50_000_000 + b"]", 413), (b"", 400), (b"nonsense", 400), (b"[1]", 400)]
)
def test_a_packed_body_is_held_to_the_same(gateway: Client, way: str, body: bytes, status: int) -> None:
    answer = post(gateway, PACK[way](body), encoding=way)
    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)
    assert written() == (0, 0)


def test_a_body_cut_off_counts_nothing(gateway: Client) -> None:
    lines = b"\n".join(json.dumps({**GOOD, "id": f"e{n}"}).encode() for n in range(1000))
    for way, pack in PACK.items():
        assert post(gateway, pack(lines)[:-9], LINES, way).status_code == 400
    assert written() == (0, 0)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd"])
def test_other_encodings_are_declined_with_those_we_know(gateway: Client, encoding: str) -> None:
    answer = post(gateway, json.dumps([GOOD]).encode(), encoding=encoding)
    assert (answer.status_code, answer["Accept-Encoding"]) == (415, "gzip, zstd")
    assert written() == (0, 0)


# ---------------------------------------------------------------- the database is away, or busy
@pytest.mark.django_db(transaction=True)
def test_a_database_out_of_reach_is_503(gateway: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nowhere")
        answer = post(gateway, json.dumps([GOOD]).encode())
        connection.close()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "nothing was acknowledged" in answer.json()["detail"]
    assert post(gateway, json.dumps([GOOD]).encode()).json()["accepted"] == 1


@pytest.mark.django_db(transaction=True)
def test_waiting_has_an_end(gateway: Client, settings: Any) -> None:
    """Another sender of the same event hangs in its transaction: this one is told to come again, and can."""
    settings.USAGE_TIMEOUT_SECONDS = 1
    held = connection.get_connection_params()
    with psycopg.connect(**{name: held[name] for name in ("dbname", "user", "host")}) as other:
        other.execute(
            "INSERT INTO metering_usageidentity (source, event_id, body_hash, event) VALUES ('gateway', 'e1', '', 1)"
        )
        answer = post(gateway, json.dumps([GOOD, {**GOOD, "id": "e2"}]).encode())
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        other.rollback()
    assert written() == (0, 0)
    assert post(gateway, json.dumps([GOOD, {**GOOD, "id": "e2"}]).encode()).json()["accepted"] == 2
