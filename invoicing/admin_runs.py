"""Billing runs in the admin: what each did, which contracts failed, and the button that starts one."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from contracts.words import amount_text
from governance import clock
from governance.admin_base import GovernedAdmin, ReasonForm
from governance.doors import SEE_EVERY_CUSTOMER, may
from invoicing import operations
from invoicing.models import BillingOutcome, BillingRun

RESULT_COLOURS = {"failed": "danger", "finalized": "success", "drafted": "info", "discarded": ""}
BILL = "invoicing.bill_contracts"


@admin.register(BillingRun)
class BillingRunAdmin(GovernedAdmin):
    """What each run of billing did, and which contracts it could not bill."""

    list_display = ["started_at", "through", "run_by", "new_drafts", "finalized", "shown_failures"]
    fields = [("through", "run_by"), ("started_at", "finished_at")]
    readonly_fields = ["run_by"]
    actions_list = ["bill_now"]
    change_form_outer_after_template = "invoicing/admin_run.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A run is about every customer, so it is for those who may see them all."""
        return super().has_view_permission(request, obj) and may(request.user, SEE_EVERY_CUSTOMER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingRun]:
        counts = {result: Count("outcomes", Q(outcomes__result=result)) for result in BillingOutcome.Result.values}
        return super().get_queryset(request).annotate(**{f"count_{name}": count for name, count in counts.items()})

    @display(description="By", ordering="by_name")
    def run_by(self, run: Any) -> str:
        return str(run.by_name)

    @display(description="Drafted", ordering="count_drafted")
    def new_drafts(self, run: Any) -> int:
        return int(run.count_drafted)

    @display(description="Finalized", ordering="count_finalized")
    def finalized(self, run: Any) -> int:
        return int(run.count_finalized)

    @display(description="Failed", ordering="count_failed", label={True: "danger", False: "success"})
    def shown_failures(self, run: Any) -> tuple[bool, str]:
        return bool(run.count_failed), str(run.count_failed) if run.count_failed else "None"

    @action(
        description="Run billing now",
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        permissions=["bill"],
        dialog={
            "title": "Run billing now",
            "description": "Drafts whatever is due by now, and finalizes what is out of its grace. Harmless to repeat.",
            "form_class": ReasonForm,
            "form_submit_text": "Run billing",
        },
    )
    def bill_now(self, request: HttpRequest, form: Any) -> HttpResponse:
        act = self.act(request, form.cleaned_data["because"])
        run = operations.bill_due(through=clock.now(), act=act)
        failed = run.outcomes.filter(result=BillingOutcome.Result.FAILED).count()
        done = run.outcomes.exclude(result=BillingOutcome.Result.FAILED).count()
        if failed:
            messages.error(request, f"{failed} contracts could not be billed; {done} invoices were written.")
        else:
            messages.success(request, f"{done} invoices were written." if done else "Nothing new was due.")
        return HttpResponse(headers={"HX-Redirect": self.page_after(run)})

    def has_bill_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, BILL)

    def get_actions_list(self, request: HttpRequest) -> list[UnfoldAction]:
        return super().get_actions_list(request) if may(request.user, BILL) else []

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        run = self.thing_or_404(request, object_id)
        order = list(RESULT_COLOURS)
        outcomes = run.outcomes.select_related("contract__customer", "invoice")
        rows = [
            (row, amount_text(row.invoice.total, row.invoice.currency) if row.invoice else "")
            for row in sorted(outcomes, key=lambda outcome: (order.index(outcome.result), outcome.pk))
        ]
        extra = {"outcomes": [(*row, RESULT_COLOURS[row[0].result]) for row in rows]}
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)
