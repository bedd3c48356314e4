"""The customer's door: the offer behind a signed link, its document, and the answer to it.

The link names one version and nothing else; whoever holds it may answer. What it shows depends on how things stand:
the offer with its form, or a page that says what became of it.
"""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from contracts.words import long_day_text
from governance import clock
from governance.acts import Act, Refused
from pricing.periods import local_day
from quoting import operations
from quoting.documents import document_of
from quoting.links import link as link
from quoting.links import token_of, version_named
from quoting.models import QuoteVersion
from quoting.presentation import presented
from quoting.queries import is_expired

Status = QuoteVersion.Status
GONE = {"expired", "superseded"}


class AnswerForm(forms.Form):
    """Yes or no, by name. A yes needs the consent, a no the reason."""

    decision = forms.ChoiceField(choices=[("accept", "Accept"), ("decline", "Decline")])
    name = forms.CharField(max_length=200, error_messages={"required": "Please type your name."})
    consent = forms.BooleanField(required=False)
    reason = forms.CharField(required=False, max_length=2000)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("decision") == "accept" and not cleaned.get("consent"):
            self.add_error("consent", "Please confirm that you may accept this offer.")
        if cleaned.get("decision") == "decline" and not cleaned.get("reason"):
            self.add_error("reason", "Please say why, so that we can make a better offer.")
        return cleaned


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, token: str) -> HttpResponse:
    """The page. POST answers the offer: decision, name, consent, reason."""
    version = _version_or_404(token)
    state = state_of(version)
    if request.method != "POST":
        return _page(request, version, state, status=410 if state in GONE else 200)
    if state != "open":
        repeated = state == "accepted" and request.POST.get("decision") == "accept"
        return HttpResponseRedirect(request.path) if repeated else _page(request, version, state, status=409)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, version, state, form=form, status=400)
    try:
        _answer(request, version, form)
    except Refused as refusal:
        version.refresh_from_db()
        return _page(request, version, state_of(version), form=form, refusal=str(refusal), status=409)
    return HttpResponseRedirect(request.path)


@never_cache
@require_GET
def offer_pdf(request: HttpRequest, token: str) -> HttpResponse:
    """The document, as it was sent. One that was replaced is not given out any more."""
    version = _version_or_404(token)
    if state_of(version) == "superseded":
        return _page(request, version, "superseded", status=410)
    name = f"{version.quote.number}-v{version.number}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(document_of(version), content_type="application/pdf", headers=headers)


def state_of(version: QuoteVersion) -> str:
    """open, expired, accepted, declined or superseded. Http404 for what was never sent: nobody was given its link."""
    if version.sent_at is None:
        raise Http404
    if version.status == Status.SENT:
        return "expired" if is_expired(version, clock.now()) else "open"
    return str(version.status)


def _answer(request: HttpRequest, version: QuoteVersion, form: AnswerForm) -> None:
    answer = form.cleaned_data
    who, at = f"{answer['name']} (customer)", clock.now()
    if answer["decision"] == "accept":
        act = Act(None, who, "Accepted on the offer's page.", at)
        operations.accept(version, name=answer["name"], from_ip=request.META.get("REMOTE_ADDR") or None, act=act)
    else:
        act = Act(None, who, answer["reason"], at)
        operations.decline(version, name=answer["name"], reason=answer["reason"], act=act)


def _page(
    request: HttpRequest,
    version: QuoteVersion,
    state: str,
    *,
    form: AnswerForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    quote = version.quote
    context: dict[str, Any] = {"state": state, "seller": quote.legal_entity, "quote": quote, "owner": quote.owner}
    if state == "superseded":  # says that there is a newer offer, and nothing of either
        return render(request, "quoting/offer_gone.html", context, status=status)
    zone = quote.customer.time_zone
    context |= {
        "version": version,
        "shown": presented(version),
        "form": form or AnswerForm(),
        "refusal": refusal,
        "pdf": reverse("offer-pdf", args=[token_of(version)]),
        "decided_on": long_day_text(local_day(version.decided_at, zone)) if version.decided_at else "",
    }
    return render(request, "quoting/offer.html", context, status=status)


def _version_or_404(token: str) -> QuoteVersion:
    version = version_named(token)
    if version is None:
        raise Http404
    return version


urlpatterns = [
    path("<str:token>/", offer, name="offer"),
    path("<str:token>/pdf", offer_pdf, name="offer-pdf"),
]
