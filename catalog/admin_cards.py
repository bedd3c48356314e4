"""Rate cards in the admin: the price list in force or as of an instant, what is coming, how it came about."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from unfold.decorators import display
from unfold.enums import ActionVariant

from catalog import audience, operations, prices, queries
from catalog.comparison import shown_differences
from catalog.dialogs import CardForm, DraftForm, RollBackForm, restorable
from catalog.forms import RateCardForm
from catalog.history import chapters, preceding
from catalog.models import RateCard, RateCardVersion
from catalog.presentation import coming, reach_words, shown_prices, starts_at
from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, operation
from governance.doors import may

Status = RateCardVersion.Status
PUBLISH = "catalog.publish_ratecardversion"
SEE_MARGIN = "governance.see_margin"
MARKET = ["region", "segment", "channel", "customer_type"]


@admin.register(RateCard)
class RateCardAdmin(GovernedAdmin):
    """A rate card is its price list: what is in force, what is coming, and how it came about."""

    operations_for_saving = True
    form = RateCardForm
    list_display = ["name", "key", "currency", "shown_market", "base", "in_force", "since", "live"]
    list_select_related = ["base"]
    list_filter = ["currency", "is_public"]
    search_fields = ["name", "key", *MARKET]
    prepopulated_fields = {"key": ["name"]}
    actions_detail = ["draft", "roll_back", "describe"]
    change_form_template = "catalog/card.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a card is described anew by its button

    def get_fieldsets(self, request: HttpRequest, obj: RateCard | None = None) -> Any:
        market = ("Market", {"fields": [tuple(MARKET[:2]), tuple(MARKET[2:]), "notice_days", "is_public"]})
        return [(None, {"fields": [("name", "key"), ("currency", "base")]}), market, (None, {"fields": ["because"]})]

    # ------------------------------------------------------------ the list
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

    @display(description="Market")
    def shown_market(self, card: RateCard) -> str:
        return market_of(card) or "—"

    @display(description="In force", ordering="in_force_number")
    def in_force(self, card: Any) -> str:
        return f"Version {card.in_force_number}" if card.in_force_number else "—"

    @display(description="Since", ordering="in_force_since")
    def since(self, card: Any) -> datetime | None:
        return card.in_force_since

    @display(description="In the works", ordering="live_status", label={"Draft": "info", "In review": "warning"})
    def live(self, card: Any) -> str | None:
        return card.live_status and card.live_status.replace("_", " ").capitalize()

    # ------------------------------------------------------------ the verbs
    def save_model(self, request: HttpRequest, obj: RateCard, form: Any, change: bool) -> None:
        typed = {name: form.cleaned_data[name] for name in ("key", "name", "currency", "base", *MARKET)}
        act = self.act(request, form.cleaned_data["because"])
        terms = {name: form.cleaned_data[name] for name in ("notice_days", "is_public")}
        obj.pk = operations.create_rate_card(**typed, **terms, act=act).pk

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

    @operation(
        "Roll back",
        permission=PUBLISH,
        icon="restore",
        form=RollBackForm,
        when=lambda card: restorable(card, clock.now()).exists(),
        explain="Puts earlier prices back in force at once, as a new version. A draft in the works is not in the way.",
    )
    def roll_back(self, card: RateCard, act: Act, to: RateCardVersion) -> str:
        restored = operations.roll_back(card, to=to, act=act)
        return f"{restored} is in force, with the prices of version {to.number}."

    @operation("Describe", permission="catalog.change_ratecard", icon="edit", form=CardForm)
    def describe(self, card: RateCard, act: Act, **typed: Any) -> str:
        operations.update_rate_card(card, **typed, act=act)
        return f"{typed['name']} is described anew."

    # ------------------------------------------------------------ its page
    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        card = self.thing_or_404(request, object_id)
        now = clock.now()
        at = instant_of(request.GET.get("at", "")) or now
        version = queries.version_at(card, at)
        editions = queries.timeline(card, now)
        told = chapters(editions, now)
        is_past = at != now
        sees_margin = may(request.user, SEE_MARGIN)
        rows = prices.price_list(version, at=at) if version else []
        extra = {
            "card": card,
            "market": market_of(card),
            "heirs": card.deltas.all(),
            "at": at,
            "as_of": at if is_past else None,
            "version": version,
            "price_list": shown_prices(rows, version, at, sees_margin=sees_margin, history=is_past) if version else [],
            "sees_margin": sees_margin,
            "coming": [] if is_past else coming(editions, now),
            "chapters": told,
            "compare_from": told[0].before if told else None,
            "reach": reach_words(version) if version else "",
            "audience": [] if is_past else audience.of(audience.Question(card, None, now, request.user)),
            "may_publish": may(request.user, PUBLISH, card),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.compare_view)
        return [path("<uuid:object_id>/compare/", view, name="catalog_ratecard_compare"), *super().get_urls()]

    def compare_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Any two versions of a card side by side; `?before=` and `?after=` name them by their ids."""
        card = self.thing_or_404(request, str(object_id))
        if not self.has_view_permission(request, card):
            raise PermissionDenied
        now = clock.now()
        editions = queries.timeline(card, now)
        by_pk = {str(edition.version.pk): edition.version for edition in editions}
        after = by_pk.get(request.GET.get("after", "")) or (editions[0].version if editions else None)
        chosen = next((each for each in editions if each.version == after), None)
        earlier = preceding(chosen, editions, now) if chosen else None
        before = by_pk.get(request.GET.get("before", "")) or (earlier.version if earlier else None)
        context = {
            "title": f"Compare versions of {card}",
            "card": card,
            "editions": editions,
            "before": before,
            "after": after,
            "fields": prices.field_differences(before, after) if after else [],
            "difference": compared(before, after, starts_at(after, now)) if after else [],
            "opts": self.opts,
        }
        return render(request, "catalog/compare.html", {**self.admin_site.each_context(request), **context})


def compared(before: RateCardVersion | None, after: RateCardVersion, at: datetime) -> list[Any]:
    """The prices that differ, as a page shows them."""
    if before == after:
        return []
    return shown_differences(prices.difference(before, after, at=at), after.card.currency)


def market_of(card: RateCard) -> str:
    """EU · enterprise · reseller."""
    return " · ".join(value for name in MARKET if (value := getattr(card, name)))


def instant_of(text: str) -> datetime | None:
    """What the as-of picker sends, taken as UTC; None for anything that is not an instant."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return make_aware(found) if found and is_naive(found) else found
