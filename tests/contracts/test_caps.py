"""Customers' own caps: what a month comes to, what happens at a limit, and who sets them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contracts.caps import read_caps
from contracts.models import CapReading, Contract, UsageCap
from contracts.operations import remove_cap, set_cap
from governance.clock import clock_set_to
from governance.models import Change
from tests import cast
from tests.contracts.test_admin_entitlements import press
from tests.contracts.test_entitled import AT, ask, contract, feature, use
from tests.contracts.test_queries import signed
from tests.refusals import refused

__all__ = ["contract"]
pytestmark = pytest.mark.django_db
MONEY = {"measure": "money"}
OUTPUT = {"measure": "quantity"}


def act(at: datetime = AT) -> Any:
    return cast.act("cleo", "They asked", at)


def read(at: datetime = AT) -> list[Decimal]:
    return [each.amount for each in read_caps(at, act=act(at))]


def told() -> list[str]:
    names = Change.objects.filter(name__startswith="usage_cap.").order_by("id").values_list("name", flat=True)
    return [name for name in names if name.endswith("reached")]


@pytest.fixture
def calls(contract: Contract) -> Contract:
    """Contoso's contract; output tokens, $10 a million, are allowed without end."""
    feature("calls", platform_fee={"value": "unlimited"})
    return contract


def test_money_is_what_the_metered_lines_of_the_month_come_to(calls: Contract) -> None:
    cap = set_cap(calls.customer, soft_limit=Decimal(20), hard_limit=Decimal(30), act=act())
    assert (cap.reading.amount, ask("calls").reason) == (0, "granted")
    use(1_900_000, AT.replace(month=2))
    use(1_999_000)
    assert read() == [Decimal("19.99")]
    assert (ask("calls").allowed, ask("calls").soft_caps) == (True, ())
    use(1_000, AT + timedelta(minutes=1))
    assert (read(), ask("calls").allowed, ask("calls").soft_caps) == ([20], True, ("everything",))
    use(1_000_000, AT + timedelta(minutes=2))
    assert (read(), ask("calls").reason) == ([30], "cap_reached")
    assert ask("calls").detail == "The customer's own cap on everything is reached for this month."


def test_a_month_that_is_over_caps_nothing(calls: Contract) -> None:
    set_cap(calls.customer, hard_limit=Decimal(1), act=act())
    use(500_000)
    april = datetime(2026, 4, 1, tzinfo=UTC)
    read()
    assert [ask("calls", at=at).reason for at in (AT, april - timedelta(seconds=1), april)] == [
        "cap_reached",
        "cap_reached",
        "granted",
    ]
    assert read(april) == [0]


def test_months_are_those_of_the_customers_clock(calls: Contract) -> None:
    cap = set_cap(calls.customer, hard_limit=Decimal(1), act=act())
    assert (cap.reading.period_start, cap.reading.period_end) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
    )
    tokyo = cast.customer("tokyo", time_zone="Asia/Tokyo")
    theirs = set_cap(tokyo, hard_limit=Decimal(1), act=act())
    assert theirs.reading.period_start == datetime(2026, 2, 28, 15, tzinfo=UTC)


def test_a_quantity_caps_what_its_product_measures_and_nothing_else(calls: Contract) -> None:
    feature("sso", "boolean", platform_fee={})
    set_cap(calls.customer, product=cast.product("output-tokens"), hard_limit=Decimal(100), act=act(), **OUTPUT)
    set_cap(calls.customer, product=cast.product("input-tokens"), hard_limit=Decimal(1), act=act(), **OUTPUT)
    use(100)
    assert read() == [0, 100]
    assert (ask("calls").reason, ask("sso").reason) == ("cap_reached", "granted")


def test_people_are_told_once_a_month_of_each_limit(calls: Contract) -> None:
    set_cap(calls.customer, soft_limit=Decimal(1), hard_limit=Decimal(2), act=act())
    use(100_000)
    read()
    read()
    assert told() == ["usage_cap.soft_limit_reached"]
    use(100_000, AT + timedelta(minutes=1))
    read()
    read()
    assert told() == ["usage_cap.soft_limit_reached", "usage_cap.hard_limit_reached"]
    april = datetime(2026, 4, 2, tzinfo=UTC)
    use(150_000, april)
    read(april)
    assert told()[2:] == ["usage_cap.soft_limit_reached"]


def test_a_cap_that_is_set_counts_at_once_and_one_that_is_removed_no_more(calls: Contract) -> None:
    use(500_000)
    cap = set_cap(calls.customer, hard_limit=Decimal(5), act=act())
    assert ask("calls").reason == "cap_reached"
    assert set_cap(calls.customer, hard_limit=Decimal(6), act=act()).pk == cap.pk
    assert ask("calls").reason == "granted"
    set_cap(calls.customer, hard_limit=Decimal(5), act=act())
    remove_cap(cap, act=act())
    assert ask("calls").reason == "granted"
    assert not CapReading.objects.exists()


def test_reading_takes_the_same_queries_for_one_cap_and_for_five(calls: Contract) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            read()
        return len(asked)

    set_cap(calls.customer, hard_limit=Decimal(5), act=act())
    few = queries()
    for name in ("a", "b", "c", "d"):
        signed(name, rate_card_version=calls.pinned_version, commits=[])
        set_cap(cast.customer(name), hard_limit=Decimal(5), act=act())
    assert queries() == few


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({}, "hard_limit: Say at least one limit"),
        ({"hard_limit": Decimal(0)}, "hard_limit: A limit is above zero"),
        ({"hard_limit": Decimal("1.001")}, "hard_limit: An amount of USD has at most 2 decimals"),
        ({"soft_limit": Decimal(2), "hard_limit": Decimal(1)}, "hard_limit: The hard limit is not below"),
        ({"hard_limit": Decimal(1), **OUTPUT}, "product: A quantity is one of a product"),
    ],
)
def test_limits_that_are_none_are_refused(calls: Contract, terms: dict[str, Any], says: str) -> None:
    with refused(says):
        set_cap(calls.customer, **terms, act=act())


def test_what_is_not_metered_is_not_capped(calls: Contract) -> None:
    fee = cast.product("platform-fee")
    with refused("product: Only what is metered"):
        set_cap(calls.customer, product=fee, hard_limit=Decimal(1), act=act())


# ---------------------------------------------------------------- the doors
CAPS = "/api/v1/customers/contoso/caps"


def test_a_system_sets_reads_and_removes_caps(calls: Contract) -> None:
    client = Client(headers=cast.system_key("customers:write", "entitlements:read"))
    given = {"soft_limit": "100", "hard_limit": "200.50"}
    with clock_set_to(AT):
        answer = client.put(CAPS, given, content_type="application/json")
    expected = [
        {
            "product": None,
            "measure": "money",
            "currency": "USD",
            "soft_limit": "100",
            "hard_limit": "200.5",
            "amount": "0",
            "read_at": "2026-03-18T12:00:00Z",
        }
    ]
    assert (answer.status_code, answer.json()) == (200, expected)
    assert client.get(CAPS).json() == expected
    wrong = client.put(CAPS, {"hard_limit": "-1"}, content_type="application/json")
    assert (wrong.status_code, wrong.json()) == (400, {"hard_limit": ["A limit is above zero."]})
    assert (client.delete(CAPS).json(), client.delete(CAPS).status_code) == ([], 404)
    assert client.get("/api/v1/customers/nobody/caps").status_code == 404


def test_staff_set_and_remove_caps_with_a_reason(calls: Contract) -> None:
    with clock_set_to(AT):
        assert press("cleo", calls.customer, "set_cap", measure="money", hard_limit="500") == [
            "There is a cap on everything of Contoso."
        ]
        assert press("cleo", calls.customer, "set_cap", measure="money") == ["hard_limit: Say at least one limit."]
        client = Client()
        client.force_login(cast.person("cleo"))
        (shown,) = client.get(reverse("admin:contracts_customer_change", args=[calls.customer_id])).context["caps"]
        assert (shown.of, shown.used, shown.soft, shown.hard) == ("Everything metered", "$0.00", "", "$500.00")
        cap = UsageCap.objects.get()
        assert press("cleo", calls.customer, "remove_cap", cap=str(cap.pk)) == [
            "There is no cap on everything of Contoso any more."
        ]
    assert not UsageCap.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_cap_is_set_where_no_transaction_is_open(calls: Contract) -> None:
    assert set_cap(calls.customer, hard_limit=Decimal(5), act=act()).hard_limit == 5
