"""Stripe: our customers and finalized invoices go there to be paid, and its payments come back as webhooks.

Takes and returns plain values and knows no tables. Every push may be repeated, and may have been killed between any
two calls: what is already at Stripe is found by our key in its metadata, checked against ours, and completed.
Failures are `Transient` or `Permanent` (`integrations.errors`). Ask `enabled()` first.
"""

import json
from datetime import UTC, datetime
from typing import Any, cast

import stripe
from django.conf import settings
from stripe import params

from integrations import stripe_invoices as invoices
from integrations.errors import Permanent
from integrations.minor_units import from_minor
from integrations.payment_values import CustomerValues, InvoiceValues, PushedInvoice, ReceivedPayment
from integrations.stripe_calls import client, metadata_of, once, translated

_CUSTOMER_KEY = "quoin_customer"
_TOLERANCE = 300  # seconds a signed message stays good, against replays


def enabled() -> bool:
    return bool(settings.STRIPE_API_KEY)


def push_customer(values: CustomerValues, *, idempotency_key: str, known: str = "") -> str:
    """Create or update the customer; its Stripe id. `known` is the id an earlier push returned.

    Created with nothing but our key, then filled: so the creating request is the same whenever it is repeated,
    and Stripe's idempotency holds although the customer was renamed in between.
    """
    mark = {_CUSTOMER_KEY: values.key}
    with translated():
        found = known or _find_customer(values)
        if not found:
            found = once(
                lambda options: client().v1.customers.create({"metadata": mark}, options),
                f"{idempotency_key}:{values.key}",
            ).id
        return client().v1.customers.update(found, _customer_fields(values)).id


def push_invoice(values: InvoiceValues, *, idempotency_key: str, known: str = "") -> PushedInvoice:
    """Create, fill and finalize the invoice, or finish what an earlier push began; exactly one at Stripe.

    `known` is the id an earlier push returned. `Permanent` when what Stripe holds is not what we billed.
    """
    if sum(line.amount for line in values.lines) != values.total:
        raise Permanent(f"The lines of invoice {values.number} do not add up to {values.total} {values.currency}.")
    key = f"{idempotency_key}:{values.key}"
    with translated():
        invoice = client().v1.invoices.retrieve(known) if known else invoices.find(values)
        if invoice is None:
            invoice = invoices.create(values, key)
        if invoice.status == "draft":
            invoices.add_missing_lines(invoice.id, values, key)
            invoices.check(client().v1.invoices.retrieve(invoice.id), values)
            invoice = once(invoices.finalizing(invoice.id), f"{key}:finalize")
        invoices.check(invoice, values)
    return PushedInvoice(invoice.id, invoice.hosted_invoice_url or "", invoice.status or "")


def settle_outside(invoice_id: str, *, idempotency_key: str) -> None:
    """Tell Stripe that the invoice was paid elsewhere (a transfer we recorded); harmless when it is paid."""
    with translated():
        if client().v1.invoices.retrieve(invoice_id).status != "paid":
            once(
                lambda options: client().v1.invoices.pay(invoice_id, {"paid_out_of_band": True}, options),
                f"{idempotency_key}:{invoice_id}:settle",
            )


def void_invoice(invoice_id: str, *, idempotency_key: str) -> None:
    """Void it at Stripe too; harmless when it is void. `Permanent` when the customer has paid meanwhile."""
    with translated():
        if client().v1.invoices.retrieve(invoice_id).status != "void":
            once(
                lambda options: client().v1.invoices.void_invoice(invoice_id, {}, options),
                f"{idempotency_key}:{invoice_id}:void",
            )


def verify_webhook(body: bytes, signature: str) -> dict[str, Any]:
    """The event in `body`, if one of our secrets signed it within five minutes; `ValueError` otherwise.

    `STRIPE_WEBHOOK_SECRET` may hold two secrets, separated by a comma, while they are being rotated.
    """
    secrets = [secret.strip() for secret in settings.STRIPE_WEBHOOK_SECRET.split(",")]
    if not any(_signed_by(secret, body, signature) for secret in secrets if secret):
        raise ValueError("The signature is not Stripe's, or too old.")
    event = json.loads(body)
    if not isinstance(event, dict) or event.get("object") != "event":
        raise ValueError("The message is not an event.")
    return event


def received_payment(event: dict[str, Any]) -> ReceivedPayment | None:
    """What an `invoice.paid` event says was collected through Stripe for an invoice of ours; None otherwise.

    Money we recorded ourselves and reported by `settle_outside` is not told back.
    """
    invoice = event["data"]["object"]
    if event["type"] != "invoice.paid" or invoices.INVOICE_KEY not in (invoice.get("metadata") or {}):
        return None
    collected = invoice["amount_paid"] - (invoice.get("amount_paid_off_stripe") or 0)
    if collected <= 0:
        return None
    currency = invoice["currency"].upper()
    return ReceivedPayment(
        invoice_key=invoice["metadata"][invoices.INVOICE_KEY],
        invoice_id=invoice["id"],
        amount=from_minor(collected, currency),
        currency=currency,
        received_at=datetime.fromtimestamp(invoice["status_transitions"]["paid_at"], UTC),
        reference=invoice["id"],
    )


def _find_customer(values: CustomerValues) -> str:
    """The customer a killed push left behind, where Stripe can list it (by e-mail)."""
    if not values.email:
        return ""
    listed = client().v1.customers.list({"email": values.email, "limit": 100})
    for customer in listed.auto_paging_iter():
        if metadata_of(customer).get(_CUSTOMER_KEY) == values.key:
            return customer.id
    return ""


def _customer_fields(values: CustomerValues) -> params.CustomerUpdateParams:
    fields: params.CustomerUpdateParams = {"name": values.name, "metadata": {_CUSTOMER_KEY: values.key}}
    if values.email:
        fields["email"] = values.email
    parts = ("line1", "city", "postal_code", "state", "country")
    address = {part: getattr(values, part) for part in parts if getattr(values, part)}
    if address:
        fields["address"] = cast(params.CustomerUpdateParamsAddress, address)
    return fields


def _signed_by(secret: str, body: bytes, signature: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True
