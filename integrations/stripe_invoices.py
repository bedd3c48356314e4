"""The steps of bringing one of our invoices to Stripe, each safe to take again."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as time_of_day
from decimal import Decimal
from functools import partial

import stripe
from stripe import params

from integrations.errors import Permanent
from integrations.minor_units import from_minor, to_minor
from integrations.payment_values import InvoiceValues, LineValues
from integrations.stripe_calls import client, metadata_of, once

INVOICE_KEY = "quoin_invoice"
_LINE_KEY = "quoin_line"
_MOST_ITEMS = 250  # Stripe's limit for one invoice


def find(values: InvoiceValues) -> stripe.Invoice | None:
    """The invoice a killed push left behind. Listing, unlike searching, is never behind."""
    listed = client().v1.invoices.list({"customer": values.customer, "limit": 100})
    found = [one for one in listed.auto_paging_iter() if _key_of(one) == values.key]
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise Permanent(f"Stripe holds several invoices for {values.number}: {ids}. Void or delete all but one.")
    return found[0] if found else None


def create(values: InvoiceValues, key: str) -> stripe.Invoice:
    """A draft without lines. Stripe neither advances it by itself, half filled, nor writes to the customer."""
    fields: params.InvoiceCreateParams = {
        "customer": values.customer,
        "currency": values.currency.lower(),
        "collection_method": "send_invoice",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "number": values.number,
        "metadata": {**values.metadata, INVOICE_KEY: values.key},
    }
    if values.description:
        fields["description"] = values.description
    # Compared with the wall clock, whatever clock the invoice was made by: Stripe refuses a due date in its past.
    due = int(datetime.combine(values.due_on, time_of_day(23, 59, 59), UTC).timestamp())
    if due > time.time() + 3600:
        fields["due_date"], variant = due, "create"
    else:
        fields["days_until_due"], variant = 1, "create-late"
    return once(lambda options: client().v1.invoices.create(fields, options), f"{key}:{variant}")


def add_missing_lines(invoice_id: str, values: InvoiceValues, key: str) -> None:
    listed = client().v1.invoice_items.list({"invoice": invoice_id, "limit": 100})
    present = {metadata_of(item).get(_LINE_KEY) for item in listed.auto_paging_iter()}
    for line in _folded(values.lines):
        if line.key not in present:
            fields = _item_fields(line, invoice_id, values)
            once(partial(client().v1.invoice_items.create, fields), f"{key}:line:{line.key}")


def _folded(lines: tuple[LineValues, ...]) -> tuple[LineValues, ...]:
    """As many lines as Stripe takes: the last stands for the rest, so that the total stays ours."""
    if len(lines) <= _MOST_ITEMS:
        return lines
    shown, rest = lines[: _MOST_ITEMS - 1], lines[_MOST_ITEMS - 1 :]
    text = f"{len(rest)} further lines, see the invoice"
    return (*shown, LineValues("rest", text, sum((line.amount for line in rest), Decimal())))


def _item_fields(line: LineValues, invoice_id: str, values: InvoiceValues) -> params.InvoiceItemCreateParams:
    fields: params.InvoiceItemCreateParams = {
        "customer": values.customer,
        "invoice": invoice_id,
        "currency": values.currency.lower(),
        "amount": to_minor(line.amount, values.currency),
        "description": line.description[:500],
        "metadata": {_LINE_KEY: line.key},
    }
    if line.starts_at and line.ends_at:  # Stripe's end is inclusive, ours is not
        start, end = int(line.starts_at.timestamp()), int(line.ends_at.timestamp())
        fields["period"] = {"start": start, "end": max(start, end - 1)}
    return fields


def finalizing(invoice_id: str) -> Callable[[stripe.RequestOptions], stripe.Invoice]:
    return partial(client().v1.invoices.finalize_invoice, invoice_id, {"auto_advance": False})


def check(invoice: stripe.Invoice, values: InvoiceValues) -> None:
    """What Stripe holds must be this invoice, to the cent, and still payable or paid."""
    total = to_minor(values.total, values.currency)
    if _key_of(invoice) != values.key:
        raise Permanent(f"Stripe's invoice {invoice.id} is not our {values.number}.")
    if invoice.status == "void":
        raise Permanent(f"Invoice {values.number} was voided at Stripe ({invoice.id}), not here.")
    if (invoice.total, invoice.currency) != (total, values.currency.lower()):
        theirs = f"{from_minor(invoice.total, invoice.currency)} {invoice.currency.upper()}"
        ours = f"{values.total} {values.currency}"
        raise Permanent(f"Stripe's invoice {invoice.id} comes to {theirs}, our {values.number} to {ours}.")


def _key_of(invoice: stripe.Invoice) -> str | None:
    return metadata_of(invoice).get(INVOICE_KEY)
