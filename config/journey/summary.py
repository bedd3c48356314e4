"""What came of the story: one JSON document, the documents as PDF, the journal as CSV."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Sum

from config.journey.story import Story, invoices
from contracts.models import Commit
from governance.models import ApprovalRequest
from integrations.models import InboundMessage
from invoicing import documents as invoice_documents
from invoicing.models import Invoice, InvoiceLine, Payment
from ledger.journal import export_csv
from ledger.models import JournalEntry, Posting
from metering.models import UsageEvent
from metering.queries import usage as measured
from pricing.measures import WHOLE, total
from pricing.money import Money, plain
from pricing.periods import Period, local_days
from quoting import documents as quote_documents
from quoting.models import QuoteVersion
from quoting.queries import priced


def write(story: Story, out: Path) -> dict[str, Any]:
    """Write summary.json, quote.pdf, invoice-NUMBER.pdf and journal.csv into `out`; returns the summary."""
    out.mkdir(parents=True, exist_ok=True)
    version = QuoteVersion.objects.get(quote=story.quote, status="accepted")
    (out / "quote.pdf").write_bytes(quote_documents.document_of(version))
    for invoice in invoices(story):
        (out / _pdf(invoice)).write_bytes(invoice_documents.document_of(invoice))
    with (out / "journal.csv").open("w", newline="", encoding="utf-8") as file:
        export_csv(file, JournalEntry.objects.all())
    summary = {
        "quote": _quote(version),
        "usage": _usage(story),
        "invoices": [_invoice(invoice) for invoice in invoices(story)],
        "commit": _commit(story),
        "stripe": _stripe(story),
        "crm": _crm(story),
        "journal": _journal(),
        "refusals": story.refusals,
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return summary


def _quote(version: QuoteVersion) -> dict[str, Any]:
    offer = priced(version)
    requests = ApprovalRequest.objects.filter(subject_id=str(version.pk), status="approved")
    return {
        "number": version.quote.number,
        "total_by_month": [month.due.as_json() for month in offer.months],
        "discount_percent": plain(offer.discount_percent),
        "requested_by": next(request.requested_by.username for request in requests),
        "approved_by": next(request.decided_by.username for request in requests if request.decided_by),
        "pdf": "quote.pdf",
        "pdf_sha256": version.document_sha256,
    }


def _usage(story: Story) -> dict[str, Any]:
    whole = Period(story.contract.start_at, story.contract.end_at)
    customer = story.customer.key
    totals = measured([(customer, meter, whole, WHOLE) for meter in ("input-tokens", "output-tokens")])
    return {
        "events": UsageEvent.objects.filter(customer_key=customer).count(),
        "duplicates": story.usage_answers["duplicates"],
        "input_tokens": int(total(totals[customer, "input-tokens", whole, WHOLE])),
        "output_tokens": int(total(totals[customer, "output-tokens", whole, WHOLE])),
    }


def _invoice(invoice: Invoice) -> dict[str, Any]:
    first, last = local_days(Period(invoice.period_start, invoice.period_end), invoice.time_zone)
    return {
        "number": invoice.number,
        "kind": invoice.kind,
        "period": {"first_day": first.isoformat(), "last_day": last.isoformat()},
        "lines": [_line(line, invoice.currency) for line in invoice.lines.all()],
        **{name: _money(getattr(invoice, name), invoice.currency) for name in ("subtotal", "tax", "drawn", "total")},
        "currency": invoice.currency,
        "status": invoice.status,
        "pdf": _pdf(invoice),
        "pdf_sha256": invoice.document_sha256,
    }


def _line(line: InvoiceLine, currency: str) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "product": line.product_key,
        "description": line.description,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "amount": _money(line.amount, currency),
        # Without the terms that drawdowns name: their ids are new in every story.
        "waterfall": [{name: each for name, each in step.items() if name != "term"} for step in line.waterfall],
    }


def _commit(story: Story) -> dict[str, Any]:
    commit = Commit.objects.get(contract=story.contract)
    sums = dict(commit.entries.values_list("kind").annotate(Sum("amount")).order_by("kind"))
    currency = story.contract.currency
    return {
        "granted": _money(sums.get("grant", Decimal(0)), currency),
        "drawn": _money(-sums.get("draw", Decimal(0)) - sums.get("return", Decimal(0)), currency),
        "balance": _money(commit.balance, currency),
    }


def _stripe(story: Story) -> dict[str, Any]:
    stripe = story.stage.stripe
    received = InboundMessage.objects.filter(sender="stripe").aggregate(times=Sum("times_received"))["times"]
    return {
        "customer": next(iter(stripe.customers)),
        "invoices": len(stripe.invoices),
        "payments": Payment.objects.filter(method="stripe").count(),
        "webhooks_received": received,
    }


def _crm(story: Story) -> dict[str, Any]:
    (opportunity,) = story.stage.salesforce.records["Opportunity"].values()
    return {
        "opportunity": opportunity["Quoin_Id__c"],
        "stage": opportunity["StageName"],
        "amount": opportunity.get("Amount"),
    }


def _journal() -> dict[str, Any]:
    sums = Posting.objects.aggregate(debits=Sum("debit"), credits=Sum("credit"))
    currency = JournalEntry.objects.values_list("currency", flat=True).distinct().get()
    return {
        "entries": JournalEntry.objects.count(),
        **{name: _money(amount, currency) for name, amount in sums.items()},
    }


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return Money(amount, currency).rounded().as_json()


def _pdf(invoice: Invoice) -> str:
    return f"invoice-{invoice.number}.pdf"
