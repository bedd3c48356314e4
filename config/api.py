"""What the API takes and what it answers when an operation declines: JSON of a sensible size, refusals as 409."""

import json
import logging
import math
from typing import IO, Any

from django.db import InterfaceError, OperationalError
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.views import exception_handler

from governance.acts import Refused

MAX_BYTES = 1024 * 1024
RETRY_AFTER = 5  # seconds

logger = logging.getLogger(__name__)


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The body is larger than {MAX_BYTES:,} bytes."


class OutOfReach(APIException):
    """503 with Retry-After: the database is away, or was busy for too long. What was not acknowledged may be resent."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database does not answer at the moment; nothing was acknowledged. Please send it again."
    wait = RETRY_AFTER


class ModestJSONParser(BaseParser):
    """JSON as the standard has it, and as PostgreSQL can keep it: no NaN, no NUL, no half characters, no towers."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise TooLarge
        try:
            text = body.decode()
            data = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
            json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair is no character
        except (ValueError, RecursionError):
            raise ParseError("The body cannot be read as JSON.") from None
        if "\\u0000" in text and _has_nul(data):
            raise ParseError("NUL characters cannot be stored.")
        return data


def refusals(problem: Exception, context: dict[str, Any]) -> Response | None:
    """A refusal is 409 with its sentence, a database out of reach 503; the rest is as DRF has it."""
    if isinstance(problem, Refused):
        return Response({"detail": str(problem)}, status=409)
    if isinstance(problem, OperationalError | InterfaceError):
        # Its first line only: what follows can quote the row.
        logger.error("The database is out of reach: %s", str(problem).partition("\n")[0])
        return exception_handler(OutOfReach(), context)
    return exception_handler(problem, context)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


def _has_nul(data: Any) -> bool:
    if isinstance(data, dict):
        return any(_has_nul(each) for each in (*data, *data.values()))
    return any(_has_nul(each) for each in data) if isinstance(data, list) else isinstance(data, str) and "\0" in data
