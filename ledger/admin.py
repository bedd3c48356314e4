"""The books in the admin: the journal with its postings, the chart of accounts, and the export of a period."""

import io
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget

from contracts.models import LegalEntity
from governance import clock
from governance.admin_base import GovernedAdmin, money
from governance.doors import SEE_EVERY_CUSTOMER, may
from ledger import journal, queries
from ledger.models import Account, JournalEntry, Posting


class PeriodForm(forms.Form):
    """Which days to export, both inclusive."""

    start_on = forms.DateField(label="From", widget=UnfoldAdminDateWidget())
    end_on = forms.DateField(label="To", help_text="Inclusive.", widget=UnfoldAdminDateWidget())
    legal_entity = forms.ModelChoiceField(
        LegalEntity.objects.order_by("name"), required=False, empty_label="All", widget=UnfoldAdminSelectWidget()
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start_on"), cleaned.get("end_on")
        if start and end and end < start:
            raise forms.ValidationError("The period ends before it starts.")
        return cleaned


@admin.register(JournalEntry)
class JournalEntryAdmin(GovernedAdmin):
    """Entries with their postings aligned. Nothing here can be changed: a correction is another entry."""

    list_display = ["number", "posted_on", "description", "customer", "shown_postings"]
    list_display_links = ["number", "description"]
    list_filter = [("posted_on", RangeDateFilter), "postings__account", "currency", "legal_entity"]
    list_filter_submit = True
    list_select_related = ["customer"]
    search_fields = ["description", "source_id", "customer__name"]
    date_hierarchy = "posted_on"
    fields = [
        ("description", "posted_on"),
        ("customer", "legal_entity"),
        "shown_postings",
        ("source_type", "source_id"),
        ("reverses", "undone_by"),
        ("booked_by", "because"),
    ]
    readonly_fields = ["shown_postings", "undone_by", "booked_by", "because"]
    ordering = ["-posted_on", "-id"]
    actions_list = ["export"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        postings = Posting.objects.select_related("account").order_by("position")
        return super().get_queryset(request).prefetch_related(Prefetch("postings", queryset=postings))

    @display(description="Entry", ordering="id")
    def number(self, entry: JournalEntry) -> str:
        return str(entry.pk)

    @display(description="Debit and credit")
    def shown_postings(self, entry: JournalEntry) -> SafeString:
        rows = format_html_join(
            "",
            '<tr><td class="{}">{} {}</td><td>{}</td><td>{}</td></tr>',
            (
                (
                    "" if each.debit else "credited",
                    each.account_id,
                    each.account.name,
                    money(each.debit, entry.currency) if each.debit else "",
                    money(each.credit, entry.currency) if each.credit else "",
                )
                for each in entry.postings.all()
            ),
        )
        return format_html('<table class="quoin-postings">{}</table>', rows)

    @display(description="Undone by")
    def undone_by(self, entry: JournalEntry) -> str:
        return str(JournalEntry.objects.filter(reverses=entry).first() or "—")

    @display(description="Booked by")
    def booked_by(self, entry: JournalEntry) -> str:
        return entry.change.by_name

    @display(description="Because")
    def because(self, entry: JournalEntry) -> str:
        return entry.change.because

    @action(description="Export a period", url_path="export", icon="download")
    def export(self, request: HttpRequest) -> HttpResponse:
        """Ask for the days, show the control totals, and give the file when `download` is asked for."""
        if not (may(request.user, "ledger.view_journalentry") and may(request.user, SEE_EVERY_CUSTOMER)):
            raise PermissionDenied
        form = PeriodForm(request.GET if "start_on" in request.GET else None, initial=_last_month())
        context = {**self.admin_site.each_context(request), "title": "Export the journal", "opts": self.opts}
        if form.is_bound and form.is_valid():
            if "download" in request.GET:
                return _file(**form.cleaned_data)
            context |= _figures(**form.cleaned_data)
        return render(request, "ledger/export.html", {**context, "form": form})


@admin.register(Account)
class AccountAdmin(GovernedAdmin):
    """The chart of accounts, as the ERP knows it."""

    list_display = ["code", "name", "kind"]
    list_filter = ["kind"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "kind"]


def _last_month() -> dict[str, date]:
    last = clock.now().date().replace(day=1) - timedelta(days=1)
    return {"start_on": last.replace(day=1), "end_on": last}


def _figures(start_on: date, end_on: date, legal_entity: LegalEntity | None) -> dict[str, Any]:
    """The control totals of the period and the trial balance at its end, with amounts as people read them."""

    def shown(row: queries.CurrencyTotals | queries.Balance) -> dict[str, Any]:
        names = ("debits", "credits", "balance")
        amounts = {f"shown_{name}": money(getattr(row, name), row.currency) for name in names if hasattr(row, name)}
        return {name: getattr(row, name) for name in row.__slots__} | amounts

    return {
        "totals": [shown(row) for row in queries.totals(queries.journal(start_on, end_on, legal_entity))],
        "balances": [shown(row) for row in queries.trial_balance(end_on, legal_entity)],
    }


def _file(start_on: date, end_on: date, legal_entity: LegalEntity | None) -> HttpResponse:
    text = io.StringIO(newline="")
    control = journal.export_csv(text, queries.journal(start_on, end_on, legal_entity))
    name = f"journal-{legal_entity.key + '-' if legal_entity else ''}{start_on}-{end_on}.csv"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Entries": str(control.entries),
        "X-Postings": str(control.postings),
        "X-SHA256": control.sha256,
    }
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)
