"""What the API answers when an operation declines."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from governance.acts import Refused


def refusals(problem: Exception, context: dict[str, Any]) -> Response | None:
    """A refusal is 409 with its sentence; the rest is as DRF has it."""
    if isinstance(problem, Refused):
        return Response({"detail": str(problem)}, status=409)
    return exception_handler(problem, context)
