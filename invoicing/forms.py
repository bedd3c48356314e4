"""What the dialogs on an invoice's page ask."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from governance import clock
from governance.admin_base import ReasonForm
from invoicing.models import Invoice
from invoicing.queries import credited, still_open
from invoicing.refunds import refundable
from pricing.money import exponent, fixed


class DayWidget(UnfoldAdminTextInputWidget):
    """The browser's own picker of a day."""

    input_type = "date"


class AmountForm(ReasonForm):
    """An amount in the invoice's currency, proposed by `proposal`, and why."""

    field_order = ["amount", "because"]
    amount = forms.DecimalField(
        max_digits=20, decimal_places=4, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        invoice = Invoice.objects.filter(pk=self.object_id).first()
        if invoice:
            self.fields["amount"].label = f"Amount in {invoice.currency}"
            self.fields["amount"].initial = fixed(self.proposal(invoice), exponent(invoice.currency))

    def proposal(self, invoice: Invoice) -> Decimal:
        return invoice.total - credited(invoice)


class RefundForm(AmountForm):
    """What is left of the commit, at the share of its price."""

    def proposal(self, invoice: Invoice) -> Decimal:
        return refundable(invoice)


class PaymentForm(AmountForm):
    """Money that came in by another way than a connected payment provider."""

    field_order = ["amount", "reference", "received_on", "because"]
    reference = forms.CharField(
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What the bank calls it. The same reference twice is the same payment.",
    )
    received_on = forms.DateField(label="Received on", widget=DayWidget(), initial=lambda: clock.now().date())

    def proposal(self, invoice: Invoice) -> Decimal:
        return still_open(invoice)


def noon(day: date) -> datetime:
    """A day as an instant that is on that day nearly everywhere."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
