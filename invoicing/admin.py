"""Invoicing in the admin: invoices with their workings, payments, credit notes, billing runs."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant

from contracts.admin.filters import OfCustomerFilter
from contracts.words import amount_text
from governance import approvals
from governance.acts import Act
from governance.admin_base import GovernedAdmin, money, operation, pill
from invoicing import operations
from invoicing.admin_amendments import AmendmentAdmin as AmendmentAdmin
from invoicing.admin_corrections import UsageCorrectionAdmin as UsageCorrectionAdmin
from invoicing.admin_corrections import effect_row
from invoicing.admin_runs import BillingRunAdmin as BillingRunAdmin
from invoicing.admin_unpriced import UnpricedUsageAdmin as UnpricedUsageAdmin
from invoicing.corrections import since_invoiced
from invoicing.documents import UNISSUED, document_of, drawn
from invoicing.forms import AmountForm, PaymentForm, RefundForm, noon
from invoicing.holds import held, held_drafts
from invoicing.links import link_to
from invoicing.models import CreditNote, Invoice, Payment
from invoicing.presentation import presented
from invoicing.queries import ISSUED, still_open
from pricing.money import shown

Status = Invoice.Status
STATUS_COLOURS = {
    "draft": "info",
    "held": "warning",
    "finalized": "warning",
    "paid": "success",
    "void": "danger",
    "discarded": "",
}
STATUS_WORDS = {"finalized": "Awaits payment"}
FINALIZE = "invoicing.finalize_invoice"


def is_draft(invoice: Invoice) -> bool:
    return invoice.status == Status.DRAFT


def is_held(invoice: Invoice) -> bool:
    return is_draft(invoice) and bool(held([invoice]))


def is_free_draft(invoice: Invoice) -> bool:
    return is_draft(invoice) and not is_held(invoice)


def awaits_payment(invoice: Invoice) -> bool:
    return invoice.status == Status.FINALIZED


def is_issued(invoice: Invoice) -> bool:
    return invoice.status in ISSUED


class Held(admin.SimpleListFilter):
    """Drafts that wait for a person, because the usage they bill was flagged."""

    title, parameter_name = "held for review", "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Held")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(pk__in=list(held_drafts())) if self.value() == "yes" else rows


@admin.register(Invoice)
class InvoiceAdmin(GovernedAdmin):
    """An invoice: what it says, why each amount, what was paid; and what can be done with it."""

    list_display = ["shown_number", "customer", "shown_status", "shown_kind", "issued_at", "due_on", "shown_total"]
    list_filter = [
        "status",
        OfCustomerFilter,
        Held,
        "kind",
        "legal_entity",
        "currency",
        ("issued_at", admin.DateFieldListFilter),
    ]
    list_select_related = ["customer", "contract__customer"]
    search_fields = ["number", "customer__name", "customer__key", "contract__customer__name", "contract__number"]
    ordering = [F("issued_at").desc(nulls_first=True), "-sequence", "customer__name"]
    readonly_fields = ["pays_for", "standing", "shown_kind", "shown_total"]
    actions_detail = ["finalize", "release", "record_payment", "credit", "refund", "void"]
    change_form_outer_after_template = "invoicing/admin_invoice.html"

    @display(description="Pays for")
    def pays_for(self, invoice: Invoice) -> str:
        return invoice.contract.customer.name

    @display(description="Number", ordering="number")
    def shown_number(self, invoice: Invoice) -> str:
        return invoice.number or "Draft"

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, invoice: Invoice) -> tuple[str, str]:
        if getattr(invoice, "is_held", False):
            return "held", "Draft, held"
        if is_draft(invoice) and invoice.total < 0:
            return invoice.status, "Draft, carried on"
        return invoice.status, STATUS_WORDS.get(invoice.status, invoice.get_status_display())

    @display(description="Status")
    def standing(self, invoice: Invoice) -> SafeString:
        invoice.is_held = is_held(invoice)  # type: ignore[attr-defined]
        status, words = self.shown_status(invoice)
        return pill(words, STATUS_COLOURS[status])

    @display(description="For", ordering="kind")
    def shown_kind(self, invoice: Invoice) -> str:
        return "Prepaid usage" if invoice.kind == Invoice.Kind.COMMIT else "Usage and fees"

    @display(description="Total", ordering="total")
    def shown_total(self, invoice: Invoice) -> str:
        return money(invoice.total, invoice.currency)

    # ------------------------------------------------------------ the verbs
    @operation(
        "Finalize",
        permission=FINALIZE,
        icon="task_alt",
        when=is_free_draft,
        variant=ActionVariant.PRIMARY,
        explain="Issues it with the next number, before its grace is over if need be. Then it never changes again.",
    )
    def finalize(self, invoice: Invoice, act: Act) -> str:
        final = operations.finalize_invoice(invoice, act=act)
        return f"{final.number} is issued: {shown(final.total, final.currency)}."

    @operation(
        "Release",
        permission=FINALIZE,
        icon="lock_open",
        when=is_held,
        variant=ActionVariant.PRIMARY,
        explain="Lets it be finalized although its usage was flagged. What is flagged later holds it again.",
    )
    def release(self, invoice: Invoice, act: Act) -> str:
        operations.release_invoice(invoice, act=act)
        return "Released: it is finalized when its grace is over."

    @operation(
        "Record payment",
        permission="invoicing.add_payment",
        icon="payments",
        form=PaymentForm,
        when=awaits_payment,
        variant=ActionVariant.PRIMARY,
        explain="Money that came by bank transfer. Payments through a provider come in by themselves.",
    )
    def record_payment(self, invoice: Invoice, act: Act, amount: Decimal, reference: str, received_on: date) -> str:
        operations.record_payment(
            invoice,
            amount=amount,
            currency=invoice.currency,
            method="bank transfer",
            external_id=reference,
            received_at=noon(received_on),
            act=act,
        )
        invoice.refresh_from_db()
        left = still_open(invoice)
        return f"Recorded; {shown(left, invoice.currency)} left." if left else f"{invoice.number} is paid."

    @operation(
        "Credit",
        permission="invoicing.add_creditnote",
        icon="undo",
        form=AmountForm,
        when=is_issued,
        explain="Gives back part or all of it with a credit note. The reason is printed on it.",
    )
    def credit(self, invoice: Invoice, act: Act, amount: Decimal) -> str:
        """Where a policy wants it, the first attempt asks for the approval, and a second one after it issues."""
        facts = operations.credit_facts(invoice, amount)
        if approvals.outstanding(invoice, facts):
            asked = operations.request_credit_note(invoice, amount=amount, act=act)
            who = ", ".join(sorted({request.policy.role for request in asked}))
            return f"This credit needs approval: {who} was asked. Issue it again once it is approved."
        note = operations.issue_credit_note(invoice, amount=amount, act=act)
        return f"{note.number} is issued: {shown(note.amount, note.currency)}."

    @operation(
        "Refund unused",
        permission="invoicing.add_creditnote",
        icon="currency_exchange",
        form=RefundForm,
        when=lambda invoice: is_issued(invoice) and operations.refundable(invoice) > 0,
        explain="Gives back what the unused rest of the prepaid usage cost, with a credit note; the rest is gone then.",
    )
    def refund(self, invoice: Invoice, act: Act, amount: Decimal) -> str:
        """Where a policy wants it, the first attempt asks for the approval, and a second one after it refunds."""
        if approvals.outstanding(invoice, operations.credit_facts(invoice, amount)):
            asked = operations.request_credit_note(invoice, amount=amount, act=act)
            who = ", ".join(sorted({request.policy.role for request in asked}))
            return f"This refund needs approval: {who} was asked. Refund again once it is approved."
        note = operations.refund_commit(invoice, amount=amount, act=act)
        return f"{note.number} is issued: {shown(note.amount, note.currency)}."

    @operation(
        "Void",
        permission=FINALIZE,
        icon="block",
        when=awaits_payment,
        variant=ActionVariant.DANGER,
        explain="Takes it back: commits get what it drew, and the next billing run bills the usage anew.",
    )
    def void(self, invoice: Invoice, act: Act) -> str:
        operations.void_invoice(invoice, act=act)
        return f"{invoice.number} is void; the next billing run bills anew what is owed."

    # ------------------------------------------------------------ its pages
    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Says of each row whether it is held, all at once."""
        changelist = super().get_changelist_instance(request)
        holding = held(changelist.result_list)
        for invoice in changelist.result_list:
            invoice.is_held = invoice.pk in holding  # as `shown_status` reads it
        return changelist

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> list[Any]:
        is_open = obj is not None and is_draft(obj)
        days = ("closes_at", "shown_total") if is_open else ("issued_at", "due_on", "shown_total")
        is_paid_above = obj is not None and obj.customer_id != obj.contract.customer_id
        parties = ("customer", *(["pays_for"] if is_paid_above else []), "contract", "legal_entity")
        return [parties, ("standing", "shown_kind"), days]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        invoice = self.thing_or_404(request, object_id)
        extra = {
            "invoice": invoice,
            "held_by": held([invoice]).get(invoice.pk, []),
            "shown": presented(invoice),
            "open": amount_text(still_open(invoice), invoice.currency),
            "awaits_payment": awaits_payment(invoice),
            "payments": [(each, amount_text(each.amount, each.currency)) for each in invoice.payments.all()],
            "credit_notes": [(each, amount_text(each.amount, each.currency)) for each in invoice.credit_notes.all()],
            "since": [effect_row(effect) for effect in since_invoiced(invoice)] if is_issued(invoice) else [],
            "customer_link": link_to(invoice) if invoice.number else "",
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pdf_view)
        return [path("<uuid:object_id>/pdf/", view, name="invoicing_invoice_pdf"), *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The document as it was issued; of a draft, how it would look."""
        invoice = self.thing_or_404(request, str(object_id))
        if not self.has_view_permission(request, invoice):
            raise PermissionDenied
        if invoice.status in UNISSUED:
            document = drawn(invoice)
        else:
            document = document_of(invoice, act=self.act(request, "The document was asked for in the admin."))
        name = f"{invoice.number or 'draft'}.pdf"
        headers = {"Content-Disposition": f'inline; filename="{name}"'}
        return HttpResponse(document, content_type="application/pdf", headers=headers)


@admin.register(Payment)
class PaymentAdmin(GovernedAdmin):
    """Money that came in. Recorded on the invoice's page, or by a payment provider."""

    list_display = ["received_at", "invoice", "customer", "method", "external_id", "shown_amount"]
    list_filter = ["method", OfCustomerFilter, "currency", ("received_at", admin.DateFieldListFilter)]
    list_select_related = ["invoice__customer"]
    search_fields = ["external_id", "invoice__number", "invoice__customer__name"]
    fields = [("invoice", "shown_amount"), ("method", "external_id"), ("received_at", "recorded_by")]
    readonly_fields = ["shown_amount", "recorded_by"]

    @display(description="Amount", ordering="amount")
    def shown_amount(self, payment: Payment) -> str:
        return money(payment.amount, payment.currency)

    @display(description="Customer", ordering="invoice__customer__name")
    def customer(self, payment: Payment) -> str:
        return payment.invoice.customer.name

    @display(description="Recorded by")
    def recorded_by(self, payment: Payment) -> str:
        return f"{payment.change.by_name}: {payment.change.because}"


@admin.register(CreditNote)
class CreditNoteAdmin(GovernedAdmin):
    """What was given back. Issued on the invoice's page."""

    list_display = ["number", "invoice", "customer", "issued_at", "reason", "shown_amount"]
    list_filter = ["currency", ("issued_at", admin.DateFieldListFilter)]
    list_select_related = ["invoice__customer"]
    search_fields = ["number", "invoice__number", "invoice__customer__name"]
    fields = [("number", "invoice"), ("shown_amount", "shown_tax"), "reason", "issued_at"]
    readonly_fields = ["shown_amount", "shown_tax"]

    @display(description="Amount", ordering="amount")
    def shown_amount(self, note: CreditNote) -> str:
        return money(note.amount, note.currency)

    @display(description="of which tax")
    def shown_tax(self, note: CreditNote) -> str:
        return money(note.tax, note.currency)

    @display(description="Customer", ordering="invoice__customer__name")
    def customer(self, note: CreditNote) -> str:
        return note.invoice.customer.name
