"""The wire format of usage: one event, how it is read, and the hash that tells a resend from a contradiction."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

MAX_EVENTS = 10_000
MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 8
MAX_ERRORS = 20

WHOLE_DIGITS = 30
DECIMALS = 64
_TOO_BIG = 10**WHOLE_DIGITS
_NUMBER_LIMIT = f"A number has at most {WHOLE_DIGITS} digits before and {DECIMALS} after the point"

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
EventId = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Event(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One fact as reported. Without a `source` of its own it belongs to the source that sends it.

    Numbers in `properties` are int or Decimal, never float.
    """

    id: EventId
    type: Word
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    customer_key: Word = msgspec.field(name="customer")
    properties: dict[str, Any] = {}
    source: Word | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of one event; `index` counts from 0, `field` is "" when the whole event is meant."""

    index: int
    field: str
    message: str


class Unreadable(Exception):
    """A body that cannot be taken. `problems` points at the events and fields, if it got that far."""

    def __init__(self, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = list(problems)


class TooLarge(Unreadable):
    """More than one request may carry."""


def read(body: bytes) -> list[Event]:
    """The events of a JSON array, or the one of a JSON object. Raises `Unreadable`; nothing is half read."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BYTES:,} bytes; send smaller batches.")
    try:
        events = [_one.decode(body)] if body.lstrip()[:1] == b"{" else _many.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _why_unreadable(body) from None
    if len(events) > MAX_EVENTS:
        raise TooLarge(f"A request carries at most {MAX_EVENTS:,} events, and this has {len(events):,}.")
    problems = [Problem(index, *found) for index, event in enumerate(events) if (found := _objection(event))]
    if problems:
        raise _refusal(problems, len(events))
    return events


def json_of(value: Any) -> bytes:
    """Canonical JSON: keys sorted, Decimals as the numbers they are."""
    return _encoder.encode(value)


def body_hash(event: Event, properties: bytes) -> bytes:
    """SHA-256 of everything the event says; `properties` is its canonical JSON."""
    said = (event.type, event.time.astimezone(UTC), event.customer_key, msgspec.Raw(properties))
    return hashlib.sha256(_encoder.encode(said)).digest()


def _number(text: str) -> Decimal:
    if len(text) <= WHOLE_DIGITS + DECIMALS + 2:
        number = Decimal(text)
        if number.adjusted() < WHOLE_DIGITS and int(number.as_tuple().exponent) >= -DECIMALS:
            return number
    raise ValueError(_NUMBER_LIMIT)


_one = msgspec.json.Decoder(Event, float_hook=_number)
_many = msgspec.json.Decoder(list[Event], float_hook=_number)
_any = msgspec.json.Decoder(float_hook=_number)
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def _objection(event: Event) -> tuple[str, str] | None:
    """What the types cannot say: the field and what is wrong with it."""
    if not 1970 <= event.time.year <= 9998:
        return "time", "The year is outside 1970 to 9998"
    for name, value in event.properties.items():
        kind = type(value)
        if "\0" in name or (kind is str and "\0" in value):
            return _property(name), "NUL characters cannot be stored"
        if kind in (int, dict, list) and (wrong := _wrong(value, MAX_DEPTH - 1)):
            return _property(name), wrong
    return None


def _property(name: str) -> str:
    return f"properties.{name[:80]}"


def _wrong(value: Any, depth: int) -> str | None:
    match value:
        case str():
            return "NUL characters cannot be stored" if "\0" in value else None
        case int():
            return _NUMBER_LIMIT if abs(value) >= _TOO_BIG else None
        case dict() | list() if depth == 0:
            return f"Properties nest at most {MAX_DEPTH} levels deep"
        case dict():
            inner = [*value, *value.values()]
        case list():
            inner = value
        case _:
            return None
    return next((wrong for item in inner if (wrong := _wrong(item, depth - 1))), None)


def _refusal(problems: list[Problem], total: int) -> Unreadable:
    wrong = f"{len(problems):,} of {total:,} events" if total > 1 else "The event"
    return Unreadable(f"{wrong} cannot be read; nothing was stored.", problems[:MAX_ERRORS])


def _why_unreadable(body: bytes) -> Unreadable:
    """Go through a refused body slowly, event by event, to say which and what."""
    try:
        raws = msgspec.json.decode(body, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return Unreadable("Send a JSON array of events, or one event as a JSON object.")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        return Unreadable(f"The body cannot be read as JSON: {problem}.")
    parts = [msgspec.Raw(body)] if isinstance(raws, dict) else raws
    problems = [Problem(index, *found) for index, raw in enumerate(parts) if (found := _problem_with(raw))]
    if not problems:
        return Unreadable("The body cannot be read as JSON.")
    return _refusal(problems, len(parts))


def _problem_with(raw: msgspec.Raw) -> tuple[str, str] | None:
    try:
        return _objection(_one.decode(raw))
    except RecursionError:
        return "properties", f"Properties nest at most {MAX_DEPTH} levels deep"
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        message, _, where = str(problem).partition(" - at `$")
    named = re.search(r"field `([^`]*)`", message)
    field = where.rstrip("`").removeprefix(".").removesuffix("[...]") or (named[1] if named else "")
    if field.startswith("properties") and (culprit := _culprit(raw)):
        field = _property(culprit)
    if "matching regex" in message:
        message = "Control characters are not allowed"
    return field, message


def _culprit(raw: msgspec.Raw) -> str | None:
    """The property that cannot be read."""
    properties = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])["properties"]
    try:
        values = msgspec.json.decode(properties, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return None
    for name, value in values.items():
        try:
            _any.decode(value)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return name
    return None
