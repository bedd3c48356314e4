"""What people and systems read when something is not there, not theirs, or broken. Never how it broke."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader

WORDS = {
    400: ("That cannot be read", "The address or the form was damaged on its way. Please go back and try again."),
    403: ("This is not open to you", "Your role does not include it. An administrator can tell you who may."),
    404: ("There is nothing here", "The address is incomplete, or what it led to is gone."),
    500: ("Something went wrong", "It is our fault, and it is in our log. Nothing was half done; please try again."),
}
FORGED = ("Please open the page again", "It was open for too long, or in another window. Nothing was sent.")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(request, 500)


def form_forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A post without the token of the page it came from."""
    return _page(request, 403, FORGED)


def _page(request: HttpRequest, status: int, words: tuple[str, str] | None = None) -> HttpResponse:
    """JSON for systems, otherwise a page that needs neither the database nor a session."""
    title, text = words or WORDS[status]
    if request.path_info.startswith(("/api/v", "/hooks/")):
        return JsonResponse({"detail": f"{title}."}, status=status)
    home = ("/admin/", "To the start page") if request.path_info.startswith("/admin/") else None
    context: dict[str, Any] = {"title": title, "text": text, "home": home}
    return HttpResponse(loader.render_to_string("quoin/error.html", context), status=status)
