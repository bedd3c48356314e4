"""Products in the admin, with all that uses them, what they cost us and what they grant; features; costs."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import display

from catalog import operations, uses
from catalog.forms import ProductForm
from catalog.grants import words
from catalog.models import Feature, Product
from catalog.product_dialogs import CostForm, GrantForm, RevokeForm
from catalog.product_page import cost_text, on_cards, shown_costs
from governance import clock
from governance.acts import Act
from governance.admin_base import GovernedAdmin, operation
from governance.doors import may

SEE_MARGIN = "governance.see_margin"
EDIT = "catalog.change_product"
KIND_COLOURS = {"usage": "info", "recurring": "success", "one_time": "warning"}
DESCRIBED = ("name", "unit", "internal_unit", "revenue_account", "recognition", "tax_code", "tags", "description")


class TagFilter(admin.SimpleListFilter):
    """Products with a tag."""

    title, parameter_name = "tag", "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tags = sorted({tag for tags in Product.objects.values_list("tags", flat=True) for tag in tags})
        return [(tag, tag) for tag in tags]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product] | None:
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


@admin.register(Product)
class ProductAdmin(GovernedAdmin):
    """What is sold. Everything that uses it is on its page."""

    operations_for_saving = True
    form = ProductForm
    list_display = ["name", "key", "shown_kind", "meter", "unit", "shown_tags", "revenue_account", "is_active"]
    list_filter = ["kind", "is_active", TagFilter]
    list_select_related = ["meter"]
    search_fields = ["name", "key", "description", "tags"]
    prepopulated_fields = {"key": ["name"]}
    actions_detail = ["add_cost", "grant", "revoke", "delete_unused"]
    change_form_outer_before_template = "catalog/product.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> list[str]:
        return ["key", "kind", "meter"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        what = ["name", "key", ("kind", "meter"), ("unit", "internal_unit"), "tags", "description"]
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

    @display(description="Tags")
    def shown_tags(self, product: Product) -> str:
        return ", ".join(product.tags) or "—"

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
    def grant(self, product: Product, act: Act, feature: Feature, **terms: Any) -> str:
        said = words(feature.kind, operations.grant_feature(product, feature, **terms, act=act))
        return f"{product} grants {feature}{f': {said}' if said else ''}."

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
            "grants": [(each, words(each.feature.kind, each)) for each in product.grants.select_related("feature")],
        }
        return super().change_view(request, object_id, *args, extra_context=extra, **kwargs)
