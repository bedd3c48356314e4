"""Features and costs in the admin: what products grant, and what they cost us."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog import operations, uses
from catalog.forms import FeatureForm
from catalog.grants import words
from catalog.models import CostRate, Feature
from catalog.product_page import cost_text, dimensions_text
from governance.acts import Act
from governance.admin_base import GovernedAdmin, figure, operation
from governance.doors import may

SEE_MARGIN = "governance.see_margin"


@admin.register(Feature)
class FeatureAdmin(GovernedAdmin):
    """What products let customers do."""

    operations_for_saving = True
    form = FeatureForm
    list_display = ["name", "key", "shown_kind", "meter", "granted_by"]
    list_select_related = ["meter"]
    list_filter = ["kind"]
    search_fields = ["name", "key", "description"]
    prepopulated_fields = {"key": ["name"]}
    actions_detail = ["delete_unused"]
    change_form_outer_before_template = "catalog/feature.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feature]:
        return super().get_queryset(request).annotate(products=Count("grants__product", distinct=True))

    def get_readonly_fields(self, request: HttpRequest, obj: Feature | None = None) -> list[str]:
        return ["key", "kind"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Feature | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Feature | None = None) -> Any:
        fields = ["name", "key", "kind", "meter", "description"]
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
        typed = {name: form.cleaned_data[name] for name in ("name", "meter", "description")}
        if change:
            operations.update_feature(obj, **typed, act=act)
        else:
            obj.pk = operations.create_feature(key=obj.key, kind=obj.kind, **typed, act=act).pk

    @operation(
        "Delete",
        permission="catalog.delete_feature",
        icon="delete",
        explain="Only a feature that was never granted to anybody can be deleted.",
    )
    def delete_unused(self, feature: Feature, act: Act) -> str:
        operations.delete_feature(feature, act=act)
        return f"{feature} is deleted."

    def page_after(self, thing: Any) -> str:
        is_there = Feature.objects.filter(pk=thing.pk).exists()
        return super().page_after(thing) if is_there else reverse("admin:catalog_feature_changelist")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        feature = self.thing_or_404(request, object_id)
        grants = feature.grants.select_related("product").order_by("product__name", "window")
        extra = {
            "feature": feature,
            "grants": [(each, words(feature.kind, each)) for each in grants],
            "uses": uses.of_feature(feature, request.user),
        }
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
