"""What the quote's page in the admin shows: the offer with its numbers, its approvals, its forms, its versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from contracts.words import percent_text
from governance import clock
from governance.acts import Refused
from governance.approvals import Need, may_decide
from governance.doors import may
from governance.models import ApprovalRequest
from quoting.forms import CommitForm, LineForm, OfferForm, TermsForm
from quoting.links import link
from quoting.models import Quote, QuoteVersion
from quoting.presentation import ShownCommit, ShownLine, ShownOffer, presented
from quoting.queries import approvals_needed, is_expired, newer_prices, priced

Status = QuoteVersion.Status
EDIT = "quoting.change_quoteversion"
COLOURS = {
    "draft": "",
    "in_review": "warning",
    "approved": "info",
    "sent": "primary",
    "accepted": "success",
    "declined": "danger",
    "expired": "danger",
    "superseded": "",
}
APPROVAL_COLOURS = {"pending": "warning", "approved": "success", "rejected": "danger"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the offer, with the form to change it while it is a draft."""

    shown: ShownLine
    form: OfferForm | None


@dataclass(frozen=True, slots=True)
class ShownNeed:
    """An approval: why it is needed, who gives it, and how far that has come."""

    name: str
    why: str
    rule: str
    role: str
    state: str
    colour: str
    request: ApprovalRequest | None
    may_look: bool
    may_decide: bool


def standing_of(version: QuoteVersion) -> tuple[str, str]:
    """The status as people see it: a sent offer whose last day has passed is expired."""
    if version.status == Status.SENT and is_expired(version, clock.now()):
        return "expired", "Expired"
    return version.status, version.get_status_display()


def versions_of(quote: Quote) -> list[QuoteVersion]:
    """Every version, the newest first, with what the page shows of it."""
    found: QuerySet[QuoteVersion] = quote.versions.select_related(
        "rate_card_version__card__base", "base_version__card", "contract", "submitted_by"
    ).order_by("-number")
    versions = list(found)
    for version in versions:
        version.quote = quote
    return versions


def page(
    quote: Quote,
    versions: Sequence[QuoteVersion],
    version: QuoteVersion,
    user: User,
    failed: Mapping[str, OfferForm],
    goes_on: bool = False,
) -> dict[str, Any]:
    """The template's context. `failed` are forms that were posted and must be shown as they were typed, by their id.

    With `goes_on` a product was just added, and the cursor stands where the next one is chosen.
    """
    is_latest = version == versions[0]
    is_editable = is_latest and version.status == Status.DRAFT and may(user, EDIT, quote)
    shown, problem = _shown(version)
    state, words = standing_of(version)
    return {
        "quote": quote,
        "version": version,
        "is_latest": is_latest,
        "is_editable": is_editable,
        "shown": shown,
        "problem": problem,
        "newer_prices": newer_prices(version, clock.now()) if is_latest else None,
        "state": state,
        "state_words": words,
        "state_colour": COLOURS[state],
        "rows": _rows(version, shown, failed) if is_editable and shown else [Row(line, None) for line in _lines(shown)],
        "adding": _adding(version, failed, goes_on) if is_editable else None,
        "commits": [
            (each, _commit_form(version, each, failed) if is_editable else None)
            for each in (shown.commits if shown else ())
        ],
        "new_commit": failed.get("commit-new") or CommitForm(version=version, form_id="commit-new")
        if is_editable
        else None,
        "terms_form": failed.get("terms-form") or TermsForm(version=version, form_id="terms-form")
        if is_editable
        else None,
        "needs": [_need(need, user) for need in approvals_needed(version)] if shown else [],
        "versions": [(each, *standing_of(each), COLOURS[standing_of(each)[0]]) for each in versions],
        "customer_link": link(version) if version.sent_at and version.status != Status.SUPERSEDED else "",
        "orphans": [] if shown else list(version.lines.select_related("product")),
    }


def _adding(version: QuoteVersion, failed: Mapping[str, OfferForm], goes_on: bool) -> OfferForm:
    form = failed.get("line-new") or LineForm(version=version, form_id="line-new")
    if goes_on:
        form.fields["product"].widget.attrs["autofocus"] = True
    return form


def _shown(version: QuoteVersion) -> tuple[ShownOffer | None, str]:
    try:
        return presented(version, priced(version)), ""
    except Refused as refusal:
        return None, str(refusal)


def _lines(shown: ShownOffer | None) -> Sequence[ShownLine]:
    return shown.lines if shown else ()


def _rows(version: QuoteVersion, shown: ShownOffer, failed: Mapping[str, OfferForm]) -> list[Row]:
    rows = []
    for line in shown.lines:
        form_id = f"line-{line.line.pk}"
        rows.append(Row(line, failed.get(form_id) or LineForm(version=version, form_id=form_id, line=line.line)))
    return rows


def _commit_form(version: QuoteVersion, shown: ShownCommit, failed: Mapping[str, OfferForm]) -> OfferForm:
    form_id = f"commit-{shown.commit.pk}"
    return failed.get(form_id) or CommitForm(version=version, form_id=form_id, commit=shown.commit)


def _need(need: Need, user: User) -> ShownNeed:
    request = need.request if need.request and need.request.status != ApprovalRequest.Status.SUPERSEDED else None
    if request is None:
        state, colour = "asked on submission", ""
    elif request.status == ApprovalRequest.Status.APPROVED and not need.is_met:
        state, colour = "given for less; asked again on submission", "warning"
    else:
        state, colour = request.get_status_display(), APPROVAL_COLOURS[request.status]
    return ShownNeed(
        name=need.policy.name,
        why=need.fact.why,
        rule=f"Above {percent_text(need.policy.above)} {need.policy.role} must agree.",
        role=need.policy.role,
        state=state,
        colour=colour,
        request=request,
        may_look=may(user, "governance.view_approvalrequest"),
        may_decide=request is not None
        and request.status == ApprovalRequest.Status.PENDING
        and may_decide(request, user),
    )
