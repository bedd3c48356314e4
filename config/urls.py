"""Every address there is."""

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
    path("admin/insights/", include("insights.pages")),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("health", health, name="health"),
    path("api/v1/", include("metering.api")),
    path("api/v1/", include("metering.api.registry")),
    path("api/v1/", include("metering.api.meters")),
    path("api/v1/", include("metering.api.quarantine")),
    path("api/v1/", include("metering.outcomes.api")),
    path("api/v1/", include("catalog.api")),
    path("api/v1/", include("contracts.api")),
    path("api/v1/", include("quoting.api")),
    path("api/v1/", include("invoicing.api")),
    path("api/v1/", include("insights.api")),
    path("prices/", include("catalog.portal")),
    path("q/", include("quoting.portal")),
    path("i/", include("invoicing.portal")),
    path("a/", include("config.account")),
    path("signup/", include("invoicing.signup")),
    path("hooks/", include("integrations.webhooks")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
