"""Products over the API: what they are, what they cost us, what they grant."""

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import operations
from catalog.api import product_shapes as shapes
from catalog.api.base import READ_AT, REFUSED, CatalogView, MoneyView, asked, instant, product_named, question, reason
from catalog.api.shapes import BecauseIn
from catalog.grants import problems
from catalog.models import Feature, FeatureGrant, Product
from catalog.queries import cost_at


class ProductsView(CatalogView):
    writes = {"POST": "catalog.add_product"}

    @extend_schema(operation_id="list_products", responses=shapes.ProductOut(many=True))
    def get(self, request: Request) -> Response:
        """Everything that is sold, by name."""
        products = Product.objects.select_related("meter")
        return Response(shapes.ProductOut(products, many=True).data)

    @extend_schema(
        operation_id="create_product", request=shapes.ProductIn, responses={201: shapes.ProductOut, **REFUSED}
    )
    def post(self, request: Request) -> Response:
        """Put a product up for sale."""
        fields, act = asked(request, shapes.ProductIn)
        return Response(shapes.ProductOut(operations.create_product(**fields, act=act)).data, status=201)


class ProductView(CatalogView):
    writes = {"PUT": "catalog.change_product", "DELETE": "catalog.delete_product"}

    @extend_schema(operation_id="get_product", responses=shapes.ProductDetailOut)
    def get(self, request: Request, product: str) -> Response:
        """A product with the features it grants."""
        return Response(shapes.product_detail(product_named(product)))

    @extend_schema(
        operation_id="update_product",
        request=shapes.ProductChangeIn,
        responses={200: shapes.ProductDetailOut, **REFUSED},
    )
    def put(self, request: Request, product: str) -> Response:
        """Describe a product anew, or stop selling it. What it is (kind, meter) never changes."""
        fields, act = asked(request, shapes.ProductChangeIn)
        return Response(shapes.product_detail(operations.update_product(product_named(product), **fields, act=act)))

    @extend_schema(operation_id="delete_product", parameters=[BecauseIn], responses={204: None, **REFUSED})
    def delete(self, request: Request, product: str) -> Response:
        """Take back a product that was never used; 409 with the list of what uses it."""
        operations.delete_product(product_named(product), act=reason(request))
        return Response(status=204)


class CostsView(MoneyView):
    reads = "catalog.view_costrate"
    writes = {"POST": "catalog.add_costrate"}

    @extend_schema(operation_id="list_costs", responses=shapes.CostOut(many=True))
    def get(self, request: Request, product: str) -> Response:
        """What a product has cost us, newest first. Keys need catalog:write."""
        return Response(shapes.CostOut(product_named(product).cost_rates.all(), many=True).data)

    @extend_schema(operation_id="set_cost", request=shapes.CostIn, responses={201: shapes.CostOut, **REFUSED})
    def post(self, request: Request, product: str) -> Response:
        """Say what a unit costs us from an instant on; earlier costs stay true for their time."""
        fields, act = asked(request, shapes.CostIn)
        return Response(shapes.CostOut(operations.set_cost(product_named(product), **fields, act=act)).data, status=201)


class CostAtView(MoneyView):
    reads = "catalog.view_costrate"

    @extend_schema(operation_id="get_cost", responses=shapes.CostOut, parameters=READ_AT)
    def get(self, request: Request, product: str) -> Response:
        """What a product costs us at an instant, whatever its dimensions; null when nobody said."""
        cost = cost_at(product_named(product), instant(request))
        return Response(cost and shapes.CostOut(cost).data)


class GrantView(CatalogView):
    writes = {"PUT": "catalog.add_featuregrant", "DELETE": "catalog.delete_featuregrant"}

    @extend_schema(
        operation_id="grant_feature", request=shapes.GrantIn, responses={200: shapes.ProductDetailOut, **REFUSED}
    )
    def put(self, request: Request, product: str, feature: str) -> Response:
        """Let a product grant a feature, or grant it (in that window) on other terms."""
        fields, act = asked(request, shapes.GrantIn)
        granting, granted = product_named(product), get_object_or_404(Feature, key=feature)
        if found := problems(granted.kind, FeatureGrant(**fields)):
            raise ValidationError({name: [text] for name, text in found.items()})
        operations.grant_feature(granting, granted, **fields, act=act)
        return Response(shapes.product_detail(granting))

    @extend_schema(
        operation_id="revoke_feature", parameters=[shapes.RevokeIn], responses={200: shapes.ProductDetailOut, **REFUSED}
    )
    def delete(self, request: Request, product: str, feature: str) -> Response:
        """Let a product grant a feature no more."""
        granting, granted = product_named(product), get_object_or_404(Feature, key=feature)
        window = question(request, shapes.RevokeIn)["window"]
        operations.revoke_feature(granting, granted, window=window, act=reason(request))
        return Response(shapes.product_detail(granting))


PRODUCT = "products/<slug:product>"
urlpatterns = [
    path("products", ProductsView.as_view(), name="products"),
    path(PRODUCT, ProductView.as_view(), name="product"),
    path(f"{PRODUCT}/costs", CostsView.as_view(), name="costs"),
    path(f"{PRODUCT}/cost", CostAtView.as_view(), name="cost"),
    path(f"{PRODUCT}/features/<slug:feature>", GrantView.as_view(), name="grant"),
]
