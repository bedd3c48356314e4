"""Products in the admin, with all that uses them, what they cost us and what they grant; features; costs."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog import operations, prices, queries, uses
from catalog.comparison import signed_percent
from catalog.dialogs import CostForm, GrantForm, RevokeForm
from catalog.forms import FeatureForm, ProductForm
from catalog.margins import costs_at, margin_of
from catalog.models import CostRate, Feature, Product, RateCard, RateCardVersion
from catalog.presentation import STANDING_COLOURS
from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, figure, operation
from governance.doors import may
from pricing.money import grouped, shown

SEE_MARGIN = "governance.see_margin"
EDIT = "catalog.change_product"
KIND_COLOURS = {"usage": "info", "recurring": "success", "one_time": "warning"}
DESCRIBED = ("name", "unit", "internal_unit", "revenue_account", "recognition", "tax_code", "description")


@admin.register(Product)
class ProductAdmin(GovernedAdmin):
    """What is sold. Everything that uses it is on its page."""

    operations_for_saving = True
    form = ProductForm
    list_display = ["name", "key", "shown_kind", "meter", "unit", "revenue_account", "is_active"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["meter"]
    search_fields = ["name", "key", "description"]
    prepopulated_fields = {"key": ["name"]}
    actions_detail = ["add_cost", "grant", "revoke", "delete_unused"]
    change_form_outer_before_template = "catalog/product.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> list[str]:
        return ["key", "kind", "meter"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        what = ["name", "key", ("kind", "meter"), ("unit", "internal_unit"), "description"]
        books = [("revenue_account", "tax_code"), "recognition"]
        if obj:
            books.append("is_active")
        if obj is None or self.has_change_permission(request, obj):
            books.append("because")
        return [(None, {"fields": what}), ("In the books", {"fields": books})]

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        typed = {name: form.cleaned_data[name] for name in DESCRIBED}
        act = self.act(request, form.cleaned_data["because"])
        if change:
            operations.update_product(obj, **typed, is_active=form.cleaned_data["is_active"], act=act)
        else:
            obj.pk = operations.create_product(key=obj.key, kind=obj.kind, meter=obj.meter, **typed, act=act).pk

    @display(description="Kind", ordering="kind", label=KIND_COLOURS)
    def shown_kind(self, product: Product) -> tuple[str, str]:
        return product.kind, product.get_kind_display()

    # ------------------------------------------------------------ the verbs
    @operation(
        "Add a cost",
        permission="catalog.add_costrate",
        icon="payments",
        form=CostForm,
        explain="What a unit costs us from an instant on. Earlier costs stay true for their own time.",
    )
    def add_cost(
        self,
        product: Product,
        act: Act,
        unit_cost: Decimal,
        per: Decimal,
        currency: str,
        since: datetime | None,
        dimensions: Mapping[str, str],
    ) -> str:
        cost = operations.set_cost(
            product,
            unit_cost=unit_cost,
            per=per,
            currency=currency,
            since=since or act.at,
            dimensions=dimensions,
            act=act,
        )
        return f"{product} costs {cost_text(cost, product.unit)} from {cost.since:%-d %B %Y, %H:%M} UTC."

    @operation("Grant a feature", permission="catalog.add_featuregrant", icon="add_task", form=GrantForm)
    def grant(self, product: Product, act: Act, feature: Feature, value: str) -> str:
        operations.grant_feature(product, feature, value=value, act=act)
        return f"{product} grants {feature}{f': {value}' if value else ''}."

    @operation(
        "Revoke a feature",
        permission="catalog.delete_featuregrant",
        icon="remove_done",
        form=RevokeForm,
        when=lambda product: product.grants.exists(),
    )
    def revoke(self, product: Product, act: Act, feature: Feature) -> str:
        operations.revoke_feature(product, feature, act=act)
        return f"{product} grants {feature} no more."

    @operation(
        "Delete",
        permission="catalog.delete_product",
        icon="delete",
        explain="Only what was never used can be deleted; what is in use can be taken off sale.",
    )
    def delete_unused(self, product: Product, act: Act) -> str:
        operations.delete_product(product, act=act)
        return f"{product} is deleted."

    def page_after(self, thing: Any) -> str:
        is_there = Product.objects.filter(pk=thing.pk).exists()
        return super().page_after(thing) if is_there else reverse("admin:catalog_product_changelist")

    # ------------------------------------------------------------ its page
    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        product = self.thing_or_404(request, object_id)
        now = clock.now()
        sees_margin = may(request.user, SEE_MARGIN)
        sees_costs = sees_margin and may(request.user, "catalog.view_costrate")
        extra = {
            "product": product,
            "cards": on_cards(product, now, sees_margin=sees_margin),
            "uses": uses.of(product, request.user),
            "sees_margin": sees_margin,
            "sees_costs": sees_costs,
            "costs": shown_costs(product, now) if sees_costs else [],
            "grants": product.grants.select_related("feature"),
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


@admin.register(Feature)
class FeatureAdmin(GovernedAdmin):
    """What products let customers do."""

    operations_for_saving = True
    form = FeatureForm
    list_display = ["name", "key", "shown_kind", "granted_by"]
    list_filter = ["kind"]
    search_fields = ["name", "key", "description"]
    prepopulated_fields = {"key": ["name"]}
    actions_detail = ["delete_unused"]
    change_form_outer_before_template = "catalog/feature.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feature]:
        return super().get_queryset(request).annotate(products=Count("grants"))

    def get_readonly_fields(self, request: HttpRequest, obj: Feature | None = None) -> list[str]:
        return ["key", "kind"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Feature | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Feature | None = None) -> Any:
        fields = ["name", "key", "kind", "description"]
        may_save = self.has_change_permission(request, obj) if obj else True
        return [(None, {"fields": [*fields, "because"] if may_save else fields})]

    @display(description="Kind", ordering="kind")
    def shown_kind(self, feature: Feature) -> str:
        return feature.get_kind_display()

    @display(description="Products that grant it", ordering="products")
    def granted_by(self, feature: Any) -> SafeString:
        return figure(f"{feature.products:,}")

    def save_model(self, request: HttpRequest, obj: Feature, form: Any, change: bool) -> None:
        act = self.act(request, form.cleaned_data["because"])
        typed = {name: form.cleaned_data[name] for name in ("name", "description")}
        if change:
            operations.update_feature(obj, **typed, act=act)
        else:
            obj.pk = operations.create_feature(key=obj.key, kind=obj.kind, **typed, act=act).pk

    @operation(
        "Delete",
        permission="catalog.delete_feature",
        icon="delete",
        explain="Only a feature that no product grants can be deleted.",
    )
    def delete_unused(self, feature: Feature, act: Act) -> str:
        operations.delete_feature(feature, act=act)
        return f"{feature} is deleted."

    def page_after(self, thing: Any) -> str:
        is_there = Feature.objects.filter(pk=thing.pk).exists()
        return super().page_after(thing) if is_there else reverse("admin:catalog_feature_changelist")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        feature = self.thing_or_404(request, object_id)
        extra = {"feature": feature, "grants": feature.grants.select_related("product").order_by("product__name")}
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)


@admin.register(CostRate)
class CostRateAdmin(GovernedAdmin):
    """What our products cost us, over time. A cost is added on the product's page, and never changed."""

    list_display = ["product", "shown_cost", "shown_dimensions", "since"]
    list_filter = ["currency", ("product", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["product"]
    search_fields = ["product__name", "product__key"]
    ordering = ["-since"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and may(request.user, SEE_MARGIN)

    @display(description="Cost", ordering="unit_cost")
    def shown_cost(self, cost: CostRate) -> SafeString:
        return figure(cost_text(cost, cost.product.unit))

    @display(description="For")
    def shown_dimensions(self, cost: CostRate) -> str:
        return dimensions_text(cost)


def on_cards(product: Product, at: datetime, *, sees_margin: bool) -> list[dict[str, Any]]:
    """Every card that prices it: in force, scheduled or in the works, with the cards that inherit this price."""
    in_force = {card.pk: version for card, version in queries.cards_at(at)}
    costs = costs_at([product.pk], at).get(product.pk, ()) if sees_margin else ()
    rates = list(queries.uses_of(product))
    own = {rate.version_id for rate in rates}
    heirs: dict[Any, list[RateCard]] = {}
    for card in RateCard.objects.exclude(base=None):
        version = in_force.get(card.pk)
        if version and version.pk not in own:
            heirs.setdefault(card.base_id, []).append(card)
    rows = [
        {
            "version": rate.version,
            "standing": standing.capitalize(),
            "colour": STANDING_COLOURS[standing],
            "sentence": prices.sentence_of(rate, rate.version.card.currency),
            "billed": prices.billed(rate),
            "margin": margin_of(rate.charge, rate.version.card.currency, costs),
            "heirs": heirs.get(rate.version.card_id, []) if standing == "in force" else [],
        }
        for rate in rates
        if (standing := _standing(rate.version, in_force.get(rate.version.card_id), at))
    ]
    order = ["In force", "Scheduled", "In review", "Draft"]
    return sorted(rows, key=lambda row: (row["version"].card.name, order.index(row["standing"])))


def _standing(version: RateCardVersion, in_force: RateCardVersion | None, at: datetime) -> str:
    """Nothing for what is past."""
    if version.effective_from is None:
        return version.get_status_display().lower()
    if version == in_force:
        return "in force"
    return "scheduled" if version.effective_from > at else ""


def shown_costs(product: Product, at: datetime) -> list[dict[str, Any]]:
    """The costs, newest first, each with the change to the one before it for the same usage."""
    rows: list[dict[str, Any]] = []
    last: dict[str, CostRate] = {}
    in_force = {cost.pk for cost in costs_at([product.pk], at).get(product.pk, ())}
    for cost in product.cost_rates.order_by("since"):
        what = dimensions_text(cost)
        before = last.get(what)
        now, then = cost.unit_cost / cost.per, before and before.unit_cost / before.per
        percent = (now - then) / then * 100 if then and before and before.currency == cost.currency else Decimal(0)
        rows.append(
            {
                "cost": cost,
                "text": cost_text(cost, product.unit),
                "what": what,
                "percent": signed_percent(percent) if percent else "",
                "is_rise": percent > 0,
                "is_now": cost.pk in in_force,
                "is_coming": cost.since > at,
            }
        )
        last[what] = cost
    return rows[::-1]


def cost_text(cost: CostRate, unit: str) -> str:
    """$1.20 per 1,000,000 tokens."""
    units = unit if cost.per == 1 else f"{grouped(cost.per)} {unit}s"
    return f"{shown(cost.unit_cost, cost.currency)} per {units}"


def dimensions_text(cost: CostRate) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(cost.dimensions.items())) or "all usage"
