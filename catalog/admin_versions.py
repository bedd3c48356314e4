"""Rate card versions in the admin: from draft through review to publication, and what each would change."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.enums import ActionVariant

from catalog import audience, operations, prices, queries
from catalog.admin_cards import PUBLISH, SEE_MARGIN, compared
from catalog.admin_rates import EDIT, RatePages
from catalog.dialogs import PlanForm, PublishForm, ScheduledStays, SubmitForm
from catalog.history import chapters
from catalog.impact import impact_of
from catalog.impact_page import shown_impact
from catalog.lint import findings
from catalog.models import RateCardVersion
from catalog.presentation import by_rule, reach_words, shown_prices, starts_at
from governance import approvals, clock
from governance.acts import Act, Refused
from governance.admin_base import operation
from governance.doors import SEE_EVERY_CUSTOMER, may

Status = RateCardVersion.Status
LIVE = (Status.DRAFT, Status.IN_REVIEW)
STATUS_COLOURS = {"draft": "info", "in_review": "warning", "published": "success", "withdrawn": "danger"}


def _was_in_force(version: RateCardVersion) -> bool:
    """Superseded, so that its prices can be put back."""
    now = clock.now()
    if version.status != Status.PUBLISHED or version.effective_from is None or version.effective_from > now:
        return False
    return version != queries.version_at(version.card, now)


def _can_be_withdrawn(version: RateCardVersion) -> bool:
    if version.status == Status.PUBLISHED and version.effective_from is not None:
        return version.effective_from > clock.now()
    return version.status in LIVE


@admin.register(RateCardVersion)
class RateCardVersionAdmin(RatePages):
    """One version: its prices, what differs from those in force, what that would cost whom, and who must agree."""

    list_display = ["__str__", "card", "shown_status", "effective_from", "note"]
    list_filter = ["status", "card"]
    list_select_related = ["card"]
    actions_detail = ["submit", "publish", "plan", "reopen", "roll_back", "withdraw"]
    change_form_template = "catalog/version.html"

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, version: RateCardVersion) -> tuple[str, str]:
        return version.status, version.get_status_display()

    # ------------------------------------------------------------ the verbs
    @operation(
        "Submit for review",
        permission=PUBLISH,
        icon="send",
        form=SubmitForm,
        when=lambda version: version.status == Status.DRAFT,
        variant=ActionVariant.PRIMARY,
        explain="Asks those who must agree. The rates rest until it is published or reopened.",
    )
    def submit(self, version: RateCardVersion, act: Act, warnings_accepted: str = "") -> str:
        submitted = operations.submit_version(version, warnings_accepted=warnings_accepted, act=act)
        if submitted.status == Status.PUBLISHED:
            return _published(submitted)
        waiting = approvals.outstanding(submitted, prices.publication_facts(submitted, at=act.at))
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
        return _published(operations.publish_version(version, effective_from=effective_from, act=act))

    @operation(
        "Plan",
        permission=PUBLISH,
        icon="event",
        form=PlanForm,
        when=lambda version: version.status == Status.DRAFT,
        explain="When it is to take effect, and which existing contracts it reaches.",
    )
    def plan(self, version: RateCardVersion, act: Act, **typed: Any) -> str:
        operations.plan_version(version, **typed, act=act)
        return "Planned."

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
        form=ScheduledStays,
        when=lambda version: _was_in_force(version),
        explain="Puts these prices back in force at once, as a new version. A draft in the works is not in the way.",
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
        return super().page_after(thing if thing.status in LIVE else thing.card)

    # ------------------------------------------------------------ its page
    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        version = self.thing_or_404(request, object_id)
        now = clock.now()
        editions = queries.timeline(version.card, now)
        chapter = next(each for each in chapters(editions, now) if each.edition.version == version)
        is_live = version.status in LIVE
        starts = starts_at(version, now)
        sees_margin = may(request.user, SEE_MARGIN)
        rows = prices.price_list(version, at=starts)
        before = chapter.before
        groups = audience.of(audience.Question(version.card, version, now, request.user))
        extra = {
            "version": version,
            "card": version.card,
            "chapter": chapter,
            "is_live": is_live,
            "is_coming": is_live or chapter.edition.standing == "scheduled",
            "reach": reach_words(version),
            "price_list": shown_prices(rows, version, starts, sees_margin=sees_margin),
            "sees_margin": sees_margin,
            "before": before,
            "fields": prices.field_differences(before, version) if before else [],
            "difference": compared(before, version, starts),
            "findings": by_rule(findings(version, at=now)) if is_live else [],
            "needs": approvals.needs(version, prices.publication_facts(version, at=now)) if is_live else [],
            "audience": groups,
            "has_audience": any(group.count for group in groups),
            "sees_impact": _sees_impact(request.user),
            "may_edit": version.status == Status.DRAFT and may(request.user, EDIT, version),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.impact_view)
        return [path("<uuid:object_id>/impact/", view, name="catalog_ratecardversion_impact"), *super().get_urls()]

    def impact_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """What it would change in money; a piece of the page that is fetched once the page is there."""
        version = self.thing_or_404(request, str(object_id))
        if not (self.has_view_permission(request, version) and _sees_impact(request.user)):
            raise PermissionDenied
        context: dict[str, Any] = {
            "quotes_url": f"{reverse('admin:quoting_quote_changelist')}?prices={version.card_id}",
        }
        try:
            impact = impact_of(version, at=clock.now())
            context |= shown_impact(impact, sees_margin=may(request.user, SEE_MARGIN))
        except Refused as refusal:
            context["refused"] = str(refusal)
        return render(request, "catalog/impact.html", context)


def _sees_impact(user: Any) -> bool:
    """What each contract pays is for those who may see every one of them."""
    return may(user, SEE_EVERY_CUSTOMER) and may(user, "contracts.view_contract")


def _published(version: RateCardVersion) -> str:
    return f"{version} is published, in force from {version.effective_from:%-d %B %Y, %H:%M} UTC."
