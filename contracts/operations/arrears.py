"""What invoicing tells of overdue invoices: whose access ends when. Contracts stand below it and cannot ask."""

from datetime import date, datetime

from contracts.models import Arrears, Customer
from governance.acts import Act
from governance.change import change


def note_arrears(customer: Customer, *, invoice: str, due_on: date, access_until: datetime, act: Act) -> Arrears:
    """An invoice is overdue: from `access_until` on, hard features are refused to this customer."""
    row = Arrears.objects.filter(customer=customer).first() or Arrears(customer=customer)
    row.invoice, row.due_on, row.access_until = invoice, due_on, access_until
    with change("arrears.noted", row, act):
        row.save()
    return row


def clear_arrears(customer: Customer, *, act: Act) -> None:
    """Nothing is overdue any more."""
    row = Arrears.objects.filter(customer=customer).first()
    if row is not None:
        with change("arrears.cleared", row, act):
            row.delete()
