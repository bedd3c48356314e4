"""The catalog in the admin: products, rate cards with their price lists, versions from draft to publication."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from unfold.decorators import display
from unfold.enums import ActionVariant

from catalog import operations, prices, queries
from catalog.admin_versions import RateCardVersionAdmin as RateCardVersionAdmin
from catalog.forms import DraftForm, ProductForm, RateCardForm
from catalog.models import Product, RateCard, RateCardVersion
from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, operation

Status = RateCardVersion.Status
KIND_COLOURS = {"usage": "info", "recurring": "success", "one_time": "warning"}
STANDING_COLOURS = {
    "draft": "info",
    "in review": "warning",
    "scheduled": "info",
    "in force": "success",
    "superseded": "",
    "withdrawn": "danger",
}


@admin.register(Product)
class ProductAdmin(GovernedAdmin):
    """What is sold. Where a product is priced is shown on its page."""

    operations_for_saving = True
    form = ProductForm
    list_display = ["name", "key", "shown_kind", "meter", "unit", "revenue_account", "is_active"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["meter"]
    search_fields = ["name", "key", "description"]
    prepopulated_fields = {"key": ["name"]}
    change_form_outer_after_template = "catalog/uses.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> list[str]:
        return ["key", "kind", "meter"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        fields = ["name", "key", "kind", "meter", "unit", "revenue_account", "description"]
        if obj:
            fields.append("is_active")
        if obj is None or self.has_change_permission(request, obj):
            fields.append("because")
        return [(None, {"fields": fields})]

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        typed = {name: form.cleaned_data[name] for name in ("name", "unit", "revenue_account", "description")}
        act = self.act(request, form.cleaned_data["because"])
        if change:
            operations.update_product(obj, **typed, is_active=form.cleaned_data["is_active"], act=act)
        else:
            obj.pk = operations.create_product(key=obj.key, kind=obj.kind, meter=obj.meter, **typed, act=act).pk

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        uses = queries.uses_of(self.thing_or_404(request, object_id))
        rows = [(rate, prices.sentence_of(rate, rate.version.card.currency)) for rate in uses]
        return super().change_view(request, object_id, *args, extra_context={"uses": rows}, **kwargs)

    @display(description="Kind", ordering="kind", label=KIND_COLOURS)
    def shown_kind(self, product: Product) -> tuple[str, str]:
        return product.kind, product.get_kind_display()


@admin.register(RateCard)
class RateCardAdmin(GovernedAdmin):
    """A rate card is its price list: what is in force, what is coming, and how it came about."""

    operations_for_saving = True
    form = RateCardForm
    list_display = ["name", "key", "currency", "in_force", "since", "live"]
    search_fields = ["name", "key"]
    prepopulated_fields = {"key": ["name"]}
    actions_detail = ["draft"]
    change_form_outer_after_template = "catalog/card.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: RateCard | None = None) -> Any:
        return [(None, {"fields": [("name", "key", "currency")] if obj else ["name", "key", "currency", "because"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RateCard]:
        of_card = RateCardVersion.objects.filter(card=OuterRef("pk"))
        now = of_card.filter(status=Status.PUBLISHED, effective_from__lte=clock.now()).order_by("-effective_from")
        live = of_card.filter(status__in=[Status.DRAFT, Status.IN_REVIEW])
        return (
            super()
            .get_queryset(request)
            .annotate(
                in_force_number=Subquery(now.values("number")[:1]),
                in_force_since=Subquery(now.values("effective_from")[:1]),
                live_status=Subquery(live.values("status")[:1]),
            )
        )

    @display(description="In force", ordering="in_force_number")
    def in_force(self, card: Any) -> str:
        return f"Version {card.in_force_number}" if card.in_force_number else "—"

    @display(description="Since", ordering="in_force_since")
    def since(self, card: Any) -> datetime | None:
        return card.in_force_since

    @display(description="In the works", ordering="live_status", label={"Draft": "info", "In review": "warning"})
    def live(self, card: Any) -> str | None:
        return card.live_status and card.live_status.replace("_", " ").capitalize()

    def save_model(self, request: HttpRequest, obj: RateCard, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        obj.pk = operations.create_rate_card(key=obj.key, name=obj.name, currency=obj.currency, act=act).pk

    def response_add(self, request: HttpRequest, obj: RateCard, *args: Any, **kwargs: Any) -> HttpResponse:
        messages.success(request, f"Rate card {obj.name} is open. Draft its first version.")
        return redirect("admin:catalog_ratecard_change", obj.pk)

    @operation(
        "Draft next version",
        permission="catalog.add_ratecardversion",
        icon="edit_note",
        form=DraftForm,
        when=lambda card: queries.live_draft(card) is None,
        variant=ActionVariant.PRIMARY,
        explain="It starts with the prices in force. Nothing changes for anybody until it is published.",
    )
    def draft(self, card: RateCard, act: Act, note: str) -> str:
        operations.draft_version(card, note=note, act=act)
        return f"The next version of {card.name} is a draft."

    def page_after(self, thing: Any) -> str:
        draft = queries.live_draft(thing)
        return super().page_after(draft or thing)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        card = self.thing_or_404(request, object_id)
        now = clock.now()
        at = _instant(request.GET.get("at", "")) or now
        version = queries.version_at(card, at)
        editions = queries.timeline(card, now)
        words = queries.last_words(edition.version for edition in editions)
        extra = {
            "at": at,
            "as_of": at if at != now else None,
            "version": version,
            "price_list": prices.price_list(version, at=at) if version else [],
            "editions": [
                (edition, STANDING_COLOURS[edition.standing], words.get(edition.version.pk)) for edition in editions
            ],
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


def _instant(text: str) -> datetime | None:
    """What the as-of picker sends, taken as UTC; None for anything that is not an instant."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return make_aware(found) if found and is_naive(found) else found
