"""From an event's id to the line that bills it, or the reason why none does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contracts.models import Contract
from governance.clock import clock_set_to
from insights.trace import Sight, Trace, sources_of, trace
from invoicing import operations as invoicing
from metering.meters.defining import define_meter
from metering.operations import ingest
from metering.registry.registering import register_event_type
from metering.wire.events import Event
from tests import cast
from tests.books import BILLING_DAY, act, billed_january, use

pytestmark = pytest.mark.django_db

ALL = Sight(contracts=True, invoices=True)
JANUARY = datetime(2026, 1, 15, tzinfo=UTC)


def traced(event_id: str = "january", *, sight: Sight = ALL, at: datetime = BILLING_DAY) -> Trace:
    return trace("gateway", event_id, sight, at=at)


def way(found: Trace, meter: str = "input-tokens") -> Any:
    """The event's way through one meter, its only product and that one's only contract."""
    (of,) = [each for each in found.meters if each.meter.key == meter]
    (product,) = of.products
    (under,) = product.contracts
    return under


def report(event_id: str, customer: str = "contoso", at: datetime = JANUARY, **fields: Any) -> None:
    given = {"ContextTokens": 1_000, "GeneratedTokens": 100} | fields.pop("properties", {})
    ingest([Event(event_id, fields.pop("type", "llm.request"), at, customer, given)], source="gateway", at=at)


def test_an_event_is_followed_to_the_line_of_its_invoice() -> None:
    _, month = billed_january()
    found = traced()
    assert (found.verdict, [of.meter.key for of in found.meters]) == ("counted", ["input-tokens", "output-tokens"])
    assert [of.counted.value for of in found.meters] == [20_000_000, 4_000_000]
    under = way(found)
    assert under.placed.sentence == "First 10,000,000 at $2.50 per million, then $2.00 per million"
    assert under.placed.price.source == "Standard USD v1"
    (line,) = under.billed.lines
    assert (line.invoice, line.quantity, line.amount) == (month, "20,000,000 tokens", "$38.25")
    assert under.billed.why_not == ""


def test_what_is_not_due_yet_says_when_it_is() -> None:
    cast.signed_contract()
    use("january", 20_000_000, 4_000_000)
    assert way(traced(at=JANUARY)).billed.why_not == "Not due yet: its period ends on 1 February 2026, 00:00 UTC."
    due = datetime(2026, 2, 1, 3, tzinfo=UTC)
    assert way(traced(at=due)).billed.why_not == (
        "Due, and open for late usage until 2 February 2026, 00:00 UTC; the next run drafts the invoice."
    )
    invoicing.bill_due(through=due, act=act("Billing day", due))
    under = way(traced(at=due))
    assert [line.invoice.status for line in under.billed.lines] == ["draft"]
    assert under.billed.why_not == "A draft, open for late usage until 2 February 2026, 00:00 UTC."


def test_what_came_after_the_invoice_says_so_and_is_then_found_on_the_next() -> None:
    _, month = billed_january()
    late = BILLING_DAY + timedelta(hours=1)
    ingest([Event("late", "llm.request", JANUARY, "contoso", {"ContextTokens": 5, "GeneratedTokens": 1_000_000})],
           source="gateway", at=late)  # fmt: skip
    assert way(traced("late"), "output-tokens").billed.why_not == (
        f"It came after {month.number} was measured; the difference goes on the next invoice."
    )
    march = datetime(2026, 3, 3, tzinfo=UTC)
    invoicing.bill_due(through=march, act=act("Billing day", march))
    (line,) = way(traced("late", at=march), "output-tokens").billed.lines
    assert (line.invoice != month, line.amount) == (True, "$8.50")


def test_why_an_event_is_not_billed() -> None:
    contract = cast.signed_contract()
    cast.customer("fabrikam")
    report("nobody's", "fabrikam")
    report("before", at=datetime(2025, 12, 20, tzinfo=UTC))
    define_meter(key="calls", name="Calls", event_type="llm.request", aggregation="count", act=act("Count them"))
    report("mine")

    def why(event_id: str) -> list[str]:
        return [of.why_not or of.products[0].why_not for of in traced(event_id).meters]

    assert why("nobody's") == ["No product is sold by this meter.", *["The customer has no contract."] * 2]
    assert why("before")[1:] == ["The customer's first contract begins only on 1 January 2026."] * 2
    report("after", at=contract.end_at + timedelta(hours=1))
    number = contract.number
    assert why("after")[1] == f"Contract {number} had ended on 1 January 2027, and no other began."


def test_a_meter_that_leaves_an_event_out_says_why() -> None:
    cast.signed_contract()
    define_meter(
        key="eu", name="EU calls", event_type="llm.request", aggregation="count", filters={"region": ["eu"]},
        act=act("Count them"),
    )  # fmt: skip
    report("here", properties={"region": "us"})
    (of,) = [each for each in traced("here").meters if each.meter.key == "eu"]
    assert (of.counted.value, of.why_not) == (None, "Its region is 'us'; the meter counts eu only.")


def test_an_event_that_is_not_billable_says_by_which_rule(client: Client) -> None:
    cast.signed_contract()
    register_event_type(key="agent.run", billable_when="NOT failed", act=act("We run agents"))
    define_meter(key="runs", name="Runs", event_type="agent.run", aggregation="count", act=act("Count them"))
    report("failed", type="agent.run", properties={"failed": True})
    report("fine", type="agent.run", properties={"failed": False})
    assert [traced("failed").verdict, traced("fine").verdict] == ["not_billable", "counted"]
    client.force_login(cast.person("eric"))
    page = client.get("/admin/insights/trace/?id=failed").content.decode()
    assert "<code>NOT failed</code>. It was not, so no meter counts it." in page


def test_an_event_in_quarantine_says_why_it_is_there() -> None:
    cast.signed_contract()
    report("run-1", type="agent.run")
    found = traced("run-1")
    assert (found.verdict, found.event, [each.reason for each in found.quarantined]) == (
        "quarantined", None, ["unknown_type"],
    )  # fmt: skip


def test_nobody_and_several_reported_it() -> None:
    cast.signed_contract()
    assert (sources_of("january"), traced().verdict) == ([], "unknown")
    use("january", 1, 1)
    event = Event("january", "llm.request", JANUARY, "contoso", {"ContextTokens": 1, "GeneratedTokens": 1})
    ingest([event], source="another", at=JANUARY)
    ingest([Event("january", "nonsense", JANUARY, "contoso", {})], source="third", at=JANUARY)
    assert sources_of("january") == ["another", "gateway", "third"]


def test_more_meters_products_and_contracts_take_no_more_queries() -> None:
    cast.signed_contract()
    use("january", 20_000_000, 4_000_000)

    def asked() -> int:
        with CaptureQueriesContext(connection) as statements:
            traced()
        return len(statements)

    few = asked()
    cast.signed_contract(title="Another")
    for number in range(3):
        define_meter(
            key=f"m{number}", name=f"M{number}", event_type="llm.request", aggregation="count", act=act("More")
        )
    assert (Contract.objects.count(), asked()) == (2, few)


def test_the_page_tells_what_the_person_may_see(client: Client) -> None:
    _, month = billed_january()
    with clock_set_to(BILLING_DAY):
        told = {}
        for username in ("cara", "ann", "eric"):
            client.force_login(cast.person(username))
            told[username] = client.get("/admin/insights/trace/?id=january").content.decode()
    assert all("20,000,000" in page for page in told.values())
    assert {name: (str(month.number) in page, "$2.50 per million" in page) for name, page in told.items()} == {
        "cara": (True, True), "ann": (False, True), "eric": (False, False),
    }  # fmt: skip


def test_the_api_tells_what_the_key_may_read(client: Client) -> None:
    _, month = billed_january()
    asked = {
        ("usage:read",): (None, None),
        ("usage:read", "contracts:read"): ("Standard USD v1", []),
        ("usage:read", "contracts:read", "invoices:read"): ("Standard USD v1", [month.number]),
    }
    for scopes, expected in asked.items():
        headers = cast.system_key(*scopes)
        with clock_set_to(BILLING_DAY):
            answer = client.get("/api/v1/usage-events/trace?id=january", headers=headers).json()
        contracts = answer["meters"][0]["products"][0]["contracts"]
        found = contracts[0] if contracts else None
        seen = (found and found["price_source"], found and [line["invoice"] for line in found["lines"]])
        assert (answer["verdict"], answer["source"], answer["meters"][0]["value"]) == ("counted", "gateway", "20000000")
        assert seen == expected
    nothing = client.get("/api/v1/usage-events/trace?id=never", headers=headers).json()
    assert (nothing["verdict"], nothing["sources"], nothing["meters"]) == ("unknown", [], [])


def test_the_usage_event_leads_to_its_trace(client: Client) -> None:
    billed_january()
    client.force_login(cast.person("eric"))
    number = traced().event.pk  # type: ignore[union-attr]
    page = client.get(f"/admin/metering/usageevent/{number}/change/").content.decode()
    assert "/admin/insights/trace/?id=january&amp;source=gateway" in page
