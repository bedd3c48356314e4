"""Billing runs: what they draft, that they are harmless when repeated, and that nobody's failure stops another."""

from datetime import timedelta
from decimal import Decimal

import pgtrigger
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts import operations as contracts
from contracts.changes import EndLine
from contracts.models import Contract, ContractLine, Customer
from contracts.operations.amending import amend
from governance.change import change
from governance.models import Change
from invoicing import operations
from invoicing.models import BillingRun, Invoice, InvoiceLine
from tests.invoicing import books
from tests.invoicing.books import FEB, FEB_2, JAN, MAR_2, MILLION, NOON, act, bill, month_invoice, use


def lines(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(line.product_key, line.amount) for line in invoice.lines.all()]


def test_the_quoted_month_is_what_is_billed(billed: list[Invoice]) -> None:
    commit, month = billed
    assert (commit.kind, commit.number, commit.total, commit.status) == ("commit", "INV-000001", 36, "finalized")
    assert lines(commit) == [("commit", Decimal("36.00"))]
    assert (month.kind, month.number, month.status) == ("period", "INV-000002", "finalized")
    assert lines(month) == [
        ("input-tokens", Decimal("38.25")),
        ("output-tokens", Decimal("34.00")),
        ("platform-fee", Decimal("20.00")),
        ("commit", Decimal("-40.00")),
    ]
    assert (month.subtotal, month.drawn, month.total) == (Decimal("92.25"), Decimal("-40.00"), Decimal("52.25"))


def test_a_second_run_writes_nothing_but_itself(billed: list[Invoice]) -> None:
    before = Change.objects.count(), Invoice.history.count(), InvoiceLine.objects.count()
    assert bill() == []
    assert (Change.objects.count(), Invoice.history.count(), InvoiceLine.objects.count()) == before
    assert BillingRun.objects.count() == 2


def test_a_draft_stays_open_for_its_grace_and_takes_in_late_usage(used: Contract, contoso: Customer) -> None:
    bill(FEB)
    draft = month_invoice(used)
    assert (draft.status, draft.total, draft.closes_at) == ("draft", Decimal("52.25"), FEB_2)
    assert bill(FEB + timedelta(hours=1)) == []
    use(contoso, 1_000_000, 0)
    bill(FEB + timedelta(hours=2))
    draft.refresh_from_db()
    assert (draft.status, draft.total) == ("draft", Decimal("53.95"))
    assert Change.objects.filter(name="invoice.redrafted").count() == 1


def test_usage_after_the_grace_is_on_the_next_invoice_with_its_period(billed: list[Invoice], contoso: Customer) -> None:
    use(contoso, 1_000_000, 0)
    bill(MAR_2)
    late, *rest = Invoice.objects.get(number="INV-000003").lines.all()
    assert (late.period_start, late.period_end, late.quantity, late.amount) == (JAN, FEB, MILLION, Decimal("1.70"))
    assert [line.product_key for line in rest] == ["platform-fee"]


def test_the_fee_can_be_billed_in_advance(ann, contoso: Customer, legal_entity) -> None:
    contract = books.sign(books.standard_card(ann, fee_in_advance=True), contoso, legal_entity, commit=False)
    bill(JAN + timedelta(days=1))
    first = month_invoice(contract)
    assert (lines(first), first.period_start, first.period_end) == ([("platform-fee", Decimal("20.00"))], JAN, FEB)


def test_what_is_no_longer_owed_discards_the_draft(ann, contoso: Customer, legal_entity) -> None:
    contract = books.sign(books.standard_card(ann), contoso, legal_entity, commit=False)
    bill(FEB)
    fee = ContractLine.objects.get(contract=contract, product__key="platform-fee")
    gone = EndLine(str(fee.pk), timing="now")
    amend(contract, gone, effective_at=fee.start_at, act=act("No fee after all"))
    (draft,) = bill(FEB)
    assert draft.status == "discarded"
    assert bill(FEB) == []


def test_ending_a_contract_bills_what_was_used_until_then(used: Contract) -> None:
    contracts.end_contract(used, end_on=books.NOON.date() + timedelta(days=1), act=act("Contoso leaves", JAN))
    bill(FEB_2)
    month = month_invoice(used)
    assert lines(month)[:3] == [
        ("input-tokens", Decimal("38.25")),
        ("output-tokens", Decimal("34.00")),
        ("platform-fee", Decimal("9.68")),  # 15 of 31 days of $20.00
    ]


def test_one_contracts_failure_stops_no_other(used: Contract, version, legal_entity) -> None:
    other = books.customer("fabrikam", name="Fabrikam")
    broken = books.sign(version, other, legal_entity)
    with pgtrigger.ignore("contracts.Contract:signed_is_signed"), change("contract.amended", broken, act("A mistake")):
        broken.currency = "XXX"
        broken.save()
    run = operations.bill_due(through=FEB_2, act=act())
    assert list(run.outcomes.filter(contract=broken).values_list("result", "invoice")) == [("failed", None)]
    assert "XXX" in run.outcomes.get(contract=broken).reason
    assert Invoice.objects.filter(contract=used, status="finalized").count() == 2
    assert not Invoice.objects.filter(contract=broken).exists()


def test_a_failure_while_finalizing_leaves_the_draft_and_no_gap(used: Contract, version, legal_entity) -> None:
    other = books.sign(version, books.customer("fabrikam", name="Fabrikam"), legal_entity)
    bill(FEB)
    with connection.cursor() as cursor:  # somebody's odd row: this draft cannot be numbered
        cursor.execute("SELECT set_config('quoin.change', 'test', true)")
        cursor.execute(
            "UPDATE invoicing_invoice SET time_zone = 'Nowhere' WHERE contract_id = %s AND kind = 'period'", [used.pk]
        )
    run = operations.bill_due(through=FEB_2, act=act())
    assert run.outcomes.get(result="failed").contract == used
    assert month_invoice(used).status == "draft"
    numbers = Invoice.objects.exclude(number=None).order_by("sequence").values_list("sequence", flat=True)
    assert list(numbers) == [1, 2, 3]
    assert month_invoice(other).status == "finalized"


def test_the_number_of_queries_does_not_depend_on_the_number_of_contracts(version, legal_entity) -> None:
    counted = []
    for names in (["one"], ["two", "three"]):
        for name in names:
            books.sign(version, books.customer(name), legal_entity)
        bill(FEB)
        with CaptureQueriesContext(connection) as captured:
            assert bill(FEB) == []
        counted.append(len(captured))
    assert counted[0] == counted[1]


def test_a_month_cut_by_a_price_change_is_one_draft_until_its_grace_is_over(
    ann, version, contoso, legal_entity
) -> None:
    """The part before the change waits for the cycle, whether or not anything was used after it."""
    contract = books.sign(version, contoso, legal_entity, commit=False, follows=True)
    books.dearer_fee(ann, version, "51.00", effective_from=NOON.replace(day=20, hour=0))
    use(contoso, input_tokens=1_000_000, output_tokens=0)
    assert bill(FEB - timedelta(seconds=1)) == []
    (draft,) = bill(FEB)
    assert (draft.status, draft.closes_at) == ("draft", FEB_2)
    assert lines(draft) == [
        ("input-tokens", Decimal("2.13")),
        ("platform-fee", Decimal("12.26")),  # 19 of 31 days at $20
        ("platform-fee", Decimal("19.74")),  # 12 of 31 days at $51
    ]
    (month,) = bill(FEB_2)
    assert (month.status, month.total) == ("finalized", Decimal("34.13"))
    assert bill(FEB_2 + timedelta(days=3)) == []
    assert month_invoice(contract) == month


def test_a_fee_in_advance_whose_price_will_change_is_billed_whole_when_it_starts(ann, contoso, legal_entity) -> None:
    version = books.standard_card(ann, fee_in_advance=True)
    books.sign(version, contoso, legal_entity, commit=False, follows=True)
    books.dearer_fee(ann, version, "51.00", effective_from=NOON.replace(day=20, hour=0))
    (fee,) = bill(JAN + timedelta(days=1))
    assert (fee.status, fee.total) == ("finalized", Decimal("32.00"))
