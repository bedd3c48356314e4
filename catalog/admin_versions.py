"""Rate card versions in the admin: from draft through review to publication, and the form of a rate."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from unfold.decorators import display
from unfold.enums import ActionVariant

from catalog import operations, queries
from catalog.forms import PublishForm, RateForm
from catalog.models import Rate, RateCardVersion
from governance import approvals, clock
from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin, operation
from governance.doors import may

Status = RateCardVersion.Status
STATUS_COLOURS = {"draft": "info", "in_review": "warning", "published": "success", "withdrawn": "danger"}
PUBLISH = "catalog.publish_ratecardversion"
EDIT = "catalog.change_rate"


def _was_in_force(version: RateCardVersion) -> bool:
    """Superseded, so that its prices can be put back."""
    now = clock.now()
    if version.status != Status.PUBLISHED or version.effective_from is None or version.effective_from > now:
        return False
    return version != queries.version_at(version.card, now)


def _can_be_withdrawn(version: RateCardVersion) -> bool:
    if version.status == Status.PUBLISHED and version.effective_from is not None:
        return version.effective_from > clock.now()
    return version.status in (Status.DRAFT, Status.IN_REVIEW)


@admin.register(RateCardVersion)
class RateCardVersionAdmin(GovernedAdmin):
    """One version: its prices, what differs from those in force, and who must agree."""

    list_display = ["__str__", "card", "shown_status", "effective_from", "note"]
    list_filter = ["status", "card"]
    list_select_related = ["card"]
    actions_detail = ["submit", "publish", "reopen", "roll_back", "withdraw"]
    change_form_outer_after_template = "catalog/version.html"

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, version: RateCardVersion) -> tuple[str, str]:
        return version.status, version.get_status_display()

    def get_fields(self, request: HttpRequest, obj: RateCardVersion | None = None) -> list[Any]:
        if obj is None or obj.number is None:
            return [("card", "status"), "note"]
        when = ("effective_from", "restores") if obj.restores_id else "effective_from"
        return [("card", "number", "status"), when, "note"]

    # ------------------------------------------------------------ the verbs
    @operation(
        "Submit for review",
        permission=PUBLISH,
        icon="send",
        when=lambda version: version.status == Status.DRAFT,
        variant=ActionVariant.PRIMARY,
        explain="Asks those who must agree. The rates rest until it is published or reopened.",
    )
    def submit(self, version: RateCardVersion, act: Act) -> str:
        operations.submit_version(version, act=act)
        waiting = approvals.outstanding(version, queries.publication_facts(version))
        who = ", ".join(need.policy.role for need in waiting)
        return f"Sent for review; {who} must agree." if who else "Sent for review; nobody else needs to agree."

    @operation(
        "Publish",
        permission=PUBLISH,
        icon="publish",
        form=PublishForm,
        when=lambda version: version.status == Status.IN_REVIEW,
        variant=ActionVariant.PRIMARY,
        explain="Once published, neither the version nor its rates ever change.",
    )
    def publish(self, version: RateCardVersion, act: Act, effective_from: datetime | None) -> str:
        published = operations.publish_version(version, effective_from=effective_from or act.at, act=act)
        return f"{published} is published, in force from {published.effective_from:%-d %B %Y, %H:%M} UTC."

    @operation(
        "Reopen",
        permission=PUBLISH,
        icon="undo",
        when=lambda version: version.status == Status.IN_REVIEW,
        explain="Back to draft, to edit it. If a rate changes, everybody is asked again.",
    )
    def reopen(self, version: RateCardVersion, act: Act) -> str:
        operations.reopen_version(version, act=act)
        return "It is a draft again."

    @operation(
        "Roll back to this",
        permission=PUBLISH,
        icon="restore",
        when=lambda version: _was_in_force(version),
        explain="Puts these prices back in force at once, as a new version. Scheduled versions stay scheduled.",
    )
    def roll_back(self, version: RateCardVersion, act: Act) -> str:
        restored = operations.roll_back(version.card, to=version, act=act)
        return f"{restored} is in force, with the prices of version {version.number}."

    @operation(
        "Withdraw",
        permission=PUBLISH,
        icon="block",
        when=lambda version: _can_be_withdrawn(version),
        variant=ActionVariant.DANGER,
        explain="Gives up a draft, or calls off prices that are not yet in force.",
    )
    def withdraw(self, version: RateCardVersion, act: Act) -> str:
        operations.withdraw_version(version, act=act)
        return "Withdrawn."

    def page_after(self, thing: Any) -> str:
        """A version in the works stays in view; of the others one wants to see what is in force now."""
        thing.refresh_from_db()
        is_live = thing.status in (Status.DRAFT, Status.IN_REVIEW)
        return super().page_after(thing if is_live else thing.card)

    # ------------------------------------------------------------ its page
    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        version = self.thing_or_404(request, object_id)
        before = queries.version_at(version.card, clock.now())
        is_live = version.status in (Status.DRAFT, Status.IN_REVIEW)
        extra = {
            "version": version,
            "price_list": queries.price_list(version),
            "before": before,
            "difference": queries.difference(before, version) if before != version else [],
            "needs": approvals.needs(version, queries.publication_facts(version)) if is_live else [],
            "may_edit": version.status == Status.DRAFT and may(request.user, EDIT, version),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rate_view)
        return [
            path("<uuid:object_id>/rates/add/", view, name="catalog_rate_add"),
            path("<uuid:object_id>/rates/<slug:product>/", view, name="catalog_rate_edit"),
            *super().get_urls(),
        ]

    def rate_view(self, request: HttpRequest, object_id: Any, product: str | None = None) -> HttpResponse:
        """Price a product in a draft, price it anew, or take it off."""
        draft = self.thing_or_404(request, str(object_id))
        if not may(request.user, EDIT, draft):
            raise PermissionDenied
        rates = draft.rates.select_related("product", "version__card")
        rate = get_object_or_404(rates, product__key=product) if product else None
        form = RateForm(request.POST or None, draft=draft, rate=rate)
        if form.is_valid():
            try:
                messages.success(request, self._save_rate(request, draft, rate, form))
                return redirect(super().page_after(draft))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        title = f"{rate.product} in {draft.card}" if rate else f"Add a rate to {draft.card}"
        context = {"title": title, "form": form, "draft": draft, "rate": rate, "opts": self.opts}
        if rate:
            context["sentence"] = queries.sentence_of(rate, draft.card.currency)
        return render(request, "catalog/rate.html", {**self.admin_site.each_context(request), **context})

    def _save_rate(self, request: HttpRequest, draft: RateCardVersion, rate: Rate | None, form: RateForm) -> str:
        typed = form.cleaned_data
        act = self.act(request, typed["because"])
        if rate and "_remove" in request.POST:
            if not may(request.user, "catalog.delete_rate", draft):
                raise PermissionDenied
            operations.remove_rate(draft, rate.product, act=act)
            return f"{rate.product} is off this draft."
        saved = operations.set_rate(
            draft,
            typed["product"],
            typed["charge"],
            cycle_months=typed["cycle_months"],
            in_advance=typed["in_advance"],
            act=act,
        )
        return f"{saved.product}: {queries.sentence_of(saved, draft.card.currency)}."
