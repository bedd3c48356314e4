"""Shapes of invoices in the API: what is asked, what is answered, and the cursor that leads from page to page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework import serializers

from contracts.schema import MoneyField, Number
from invoicing.models import CreditNote, Invoice, InvoiceLine, Payment
from invoicing.queries import still_open
from pricing.money import Money, plain

ISSUED_STATUSES = [Invoice.Status.FINALIZED.value, Invoice.Status.PAID.value, Invoice.Status.VOID.value]
Shape = serializers.Serializer[Any]


class CursorField(serializers.CharField):
    """Where the page before ended: the instant of issue and the id of its last invoice."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            at, _, pk = urlsafe_b64decode(str(data).encode()).decode().partition(" ")
            return datetime.fromisoformat(at), UUID(pk)
        except ValueError:
            raise serializers.ValidationError("This cursor is not one of ours.") from None


class InvoicesIn(Shape):
    customer = serializers.CharField(required=False, help_text="the key of who pays, or whose contract it is for")
    contract = serializers.CharField(required=False, help_text="the contract's number")
    status = serializers.ChoiceField(ISSUED_STATUSES, required=False)
    kind = serializers.ChoiceField(Invoice.Kind.choices, required=False)
    issued_from = serializers.DateTimeField(required=False, help_text="at or after this instant")
    issued_to = serializers.DateTimeField(required=False, help_text="before this instant")
    limit = serializers.IntegerField(min_value=1, max_value=1_000, default=100)
    cursor = CursorField(required=False, help_text="`next` of the page before")

    def conditions(self) -> Q:
        """The filters asked for, as one condition on invoices."""
        lookups = {
            "contract": "contract__number",
            "status": "status",
            "kind": "kind",
            "issued_from": "issued_at__gte",
            "issued_to": "issued_at__lt",
        }
        asked = self.validated_data
        found = Q(**{lookup: asked[name] for name, lookup in lookups.items() if name in asked})
        if "customer" in asked:
            found &= Q(customer__key=asked["customer"]) | Q(contract__customer__key=asked["customer"])
        if "cursor" in asked:
            at, pk = asked["cursor"]
            found &= Q(issued_at__lt=at) | Q(issued_at=at, pk__lt=pk)
        return found


class StepOut(Shape):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # DRF's Field has one of its own
    amount = Number(help_text="what this step does, exactly")
    total = Number(help_text="what it leaves, exactly")
    source = serializers.CharField(help_text="the record it comes from")  # type: ignore[assignment] # likewise
    term = serializers.CharField(required=False, help_text="of a drawdown: the term of the line that was paid")
    units = Number(required=False, help_text="of a drawdown: how many of the commit's units paid")
    paid = Number(required=False, help_text="of a drawdown: the money they paid, or that counts towards them")


class PeriodOut(Shape):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="not included")


class InvoiceLineOut(Shape):
    product = serializers.CharField()
    kind = serializers.ChoiceField(InvoiceLine.Kind.choices)
    description = serializers.CharField()
    period = PeriodOut()
    quantity = Number()
    unit = serializers.CharField()
    amount = MoneyField()
    exact = Number(help_text="the amount before it was rounded")
    tax_percent = Number()
    tax = MoneyField()
    price_source = serializers.CharField()
    waterfall = StepOut(many=True, help_text="why this amount: the steps add up to it")


class PaymentOut(Shape):
    amount = MoneyField()
    method = serializers.CharField()
    external_id = serializers.CharField()
    received_at = serializers.DateTimeField()


class CreditNoteOut(Shape):
    number = serializers.CharField()
    amount = MoneyField()
    tax = MoneyField()
    reason = serializers.CharField()
    issued_at = serializers.DateTimeField()


class InvoiceRowOut(Shape):
    id = serializers.UUIDField()
    number = serializers.CharField()
    status = serializers.ChoiceField(ISSUED_STATUSES)
    kind = serializers.ChoiceField(Invoice.Kind.choices)
    seller = serializers.CharField(help_text="the legal entity's key")
    customer = serializers.CharField(help_text="the key of who pays")
    pays_for = serializers.CharField(help_text="the key of whose contract it is for; the same, unless a parent pays")
    contract = serializers.CharField(help_text="the contract's number")
    period = PeriodOut()
    issued_at = serializers.DateTimeField()
    due_on = serializers.DateField()
    subtotal = MoneyField()
    tax = MoneyField()
    drawn = MoneyField(help_text="what commits paid, zero or below")
    total = MoneyField()


class InvoiceOut(InvoiceRowOut):
    open = MoneyField(help_text="what is left to pay")
    lines = InvoiceLineOut(many=True)
    payments = PaymentOut(many=True)
    credit_notes = CreditNoteOut(many=True)


class InvoicesOut(Shape):
    results = InvoiceRowOut(many=True)
    next = serializers.CharField(allow_null=True, help_text="the cursor of the next page, null at the end")


def cursor_of(invoice: Invoice) -> str:
    assert invoice.issued_at is not None
    return urlsafe_b64encode(f"{invoice.issued_at.isoformat()} {invoice.pk}".encode()).decode()


def invoice_row(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": str(invoice.pk),
        "number": invoice.number,
        "status": invoice.status,
        "kind": invoice.kind,
        "seller": invoice.legal_entity.key,
        "customer": invoice.customer.key,
        "pays_for": invoice.contract.customer.key,
        "contract": invoice.contract.number,
        "period": _period(invoice),
        "issued_at": invoice.issued_at,
        "due_on": invoice.due_on,
        **{name: _money(getattr(invoice, name), invoice) for name in ("subtotal", "tax", "drawn", "total")},
    }


def invoice_shape(invoice: Invoice) -> dict[str, Any]:
    return {
        **invoice_row(invoice),
        "open": _money(still_open(invoice), invoice),
        "lines": [_line(line, invoice) for line in invoice.lines.all()],
        "payments": [_payment(payment, invoice) for payment in invoice.payments.order_by("received_at", "pk")],
        "credit_notes": [_credit_note(note, invoice) for note in invoice.credit_notes.order_by("sequence")],
    }


def _line(line: InvoiceLine, invoice: Invoice) -> dict[str, Any]:
    return {
        "product": line.product_key,
        "kind": line.kind,
        "description": line.description,
        "period": _period(line),
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "amount": _money(line.amount, invoice),
        "exact": line.exact,
        "tax_percent": plain(line.tax_percent),
        "tax": _money(line.tax, invoice),
        "price_source": line.price_source,
        "waterfall": line.waterfall,
    }


def _payment(payment: Payment, invoice: Invoice) -> dict[str, Any]:
    names = ("method", "external_id", "received_at")
    return {"amount": _money(payment.amount, invoice), **{name: getattr(payment, name) for name in names}}


def _credit_note(note: CreditNote, invoice: Invoice) -> dict[str, Any]:
    names = ("number", "reason", "issued_at")
    amounts = {"amount": _money(note.amount, invoice), "tax": _money(note.tax, invoice)}
    return amounts | {name: getattr(note, name) for name in names}


def _period(row: Invoice | InvoiceLine) -> dict[str, datetime]:
    return {"start": row.period_start, "end": row.period_end}


def _money(amount: Decimal, invoice: Invoice) -> dict[str, str]:
    return Money(amount, invoice.currency).as_json()
