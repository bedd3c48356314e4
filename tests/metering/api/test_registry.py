"""Types, aliases and quarantine over the API."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from governance.clock import clock_set_to
from governance.models import Change
from metering import operations
from metering.models import CustomerAlias, EventType, Meter, QuarantinedEvent, UsageEvent
from tests import cast
from tests.metering.conftest import NOON, event
from tests.refusals import everything

pytestmark = pytest.mark.django_db
TYPES, ALIASES, QUARANTINE = "/api/v1/event-types", "/api/v1/customer-aliases", "/api/v1/quarantine"
SCHEMA = {"required": ["tokens"], "properties": {"tokens": {"type": "integer"}}}


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with clock_set_to(NOON):
        yield


@pytest.fixture
def gateway(db: None) -> Client:
    return Client(headers=cast.system_key("usage:read", "usage:manage", name="gateway"))


def post(client: Client, url: str, status: int, **fields: Any) -> Any:
    answer = client.post(url, {"because": "agreed"} | fields, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def ingest(*events: Any) -> None:
    operations.ingest(events, source="gateway", at=NOON)


# ---------------------------------------------------------------- types
def test_a_type_is_registered_read_changed_and_gets_a_version(gateway: Client) -> None:
    cast.person("eric")
    made = post(gateway, TYPES, 201, key="gpu.minute", schema=SCHEMA, units={"duration": "ms"}, owner="eric")
    expected = {
        "key": "gpu.minute",
        "name": "gpu.minute",
        "description": "",
        "owner": "eric",
        "on_invalid": "quarantine",
        "billable_when": "",
        "versions": [
            {"version": 1, "schema": SCHEMA, "units": {"duration": "ms"}, "created_at": "2026-03-10T12:00:00Z"}
        ],
    }
    assert made == expected
    assert gateway.get(f"{TYPES}/gpu.minute").json() == expected
    assert gateway.get(TYPES).json() == [expected]
    fields = {"on_invalid": "reject", "billable_when": "NOT test", "owner": None, "because": "stricter"}
    changed = gateway.put(f"{TYPES}/gpu.minute", fields, content_type="application/json").json()
    assert changed == expected | {"on_invalid": "reject", "billable_when": "NOT test", "owner": None}
    assert post(gateway, f"{TYPES}/gpu.minute/versions", 201, schema={})["version"] == 2
    names = Change.objects.order_by("pk").values_list("name", "by_name")
    assert [*names][-3:] == [
        ("event_type.registered", "key gateway"),
        ("event_type.changed", "key gateway"),
        ("event_type.schema_published", "key gateway"),
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"key": "llm.request"}, 409),
        ({"schema": {"type": "nonsense"}}, 409),
        ({"schema": []}, 409),
        ({"units": {"a": 1}}, 409),
        ({"billable_when": "status <>"}, 409),
        ({"key": ""}, 400),
        ({"on_invalid": "ignore"}, 400),
        ({"owner": "nobody"}, 400),
        ({"because": " "}, 400),
    ],
)
def test_an_impossible_type_writes_nothing(gateway: Client, tokens: Meter, fields: dict[str, Any], status: int) -> None:
    before = everything("metering", "governance")
    post(gateway, TYPES, status, **({"key": "other"} | fields))
    assert everything("metering", "governance") == before
    assert gateway.get(f"{TYPES}/none").status_code == 404


# ---------------------------------------------------------------- aliases
def test_an_alias_counts_what_waited_and_is_ended(gateway: Client, tokens: Meter) -> None:
    ingest(event("e1", customer="eu"), event("e2", customer="eu", properties={}))
    told = post(gateway, ALIASES, 201, key="eu", customer="contoso")
    assert told == {"key": "eu", "customer": "contoso", "counted": 1, "waiting": {"missing_property": 1}}
    assert gateway.get(ALIASES).json() == [{"key": "eu", "customer": "contoso"}]
    assert "is an alias of contoso already" in post(gateway, ALIASES, 409, key="eu", customer="contoso")["detail"]
    assert gateway.delete(f"{ALIASES}/eu").status_code == 400, "without a reason"
    assert CustomerAlias.objects.exists()
    assert gateway.delete(f"{ALIASES}/eu?because=sold").status_code == 204
    assert not CustomerAlias.objects.exists()
    assert gateway.delete(f"{ALIASES}/eu?because=sold").status_code == 404


# ---------------------------------------------------------------- quarantine
@pytest.fixture
def waiting(tokens: Meter) -> None:
    ingest(*[event(f"c{number}", customer="eu") for number in range(3)], event("m1", properties={"a": Decimal("1.10")}))
    QuarantinedEvent.objects.filter(event_id="c0").update(at_risk=Decimal("1.500000"), at_risk_currency="USD")
    QuarantinedEvent.objects.filter(event_id="m1").update(owner=cast.person("eric"))


def test_what_waits_is_listed_with_totals_page_by_page(gateway: Client, waiting: None) -> None:
    found = gateway.get(f"{QUARANTINE}?limit=3").json()
    assert (found["waiting"], found["at_risk"], found["unknown"]) == (4, {"USD": "1.5"}, 3)
    assert found["by_reason_and_owner"] == [
        {"reason": "unknown_customer", "owner": "", "events": 3, "at_risk": {"USD": "1.5"}, "unknown": 2},
        {"reason": "missing_property", "owner": "Eric Events", "events": 1, "at_risk": {}, "unknown": 1},
    ]
    assert [row["event"]["id"] for row in found["events"]] == ["c0", "c1", "c2"]
    assert (found["events"][0]["at_risk"], found["events"][0]["currency"]) == ("1.5", "USD")
    rest = gateway.get(f"{QUARANTINE}?limit=3&after={found['next']}").json()
    assert [(row["event"]["id"], row["owner"]) for row in rest["events"]] == [("m1", "eric")]
    assert rest["next"] is None
    assert b'"a":1.10' in gateway.get(f"{QUARANTINE}?reason=missing_property").content


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("customer=eu&limit=1", ["c0"]),
        ("owner=eric", ["m1"]),
        ("type=strange", []),
        ("source=gateway&reason=missing_property", ["m1"]),
        ("state=counted", []),
        ("state=all&reason=missing_property", ["m1"]),
    ],
)
def test_what_waits_is_found_by_what_it_has_in_common(
    gateway: Client, waiting: None, query: str, found: list[str]
) -> None:
    assert [row["event"]["id"] for row in gateway.get(f"{QUARANTINE}?{query}").json()["events"]] == found


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=-1", "reason=none", "state=open"])
def test_a_question_that_makes_no_sense_is_400(gateway: Client, query: str) -> None:
    assert gateway.get(f"{QUARANTINE}?{query}").status_code == 400


def test_many_are_replayed_and_dismissed(gateway: Client, waiting: None, customers: set[str]) -> None:
    customers.add("eu")
    told = post(gateway, f"{QUARANTINE}/replay", 200, source="gateway")
    assert told == {"counted": 3, "waiting": {"missing_property": 1}}
    assert UsageEvent.objects.count() == 3
    left = QuarantinedEvent.objects.get(event_id="m1")
    assert post(gateway, f"{QUARANTINE}/dismiss", 200, ids=[left.pk]) == {"dismissed": 1}
    assert post(gateway, f"{QUARANTINE}/dismiss", 200, owner="eric") == {"dismissed": 0}
    left.refresh_from_db()
    assert (left.resolution, left.resolved_in.name) == ("dismissed", "quarantine.dismissed")  # type: ignore[union-attr]


@pytest.mark.parametrize("fields", [{}, {"ids": "all"}, {"ids": [-1]}, {"reason": "none"}, {"ids": [1], "because": ""}])
def test_without_saying_which_and_why_nothing_happens(gateway: Client, waiting: None, fields: dict[str, Any]) -> None:
    before = everything("metering", "governance")
    for deed in ("replay", "dismiss"):
        post(gateway, f"{QUARANTINE}/{deed}", 400, **fields)
    assert everything("metering", "governance") == before


def test_a_key_that_only_reads_changes_nothing(waiting: None, customers: set[str]) -> None:
    customers.add("eu")
    reader = Client(headers=cast.system_key("usage:read", "usage:write", name="reader"))
    before = everything("metering")
    assert reader.get(QUARANTINE).status_code == 200
    for url in (TYPES, f"{TYPES}/llm.request/versions", ALIASES, f"{QUARANTINE}/replay", f"{QUARANTINE}/dismiss"):
        assert post(reader, url, 403, key="x", customer="contoso", source="gateway")
    assert everything("metering") == before
    assert EventType.objects.count() == 1


def test_lists_take_as_many_queries_for_many_as_for_few(
    gateway: Client, waiting: None, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    counts = []
    for number in range(2):
        with django_assert_max_num_queries(20) as found:
            gateway.get(QUARANTINE)
            gateway.get(TYPES)
        counts.append(len(found))
        ingest(event(f"x{number}", customer="eu"))
        post(gateway, TYPES, 201, key=f"other.{number}")
    assert counts[0] == counts[1]
