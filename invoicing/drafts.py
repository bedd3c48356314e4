"""Drafts: what one says, and how it is made to say what is owed. Written inside a change, by billing alone."""

from datetime import datetime
from typing import Any

from contracts.models import Contract
from governance.acts import Act
from governance.change import change
from invoicing.calculation import Parts
from invoicing.lines import Line
from invoicing.models import Invoice, InvoiceLine


def discarded(draft: Invoice, act: Act) -> Invoice:
    with change("invoice.discarded", draft, act.saying("Nothing is owed any more.")):
        draft.become(Invoice.Status.DISCARDED)
        draft.save()
    return draft


def drafted(contract: Contract, draft: Invoice | None, parts: Parts, measured_through: int | None, act: Act) -> Invoice:
    name = "invoice.drafted" if draft is None else "invoice.redrafted"
    invoice = draft or Invoice(
        contract=contract,
        customer=contract.payer,
        legal_entity=contract.legal_entity,
        kind=parts.kind,
        group=parts.group,
        currency=contract.currency,
        time_zone=contract.time_zone,
    )
    invoice.measured_through = measured_through
    with change(name, invoice, act):
        write_lines(invoice, parts)
    return invoice


def write_lines(invoice: Invoice, parts: Parts) -> None:
    """Make the draft say exactly this, inside the caller's change."""
    is_new = invoice._state.adding
    invoice.subtotal, invoice.tax, invoice.drawn, invoice.total = parts.subtotal, parts.tax, parts.drawn, parts.total
    invoice.period_start, invoice.period_end = parts.period.start, parts.period.end
    invoice.closes_at = parts.closes_at
    invoice.save()
    if not is_new:
        InvoiceLine.objects.filter(invoice=invoice).delete()
    InvoiceLine.objects.bulk_create(
        InvoiceLine(invoice=invoice, **_fields(position, line)) for position, line in enumerate(parts.lines, 1)
    )


def says(invoice: Invoice, parts: Parts) -> bool:
    """Whether the draft says exactly this already."""
    header = (invoice.subtotal, invoice.tax, invoice.drawn, invoice.total, invoice.closes_at)
    if header != (parts.subtotal, parts.tax, parts.drawn, parts.total, parts.closes_at):
        return False
    lines = list(invoice.lines.all())
    wanted = [_fields(position, line) for position, line in enumerate(parts.lines, 1)]
    return len(lines) == len(wanted) and all(
        getattr(line, name) == value
        for line, fields in zip(lines, wanted, strict=True)
        for name, value in fields.items()
    )


def last_due_on(draft: Invoice) -> datetime:
    """When the last of a draft's lines fell due."""
    return max(line.due_at for line in draft.lines.all() if line.kind != InvoiceLine.Kind.DRAWDOWN)


def _fields(position: int, line: Line) -> dict[str, Any]:
    return {
        "position": position,
        "kind": line.kind,
        "term": line.term,
        "commit_id": line.commit_id,
        "product_key": line.product_key,
        "description": line.description,
        "unit": line.unit,
        "period_start": line.period.start,
        "period_end": line.period.end,
        "due_at": line.due_at,
        "quantity": line.quantity,
        "amount": line.amount,
        "exact": line.exact,
        "tax_percent": line.tax_percent,
        "tax": line.tax,
        "in_advance": line.in_advance,
        "earned_on_invoice": line.earned_on_invoice,
        "waterfall": list(line.waterfall),
        "price_source": line.price_source[:200],
        "revenue_account": line.revenue_account,
    }
