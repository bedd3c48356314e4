"""Features over the API: what products can grant."""

from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import operations
from catalog.api import product_shapes as shapes
from catalog.api.base import REFUSED, CatalogView, asked, reason
from catalog.api.shapes import BecauseIn
from catalog.models import Feature


class FeaturesView(CatalogView):
    writes = {"POST": "catalog.add_feature"}

    @extend_schema(operation_id="list_features", responses=shapes.FeatureOut(many=True))
    def get(self, request: Request) -> Response:
        """Every feature, by name."""
        return Response(shapes.FeatureOut(Feature.objects.select_related("meter"), many=True).data)

    @extend_schema(
        operation_id="create_feature", request=shapes.FeatureIn, responses={201: shapes.FeatureOut, **REFUSED}
    )
    def post(self, request: Request) -> Response:
        """Name something that products can grant."""
        fields, act = asked(request, shapes.FeatureIn)
        return Response(shapes.FeatureOut(operations.create_feature(**fields, act=act)).data, status=201)


class FeatureView(CatalogView):
    writes = {"PUT": "catalog.change_feature", "DELETE": "catalog.delete_feature"}

    @extend_schema(
        operation_id="update_feature", request=shapes.FeatureChangeIn, responses={200: shapes.FeatureOut, **REFUSED}
    )
    def put(self, request: Request, feature: str) -> Response:
        """Describe a feature anew, or name another meter; its kind never changes."""
        fields, act = asked(request, shapes.FeatureChangeIn)
        found = get_object_or_404(Feature, key=feature)
        return Response(shapes.FeatureOut(operations.update_feature(found, **fields, act=act)).data)

    @extend_schema(operation_id="delete_feature", parameters=[BecauseIn], responses={204: None, **REFUSED})
    def delete(self, request: Request, feature: str) -> Response:
        """Take back a feature that no product grants; 409 with those that do."""
        operations.delete_feature(get_object_or_404(Feature, key=feature), act=reason(request))
        return Response(status=204)


urlpatterns = [
    path("features", FeaturesView.as_view(), name="features"),
    path("features/<slug:feature>", FeatureView.as_view(), name="feature"),
]
