"""Giving back what was paid for access that is not used: a credit note, and as much less of the commit."""

from decimal import Decimal
from fractions import Fraction

from contracts.commits import record_entry
from contracts.models import Commit, CommitEntry, Contract
from governance.acts import Act, Refused
from governance.change import change, locked
from invoicing.models import CreditNote, Invoice, InvoiceLine
from invoicing.queries import credited
from invoicing.settlement import issue_credit_note
from pricing.money import ZERO, round_amount, shown

SOURCE = "credit_note"


def refundable(invoice: Invoice) -> Decimal:
    """What the unused rest of the commit that an invoice sells cost, as far as the invoice can bear it."""
    commit = _sold(invoice)
    if commit is None:
        return ZERO
    cost = Fraction(commit.price) * Fraction(commit.balance) / Fraction(commit.access_amount)
    worth = round_amount(Decimal(cost.numerator) / cost.denominator, invoice.currency)
    return max(min(worth, invoice.total - credited(invoice)), ZERO)


def refund_commit(invoice: Invoice, *, amount: Decimal, act: Act) -> CreditNote:
    """Credit so much money of an issued invoice that sells a commit, and take what it paid for from the commit.

    The credit needs the approvals that credits need. `Refused` for more than what is left of the commit cost.
    """
    commit = _sold(invoice)
    if commit is None or not commit.price:
        raise Refused(f"{invoice} sells no prepaid usage.")
    with change("commit.refunded", commit, act) as row:
        Contract.objects.select_for_update(of=("self",)).get(pk=commit.contract_id)
        commit = locked(commit)
        if amount > (most := refundable(invoice)):
            raise Refused(f"No more than {shown(most, invoice.currency)} of {commit.name} can be refunded.")
        note = issue_credit_note(invoice, amount=amount, act=act)
        share = Fraction(amount) * Fraction(commit.access_amount) / Fraction(commit.price)
        units = min(round(Decimal(share.numerator) / share.denominator, 9), commit.balance)
        if not commit.unit:
            units = min(round_amount(units, invoice.currency), commit.balance)
        record_entry(commit, CommitEntry.Kind.REFUND, -units, SOURCE, str(note.pk), act, row)
    return note


def _sold(invoice: Invoice) -> Commit | None:
    """The commit that an invoice sells; None if it sells none, or several."""
    sold = invoice.lines.filter(kind=InvoiceLine.Kind.COMMIT).values("commit").distinct()
    found = list(Commit.objects.filter(pk__in=sold, kind=Commit.Kind.PREPAID).select_related("contract")[:2])
    return found[0] if len(found) == 1 else None
