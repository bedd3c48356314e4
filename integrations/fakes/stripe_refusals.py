"""Stripe's way of saying no: an HTTP status and an error object."""

from typing import Any


class StripeRefusal(Exception):
    """Becomes `{"error": {...}}` with this status, worded as Stripe words it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: str,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message}
        self.error |= {name: text for name, text in {"code": code, "param": param, **more}.items() if text is not None}


def missing(kind: str, identifier: str, param: str = "id") -> StripeRefusal:
    message = f"No such {kind}: '{identifier}'"
    return StripeRefusal(message, status=404 if param == "id" else 400, code="resource_missing", param=param)


def not_played(what: str) -> StripeRefusal:
    """Valid at Stripe, unknown to the fake: say so instead of ignoring it."""
    return StripeRefusal(f"The fake does not do this yet: {what}.", status=501, kind="api_error")
