"""Every address there is."""

from importlib.util import find_spec

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


def health(request: HttpRequest) -> JsonResponse:
    """For the load balancer: this process answers and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/")),
    path("favicon.ico", RedirectView.as_view(url="/static/quoin/favicon.svg")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("health", health, name="health"),
]
DOORS = [
    ("api/v1/", "metering.api"),
    ("api/v1/", "catalog.api"),
    ("api/v1/", "contracts.api"),
    ("api/v1/", "quoting.api"),
    ("api/v1/", "invoicing.api"),
    ("q/", "quoting.portal"),
    ("i/", "invoicing.portal"),
    ("hooks/", "integrations.webhooks"),
]
urlpatterns += [path(prefix, include(module)) for prefix, module in DOORS if find_spec(module)]
