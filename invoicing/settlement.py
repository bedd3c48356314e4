"""What happens to an issued invoice: payments and credits, and the numbers of documents."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F, QuerySet

from contracts.commits import grant
from contracts.models import Commit, CommitEntry, LegalEntity
from governance import approvals
from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import ApprovalRequest
from invoicing.arrears import refresh_arrears
from invoicing.calculation import credited_tax
from invoicing.models import CreditNote, Invoice, InvoiceLine, InvoiceSeries, Payment
from invoicing.queries import ISSUED, credited, paid
from pricing.money import exponent, plain, round_amount, shown

CREDIT_PREFIX = "CN-"
CREDIT_AMOUNT = "credit_amount"
Status = Invoice.Status


def record_payment(
    invoice: Invoice,
    *,
    amount: Decimal,
    currency: str,
    method: str,
    external_id: str,
    received_at: datetime,
    act: Act,
) -> Payment:
    """Note money received; the invoice is paid once payments and credits reach its total.

    The same (method, external_id) again is the same payment: it is returned and nothing is written. `Refused` for
    another currency, more than what is open, or an invoice that does not await payment.
    """
    with transaction.atomic():
        invoice = _locked_with_what_it_sells(invoice)
        known = Payment.objects.filter(method=method, external_id=external_id).first()
        if known is not None:
            if (known.invoice_id, known.amount, known.currency) != (invoice.pk, amount, currency):
                raise Refused(f"Payment {external_id} was already recorded, for another invoice or amount.")
            return known
        _must_await_payment(invoice, amount, currency)
        with change("payment.recorded", invoice, act) as row:
            payment = Payment.objects.create(
                invoice=invoice,
                amount=amount,
                currency=currency,
                method=method,
                external_id=external_id,
                received_at=received_at,
                change=row,
            )
        settle_if_paid(invoice, act)
    return payment


def issue_credit_note(invoice: Invoice, *, amount: Decimal, act: Act) -> CreditNote:
    """Give back part or all of an issued invoice, numbered in the seller's own series; `act.because` is the reason.

    All credits of an invoice come to no more than its total, and their taxes to its tax. Where a policy watches
    `credit_amount`, somebody else must have agreed to this very credit (see `request_credit_note`).
    """
    with change("credit_note.issued", invoice, act):
        invoice = _locked_with_what_it_sells(invoice)
        before = _must_be_creditable(invoice, amount)
        approvals.require_none_outstanding(invoice, credit_facts(invoice, amount))
        note = CreditNote(
            invoice=invoice,
            amount=amount,
            tax=credited_tax(invoice.tax, invoice.total, before, amount, invoice.currency),
            currency=invoice.currency,
            reason=act.because,
            issued_at=act.at,
        )
        note.series, note.sequence, note.number = next_number(invoice.legal_entity, CREDIT_PREFIX)
        note.save()
        settle_if_paid(invoice, act)
    return note


def request_credit_note(invoice: Invoice, *, amount: Decimal, act: Act) -> list[ApprovalRequest]:
    """Ask whoever must agree to this credit. No requests: nobody needs to, it can be issued."""
    _must_be_creditable(invoice, amount)
    return approvals.ask(invoice, credit_facts(invoice, amount), act=act)


def credit_facts(invoice: Invoice, amount: Decimal) -> list[approvals.Fact]:
    """What approval policies watch: one credit, after so much was credited; an approval is good for it once."""
    before = credited(invoice)
    inputs = {"invoice": invoice.pk, "credited": plain(before), "credit": plain(amount)}
    why = f"credit of {shown(amount, invoice.currency)} on {invoice.number}"
    return [approvals.Fact(CREDIT_AMOUNT, amount, approvals.hash_of(inputs), why, exact=True)]


def settle_if_paid(invoice: Invoice, act: Act) -> None:
    """An issued invoice with nothing left to pay becomes paid. The caller holds its lock.

    What waited for that is granted, unless all of it was credited: then nobody paid.
    """
    if invoice.status == Status.FINALIZED and paid(invoice) + credited(invoice) >= invoice.total:
        with change("invoice.paid", invoice, act):
            invoice.become(Status.PAID)
            invoice.save()
            refresh_arrears(act.at, customers=[invoice.contract.customer_id], act=act)
        if paid(invoice):
            for commit in _gated(invoice).exclude(entries__kind=CommitEntry.Kind.GRANT):
                with change("commit.granted", commit, act) as row:
                    grant(commit, act=act, change=row)


def _gated(invoice: Invoice) -> QuerySet[Commit]:
    """The commits it sells that can be used once they are paid."""
    sold = invoice.lines.filter(kind=InvoiceLine.Kind.COMMIT).values("commit")
    return Commit.objects.filter(pk__in=sold, is_gated=True).order_by("pk")


def _locked_with_what_it_sells(invoice: Invoice) -> Invoice:
    """Locked after the commits that its payment would grant, for commits are locked before invoices."""
    list(_gated(invoice).select_for_update(of=("self",)))
    return locked(invoice)


def next_number(seller: LegalEntity, prefix: str) -> tuple[InvoiceSeries, int, str]:
    """The next number of a seller's series. Its row stays locked until the transaction ends: take it last.

    A transaction that fails gives its number back, so a series has no gaps.
    """
    series = InvoiceSeries.objects.filter(legal_entity=seller, prefix=prefix)
    if not series.update(last_number=F("last_number") + 1):
        InvoiceSeries.objects.get_or_create(legal_entity=seller, prefix=prefix)
        series.update(last_number=F("last_number") + 1)
    taken = series.get()
    return taken, taken.last_number, f"{prefix}{taken.last_number:06d}"


def _must_await_payment(invoice: Invoice, amount: Decimal, currency: str) -> None:
    if invoice.status != Status.FINALIZED:
        raise Refused(f"This invoice is {invoice.status} and does not await payment.")
    if currency != invoice.currency:
        raise Refused(f"{invoice.number} is in {invoice.currency}; a payment in {currency} cannot settle it.")
    _must_be_an_amount(amount, currency)
    left = invoice.total - paid(invoice) - credited(invoice)
    if amount > left:
        raise Refused(f"{shown(amount, currency)} is more than the {shown(left, currency)} open on {invoice.number}.")


def _must_be_creditable(invoice: Invoice, amount: Decimal) -> Decimal:
    """What was credited before."""
    if invoice.status not in ISSUED:
        raise Refused(f"This invoice is {invoice.status} and cannot be credited.")
    _must_be_an_amount(amount, invoice.currency)
    before = credited(invoice)
    left = invoice.total - before
    if amount > left:
        asked, most = shown(amount, invoice.currency), shown(left, invoice.currency)
        raise Refused(f"{asked} is more than the {most} of {invoice.number} that can still be credited.")
    return before


def _must_be_an_amount(amount: Decimal, currency: str) -> None:
    if not amount.is_finite() or amount <= 0 or amount != round_amount(amount, currency):
        raise Refused(f"Give an amount above zero with no more than {exponent(currency)} decimals.")
