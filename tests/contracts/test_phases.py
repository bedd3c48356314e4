"""Contracts whose parts have days of their own: ramps, lines that start later, instalments, anchors."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError

from contracts import operations
from contracts.models import CommitInstalment, Contract
from contracts.queries import terms_of
from contracts.terms import AgreedCommit, AgreedInstalment, AgreedLine, SignedTerms
from invoicing.models import Invoice
from invoicing.operations import bill_due
from pricing.charges import PerUnit
from pricing.money import ZERO
from pricing.rating import rate
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
YEAR_END = datetime(2027, 1, 2, 9, tzinfo=UTC)


@pytest.fixture
def terms() -> SignedTerms:
    """A year of seats at $30 a month."""
    version = cast.publish({"seats": PerUnit(Decimal(30))})
    return SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=version,
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[AgreedLine(cast.product("seats"), quantity=Decimal(10))],
        signed_by="Dan",
    )


def signed(terms: SignedTerms, **fields: Any) -> Contract:
    return operations.sign_contract(replace(terms, **fields), act=cast.act("ben", "Agreed"))


def rated(contract: Contract) -> list[tuple[str, str, Decimal]]:
    """First day, last day and amount of every line there will be."""
    terms = [each.term for each in terms_of([contract])[contract.pk]]
    lines = rate(terms, lambda *asked: ZERO, YEAR_END)
    return [(f"{each.period.start:%m-%d}", f"{each.period.end:%m-%d}", each.amount.amount) for each in lines]


def seats(quantity: int, **fields: Any) -> AgreedLine:
    return AgreedLine(cast.product("seats"), quantity=Decimal(quantity), **fields)


def test_a_ramp_is_billed_phase_by_phase_under_its_names(terms: SignedTerms) -> None:
    free = seats(10, label="Free month", discount_percent=Decimal(100), end_on=date(2026, 2, 1))
    first = seats(10, label="Start", start_on=date(2026, 2, 1), end_on=date(2026, 4, 1))
    contract = signed(terms, lines=[free, first, seats(15, label="Growth", start_on=date(2026, 4, 1))])
    assert [amount for _, _, amount in rated(contract)] == [
        Decimal(0), *[Decimal(300)] * 2, *[Decimal(450)] * 9
    ]  # fmt: skip
    names = [each.name for each in terms_of([contract])[contract.pk]]
    assert names == ["Seats (Free month)", "Seats (Start)", "Seats (Growth)"]


def test_what_starts_later_begins_with_the_part_of_the_cycle_that_is_left(terms: SignedTerms) -> None:
    contract = signed(terms, lines=[seats(5, start_on=date(2026, 4, 11), end_on=date(2026, 6, 1))])
    assert rated(contract) == [("04-11", "05-01", Decimal("100.00")), ("05-01", "06-01", Decimal("150.00"))]


def test_cycles_begin_on_the_anchor_day_and_come_back_to_it(terms: SignedTerms) -> None:
    contract = signed(terms, anchor_day=31, months=3)
    assert [(start, end) for start, end, _ in rated(contract)] == [
        ("01-01", "01-31"),
        ("01-31", "02-28"),
        ("02-28", "03-31"),
        ("03-31", "04-01"),
    ]


def test_a_contract_may_agree_not_to_count_parts(terms: SignedTerms) -> None:
    contract = signed(terms, lines=[seats(5, start_on=date(2026, 12, 11))], proration="none")
    assert rated(contract) == [("12-11", "01-01", Decimal("150.00"))]


def test_a_line_may_keep_its_prices_or_follow_the_card_whatever_the_contract_does(terms: SignedTerms) -> None:
    pinned = seats(1, prices="pinned", pinned_version=terms.rate_card_version, label="Pinned")
    lines = [pinned, seats(1, label="As agreed"), seats(1, prices="followed", label="Followed")]
    contract = signed(terms, lines=lines)
    following = signed(terms, lines=[pinned, seats(1, label="As agreed")], follows_card=True)
    cast.publish({"seats": PerUnit(Decimal(40))}, effective_from=datetime(2026, 12, 1, tzinfo=UTC))
    december = [amount for start, _, amount in rated(contract) if start == "12-01"]
    assert december == [Decimal(30), Decimal(30), Decimal(40)]
    assert [amount for start, _, amount in rated(following) if start == "12-01"] == [Decimal(30), Decimal(40)]


def test_a_commit_is_invoiced_by_its_instalments(terms: SignedTerms) -> None:
    parts = (
        AgreedInstalment(Decimal("333.34"), date(2026, 5, 1)),
        AgreedInstalment(Decimal("333.33"), date(2026, 1, 1)),
        AgreedInstalment(Decimal("333.33"), date(2026, 3, 1)),
    )
    commit = AgreedCommit("Prepaid usage", Decimal(1200), Decimal(1000), instalments=parts)
    contract = signed(terms, lines=[], commits=[commit])
    act = cast.act(because="Billing day", at=datetime(2026, 6, 1, tzinfo=UTC))
    for month in (1, 2, 3, 3, 6):
        bill_due(through=datetime(2026, month, 1, 0, 1, tzinfo=UTC), act=act)
    invoices = Invoice.objects.filter(contract=contract, kind="commit").order_by("period_start")
    assert [(f"{each.period_start:%m-%d}", each.total, each.status) for each in invoices] == [
        ("01-01", Decimal("333.33"), "finalized"),
        ("03-01", Decimal("333.33"), "finalized"),
        ("05-01", Decimal("333.34"), "finalized"),
    ]
    assert contract.commits.get().balance == Decimal(1200)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([("500", date(2026, 1, 1)), ("499.99", date(2026, 2, 1))], "do not come to its price"),
        ([("1000", date(2027, 1, 1))], "are invoiced within the contract"),
        ([("999.999", date(2026, 1, 1)), ("0.001", date(2026, 1, 2))], "at most 2 decimals"),
    ],
)
def test_instalments_that_cannot_be_invoiced_are_refused(
    terms: SignedTerms, parts: list[tuple[str, date]], why: str
) -> None:
    instalments = tuple(AgreedInstalment(Decimal(amount), day) for amount, day in parts)
    commit = AgreedCommit("Prepaid usage", Decimal(1200), Decimal(1000), instalments=instalments)
    with refused(why):
        signed(terms, commits=[commit])


@pytest.mark.parametrize(
    "days",
    [
        {"start_on": date(2025, 12, 31)},
        {"end_on": date(2027, 1, 2)},
        {"start_on": date(2026, 5, 1), "end_on": date(2026, 5, 1)},
    ],
)
def test_a_phase_lies_within_its_contract(terms: SignedTerms, days: dict[str, date]) -> None:
    with refused("starts before it ends, and both within the contract"):
        signed(terms, lines=[seats(1, **days)])


def test_the_same_usage_is_not_sold_twice_at_once(terms: SignedTerms) -> None:
    tokens = cast.product("input-tokens")
    published = cast.publish({"input-tokens": cast.INPUT}, effective_from=cast.NOW + timedelta(hours=1))
    first = AgreedLine(tokens, label="First", end_on=date(2026, 7, 2))
    second = AgreedLine(tokens, label="Second", start_on=date(2026, 7, 1))
    with refused("Input tokens is measured: two lines at once would bill the same usage twice"):
        signed(terms, rate_card_version=published, lines=[first, second])
    assert signed(terms, rate_card_version=published, lines=[replace(first, end_on=date(2026, 7, 1)), second])


def test_an_anchor_is_a_day_of_the_month(terms: SignedTerms) -> None:
    with refused("an_anchor_is_a_day"):
        signed(terms, anchor_day=32)


def test_an_agreed_instalment_never_changes(terms: SignedTerms) -> None:
    signed(terms, commits=[AgreedCommit("Prepaid usage", Decimal(40), Decimal(36))])
    with pytest.raises(DatabaseError, match="an agreed instalment never changes"):
        CommitInstalment.objects.update(amount=Decimal(1))


def test_the_purchase_order_is_printed_on_the_invoice_and_kept(terms: SignedTerms) -> None:
    contract = signed(terms, purchase_order="PO-4711", months=1)
    day = datetime(2026, 2, 3, tzinfo=UTC)
    bill_due(through=day, act=cast.act(because="Billing day", at=day))
    assert Invoice.objects.get(contract=contract).buyer["purchase_order"] == "PO-4711"
