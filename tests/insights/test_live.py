"""Usage as it comes in: the figures of the running cycle, the last hour, and what they come to so far."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts.models import Contract, Customer
from governance.clock import clock_set_to
from insights.live import of_customer, of_everybody
from invoicing.running import running
from metering.meters.defining import define_meter
from metering.operations import ingest
from metering.wire.events import Event
from tests import cast
from tests.books import act, use

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 20, 12, 30, 30, tzinfo=UTC)
FIGURES = "/admin/insights/live/figures/?customer=contoso"


def report(event_id: str, at: datetime, customer: str = "contoso", tokens: int = 1_000) -> None:
    given = {"ContextTokens": tokens, "GeneratedTokens": tokens}
    ingest([Event(event_id, "llm.request", at, customer, given)], source="gateway", at=at)


@pytest.fixture
def contract() -> Contract:
    """Contoso's, with 20 M tokens in and 4 M out on 15 January."""
    contract = cast.signed_contract()
    use("january", 20_000_000, 4_000_000)
    return contract


def test_a_customers_meters_in_their_running_cycle(contract: Contract) -> None:
    define_meter(key="calls", name="Calls", event_type="llm.request", aggregation="count", act=act("Count them"))
    live = of_customer(contract.customer, cast.person("cara"), NOW, sees_money=True)
    assert [(each.meter.key, each.figure, each.unit, each.amount, each.note) for each in live.figures] == [
        ("input-tokens", "20,000,000", "tokens", "$38.25", ""),
        ("output-tokens", "4,000,000", "tokens", "$34.00", ""),
        ("calls", "1", "unit", "", "billed by no contract"),
    ]
    assert {each.since for each in live.figures} == {datetime(2026, 1, 1, tzinfo=UTC)}
    assert (live.so_far, live.waiting, live.last_hour) == (["$72.25"], 0, 0)


def test_what_it_comes_to_so_far_is_what_the_invoice_will_say_if_nothing_comes(contract: Contract) -> None:
    found = {each.agreed.term.product: each for each in running([contract], NOW)}
    assert {product: sum(line.amount.amount for line in each.lines) for product, each in found.items()} == {
        "input-tokens": Decimal("38.25"), "output-tokens": Decimal("34.00"),
    }  # fmt: skip
    assert running([contract], contract.end_at) == []


def test_the_last_hour_minute_by_minute(contract: Contract) -> None:
    for number, ago in enumerate((0, 5, 9, 70, 59 * 60, 60 * 60 + 31)):
        report(f"e{number}", NOW - timedelta(seconds=ago))
    live = of_customer(contract.customer, cast.person("cara"), NOW, sees_money=True)
    assert (live.minutes[-1], live.minutes[-2], live.minutes[0]) == (3, 1, 1)
    assert (live.last_hour, live.per_second) == (5, Decimal("0.3"))
    assert [event.event_id for event in live.events] == ["e0", "e1", "e2", "e3", "e4", "e5"]


def test_all_customers_are_added_up(contract: Contract) -> None:
    cast.customer("fabrikam")
    report("theirs", NOW - timedelta(seconds=1), "fabrikam", 5_000)
    live = of_everybody(cast.person("cara"), NOW)
    assert [(each.meter.key, each.figure) for each in live.figures] == [
        ("input-tokens", "20,005,000"), ("output-tokens", "4,005,000"),
    ]  # fmt: skip
    assert (live.last_hour, live.per_second, [event.event_id for event in live.events]) == (
        1, Decimal("0.1"), ["theirs", "january"],
    )  # fmt: skip


def test_it_moves_with_the_next_event_and_answers_304_until_then(client: Client, contract: Contract) -> None:
    client.force_login(cast.person("cara"))
    with clock_set_to(NOW):
        first = client.get(FIGURES)
        again = client.get(FIGURES, headers={"If-None-Match": first["ETag"]})
        report("next", NOW - timedelta(seconds=1), tokens=1_000_000)
        moved = client.get(FIGURES, headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, moved.status_code) == (200, 304, 200)
    assert ("20,000,000" in first.content.decode(), "21,000,000" in moved.content.decode()) == (True, True)
    assert "$82.45" in moved.content.decode()


def test_who_sees_no_invoices_sees_no_money(client: Client, contract: Contract) -> None:
    client.force_login(cast.person("eric"))
    with clock_set_to(NOW):
        page = client.get("/admin/insights/live/?customer=contoso").content.decode()
    assert ("20,000,000" in page, "$38.25" in page, "So far" in page) == (True, False, False)


def test_nobody_by_that_name_is_404(client: Client, contract: Contract) -> None:
    client.force_login(cast.person("cara"))
    assert client.get("/admin/insights/live/?customer=nobody").status_code == 404


def test_more_meters_take_no_more_queries(contract: Contract) -> None:
    customer, cara = Customer.objects.get(), cast.person("cara")

    def asked() -> int:
        with CaptureQueriesContext(connection) as statements:
            of_customer(customer, cara, NOW, sees_money=True)
        return len(statements)

    asked()
    few = asked()
    for number in range(4):
        define_meter(
            key=f"m{number}", name=f"M{number}", event_type="llm.request", aggregation="sum", property="ContextTokens",
            act=act("More"),
        )  # fmt: skip
    assert asked() == few
