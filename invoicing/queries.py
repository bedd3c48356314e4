"""Questions about invoices: what was billed, what was paid, what is open."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import BoolAnd
from django.db.models import F, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce

from contracts.models import CommitEntry
from invoicing.lines import Line, Paid, Slot
from invoicing.models import CreditNote, Invoice, InvoiceLine, Payment
from pricing.drawdown import Draw
from pricing.money import ZERO, plain
from pricing.periods import Period

ISSUED = (Invoice.Status.FINALIZED, Invoice.Status.PAID)
DRAW_SOURCE, RETURN_SOURCE = "invoice_line", "invoice_void"


def already_billed(contract_ids: Iterable[UUID]) -> dict[UUID, list[Line]]:
    """What issued invoices hold for every term and period of these contracts, differences added up. One query.

    Drafts promise nothing and void invoices take everything back, so neither counts; draws on commits are not
    charges.
    """
    rows = (
        InvoiceLine.objects.filter(invoice__contract__in=list(contract_ids), invoice__status__in=ISSUED)
        .exclude(kind=InvoiceLine.Kind.DRAWDOWN)
        .order_by()
        .values("invoice__contract", "term", "kind", "commit", "period_start", "period_end")
        .annotate(
            sum_of_quantity=Sum("quantity"),
            sum_of_amount=Sum("amount"),
            product=Max("product_key"),
            text=Max("description"),
            of_unit=Max("unit"),
            percent=Max("tax_percent"),
            account=Max("revenue_account"),
            last_due=Max("due_at"),
            is_in_advance=BoolAnd("in_advance"),
            is_earned_on_invoice=BoolAnd("earned_on_invoice"),
        )
    )
    billed: dict[UUID, list[Line]] = defaultdict(list)
    for row in rows:
        billed[row["invoice__contract"]].append(_billed(row))
    return billed


def _billed(row: Any) -> Line:
    return Line(
        term=row["term"],
        kind=row["kind"],
        product_key=row["product"],
        description=row["text"],
        unit=row["of_unit"],
        period=Period(row["period_start"], row["period_end"]),
        due_at=row["last_due"],
        quantity=row["sum_of_quantity"],
        amount=row["sum_of_amount"],
        exact=plain(row["sum_of_amount"]),
        in_advance=row["is_in_advance"],
        earned_on_invoice=row["is_earned_on_invoice"],
        tax_percent=row["percent"],
        revenue_account=row["account"],
        commit_id=row["commit"],
    )


def already_paid(contract_ids: Iterable[UUID]) -> dict[UUID, Paid]:
    """What commits paid of every term and period of these contracts on issued invoices, less what went back. One query.

    In the order in which they paid first.
    """
    drawn = InvoiceLine.objects.filter(
        invoice__contract__in=list(contract_ids), invoice__status__in=ISSUED, kind=InvoiceLine.Kind.DRAWDOWN
    ).order_by("invoice__issued_at", "invoice__sequence", "position")
    columns = ("invoice__contract", "commit", "period_start", "period_end", "waterfall")
    found: dict[UUID, dict[Slot, dict[str, Draw]]] = defaultdict(lambda: defaultdict(dict))
    for contract, commit, start, end, steps in drawn.values_list(*columns):
        for step in (step for step in steps if "term" in step):
            of_slot, key = found[contract][step["term"], Period(start, end)], str(commit)
            before = of_slot.get(key) or Draw(key, step["term"], ZERO, ZERO)
            of_slot[key] = replace(
                before,
                amount=before.amount + Decimal(step["paid"]),
                units=before.units + Decimal(step["units"]),
            )
    return {
        contract: {slot: list(of_slot.values()) for slot, of_slot in slots.items()} for contract, slots in found.items()
    }


def paid(invoice: Invoice) -> Decimal:
    """The sum of the payments recorded."""
    return invoice.payments.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def credited(invoice: Invoice) -> Decimal:
    """The sum of the credit notes issued."""
    return invoice.credit_notes.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def still_open(invoice: Invoice) -> Decimal:
    """What is left to pay: the total, less payments and credits; nothing unless the invoice awaits payment."""
    if invoice.status != Invoice.Status.FINALIZED:
        return Decimal(0)
    return max(invoice.total - paid(invoice) - credited(invoice), Decimal(0))


def amount_open() -> CombinedExpression:
    """The same for many at once: an expression over invoices that await payment."""
    return F("total") - _sum_of(Payment) - _sum_of(CreditNote)


def carried_on(at: datetime) -> QuerySet[Invoice]:
    """Drafts out of grace that come to less than nothing: they wait for something to be taken off."""
    return Invoice.objects.filter(status=Invoice.Status.DRAFT, total__lt=0, closes_at__lte=at)


def _sum_of(documents: type[Payment] | type[CreditNote]) -> Coalesce:
    sums = documents._default_manager.filter(invoice=OuterRef("pk")).order_by().values("invoice")
    return Coalesce(Subquery(sums.annotate(sum=Sum("amount")).values("sum")), Decimal(0))


def draws_of(invoice: Invoice) -> QuerySet[CommitEntry]:
    """The commit entries an issued invoice made, draws and returns, each with the balance it left."""
    lines = [str(pk) for pk in invoice.lines.exclude(commit=None).values_list("pk", flat=True)]
    return CommitEntry.objects.filter(source_type=DRAW_SOURCE, source_id__in=lines).select_related("commit")
