"""The wire format of usage: what an event may say, and the hash that tells a resend from a contradiction."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import msgspec

MAX_EVENTS = 10_000
MAX_BYTES = 5 * 1024 * 1024
MAX_EVENT_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_ERRORS = 20
"""How many problems of a request are told."""
MAX_VERSION = 1_000_000
TOO_DEEP = f"Properties nest at most {MAX_DEPTH} levels deep"

HASH_BYTES = 16
WHOLE_DIGITS = 30
DECIMALS = 18
TOO_BIG = 10**WHOLE_DIGITS
_NUMBER_LIMIT = f"A number has at most {WHOLE_DIGITS} digits before and {DECIMALS} after the point"
_NUL = "NUL characters cannot be stored"
_LONGEST_STEP = 200

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
EventId = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Path = tuple[str | int, ...]


class Event(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One fact as reported. Without a `source` of its own it belongs to the source that sends it.

    Numbers in `properties` are int or Decimal, never float. `schema_version` is the version of its type's schema that
    it was written by; it is no part of what the event says, and of no account to its identity.
    """

    id: EventId
    type: Word
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    customer_key: Word = msgspec.field(name="customer")
    properties: dict[str, Any] = {}
    source: Word | msgspec.UnsetType = msgspec.UNSET
    schema_version: Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)] | None = None


class Wrong(NamedTuple):
    """What is wrong inside one event, and where: () is the whole of it."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one event of a body: its index from 0, and a JSON pointer (RFC 6901) into the body."""

    index: int
    pointer: str
    message: str


class Unreadable(Exception):
    """A body that cannot be taken. `problems` points at the events and fields, if it got that far."""

    def __init__(self, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = list(problems)


class Rejected(Unreadable):
    """Events that their type refuses. Pointers begin inside the list of events, fields are named as in `Event`."""


class TooLarge(Unreadable):
    """More than one request may carry."""


def objection(event: Event, has_controls: bool = True) -> Wrong | None:
    """What the types cannot say. Without `has_controls`, the caller knows that no text holds a control character."""
    if not is_storable(event.time.year):
        return Wrong(("time",), "The year is outside 1970 to 9998")
    if has_controls and (wrong := _control(event)):
        return wrong
    for name, value in event.properties.items():
        kind = type(value)
        if kind is int:
            if not -TOO_BIG < value < TOO_BIG:
                return Wrong(("properties", name), _NUMBER_LIMIT)
        elif (kind is dict or kind is list or has_controls) and (
            wrong := _wrong(value, MAX_DEPTH - 1, ("properties", name))
        ):
            return wrong
    return None


def is_storable(year: int) -> bool:
    """With a day to spare on either side, for offsets."""
    return 1970 <= year <= 9998


def pointer(path: Path) -> str:
    """RFC 6901. A step of endless length is cut."""
    return "".join("/" + str(step)[:_LONGEST_STEP].replace("~", "~0").replace("/", "~1") for step in path)


def json_of(value: Any) -> bytes:
    """Canonical JSON: keys sorted, Decimals as the numbers they are."""
    return _encoder.encode(value)


def body_hash(event: Event, properties: bytes) -> bytes:
    """16 bytes of SHA-256 over everything the event says; `properties` is its canonical JSON."""
    time = event.time if event.time.tzinfo is UTC else event.time.astimezone(UTC)
    said = (event.type, time, event.customer_key, msgspec.Raw(properties))
    return hashlib.sha256(_encoder.encode(said)).digest()[:HASH_BYTES]


def exact_number(text: str) -> Decimal:
    """A JSON number that is no int. Raises ValueError when it is too large or too fine to keep."""
    if len(text) <= WHOLE_DIGITS + DECIMALS + 2:
        number = Decimal(text)
        if number.adjusted() < WHOLE_DIGITS and int(number.as_tuple().exponent) >= -DECIMALS:
            return number
    raise ValueError(_NUMBER_LIMIT)


_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def _control(event: Event) -> Wrong | None:
    words = (("id", event.id), ("type", event.type), ("customer", event.customer_key), ("source", event.source))
    for name, word in words:
        if isinstance(word, str) and _CONTROL.search(word):
            return Wrong((name,), "Control characters are not allowed")
    return next((Wrong(("properties", name), _NUL) for name in event.properties if "\0" in name), None)


def _wrong(value: Any, depth: int, path: Path) -> Wrong | None:
    match value:
        case str():
            return Wrong(path, _NUL) if "\0" in value else None
        case int():
            return None if abs(value) < TOO_BIG else Wrong(path, _NUMBER_LIMIT)
        case dict() | list() if depth == 0:
            return Wrong(path, TOO_DEEP)
        case dict():
            if any("\0" in name for name in value):
                return Wrong(path, _NUL)
            inner = list(value.items())
        case list():
            inner = list(enumerate(value))
        case _:
            return None
    return next((wrong for step, item in inner if (wrong := _wrong(item, depth - 1, (*path, step)))), None)
