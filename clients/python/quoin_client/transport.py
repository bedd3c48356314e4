"""One request to Quoin, and what its answer means."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

PATH = "/api/v1/usage-events"
LONGEST_WAIT = 3600.0


class Unavailable(Exception):
    """No answer about the events; they are to be sent again. `retry_after` is in seconds, if the server says."""

    def __init__(self, sentence: str, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event."""

    outcome: str
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The whole request was declined, nothing is stored. `problems` are (pointer, message) by the event's place."""

    detail: str
    problems: dict[int, tuple[str, str]] = field(default_factory=dict)


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and the events would be lost on the way."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Transport:
    """Posts to one address with one key. Honours the proxies of the environment."""

    def __init__(self, url: str, key: str, *, timeout: float) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"The address starts with http:// or https://, and {url!r} does not.")
        self._address = url.rstrip("/") + PATH
        self._headers = {
            "Authorization": f"Api-Key {key}",
            "Content-Type": "application/json",
            "User-Agent": "quoin-client-python",
        }
        self._timeout = timeout
        self._opener = urllib.request.build_opener(_Stay)

    def post(self, bodies: Sequence[str]) -> list[Verdict] | Refusal:
        """A verdict for each, in order, or why the request was refused. Raises `Unavailable`."""
        content = f"[{','.join(bodies)}]".encode()
        request = urllib.request.Request(self._address, content, self._headers, method="POST")  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _verdicts(response.read(), len(bodies))
        except urllib.error.HTTPError as answer:
            with answer:
                return _refusal(answer, len(bodies))
        except (OSError, http.client.HTTPException) as problem:
            reason = getattr(problem, "reason", problem)
            raise Unavailable(f"{self._address} cannot be reached: {reason or type(reason).__name__}") from None


def _verdicts(content: bytes, count: int) -> list[Verdict]:
    """Anything but a verdict for each is no answer: it may come from something on the way."""
    try:
        told = json.loads(content)["events"]
        verdicts = [Verdict(each["outcome"], each.get("reason", ""), each.get("detail", "")) for each in told]
    except (ValueError, LookupError, TypeError, AttributeError):
        verdicts = []
    if len(verdicts) != count:
        raise Unavailable("The answer is not one of Quoin: it has no verdict for each event.")
    return verdicts


def _refusal(answer: urllib.error.HTTPError, count: int) -> Refusal:
    """400, 413 and 422 are about the events, if Quoin says so; all else is about the key, the address or the moment."""
    said = _json_object(answer)
    detail = str(said.get("detail", ""))
    if (answer.code in (400, 422) and detail) or answer.code == 413:
        return Refusal(detail or "The request is too large.", _problems(said, count))
    where = f" to {answer.headers['Location']}" if "Location" in answer.headers else ""
    sentence = f"Answered {answer.code} {answer.reason}{where}. {detail}".strip()
    raise Unavailable(sentence, _seconds(answer.headers.get("Retry-After", "")))


def _json_object(answer: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        said = json.loads(answer.read())
    except (ValueError, OSError, http.client.HTTPException):
        return {}
    return said if isinstance(said, dict) else {}


def _problems(said: dict[str, Any], count: int) -> dict[int, tuple[str, str]]:
    problems: dict[int, tuple[str, str]] = {}
    for each in said.get("errors") or []:
        if isinstance(each, dict) and isinstance(index := each.get("index"), int) and 0 <= index < count:
            pointer = str(each.get("pointer", "")).removeprefix(f"/{index}")
            problems.setdefault(index, (pointer, str(each.get("message", ""))))
    return problems


def _seconds(retry_after: str) -> float:
    """A number of seconds, or a date; 0 if it is neither. At most an hour."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else 0.0
