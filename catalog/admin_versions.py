"""Rate card versions in the admin: from draft through review to publication, and the form of a rate."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display
from unfold.enums import ActionVariant

from catalog import operations, prices, queries
from catalog.admin_rates import EDIT, RatePages
from catalog.forms import PublishForm
from catalog.models import RateCardVersion
from governance import approvals, clock
from governance.acts import Act
from governance.admin_base import operation
from governance.doors import may

Status = RateCardVersion.Status
STATUS_COLOURS = {"draft": "info", "in_review": "warning", "published": "success", "withdrawn": "danger"}
PUBLISH = "catalog.publish_ratecardversion"


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
class RateCardVersionAdmin(RatePages):
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
        waiting = approvals.outstanding(version, prices.publication_facts(version, at=clock.now()))
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
            "price_list": prices.price_list(version, at=clock.now()),
            "before": before,
            "difference": prices.difference(before, version, at=clock.now()) if before != version else [],
            "needs": approvals.needs(version, prices.publication_facts(version, at=clock.now())) if is_live else [],
            "may_edit": version.status == Status.DRAFT and may(request.user, EDIT, version),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)
