"""Quotes in the admin: the list, the offer as one page, its building by forms, and its verbs as buttons."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display
from unfold.enums import ActionVariant

from contracts.words import percent_text
from governance.acts import Act, Refused, name_of
from governance.admin_base import GovernedAdmin, money, operation
from governance.doors import may
from governance.timeline import timeline
from quoting import operations
from quoting.admin_building import QuotePages
from quoting.admin_filters import OffersFilter, PricesFilter
from quoting.admin_page import COLOURS, EDIT, standing_of
from quoting.forms import DeclineForm, NewQuoteForm
from quoting.models import Quote, QuoteVersion
from quoting.queries import latest_version, priced_if_possible

Status = QuoteVersion.Status


def stands(*statuses: str) -> Callable[[Quote], bool]:
    """Whether the latest version of a quote has one of these statuses."""
    return lambda quote: latest_version(quote).status in statuses


class StatusFilter(admin.SimpleListFilter):
    """By the status of the latest version."""

    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(latest_status=self.value()) if self.value() else queryset


@admin.register(Quote)
class QuoteAdmin(QuotePages):
    """One page holds the offer, what it comes to, why, and what has to happen next."""

    list_display = [
        "number", "customer", "title", "shown_status", "shown_total", "shown_discount", "valid_until", "shown_owner",
    ]  # fmt: skip
    list_filter = [StatusFilter, PricesFilter, OffersFilter, "owner", ("customer", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["customer", "owner"]
    search_fields = ["number", "title", "customer__name", "customer__key", "opportunity_key"]
    search_help_text = "Number, customer, title, opportunity"
    ordering = ["-number"]
    actions_detail = ["send", "submit", "revise", "reopen", "decline", "clone"]
    change_form_template = "quoting/quote.html"

    # ------------------------------------------------------------ the list
    def get_queryset(self, request: HttpRequest) -> QuerySet[Quote]:
        latest = QuoteVersion.objects.filter(quote=OuterRef("pk")).order_by("-number")
        return super().get_queryset(request).annotate(
            latest_status=Subquery(latest.values("status")[:1]),
            latest_valid_until=Subquery(latest.values("valid_until")[:1]),
        )  # fmt: skip

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The rows of the page with their latest versions and numbers, in as many queries for many as for one."""
        changelist = super().get_changelist_instance(request)
        quotes = {quote.pk: quote for quote in changelist.result_list}
        versions = QuoteVersion.objects.filter(quote__in=quotes).select_related("rate_card_version")
        latest = list(versions.order_by("quote_id", "-number").distinct("quote_id"))
        for version in latest:
            version.quote = quotes[version.quote_id]
        numbers = priced_if_possible(latest)
        for version in latest:
            row: Any = version.quote
            row.latest, row.numbers = version, numbers.get(version.pk)
        changelist.result_list = list(quotes.values())
        return changelist

    @display(description="Status", ordering="latest_status", label=COLOURS)
    def shown_status(self, quote: Any) -> tuple[str, str]:
        return standing_of(quote.latest)

    @display(description="Total")
    def shown_total(self, quote: Any) -> SafeString:
        return money(quote.numbers.total.amount if quote.numbers else None, quote.latest.currency)

    @display(description="Discount")
    def shown_discount(self, quote: Any) -> str:
        has_discount = quote.numbers and quote.numbers.discount_percent
        return percent_text(quote.numbers.discount_percent) if has_discount else "—"

    @display(description="Valid until", ordering="latest_valid_until")
    def valid_until(self, quote: Any) -> Any:
        return quote.latest.valid_until

    @display(description="Owner", ordering="owner__first_name")
    def shown_owner(self, quote: Quote) -> str:
        return name_of(quote.owner)

    # ------------------------------------------------------------ the verbs
    @operation(
        "Submit",
        permission=EDIT,
        icon="send",
        when=stands(Status.DRAFT),
        variant=ActionVariant.PRIMARY,
        explain="Finishes the draft. Whoever must agree is asked; if nobody must, it can be sent at once.",
    )
    def submit(self, quote: Quote, act: Act) -> str:
        version = operations.submit(latest_version(quote), act=act)
        return "It can be sent now." if version.status == Status.APPROVED else "Those who must agree have been asked."

    @operation(
        "Send",
        permission="quoting.send_quoteversion",
        icon="outgoing_mail",
        when=stands(Status.DRAFT, Status.IN_REVIEW, Status.APPROVED),
        variant=ActionVariant.PRIMARY,
        explain="The customer gets the offer by e-mail. From then on it never changes.",
    )
    def send(self, quote: Quote, act: Act) -> str:
        operations.send(latest_version(quote), act=act)
        return f"{quote.number} is on its way to {quote.customer.email}."

    @operation(
        "Reopen",
        permission=EDIT,
        icon="edit",
        when=stands(Status.IN_REVIEW, Status.APPROVED),
        explain="Takes it back to be edited. Approvals given stand for as long as nothing gets worse.",
    )
    def reopen(self, quote: Quote, act: Act) -> str:
        operations.reopen(latest_version(quote), act=act)
        return "It is a draft again."

    @operation(
        "Revise",
        permission=EDIT,
        icon="edit_document",
        when=stands(Status.SENT, Status.DECLINED, Status.SUPERSEDED),
        variant=ActionVariant.PRIMARY,
        explain="Makes a new version with the same contents, at the prices in force. The one that is out is void.",
    )
    def revise(self, quote: Quote, act: Act) -> str:
        version = operations.revise(quote, act=act)
        return f"Version {version.number} is a draft."

    @operation(
        "Declined",
        permission=EDIT,
        icon="thumb_down",
        form=DeclineForm,
        when=stands(Status.SENT),
        explain="Notes that the customer said no, by another way than the offer's page.",
    )
    def decline(self, quote: Quote, act: Act, name: str) -> str:
        operations.decline(latest_version(quote), name=name, reason=act.because, act=act)
        return "Noted that they declined."

    @operation(
        "Clone",
        permission="quoting.add_quote",
        icon="content_copy",
        explain="Makes a new quote for the same customer with the same contents. Approvals are not copied.",
    )
    def clone(self, quote: Any, act: Act) -> str:
        quote.leads_to = operations.clone(quote, act=act)
        return f"{quote.leads_to.number} is a copy of {quote.number}."

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """What can be done now. An offer that waits for approval has no button to send it; a post would be told why."""
        buttons = super().get_actions_detail(request, object_id)
        quote = self.get_object(request, str(object_id))
        if quote is not None and latest_version(quote).status != Status.APPROVED:
            buttons = [button for button in buttons if button.method.__name__ != "send"]
        return buttons

    def page_after(self, thing: Any) -> str:
        return super().page_after(getattr(thing, "leads_to", thing))

    # ------------------------------------------------------------ pages
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, "quoting.add_quote")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Open a quote; its products come next, on its page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewQuoteForm(request.POST or None, user=request.user)  # type: ignore[arg-type]
        if form.is_valid():
            try:
                act = self.act(request, "A new quote")
                quote = operations.draft_quote(owner=request.user, act=act, **form.cleaned_data)  # type: ignore[arg-type]
                return HttpResponseRedirect(self.page_after(quote))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        context = {**self.admin_site.each_context(request), "title": "New quote", "opts": self.opts, "form": form}
        return render(request, "quoting/new_quote.html", context, status=400 if form.is_bound else 200)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The changes of the quote and of all its versions in one timeline, one entry for each change."""
        quote = self.thing_or_404(request, object_id)
        entries: dict[int, dict[str, Any]] = {}
        for entry in (entry for each in (quote, *quote.versions.all()) for entry in timeline(each)):
            seen = entries.setdefault(entry["change"].pk, {**entry, "fields": []})
            seen["fields"] = [*seen["fields"], *entry["fields"]]
        shown = [entries[key] for key in sorted(entries, reverse=True)]
        return super().history_view(request, object_id, {"entries": shown, **(extra_context or {})})


@admin.register(QuoteVersion)
class QuoteVersionAdmin(GovernedAdmin):
    """A version has no page of its own: its address leads to the quote, open at that version."""

    list_display = ["quote", "number", "status"]
    search_fields = ["quote__number"]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        version = self.get_object(request, object_id)
        if version is None:
            raise Http404
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        page = reverse("admin:quoting_quote_change", args=[version.quote_id])
        return HttpResponseRedirect(f"{page}?version={version.number}")
