"""Commits in the admin: what is left of each, its statement, and adjustments."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.decorators import display

from contracts import operations
from contracts.admin.forms import AdjustForm
from contracts.forms import DaysForm
from contracts.models import Commit
from contracts.presentation import access_of, percent_of, shown_commits
from contracts.shown_statements import shown_statement, statement_pdf
from contracts.statements import statements_of
from governance import approvals, clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, figure, money, operation
from pricing.money import ZERO


@admin.register(Commit)
class CommitAdmin(GovernedAdmin):
    """Usage paid for in advance, with its statement."""

    list_display = [
        "name",
        "kind",
        "customer",
        "contract",
        "shown_access",
        "shown_price",
        "shown_balance",
        "shown_used",
        "ends",
    ]
    list_filter = ["kind", "contract__currency", ("contract__customer", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["contract__customer"]
    search_fields = ["name", "contract__number", "contract__customer__name"]
    change_form_template = "contracts/commit.html"
    actions_detail = ["adjust"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Commit]:
        used = Sum("entries__amount", filter=Q(entries__kind__in=["draw", "return"]), default=ZERO)
        return super().get_queryset(request).annotate(moved=used)

    @operation(
        "Adjust",
        permission="contracts.change_commit",
        icon="exposure",
        form=AdjustForm,
        when=lambda commit: commit.kind != Commit.Kind.POSTPAID and clock.now() < commit.end_at,
        explain="Gives goodwill, or takes something away. The customer's statement shows it; the reason is kept.",
    )
    def adjust(self, commit: Commit, act: Act, amount: Decimal) -> str:
        """Where a policy wants it, the first attempt asks for the approval, and a second one after it adjusts."""
        if approvals.outstanding(commit, operations.adjustment_facts(commit, amount)):
            asked = operations.request_adjustment(commit, amount=amount, act=act)
            who = ", ".join(sorted({request.policy.role for request in asked}))
            return f"This adjustment needs approval: {who} was asked. Adjust again once it is approved."
        entry = operations.adjust_commit(commit, amount=amount, act=act)
        return f"{commit.name} has {access_of(commit, entry.balance_after)} left."

    @display(description="Customer", ordering="contract__customer__name")
    def customer(self, commit: Commit) -> str:
        return commit.contract.customer.name

    @display(description="Gives access to", ordering="access_amount")
    def shown_access(self, commit: Commit) -> SafeString:
        return figure(access_of(commit, commit.access_amount))

    @display(description="For", ordering="price")
    def shown_price(self, commit: Commit) -> SafeString:
        return money(commit.price, commit.contract.currency)

    @display(description="Left", ordering="balance")
    def shown_balance(self, commit: Commit) -> SafeString:
        return figure(access_of(commit, commit.balance))

    @display(description="Used")
    def shown_used(self, commit: Any) -> str:
        return f"{percent_of(-commit.moved, commit.access_amount)}\u00a0%"

    @display(description="Until", ordering="end_at")
    def ends(self, commit: Commit) -> date:
        return commit.end_at.date()

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        commit, at = self.thing_or_404(request, object_id), clock.now()
        days = DaysForm(request.GET)
        statements = statements_of([commit], *days.days(), at) if days.is_valid() else []
        extra = {
            "shown": shown_commits([commit], at)[0],
            "days": days,
            "asked": f"?{request.GET.urlencode()}" if request.GET else "",
            "statement": shown_statement(statements[0]) if statements else None,
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.statement_view)
        return [path("<uuid:object_id>/statement/", view, name="contracts_commit_statement"), *super().get_urls()]

    def statement_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The statement as PDF; of all its time, unless days are asked for."""
        commit = self.thing_or_404(request, str(object_id))
        if not self.has_view_permission(request, commit):
            raise PermissionDenied
        days = DaysForm(request.GET)
        if not days.is_valid():
            raise Http404
        document = statement_pdf(commit.contract.customer, [commit], *days.days(), clock.now())
        headers = {"Content-Disposition": f'inline; filename="statement-{commit.contract.number}.pdf"'}
        return HttpResponse(document, content_type="application/pdf", headers=headers)
