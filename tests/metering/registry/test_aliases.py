"""Other names that customers go by, also for what came before they were known."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from governance.acts import Act, Refused
from governance.models import Change
from metering import operations, queries
from metering.models import CustomerAlias, Meter, QuarantinedEvent, UsageBatch, UsageEvent
from metering.quarantine import operations as quarantine
from metering.queries import usage
from metering.registry.aliases import define_alias, end_alias
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event
from tests.refusals import everything

pytestmark = pytest.mark.django_db
MARCH = Period(NOON.replace(day=1, hour=0), NOON.replace(month=4, day=1, hour=0))


def ingest(*events: Any, source: str = "gateway") -> list[str]:
    return [verdict.reason or verdict.outcome for verdict in operations.ingest(events, source=source, at=NOON)]


def used(customer: str = "contoso") -> int:
    key = (customer, "tokens", MARCH, WHOLE)
    return int(usage([key])[key])  # type: ignore[call-overload]


def test_usage_under_an_alias_is_the_customers_and_says_under_which_key_it_came(tokens: Meter, by_eric: Act) -> None:
    define_alias(key="CONTOSO-EU", customer_key="contoso", act=by_eric)
    assert ingest(event("e1", customer="CONTOSO-EU"), event("e2")) == ["accepted", "accepted"]
    stored = UsageEvent.objects.order_by("event_id").values_list("customer_key", "alias")
    assert list(stored) == [("contoso", "CONTOSO-EU"), ("contoso", "")]
    assert used() == 10


def test_resends_stay_duplicates_whatever_happens_to_the_alias(tokens: Meter, by_eric: Act) -> None:
    alias, _ = define_alias(key="eu", customer_key="contoso", act=by_eric)
    ingest(event("e1", customer="eu"))
    assert ingest(event("e1", customer="eu")) == ["duplicate"]
    assert UsageBatch.objects.latest("pk").duplicates_of == {"contoso": 1}
    assert ingest(event("e1")) == ["conflict"], "it said another key"
    end_alias(alias, act=by_eric)
    assert ingest(event("e1", customer="eu"), event("e2", customer="eu")) == ["duplicate", "unknown_customer"]
    assert used() == 5


def test_defining_an_alias_counts_what_waited_for_it_in_its_own_period(tokens: Meter, by_eric: Act) -> None:
    late = timedelta(days=30)
    ingest(event("e1", customer="eu", before=late), event("e2", customer="eu"), event("e3", customer="us"))
    ingest(event("e1", customer="eu"), source="other")
    bad = event("e5", customer="eu", properties={})
    assert ingest(bad) == ["unknown_customer"]
    alias, replayed = define_alias(key="eu", customer_key="contoso", act=by_eric)
    assert (replayed.counted, dict(replayed.waiting)) == (3, {"missing_property": 1})
    assert replayed.words.startswith("3 counted. 1 still cannot be counted (a property that is needed")
    february = ("contoso", "tokens", Period(NOON - timedelta(days=31), NOON - timedelta(days=29)), WHOLE)
    assert (usage([february])[february], used(), used("fabrikam")) == (5, 10, 0)
    assert {row.alias for row in UsageEvent.objects.all()} == {"eu"}
    waiting = QuarantinedEvent.objects.filter(resolved_at=None).order_by("event_id")
    assert list(waiting.values_list("event_id", flat=True)) == ["e3", "e5"]
    changes = list(Change.objects.filter(name__in=["customer_alias.defined", "quarantine.replayed"]).order_by("pk"))
    assert [each.name for each in changes] == ["customer_alias.defined", "quarantine.replayed"]
    assert changes[0].subject_id == str(alias.pk)
    assert set(QuarantinedEvent.objects.exclude(resolved_at=None).values_list("resolved_in", flat=True)) == {
        changes[1].pk
    }
    assert ingest(event("e2", customer="eu")) == ["duplicate"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"key": "fabrikam"}, "fabrikam is the key of a customer of its own"),
        ({"key": "eu"}, "eu is an alias of contoso already"),
        ({"customer_key": "nobody"}, "No customer has the key 'nobody'"),
        ({"customer_key": "eu"}, "No customer has the key 'eu'"),
        ({"key": ""}, "blank"),
        ({"key": "x" * 121}, "120"),
    ],
)
def test_an_impossible_alias_is_refused(tokens: Meter, by_eric: Act, fields: dict[str, str], sentence: str) -> None:
    define_alias(key="eu", customer_key="contoso", act=by_eric)
    ingest(event("e1", customer="x"))
    before = everything("metering", "governance")
    with pytest.raises(Refused, match=sentence):
        define_alias(**({"key": "x", "customer_key": "contoso"} | fields), act=by_eric)
    assert everything("metering", "governance") == before


def test_a_customers_own_key_goes_before_an_alias(tokens: Meter, by_eric: Act, customers: set[str]) -> None:
    define_alias(key="tailspin", customer_key="contoso", act=by_eric)
    assert queries.resolve_customers({"tailspin", "contoso", "x"}) == {"tailspin": "contoso", "contoso": "contoso"}
    customers.add("tailspin")
    assert queries.resolve_customers({"tailspin"}) == {"tailspin": "tailspin"}


def test_aliases_are_looked_up_only_where_a_key_is_no_customers(
    tokens: Meter, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(0):
        queries.resolve_customers({"contoso"})
    with django_assert_num_queries(1):
        queries.resolve_customers({"contoso", "a", "b"})


def test_many_are_replayed_in_blocks_and_a_taken_id_waits_on(
    tokens: Meter, by_eric: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "BLOCK", 2)
    ingest(*[event(f"e{number}", customer="eu") for number in range(5)])
    ingest(event("e5", customer="eu"), event("e5", customer="eu", properties={"tokens": 6}))
    ingest(event("e1", properties={"tokens": 7}))
    assert define_alias(key="eu", customer_key="contoso", act=by_eric)[1].counted == 5
    waiting = QuarantinedEvent.objects.filter(resolved_at=None).values_list("event_id", "reason")
    assert sorted(waiting) == [("e1", "unknown_customer"), ("e5", "conflict")]
    assert sorted(UsageEvent.objects.values_list("event_id", flat=True)) == ["e0", "e1", "e2", "e3", "e4", "e5"]


def test_an_alias_is_written_only_inside_a_change() -> None:
    with pytest.raises(RuntimeError, match="outside"):
        CustomerAlias(key="eu", customer_key="contoso").save()
