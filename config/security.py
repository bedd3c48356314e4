"""Content-Security-Policy: strict everywhere, relaxed for the two places whose libraries need it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]


def relaxed_where_needed(get_response: Handler) -> Handler:
    """Middleware inside django-csp's: gives the admin's and the API browser's pages their exceptions."""
    exceptions = {"/admin/": settings.CSP_ADMIN, "/api/docs/": settings.CSP_API_DOCS}

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for prefix, directives in exceptions.items():
            if request.path_info.startswith(prefix):
                response._csp_replace = directives  # type: ignore[attr-defined]
        return response

    return middleware
