"""Building an offer in the admin: the quote's page, and a view of its own for each of the forms on it."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from governance.acts import Act, Refused
from governance.admin_base import GovernedAdmin
from governance.doors import may
from quoting import operations
from quoting.admin_page import EDIT, page, versions_of
from quoting.documents import document_of
from quoting.forms import CommitForm, LineForm, OfferForm, TermsForm
from quoting.models import Quote, QuoteCommit, QuoteLine, QuoteVersion
from quoting.queries import current_version, latest_version

Status = QuoteVersion.Status


class QuotePages(GovernedAdmin):
    """The page shows the offer and its forms. Each form posts here, calls one operation, and leads back to the page."""

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._page(request, self.thing_or_404(request, object_id))

    def _page(self, request: HttpRequest, quote: Quote, failed: OfferForm | None = None) -> HttpResponse:
        if not self.has_view_permission(request, quote):
            raise PermissionDenied
        versions = versions_of(quote)
        version = _asked_for(request, versions)
        forms = {failed.form_id: failed} if failed else {}
        goes_on = request.GET.get("next") == "line"
        extra = page(quote, versions, version, request.user, forms, goes_on)  # type: ignore[arg-type]
        asked_by, request.method = request.method, "GET"  # Django's view would take a post for its own form's
        response = super().change_view(request, str(quote.pk), extra_context=extra)
        request.method = asked_by
        response.status_code = 400 if failed else response.status_code
        return response

    def get_urls(self) -> list[URLPattern]:
        views = {
            "line": self.line_view,
            "line/remove": self.remove_line_view,
            "commit": self.commit_view,
            "commit/remove": self.remove_commit_view,
            "terms": self.terms_view,
            "prices": self.prices_view,
            "pdf": self.pdf_view,
        }
        ours = [
            path(
                f"<uuid:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"quoting_quote_{name.replace('/', '_')}",
            )
            for name, view in views.items()
        ]
        return [*ours, *super().get_urls()]

    def line_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Put a product on the offer, or change its terms."""
        version = self._draft(request, object_id)
        line = _line(version, request.POST.get("line"))
        form_id = f"line-{line.pk}" if line else "line-new"
        form = LineForm(request.POST, version=version, form_id=form_id, line=line)
        return self._saved(
            request,
            form,
            lambda act: operations.set_line(version, act=act, **form.terms()),
            "Offered on the quote's page",
        )

    def remove_line_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._draft(request, object_id)
        line = _line(version, request.POST.get("line"))
        if line is None:
            raise Http404
        return self._done(
            request, version, lambda act: operations.remove_line(version, line.product, act=act), "Taken off the offer"
        )

    def commit_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Offer prepaid usage, or change what it costs."""
        version = self._draft(request, object_id)
        commit = _commit(version, request.POST.get("name")) if "commit" in request.POST else None
        form_id = f"commit-{commit.pk}" if commit else "commit-new"
        form = CommitForm(request.POST, version=version, form_id=form_id, commit=commit)
        return self._saved(
            request,
            form,
            lambda act: operations.set_commit(version, act=act, **form.cleaned_data),
            "Prepaid usage offered",
        )

    def remove_commit_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._draft(request, object_id)
        commit = _commit(version, request.POST.get("name"))
        if commit is None:
            raise Http404
        return self._done(
            request,
            version,
            lambda act: operations.remove_commit(version, commit.name, act=act),
            "Prepaid usage taken off",
        )

    def terms_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        version = self._draft(request, object_id)
        form = TermsForm(request.POST, version=version, form_id="terms-form")
        return self._saved(
            request, form, lambda act: operations.set_terms(version, act=act, **form.cleaned_data), "Terms changed"
        )

    def prices_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Put the draft on the prices in force; discounts stay as they were agreed."""
        version = self._draft(request, object_id)
        card = version.rate_card_version.card

        def take(act: Act) -> None:
            operations.set_terms(version, rate_card_version=current_version(card, act.at, act.at), act=act)

        return self._done(request, version, take, "The list changed")

    def pdf_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The document as it was sent; before that, how it would look."""
        quote = self.thing_or_404(request, str(object_id))
        if not self.has_view_permission(request, quote):
            raise PermissionDenied
        version = _asked_for(request, versions_of(quote))
        try:
            document = document_of(version, act=self.act(request, "The document was asked for in the admin."))
        except Refused as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(self.page_after(quote))
        headers = {"Content-Disposition": f'inline; filename="{quote.number}-v{version.number}.pdf"'}
        return HttpResponse(document, content_type="application/pdf", headers=headers)

    def _draft(self, request: HttpRequest, object_id: Any) -> QuoteVersion:
        """The version to edit, for whoever may edit it; by POST only."""
        quote = self.thing_or_404(request, str(object_id))
        if request.method != "POST" or not may(request.user, EDIT, quote):
            raise PermissionDenied
        version = latest_version(quote)
        version.quote = quote
        return version

    def _saved(self, request: HttpRequest, form: OfferForm, save: Callable[[Act], Any], because: str) -> HttpResponse:
        """Save what was typed, or show it again with what is wrong beside it."""
        if form.is_valid():
            try:
                save(self.act(request, because))
                return self._back(form.version, form.form_id)
            except Refused as refusal:
                if latest_version(form.version.quote).status != Status.DRAFT:  # its form is not on the page any more
                    messages.error(request, str(refusal))
                    return self._back(form.version, form.form_id)
                form.add_error(None, str(refusal))
        return self._page(request, form.version.quote, form)

    def _done(
        self, request: HttpRequest, version: QuoteVersion, do: Callable[[Act], Any], because: str
    ) -> HttpResponse:
        try:
            do(self.act(request, because))
        except Refused as refusal:
            messages.error(request, str(refusal))
        return self._back(version, "")

    def _back(self, version: QuoteVersion, form_id: str) -> HttpResponse:
        """To the page again, at the place where one was; the next product can be typed at once."""
        page = self.page_after(version.quote)
        if form_id == "line-new":  # without a fragment, for browsers focus nothing where there is one
            return HttpResponseRedirect(f"{page}?next=line")
        place = {"c": "commits", "t": "terms"}.get(form_id[:1], "lines")
        return HttpResponseRedirect(f"{page}#{place}")


def _asked_for(request: HttpRequest, versions: Sequence[QuoteVersion]) -> QuoteVersion:
    """The version that `?version=` names, or the latest."""
    asked = request.GET.get("version", "")
    return next((each for each in versions if str(each.number) == asked), versions[0])


def _commit(version: QuoteVersion, name: str | None) -> QuoteCommit | None:
    """The commit a form was made for, if it is still there."""
    return next((each for each in version.commits.all() if each.name == name), None)


def _line(version: QuoteVersion, key: str | None) -> QuoteLine | None:
    """The line a form was made for; None for a new one, and for one that is gone."""
    return next((each for each in version.lines.select_related("product") if str(each.pk) == key), None)
