"""What guards every door: Content-Security-Policy, addresses that no database can hold, logs without secrets."""

import logging
import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from config import errors

Handler = Callable[[HttpRequest], HttpResponse]

# A customer's signed link is a key: whoever reads it in a log could answer the offer.
_TOKEN = re.compile(r"(/[qia]/)[^/\s\"']+")
_KEY = re.compile(r"(Api-Key\s+)\S+")


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


def readable_addresses(get_response: Handler) -> Handler:
    """Middleware: an address or query with NUL in it names nothing PostgreSQL could hold. 400; the API says where."""

    def middleware(request: HttpRequest) -> HttpResponse:
        in_query = "%00" in request.META.get("QUERY_STRING", "")
        if in_query and request.path_info.startswith("/api/"):
            named = [name for name, values in request.GET.lists() if any("\0" in text for text in (name, *values))]
            return JsonResponse({name: ["NUL characters name nothing."] for name in named}, status=400)
        if in_query or "\0" in request.path_info:
            return errors.bad_request(request)
        return get_response(request)

    return middleware


def for_holders_of_the_link(get_response: Handler) -> Handler:
    """Middleware: what stands behind a signed link is neither indexed nor kept by anything on the way."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if _TOKEN.match(request.path_info):
            response["X-Robots-Tag"] = "noindex"
            response.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


class WithoutSecrets(logging.Filter):
    """Takes customers' tokens and systems' keys out of every line; what was merely declined needs no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and record.levelno < logging.ERROR:
            record.exc_info = None
        text = record.getMessage()
        cleaned = _KEY.sub(r"\1…", _TOKEN.sub(r"\1…", text))
        if cleaned != text:
            record.msg, record.args = cleaned, ()
        return True
