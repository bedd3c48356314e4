"""The page that merges a duplicate into a customer: find it, see what would move, say why."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from contracts import operations
from contracts.models import Customer
from contracts.operations import Merge
from contracts.queries import called
from governance import clock
from governance.acts import Refused
from governance.admin_base import GovernedAdmin
from governance.doors import may, visible

MERGE = "contracts.merge_customer"
FOUND = 10


class MergePage(GovernedAdmin):
    """For the admin of customers."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.merge_view)
        return [path("<uuid:object_id>/merge/", view, name="contracts_customer_merge"), *super().get_urls()]

    def merge_view(self, request: HttpRequest, object_id: object) -> HttpResponse:
        """`?called=` finds duplicates, `?duplicate=` previews one, and a POST with it and a reason merges it."""
        kept: Customer = self.thing_or_404(request, str(object_id))
        if not may(request.user, MERGE, kept):
            raise PermissionDenied
        text, because = request.GET.get("called", "").strip(), request.POST.get("because", "").strip()
        others = visible(Customer.objects.filter(merged_into=None).exclude(pk=kept.pk), request.user)
        asked = (request.POST or request.GET).get("duplicate", "")
        duplicate = others.filter(key=asked).first() if asked else None
        merge, problem = _previewed(kept, duplicate) if duplicate else (None, "")
        if request.method == "POST" and merge is not None:
            if not because:
                problem = "Say why."
            else:
                return self._merged(request, merge, because)
        context = {
            "title": f"Merge a duplicate of {kept}",
            "kept": kept,
            "text": text,
            "found": others.filter(called(text))[:FOUND] if text else [],
            "merge": merge,
            "problem": problem,
            "opts": self.opts,
        }
        return render(request, "contracts/merge.html", {**self.admin_site.each_context(request), **context})

    def _merged(self, request: HttpRequest, merge: Merge, because: str) -> HttpResponse:
        try:
            operations.merge_customers(merge.kept, merge.duplicate, act=self.act(request, because))
            messages.success(request, f"{merge.duplicate} ({merge.duplicate.key}) is merged into {merge.kept}.")
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:contracts_customer_change", merge.kept.pk)


def _previewed(kept: Customer, duplicate: Customer) -> tuple[Merge | None, str]:
    try:
        return operations.merge_preview(kept, duplicate, clock.now()), ""
    except Refused as refusal:
        return None, str(refusal)
