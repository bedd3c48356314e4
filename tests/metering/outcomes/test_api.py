"""The API of outcomes: what is sent, what is answered, and where it points when it cannot be taken."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from governance.clock import clock_set_to
from governance.models import Change
from metering.models import Outcome, OutcomeDefinition, UsageEvent
from metering.outcomes.settlement import settle_due
from tests import cast
from tests.metering.outcomes.conftest import NOON, WINDOW, act

URL = "/api/v1/outcomes"
GOOD: dict[str, Any] = {
    "outcome": "resolution",
    "customer": "contoso",
    "attribution": "c-1",
    "time": "2026-03-10T12:00:00Z",
    "value": "12.50",
    "properties": {"csat": 4.5},
}


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def desk(resolution: OutcomeDefinition) -> Client:
    """The help desk, with a key."""
    return Client(headers=cast.system_key("outcomes:write", "outcomes:read", name="desk"))


def post(client: Client, body: Any, path: str = "", **headers: Any) -> Any:
    sent = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(URL + path, sent, content_type="application/json", **headers)


def reported(client: Client, *attributions: str) -> list[str]:
    answer = post(client, [GOOD | {"attribution": each} for each in attributions])
    return [each["id"] for each in answer.json()["outcomes"]]


def test_an_outcome_is_answered_with_what_it_is(desk: Client) -> None:
    response = post(desk, GOOD)
    assert response.status_code == 200
    (row,) = response.json().pop("outcomes")
    assert row == {
        "id": str(Outcome.objects.get().pk),
        "result": "reported",
        "outcome": "resolution",
        "customer": "contoso",
        "attribution": "c-1",
        "status": "provisional",
        "value": "12.50",
        "confidence": None,
        "source": "vendor",
        "properties": {"csat": 4.5},
        "time": "2026-03-10T12:00:00Z",
        "reported_at": "2026-03-10T12:00:00Z",
        "settles_at": "2026-03-13T12:00:00Z",
        "final_at": None,
        "counted_at": None,
        "is_billable": True,
    }
    assert Change.objects.get(name="outcome.reported").by_name == "key desk"


def test_a_batch_sent_twice_is_taken_once(desk: Client) -> None:
    batch = [GOOD, GOOD | {"attribution": "c-2"}]
    first, second = post(desk, batch).json(), post(desk, batch).json()
    assert (first["reported"], first["existing"], second["reported"], second["existing"]) == (2, 0, 0, 2)
    assert [each["id"] for each in first["outcomes"]] == [each["id"] for each in second["outcomes"]]


def test_a_packed_body_is_taken(desk: Client) -> None:
    body = gzip.compress(json.dumps(GOOD).encode())
    assert post(desk, body, headers={"Content-Encoding": "gzip"}).json()["reported"] == 1


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (GOOD | {"time": "yesterday"}, [("/time", "Invalid RFC3339 encoded datetime")]),
        (GOOD | {"surprise": 1}, [("/surprise", "Object contains unknown field `surprise`")]),
        (GOOD | {"customer": "nobody"}, [("/customer", "No customer has the key 'nobody'")]),
        ([GOOD, GOOD | {"outcome": "x"}], [("/1/outcome", "No outcome 'x' is defined")]),
        (
            [GOOD, GOOD | {"value": "1e99"}],
            [("/1/value", "A number has at most 30 digits before and 18 after the point")],
        ),
        (
            GOOD | {"evidence": [{"url": "javascript:alert(1)"}]},
            [("/evidence/0/url", "An address begins with http:// or https:// and holds no spaces or quotes")],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_pointed_at(desk: Client, body: Any, errors: list[tuple[str, str]]) -> None:
    response = post(desk, body)
    assert response.status_code == 400
    assert [(each["pointer"], each["message"]) for each in response.json()["errors"]] == errors
    assert "outcome" in response.json()["detail"]
    assert "nothing was stored" in response.json()["detail"]
    assert not Outcome.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[", b"7", b'{"a": [}'])
def test_what_is_no_json_is_refused(desk: Client, body: bytes) -> None:
    assert post(desk, body).status_code == 400


def test_an_outcome_and_its_reversal_come_to_nothing_with_their_history(desk: Client) -> None:
    (name,) = reported(desk, "c-1")
    settle_due(act=act(NOON + WINDOW))
    for _ in range(2):
        response = post(desk, {"because": "The customer wrote again"}, f"/{name}/reverse")
        assert (response.status_code, response.json()["status"]) == (200, "reversed")
    entries = desk.get(f"{URL}/{name}").json()["entries"]
    assert [(each["kind"], each["event_id"]) for each in entries] == [
        ("reported", ""),
        ("settled", f"{name}/final"),
        ("reversed", f"{name}/reversed"),
    ]
    assert (entries[2]["by"], entries[2]["because"]) == ("key desk", "The customer wrote again")
    assert sum(event.properties["quantity"] for event in UsageEvent.objects.all()) == 0


def test_a_dispute_and_its_end(desk: Client) -> None:
    (name,) = reported(desk, "c-1")
    assert post(desk, {"because": "Not so"}, f"/{name}/uphold").status_code == 409
    assert post(desk, {"because": "Not so"}, f"/{name}/dispute").json()["status"] == "disputed"
    assert post(desk, {"because": "It was"}, f"/{name}/uphold").json()["status"] == "provisional"
    assert post(desk, {"because": " "}, f"/{name}/reverse").json() == {"because": ["This field may not be blank."]}
    assert post(desk, {}, f"/{name}/reverse").status_code == 400


def test_evidence_is_attached_once(desk: Client) -> None:
    (name,) = reported(desk, "c-1")
    evidence = {"url": "https://desk.example/1", "hash": "sha256:abc", "note": "Transcript"}
    for _ in range(2):
        response = post(desk, evidence, f"/{name}/evidence")
        assert [each["kind"] for each in response.json()["entries"]] == ["reported", "evidence"]
    assert response.json()["entries"][1]["evidence_url"] == "https://desk.example/1"
    assert post(desk, {"url": "data:text/html,x"}, f"/{name}/evidence").json() == {
        "url": ["An address begins with http:// or https:// and holds no spaces or quotes."]
    }


def test_lists_are_filtered_and_nothing_is_missed_between_pages(desk: Client) -> None:
    names = set(reported(desk, *(str(number) for number in range(5))))
    with clock_set_to(NOON + timedelta(hours=1)):
        post(desk, GOOD | {"customer": "fabrikam", "attribution": "other"})
    seen, query = [], {"customer": "contoso", "limit": "2"}
    while True:
        page = desk.get(URL, query).json()
        seen += [each["id"] for each in page["results"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert (len(seen), set(seen)) == (5, names)
    assert next(each["attribution"] for each in desk.get(URL).json()["results"]) == "other"
    for asked, count in (({"status": "final"}, 0), ({"attribution": "3"}, 1), ({"outcome": "x"}, 0)):
        assert len(desk.get(URL, asked).json()["results"]) == count
    assert desk.get(URL, {"cursor": "x"}).status_code == desk.get(URL, {"status": "x"}).status_code == 400


@pytest.mark.parametrize("path", ["", "/reverse", "/dispute", "/uphold", "/evidence"])
def test_what_there_is_not_is_not_found(desk: Client, path: str) -> None:
    url = f"/{uuid4()}{path}"
    response = post(desk, {"because": "x", "url": "https://x.example"}, url) if path else desk.get(URL + url)
    assert response.status_code == 404


def test_scopes_and_roles(desk: Client, cleo: User, ben: User) -> None:
    (name,) = reported(desk, "c-1")
    reader = Client(headers=cast.system_key("outcomes:read", name="reader"))
    assert (reader.get(URL).status_code, post(reader, GOOD).status_code) == (200, 403)
    assert post(reader, {"because": "x"}, f"/{name}/reverse").status_code == 403
    people: list[tuple[User, int, int]] = [(cleo, 200, 200), (ben, 403, 403)]
    for user, reads, decides in people:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get(f"{URL}/{name}").status_code == reads
        assert post(client, {"because": "They said so"}, f"/{name}/dispute").status_code == decides
        assert post(client, GOOD).status_code == 403
    assert Change.objects.get(name="outcome.disputed").by == cleo


def test_a_long_list_takes_as_many_queries_as_a_short_one(
    desk: Client, django_assert_num_queries: Callable[..., Any]
) -> None:
    reported(desk, "c-1", "c-2", "c-3")
    for limit in (1, 3):
        with django_assert_num_queries(2):
            desk.get(URL, {"limit": str(limit)})
