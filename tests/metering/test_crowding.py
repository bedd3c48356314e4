"""One sender's crowd is told to come again; the others are served meanwhile."""

import json
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from governance.clock import clock_set_to
from metering.models import Meter, UsageBatch, UsageEvent, UsageIdentity
from tests import cast
from tests.metering.conftest import NOON

URL = "/api/v1/usage-events"
EVENT = {"type": "llm.request", "time": "2026-03-10T12:00:00Z", "customer": "contoso", "properties": {"tokens": 5}}
PLACE = "SELECT pg_advisory_xact_lock(hashtext('quoin.usage ' || %s), %s)"


def sender(name: str) -> Client:
    return Client(headers=cast.system_key("usage:write", name=name))


def post(client: Client, event_id: str) -> Any:
    with clock_set_to(NOON):
        return client.post(URL, json.dumps({**EVENT, "id": event_id}), content_type="application/json")


def elsewhere() -> psycopg.Connection[Any]:
    """A transaction of another process."""
    given = connection.get_connection_params()
    return psycopg.connect(**{name: given[name] for name in ("dbname", "user", "host")})


@pytest.mark.django_db(transaction=True)
def test_a_sender_with_too_many_requests_under_way_comes_again(tokens: Meter, settings: Any) -> None:
    settings.USAGE_REQUESTS_AT_ONCE = 2
    gateway, other = sender("gateway"), sender("other")
    with elsewhere() as one, elsewhere() as two:
        one.execute(PLACE, ["gateway", 1])
        two.execute(PLACE, ["gateway", 2])
        answer = post(gateway, "e1")
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")
        assert "nothing was acknowledged" in answer.json()["detail"]
        assert [model.objects.count() for model in (UsageEvent, UsageIdentity, UsageBatch)] == [0, 0, 0]
        assert post(other, "e1").json()["accepted"] == 1
        one.rollback()
        assert post(gateway, "e1").json()["accepted"] == 1
    assert sorted(UsageEvent.objects.values_list("source", flat=True)) == ["gateway", "other"]


@pytest.mark.django_db(transaction=True)
def test_nobody_is_sent_away_without_a_limit(tokens: Meter, settings: Any) -> None:
    settings.USAGE_REQUESTS_AT_ONCE = 0
    gateway = sender("gateway")
    with elsewhere() as one:
        one.execute(PLACE, ["gateway", 1])
        assert post(gateway, "e1").json()["accepted"] == 1
