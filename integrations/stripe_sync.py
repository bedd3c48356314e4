"""Stripe: what a delivery pushes there, and what its messages lead to here. Off: deliveries end with a note."""

from datetime import datetime

from django.core.exceptions import ValidationError

from contracts.models import Customer
from governance import external_ids
from governance.acts import Act, Refused
from integrations import payments
from integrations.errors import Irrelevant, Permanent
from integrations.models import Delivery, InboundMessage
from integrations.payment_values import CustomerValues, InvoiceValues, LineValues
from invoicing.models import Invoice
from invoicing.operations import record_payment

SYSTEM = METHOD = "stripe"
OFF = "Stripe is off; nothing was sent."


def customer(delivery: Delivery, at: datetime) -> str:
    """Bring a customer that Stripe knows up to date; the others go there with their first invoice."""
    if not payments.enabled():
        return OFF
    ours = Customer.objects.get(pk=delivery.change.subject_id)
    if not external_ids.known(SYSTEM, ours):
        return "Stripe does not know this customer yet."
    return f"Customer {_push_customer(ours, delivery)} is up to date."


def invoice(delivery: Delivery, at: datetime) -> str:
    """Push the customer, then the invoice with its lines; one settled or void meanwhile ends likewise."""
    if not payments.enabled():
        return OFF
    ours = _invoice_of(delivery)
    known = external_ids.known(SYSTEM, ours)
    if not known and ours.status == Invoice.Status.VOID:
        return "The invoice is void; nothing was sent."
    customer_id = _push_customer(ours.customer, delivery)
    pushed = payments.push_invoice(_values(ours, customer_id), idempotency_key=_key(delivery), known=known)
    external_ids.remember(SYSTEM, ours, pushed.id)
    return f"Invoice {pushed.id} is {_settled_like(ours, pushed.id, delivery) or pushed.status}."


def settlement(delivery: Delivery, at: datetime) -> str:
    """An invoice paid elsewhere is closed at Stripe, so that nobody pays it twice."""
    ours = _invoice_of(delivery)
    known = external_ids.known(SYSTEM, ours)
    if not payments.enabled() or not known:
        return OFF if not payments.enabled() else "Stripe does not know this invoice."
    return f"Invoice {known} is {_settled_like(ours, known, delivery) or 'still open'}."


def void(delivery: Delivery, at: datetime) -> str:
    """Void it there too. One that is still on its way is voided by the push, which looks again at its end."""
    ours = _invoice_of(delivery)
    known = external_ids.known(SYSTEM, ours)
    if not payments.enabled() or not known:
        return OFF if not payments.enabled() else "Stripe does not know this invoice."
    payments.void_invoice(known, idempotency_key=_key(delivery))
    return f"Invoice {known} is void."


def invoice_paid(message: InboundMessage, at: datetime) -> str:
    """Record what Stripe collected for one of our invoices, once, whatever else has been told before."""
    received = payments.received_payment(message.body)
    if received is None:
        raise Irrelevant("No money was collected for an invoice of ours.")
    try:
        ours = Invoice.objects.get(pk=received.invoice_key)
    except (Invoice.DoesNotExist, ValidationError) as missing:
        raise Permanent(f"Stripe's invoice {received.invoice_id} names an invoice that is not here.") from missing
    record_payment(
        ours,
        amount=received.amount,
        currency=received.currency,
        method=METHOD,
        external_id=received.reference,
        received_at=received.received_at,
        act=Act.of_system("Stripe", f"Paid through Stripe ({message.message_id})", at),
    )
    return f"Payment {received.reference} of invoice {ours.number} is recorded."


def _settled_like(ours: Invoice, stripe_id: str, delivery: Delivery) -> str:
    """Give Stripe's invoice the end that ours has by now; empty while ours is open, or was paid there."""
    ours.refresh_from_db(fields=["status"])
    if ours.status == Invoice.Status.VOID:
        payments.void_invoice(stripe_id, idempotency_key=_key(delivery))
        return "void, like ours"
    if ours.status == Invoice.Status.PAID and ours.total > 0:
        if not ours.payments.filter(method=METHOD).exists():
            payments.settle_outside(stripe_id, idempotency_key=_key(delivery))
        return "paid"
    return ""


def _push_customer(ours: Customer, delivery: Delivery) -> str:
    values = CustomerValues(key=str(ours.pk), name=ours.name, email=ours.email, **_address(ours))
    known = external_ids.known(SYSTEM, ours)
    pushed = payments.push_customer(values, idempotency_key=_key(delivery), known=known)
    if pushed != known:
        external_ids.remember(SYSTEM, ours, pushed)
    return pushed


def _address(ours: Customer) -> dict[str, str]:
    """Our address is free text; Stripe shows the first line as it is given."""
    lines = ", ".join(line.strip() for line in ours.billing_address.splitlines() if line.strip())
    return {"line1": lines[:500], "country": ours.country} if lines else {"country": ours.country}


def _values(ours: Invoice, customer_id: str) -> InvoiceValues:
    if ours.due_on is None or ours.number is None:
        raise Refused(f"{ours} is not finalized.")
    lines = [
        LineValues(str(line.pk), line.description, line.amount, line.period_start, line.period_end)
        for line in ours.lines.order_by("position")
    ]
    if ours.tax:
        lines.append(LineValues("tax", "Tax", ours.tax))
    return InvoiceValues(
        key=str(ours.pk),
        number=ours.number,
        customer=customer_id,
        currency=ours.currency,
        lines=tuple(lines),
        total=ours.total,
        due_on=ours.due_on,
        issued_at=ours.issued_at,
    )


def _invoice_of(delivery: Delivery) -> Invoice:
    return Invoice.objects.select_related("customer").get(pk=delivery.change.subject_id)


def _key(delivery: Delivery) -> str:
    return f"delivery-{delivery.pk}"
