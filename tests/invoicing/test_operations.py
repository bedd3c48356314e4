"""Finalizing, voiding, paying, crediting: what each does, and each refusal with nothing written."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from contracts import operations as contracts
from contracts.changes import EndLine
from contracts.models import Commit, CommitEntry, Contract, Customer
from governance import approvals
from governance.acts import Refused
from governance.change import change
from governance.models import ApprovalPolicy, Change
from invoicing import operations
from invoicing.models import CreditNote, Invoice, Payment
from invoicing.presentation import presented
from tests.invoicing import books
from tests.invoicing.books import FEB, FEB_2, MAR_2, act, balance, bill, month_invoice, use

APR_2 = datetime(2026, 4, 2, tzinfo=UTC)


def pay(invoice: Invoice, amount: str = "52.25", external_id: str = "py_1", currency: str = "USD") -> Payment:
    return operations.record_payment(
        invoice,
        amount=Decimal(amount),
        currency=currency,
        method="stripe",
        external_id=external_id,
        received_at=FEB_2,
        act=act("Money came in"),
    )


def credit(invoice: Invoice, amount: str, **kwargs: Any) -> CreditNote:
    return operations.issue_credit_note(invoice, amount=Decimal(amount), act=act("A day without service", **kwargs))


@pytest.fixture
def month(billed: list[Invoice]) -> Invoice:
    return billed[1]


# ---------------------------------------------------------------- finalize
def test_finalizing_copies_the_parties_and_sets_the_due_day(month: Invoice, contoso: Customer) -> None:
    contracts.update_customer(contoso, name="Contoso Renamed", act=act("They merged"))
    month.refresh_from_db()
    assert (month.issued_at, month.due_on) == (FEB_2, date(2026, 3, 4))
    assert (month.seller["name"], month.buyer["name"]) == ("Quoin GmbH", "Contoso Ltd")
    assert month.buyer["billing_address"] == "1 Main Street\nSpringfield"


def test_finalizing_draws_the_commit_once_naming_the_line(month: Invoice, used: Contract) -> None:
    (entry,) = CommitEntry.objects.filter(kind="draw")
    line = month.lines.get(kind="drawdown")
    assert (entry.amount, entry.source_type, entry.source_id) == (Decimal("-40.00"), "invoice_line", str(line.pk))
    assert balance(used) == 0


def test_a_draft_gone_stale_is_brought_up_to_date_when_it_is_finalized(used: Contract, contoso: Customer) -> None:
    bill(FEB)
    draft = month_invoice(used)
    use(contoso, 1_000_000, 0)
    final = operations.finalize_invoice(draft, act=act())
    assert (final.status, final.subtotal, final.total) == ("finalized", Decimal("93.95"), Decimal("53.95"))


def test_a_draft_drawn_on_a_balance_that_moved_draws_what_is_left(used: Contract) -> None:
    bill(FEB)
    commit = used.commits.get()
    with change("commit.corrected", commit, act("Used elsewhere")) as row:
        CommitEntry.objects.create(
            commit=commit, kind="draw", amount=-30, source_type="test", source_id="1", change=row, at=FEB
        )
    final = operations.finalize_invoice(month_invoice(used), act=act())
    assert (final.drawn, final.total) == (Decimal("-10.00"), Decimal("82.25"))
    assert balance(used) == 0


def test_an_issued_invoice_is_not_finalized_again(month: Invoice) -> None:
    before = Change.objects.count()
    with pytest.raises(Refused, match="This invoice is finalized and cannot become finalized"):
        operations.finalize_invoice(month, act=act())
    assert Change.objects.count() == before
    assert Invoice.objects.exclude(number=None).count() == 2


def test_an_invoice_paid_wholly_by_the_commit_is_paid_at_once(ann: User, contoso: Customer, legal_entity) -> None:
    card = books.standard_card(ann)
    contract = books.sign(card, contoso, legal_entity)
    fee = contract.lines.get(product__key="platform-fee")
    contracts.amend(contract, EndLine(str(fee.pk), "now"), effective_at=contract.start_at, act=act("No fee"))
    contracts.end_contract(contract, end_on=date(2026, 1, 2), act=act("Only usage"))
    use(contoso, 1_000_000, 0, at=contract.start_at)
    bill(FEB_2)
    month = month_invoice(contract)
    assert (month.total, month.status) == (Decimal(0), "paid")
    moves = Commit.objects.get(contract=contract).entries.values_list("kind", "amount")
    assert list(moves)[1:] == [("draw", Decimal("-2.13")), ("expiry", Decimal("-37.87"))]  # 2.125 is 2.13


def test_what_comes_to_less_than_nothing_waits_for_the_next_invoice(ann: User, contoso: Customer, legal_entity) -> None:
    contract = books.sign(books.standard_card(ann, fee_in_advance=True), contoso, legal_entity, commit=False)
    bill(datetime(2026, 1, 2, tzinfo=UTC))
    contracts.end_contract(contract, end_on=date(2026, 1, 11), act=act("Contoso leaves"))
    bill(FEB_2)
    draft = Invoice.objects.get(status="draft")
    assert draft.total == Decimal("-13.55")
    with pytest.raises(Refused, match=r"comes to -\$13\.55"):
        operations.finalize_invoice(draft, act=act())
    assert Invoice.objects.exclude(number=None).count() == 1


def test_numbers_are_counted_for_each_seller(version, used: Contract) -> None:
    other = books.seller("inc", name="Quoin Inc", invoice_prefix="US-")
    books.sign(version, books.customer("fabrikam", name="Fabrikam"), other)
    bill(FEB_2)
    numbers = list(Invoice.objects.order_by("number").values_list("number", flat=True))
    assert numbers == ["INV-000001", "INV-000002", "US-000001", "US-000002"]


def test_numbers_rise_with_the_time_of_issue_whoevers_clock_was_read_first(used: Contract) -> None:
    bill(FEB)
    assert Invoice.objects.get(number="INV-000001").issued_at == FEB
    final = operations.finalize_invoice(month_invoice(used), act=act(at=datetime(2026, 1, 20, tzinfo=UTC)))
    assert (final.number, final.issued_at) == ("INV-000002", FEB)


# ---------------------------------------------------------------- void
def test_voiding_gives_the_draw_back_and_the_next_run_bills_anew(month: Invoice, used: Contract) -> None:
    void = operations.void_invoice(month, act=act("Wrong address"))
    assert (void.status, void.number, balance(used)) == ("void", "INV-000002", Decimal("40.00"))
    bill(FEB_2)
    again = month_invoice(used)
    assert (again.number, again.status, again.total) == ("INV-000003", "finalized", Decimal("52.25"))
    assert balance(used) == 0


def test_voiding_needs_a_reason(month: Invoice) -> None:
    with pytest.raises(Refused, match="Say why"):
        operations.void_invoice(month, act=act("  "))


def test_a_void_invoice_is_not_voided_paid_or_credited(month: Invoice, used: Contract) -> None:
    operations.void_invoice(month, act=act("Wrong address"))
    before = Change.objects.count()
    for refused in (lambda: operations.void_invoice(month, act=act()), lambda: pay(month), lambda: credit(month, "1")):
        with pytest.raises(Refused, match="void"):
            refused()
    assert Change.objects.count() == before
    assert balance(used) == Decimal("40.00")


def test_an_invoice_with_money_on_it_is_not_voided(month: Invoice, used: Contract) -> None:
    pay(month, "10")
    with pytest.raises(Refused, match="credit note instead"):
        operations.void_invoice(month, act=act("Oops"))
    month.refresh_from_db()
    assert (month.status, balance(used)) == ("finalized", 0)


def test_a_draft_is_not_voided(used: Contract) -> None:
    bill(FEB)
    with pytest.raises(Refused, match="draft and cannot become void"):
        operations.void_invoice(month_invoice(used), act=act("Oops"))


def test_the_sale_of_a_commit_is_voided_only_while_nothing_is_drawn(billed: list[Invoice], used: Contract) -> None:
    sale, month = billed
    before = Change.objects.count()
    with pytest.raises(Refused, match=r"\$40.00 of Prepaid usage, which this invoice sells, is drawn already"):
        operations.void_invoice(sale, act=act("Wrong address"))
    sale.refresh_from_db()
    assert (sale.status, Change.objects.count()) == ("finalized", before)

    operations.void_invoice(month, act=act("Wrong address"))
    operations.void_invoice(sale, act=act("Wrong address"))
    assert balance(used) == Decimal("40.00")
    again = bill(FEB_2)
    assert sorted((each.kind, each.status, each.total) for each in again) == [
        ("commit", "finalized", Decimal("36.00")),
        ("period", "finalized", Decimal("52.25")),
    ]
    assert balance(used) == 0


def test_what_a_later_correction_gave_back_is_taken_back_in_that_order(
    billed: list[Invoice], used: Contract, contoso: Customer
) -> None:
    """January's output was $34.00 and the commit paid all of it; two million tokens of it ($17.00) were a mistake."""
    use(contoso, 0, -2_000_000)
    (late,) = bill(MAR_2)
    assert [(each.description, each.quantity, each.amount) for each in late.lines.filter(kind="drawdown")] == [
        ("Returned to Prepaid usage", Decimal("-17.00"), Decimal("17.00"))
    ]
    assert (late.subtotal, late.drawn, late.total) == (Decimal("3.00"), Decimal("17.00"), Decimal("20.00"))
    entry = CommitEntry.objects.last()
    assert (entry.kind, entry.amount, balance(used)) == ("return", Decimal("17.00"), Decimal("17.00"))

    before = Change.objects.count()
    with pytest.raises(Refused, match="A later invoice gave back some of what this one drew"):
        operations.void_invoice(billed[1], act=act("Wrong address"))
    assert (Change.objects.count(), balance(used)) == (before, Decimal("17.00"))

    operations.void_invoice(late, act=act("Wrong address"))
    entry = CommitEntry.objects.last()
    assert (entry.kind, entry.amount, balance(used)) == ("draw", Decimal("-17.00"), Decimal(0))
    operations.void_invoice(billed[1], act=act("Wrong address"))
    assert balance(used) == Decimal("40.00")


def test_what_was_given_back_and_drawn_since_is_not_taken_back(
    billed: list[Invoice], used: Contract, contoso: Customer
) -> None:
    use(contoso, 0, -2_000_000)
    (late,) = bill(MAR_2)
    use(contoso, 0, 1_000_000, at=MAR_2)
    bill(APR_2)
    with pytest.raises(Refused, match=r"Prepaid usage has \$8\.50 left; \$17\.00 cannot be drawn"):
        operations.void_invoice(late, act=act("Wrong address"))
    late.refresh_from_db()
    assert (late.status, balance(used)) == ("finalized", Decimal("8.50"))


# ---------------------------------------------------------------- pay
def test_an_invoice_is_paid_when_its_payments_reach_the_total(month: Invoice) -> None:
    pay(month, "50.00")
    month.refresh_from_db()
    assert month.status == "finalized"
    pay(month, "2.25", "py_2")
    month.refresh_from_db()
    assert month.status == "paid"
    assert list(Change.objects.filter(subject_id=str(month.pk), at=FEB_2).values_list("name", flat=True))[-3:] == [
        "payment.recorded",
        "payment.recorded",
        "invoice.paid",
    ]


def test_a_payment_told_twice_is_recorded_once(month: Invoice) -> None:
    first, changes = pay(month), Change.objects.count()
    assert pay(month) == first
    assert (Payment.objects.count(), Change.objects.count()) == (1, changes)


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("52.26", "USD", "\\$52.26 is more than the \\$52.25 open on INV-000002"),
        ("52.25", "EUR", "INV-000002 is in USD; a payment in EUR cannot settle it"),
        ("0", "USD", "above zero"),
        ("-1", "USD", "above zero"),
        ("1.005", "USD", "no more than 2 decimals"),
        ("NaN", "USD", "above zero"),
    ],
)
def test_a_payment_that_does_not_fit_is_refused(month: Invoice, amount: str, currency: str, why: str) -> None:
    before = Change.objects.count()
    with pytest.raises(Refused, match=why):
        pay(month, amount, currency=currency)
    assert (Payment.objects.count(), Change.objects.count()) == (0, before)


def test_one_id_is_not_two_payments(billed: list[Invoice]) -> None:
    pay(billed[1], "10")
    with pytest.raises(Refused, match="for another invoice or amount"):
        pay(billed[0], "10")
    assert Payment.objects.count() == 1


def test_drafts_and_paid_invoices_take_no_payment(used: Contract, month: Invoice, contoso: Customer) -> None:
    pay(month)
    use(contoso, at=FEB_2)
    bill(datetime(2026, 3, 1, tzinfo=UTC))
    for invoice, status in ((month, "paid"), (Invoice.objects.get(status="draft"), "draft")):
        with pytest.raises(Refused, match=f"This invoice is {status}"):
            pay(invoice, "1", "py_9")
    assert Payment.objects.count() == 1


# ---------------------------------------------------------------- credit
def test_a_credit_note_has_its_own_numbers_and_reduces_what_is_open(month: Invoice) -> None:
    note = credit(month, "12.25")
    assert (note.number, note.amount, note.reason) == ("CN-000001", Decimal("12.25"), "A day without service")
    with pytest.raises(Refused, match=r"more than the \$40\.00 open"):
        pay(month, "40.01")
    pay(month, "40.00")
    month.refresh_from_db()
    assert month.status == "paid"


def test_crediting_all_settles_the_invoice(month: Invoice) -> None:
    credit(month, "52.00")
    credit(month, "0.25")
    month.refresh_from_db()
    assert month.status == "paid"


def test_credits_never_exceed_the_invoice(month: Invoice) -> None:
    credit(month, "50.00")
    before = Change.objects.count()
    with pytest.raises(Refused, match=r"\$2\.26 is more than the \$2\.25 of INV-000002"):
        credit(month, "2.26")
    assert (CreditNote.objects.count(), Change.objects.count()) == (1, before)


def test_the_taxes_of_credits_add_up_to_the_invoices(ann: User, legal_entity) -> None:
    buyer = books.customer(tax_percent=Decimal(19))
    contract = books.sign(books.standard_card(ann), buyer, legal_entity)
    use(buyer)
    bill(FEB_2)
    month = month_invoice(contract)
    assert (month.tax, month.total) == (Decimal("17.53"), Decimal("69.78"))
    taxes = [credit(month, amount).tax for amount in ("33.33", "33.33", "3.12")]
    assert sum(taxes) == month.tax


def test_an_exempt_customer_is_taxed_from_the_day_the_certificate_is_over(ann: User, legal_entity) -> None:
    until = date(2026, 1, 31)
    buyer = books.customer(tax_percent=Decimal(19), tax_status="exempt", exemption="E-7", exempt_until=until)
    contract = books.sign(books.standard_card(ann, fee_in_advance=True), buyer, legal_entity)
    use(buyer)
    bill(FEB_2)
    month = month_invoice(contract)
    taxed = {(line.product_key, line.period_start): line.tax_percent for line in month.lines.exclude(kind="drawdown")}
    assert taxed == {
        ("input-tokens", books.JAN): Decimal(0),
        ("output-tokens", books.JAN): Decimal(0),
        ("platform-fee", books.JAN): Decimal(0),
        ("platform-fee", books.FEB): Decimal(19),
    }
    assert ("Tax", "Exempt, certificate E-7 until 31 Jan 2026") in presented(month).facts


def test_reverse_charge_is_said_and_not_taxed(ann: User, legal_entity) -> None:
    buyer = books.customer(tax_percent=Decimal(19), tax_status="reverse_charge", tax_number="ATU1")
    contract = books.sign(books.standard_card(ann), buyer, legal_entity)
    use(buyer)
    bill(FEB_2)
    month = month_invoice(contract)
    assert month.tax == 0
    contracts.update_customer(buyer, tax_status="taxable", act=act("Moved"))
    month = Invoice.objects.get(pk=month.pk)
    assert ("Tax", "Reverse charge: the recipient owes the tax") in presented(month).facts


def test_where_a_policy_watches_credits_somebody_else_must_agree_to_this_very_one(
    month: Invoice, cara: User, roles: None
) -> None:
    policy = ApprovalPolicy(
        name="Credits above $20", subject_type="invoicing.invoice", watched="credit_amount", above=20, role="finance"
    )
    with change("approval_policy.created", policy, act("House rule")):
        policy.save()
    assert credit(month, "20.00").number == "CN-000001"
    with pytest.raises(Refused, match="needs approval first: finance"):
        credit(month, "30.00", by=cara)
    carl = User.objects.create_user("carl")
    carl.groups.set(cara.groups.all())
    (request,) = operations.request_credit_note(month, amount=Decimal(30), act=act("An outage", by=cara))
    with pytest.raises(Refused, match="somebody else"):
        approvals.approve(request, act=act("Mine is fine", by=cara))
    approvals.approve(request, act=act("Agreed", by=carl))
    with pytest.raises(Refused, match="needs approval first"):
        credit(month, "31.00", by=cara)
    assert credit(month, "30.00", by=cara).number == "CN-000002"
