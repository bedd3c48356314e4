"""Outcomes through real billing: what is final is billed, what is reversed later comes back under its own period."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from contracts import operations as contracts
from contracts.models import Contract
from invoicing.models import Invoice, InvoiceLine
from invoicing.queries import carried_on
from metering.models import EventType, Outcome, UsageEvent
from metering.outcomes.decisions import dispute, reverse, uphold
from metering.outcomes.definitions import define_outcome
from metering.outcomes.reporting import report
from metering.outcomes.reports import Report
from metering.outcomes.settlement import settle_due
from metering.registry.registering import change_event_type
from tests.invoicing.books import act, bill
from tests.invoicing.charges import DEC, Json, billed, d, sold

pytestmark = pytest.mark.django_db
MARCH_5, MARCH_9, APRIL_15 = (datetime(2026, month, day, 12, tzinfo=UTC) for month, day in ((3, 5), (3, 9), (4, 15)))
MARCH = (date(2026, 3, 1), date(2026, 4, 1))
APRIL_1, APRIL_2, MAY_2 = (datetime(2026, month, day, tzinfo=UTC) for month, day in ((4, 1), (4, 2), (5, 2)))
EACH: Json = {"kind": "outcome", "unit_price": "0.99"}


def selling(ann: User, charge: Json, prop: str = "quantity", **definition: Any) -> Contract:
    """Contoso's contract over 2026, on which results are priced so."""
    fields = {"name": "Resolved", "attribution_key": "conversation_id"} | definition
    define_outcome(key="resolution", act=act("We sell results", DEC), **fields)
    return sold(ann, {"resolutions": charge}, {"resolutions": ("sum", prop, "outcome.resolution")})


def happened(count: int, at: datetime = MARCH_5, name: str = "conversation", **fields: Any) -> list[Outcome]:
    reports = [Report("resolution", "contoso", f"{name}-{number}", at, **fields) for number in range(count)]
    return [answer.outcome for answer in report(reports, act=act("Reported", at))]


def settled(at: datetime = MARCH_9) -> int:
    return sum(iter(lambda: settle_due(act=act("The window is over", at)), 0))


def reopened(outcomes: list[Outcome], at: datetime) -> None:
    for outcome in outcomes:
        reverse(outcome, act=act("The customer wrote again", at))


def local(line: InvoiceLine) -> tuple[date, date]:
    """The days of a line's period in Berlin."""
    start, end = (each + timedelta(hours=2) for each in (line.period_start, line.period_end))
    return start.date(), end.date()


def test_what_is_reopened_within_the_window_is_not_billed(ann: User) -> None:
    selling(ann, EACH)
    reopened(happened(1_000)[:80], MARCH_5 + timedelta(hours=30))
    assert settled() == 920
    assert billed(APRIL_2) == [("resolutions", d("920"), d("910.80"))]


def test_what_is_reopened_after_it_was_billed_comes_back_with_its_period(ann: User) -> None:
    selling(ann, EACH)
    outcomes = happened(1_000)
    settled()
    assert billed(APRIL_2) == [("resolutions", d("1000"), d("990.00"))]
    happened(500, APRIL_15, "april")
    settled(APRIL_15 + timedelta(days=4))
    reopened(outcomes[:80], APRIL_15)
    (invoice,) = bill(MAY_2)
    back, april = invoice.lines.all()
    assert (back.quantity, back.amount, local(back)) == (d("-80"), d("-79.20"), MARCH)
    assert (april.quantity, april.amount) == (d("500"), d("495.00"))
    assert (invoice.status, invoice.total) == ("finalized", d("415.80"))
    assert bill(MAY_2) == []


def test_in_an_open_period_both_come_to_nothing_and_stay_in_the_history(ann: User) -> None:
    selling(ann, EACH)
    outcomes = happened(10)
    settled()
    (draft,) = bill(APRIL_1)
    assert (draft.status, draft.total) == ("draft", d("9.90"))
    reopened(outcomes[:4], APRIL_1 + timedelta(hours=1))
    assert billed(APRIL_2) == [("resolutions", d("6"), d("5.94"))]
    assert UsageEvent.objects.count() == 14
    assert [entry.kind for entry in outcomes[0].entries.all()] == ["reported", "settled", "reversed"]


def test_a_share_of_savings_ends_at_its_cap(ann: User) -> None:
    share = {"kind": "outcome_share", "percent": "15"}
    selling(ann, {"kind": "adjusted", "maximum": "25000", "charge": share}, "value")
    outcomes = happened(4, value=Decimal(50_000))
    settled()
    assert billed(APRIL_2) == [("resolutions", d("200000"), d("25000"))]
    reopened(outcomes[:1], APRIL_15)
    assert billed(MAY_2, "draft") == [("resolutions", d("-50000"), d("-2500.00"))]


def test_a_share_of_savings_begins_above_its_baseline(ann: User) -> None:
    selling(ann, {"kind": "outcome_share", "percent": "15", "baseline": "100000"}, "value")
    happened(4, value=Decimal("50000.01"))
    settled()
    assert billed(APRIL_2) == [("resolutions", d("200000.04"), d("15000.01"))]


def test_a_guaranteed_minimum_is_owed_and_a_reversal_below_it_changes_nothing(ann: User) -> None:
    selling(ann, {"kind": "adjusted", "minimum": "50.00", "charge": EACH})
    outcomes = happened(60)
    settled()
    bill(datetime(2026, 3, 3, tzinfo=UTC))  # January and February, at the minimum
    assert billed(APRIL_2) == [("resolutions", d("60"), d("59.40"))]
    reopened(outcomes[:20], APRIL_15)
    (invoice,) = bill(MAY_2)
    assert [(line.quantity, line.amount) for line in invoice.lines.all()] == [
        (d("-20"), d("-9.40")),  # 39.60 is less than what is guaranteed
        (d("0"), d("50.00")),
    ]


def test_results_below_the_agreed_quality_are_measured_and_not_paid_for(ann: User) -> None:
    selling(ann, EACH)
    kind = EventType.objects.get(key="outcome.resolution")
    change_event_type(kind, billable_when="csat >= 4", act=act("As agreed", DEC))
    happened(10, properties={"csat": Decimal("4.0")})
    poor = happened(3, name="poor", properties={"csat": Decimal("3.9")})
    settled()
    assert billed(APRIL_2) == [("resolutions", d("10"), d("9.90"))]
    reopened(poor, APRIL_15)
    assert bill(MAY_2) == []


def test_a_disputed_result_stays_billed_until_it_is_decided(ann: User) -> None:
    selling(ann, EACH)
    first, second = happened(2)
    settled()
    assert billed(APRIL_2) == [("resolutions", d("2"), d("1.98"))]
    for outcome in (first, second):
        dispute(outcome, act=act("Not so", APRIL_15))
    assert bill(MAY_2) == []
    uphold(first, act=act("It was so", MAY_2))
    reverse(second, act=act("Indeed not", MAY_2))
    assert billed(MAY_2, "draft") == [("resolutions", d("-1"), d("-0.99"))]


def test_a_reversal_after_the_contracts_end_is_owed_to_the_customer(ann: User) -> None:
    contract = selling(ann, EACH)
    outcomes = happened(1_000)
    settled()
    contracts.end_contract(contract, end_on=MARCH[1], act=act("Contoso leaves", MARCH_9))
    assert billed(APRIL_2) == [("resolutions", d("1000"), d("990.00"))]
    reopened(outcomes[:80], APRIL_15)
    (draft,) = bill(MAY_2)
    (line,) = draft.lines.all()
    assert (draft.status, line.amount, local(line)) == ("draft", d("-79.20"), MARCH)
    assert list(carried_on(MAY_2)) == [draft]


@pytest.mark.parametrize(("counts_in", "lines"), [("occurred", [("resolutions", d("5"), d("4.95"))]), ("final", [])])
def test_what_becomes_final_after_the_contracts_end_is_billed_where_it_counts_when_it_happened(
    ann: User, counts_in: str, lines: Any
) -> None:
    contract = selling(ann, EACH, counts_in=counts_in)
    contracts.end_contract(contract, end_on=MARCH[1], act=act("Contoso leaves", MARCH_9))
    happened(5, datetime(2026, 3, 31, 12, tzinfo=UTC))
    settled(APRIL_15)
    bill(APRIL_15)
    found = InvoiceLine.objects.filter(invoice__status=Invoice.Status.FINALIZED)
    assert [(line.product_key, line.quantity, line.amount) for line in found] == lines
