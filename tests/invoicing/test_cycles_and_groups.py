"""Invoices that come less often than usage is counted, and lines with an invoice of their own: worked numbers."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts import operations as contracts
from contracts.models import Contract
from contracts.queries import invoiced_at
from contracts.terms import AgreedCommit, AgreedLine, SignedTerms
from invoicing.models import Invoice
from invoicing.operations import bill_due, void_invoice
from tests import cast
from tests.books import use

pytestmark = pytest.mark.django_db
JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
MILLION = 1_000_000


@pytest.fixture
def terms() -> SignedTerms:
    """A year of input tokens at $2.50 for the first ten million of a month, then $2.00; output at $10; a fee of $20."""
    return SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=cast.standard_card(),
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[AgreedLine(cast.product(key)) for key in ("input-tokens", "output-tokens", "platform-fee")],
        signed_by="Dan",
    )


def signed(terms: SignedTerms, **fields: Any) -> Contract:
    return contracts.sign_contract(replace(terms, **fields), act=cast.act("ben", "Agreed"))


def bill(*day: int) -> None:
    """Twice: a second run changes nothing."""
    at = datetime(2026, *day, 0, 1, tzinfo=UTC)  # type: ignore[misc]
    for _ in range(2):
        bill_due(through=at, act=cast.act(because="Billing day", at=at))


def invoices(contract: Contract) -> list[tuple[str, str, str, Decimal]]:
    found = Invoice.objects.filter(contract=contract).exclude(status="discarded").order_by("period_start", "group")
    return [(each.kind, each.group, each.status, each.total) for each in found]


def test_tiers_are_counted_by_the_month_and_invoiced_by_the_quarter(terms: SignedTerms) -> None:
    contract = signed(terms, invoice_months=3)
    use("january", 20 * MILLION, 0, datetime(2026, 1, 15, tzinfo=UTC))
    use("february", 5 * MILLION, 0, datetime(2026, 2, 15, tzinfo=UTC))
    use("march", 12 * MILLION, 4 * MILLION, datetime(2026, 3, 15, tzinfo=UTC))
    for day in ((2, 3), (3, 3), (3, 31)):
        bill(*day)
        assert invoices(contract) == []
    bill(4, 1)
    # input 25 + 20, 12.50, 25 + 4; output 40; three fees of 20
    assert invoices(contract) == [("period", "", "draft", Decimal("186.50"))]
    use("late", 1 * MILLION, 0, datetime(2026, 2, 20, tzinfo=UTC))
    bill(4, 2)
    assert invoices(contract) == [("period", "", "finalized", Decimal("189.00"))]
    (invoice,) = Invoice.objects.filter(contract=contract)
    months = invoice.lines.filter(product_key="input-tokens").order_by("period_start")
    assert [(each.period_start, each.quantity, each.amount) for each in months] == [
        (JANUARY, 20 * MILLION, Decimal("45.00")),
        (FEBRUARY, 6 * MILLION, Decimal("15.00")),
        (MARCH, 12 * MILLION, Decimal("29.00")),
    ]


def test_a_quarter_invoiced_again_after_a_void_is_the_same(terms: SignedTerms) -> None:
    contract = signed(terms, invoice_months=3)
    use("january", 20 * MILLION, 0, datetime(2026, 1, 15, tzinfo=UTC))
    bill(4, 3)
    (invoice,) = Invoice.objects.filter(contract=contract)
    void_invoice(invoice, act=cast.act("cara", "Wrong address", datetime(2026, 4, 4, tzinfo=UTC)))
    bill(4, 5)
    totals = Invoice.objects.filter(contract=contract).order_by("sequence").values_list("status", "total")
    assert list(totals) == [("void", Decimal("105.00")), ("finalized", Decimal("105.00"))]


def test_what_came_late_waits_for_the_next_quarter(terms: SignedTerms) -> None:
    contract = signed(terms, invoice_months=3)
    use("february", 1 * MILLION, 0, datetime(2026, 2, 15, tzinfo=UTC))
    bill(4, 3)
    use("late", 1 * MILLION, 0, datetime(2026, 2, 20, tzinfo=UTC))
    bill(5, 3)
    assert [each[2:] for each in invoices(contract)] == [("finalized", Decimal("62.50")), ("draft", Decimal("2.50"))]
    bill(7, 3)
    assert [each[2:] for each in invoices(contract)] == [
        ("finalized", Decimal("62.50")),
        ("finalized", Decimal("62.50")),
    ]


def test_a_contract_that_is_ended_does_not_wait(terms: SignedTerms) -> None:
    contract = signed(terms, invoice_months=3)
    act = cast.act("cara", "They leave", datetime(2026, 2, 1, tzinfo=UTC))
    contracts.end_contract(contract, end_on=date(2026, 2, 15), act=act)
    bill(2, 17)
    assert invoices(contract) == [("period", "", "finalized", Decimal("30.00"))]


@pytest.mark.parametrize(
    ("months", "anchor_day", "due", "invoiced"),
    [
        (1, None, (2, 1), (2, 1)),
        (3, None, (1, 1), (1, 1)),
        (3, None, (2, 1), (4, 1)),
        (3, None, (4, 1), (4, 1)),
        (3, None, (4, 2), (7, 1)),
        (3, 15, (1, 15), (3, 15)),
        (3, 15, (12, 16), (12, 31)),
        (5, None, (12, 1), (12, 31)),
    ],
)
def test_what_falls_due_waits_for_the_end_of_its_cycle(
    terms: SignedTerms, months: int, anchor_day: int | None, due: tuple[int, int], invoiced: tuple[int, int]
) -> None:
    """Days of 2026; the contract ends before the 31st of December."""
    contract = signed(terms, invoice_months=months, anchor_day=anchor_day)
    contract.end_at = datetime(2026, 12, 31, tzinfo=UTC)
    assert invoiced_at(contract, datetime(2026, *due, tzinfo=UTC)) == datetime(2026, *invoiced, tzinfo=UTC)


def test_lines_of_a_group_have_an_invoice_of_their_own_and_share_the_commit(terms: SignedTerms) -> None:
    tokens, output, fee = terms.lines
    lines = [replace(tokens, invoice_group="PO-A"), output, replace(fee, invoice_group="PO-B")]
    contract = signed(terms, lines=lines, commits=[AgreedCommit("Prepaid usage", Decimal(50), Decimal(45))])
    use("january", 20 * MILLION, 4 * MILLION, datetime(2026, 1, 15, tzinfo=UTC))
    bill(2, 1)
    expected = {"": Decimal("0.00"), "PO-A": Decimal("35.00"), "PO-B": Decimal("20.00")}
    drafts = Invoice.objects.filter(contract=contract, status="draft")
    assert {each.group: each.total for each in drafts} == expected, "output takes 40 of the commit, PO-A the 10 left"
    bill(2, 3)
    issued = Invoice.objects.filter(contract=contract, kind="period")
    assert {each.group: each.total for each in issued} == expected
    assert {each.status for each in issued} == {"finalized", "paid"}
    assert contract.commits.get().balance == 0
    use("late", 1 * MILLION, 0, datetime(2026, 1, 20, tzinfo=UTC))
    bill(2, 4)
    (late,) = Invoice.objects.filter(contract=contract, status="draft")
    assert (late.group, late.total) == ("PO-A", Decimal("2.00"))
    use("february", 1 * MILLION, 0, datetime(2026, 2, 20, tzinfo=UTC))
    bill(3, 3)
    totals = Invoice.objects.filter(contract=contract, group="PO-A", status="finalized").order_by("sequence")
    assert [each.total for each in totals] == [Decimal("35.00"), Decimal("4.50")], "what was late, and 2.50"


def test_terms_of_invoicing_are_agreed_at_signature_and_renewed(terms: SignedTerms) -> None:
    lines = [replace(terms.lines[2], invoice_group="PO-B")]
    first = signed(terms, lines=lines, invoice_months=3, payment_terms_days=14)
    second = contracts.renew_contract(first, act=cast.act("cara", "Go on"))
    for contract in (first, second):
        assert (contract.invoice_months, contract.payment_terms_days) == (3, 14)
        assert contract.lines.get().invoice_group == "PO-B"
