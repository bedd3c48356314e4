"""From the body of a request to events: JSON, JSON by lines, CloudEvents. Nothing is half read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from metering.wire.cloud_events import CloudEvent, cloud_objection, event_of
from metering.wire.events import (
    MAX_BYTES,
    MAX_ERRORS,
    MAX_EVENT_BYTES,
    MAX_EVENTS,
    TOO_BIG,
    TOO_DEEP,
    Event,
    Path,
    Problem,
    Rejected,
    TooLarge,
    Unreadable,
    Wrong,
    exact_number,
    is_storable,
    objection,
    pointer,
)

_NOT_READ = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write events down: what one is, how they follow each other, and what to say when it is not so."""

    shape: Literal["one or array", "lines", "one", "array"]
    wanted: str
    one: msgspec.json.Decoder[Any]
    many: msgspec.json.Decoder[Any]
    objection: Callable[[Any, bool], Wrong | None]
    made: Callable[[Any], Event] | None = None
    noun: str = "event"

    def is_single(self, body: bytes) -> bool:
        return self.shape == "one" or (self.shape == "one or array" and body.lstrip()[:1] == b"{")

    def decoded(self, body: bytes) -> list[Any]:
        if self.shape == "lines":
            return self.one.decode_lines(body)
        events: list[Any] = [self.one.decode(body)] if self.is_single(body) else self.many.decode(body)
        return events

    def pieces(self, body: bytes) -> list[bytes]:
        """The bytes of each event. Raises what msgspec raises when it is not even that."""
        if self.shape == "lines":
            return [line for line in body.split(b"\n") if line.strip()]
        if self.is_single(body):
            return [body]
        return [bytes(raw) for raw in _raws.decode(body)]


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_inside = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])
_any = msgspec.json.Decoder(float_hook=exact_number)
_event = (
    msgspec.json.Decoder(Event, float_hook=exact_number),
    msgspec.json.Decoder(list[Event], float_hook=exact_number),
)
_cloud = (
    msgspec.json.Decoder(CloudEvent, float_hook=exact_number),
    msgspec.json.Decoder(list[CloudEvent], float_hook=exact_number),
)

JSON = Form("one or array", "a JSON array of events, or one event as a JSON object", *_event, objection)
LINES = Form("lines", "one event as a JSON object on each line", *_event, objection)
CLOUD_EVENT = Form("one", "one CloudEvent as a JSON object", *_cloud, cloud_objection, event_of)
CLOUD_EVENTS = Form("array", "a JSON array of CloudEvents", *_cloud, cloud_objection, event_of)
FORMS = {
    "application/json": JSON,
    "application/x-ndjson": LINES,
    "application/cloudevents+json": CLOUD_EVENT,
    "application/cloudevents-batch+json": CLOUD_EVENTS,
}


def read(body: bytes, form: Form = JSON) -> list[Event]:
    """The events of a body. Raises `Unreadable`, which points at what is wrong, if anything is."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BYTES:,} bytes; send smaller batches.")
    try:
        found = form.decoded(body)
    except _NOT_READ:
        raise _why_unreadable(body, form) from None
    if len(found) > MAX_EVENTS:
        raise TooLarge(f"A request carries at most {MAX_EVENTS:,} {form.noun}s, and this has {len(found):,}.")
    # A control character in JSON is written with a backslash, but for DEL: without either there is nothing to look for.
    has_controls = b"\\" in body or b"\x7f" in body
    is_flat = not has_controls and body.count(b"{") <= 2 * len(found) and body.count(b"[") <= 1
    wrong = _has_wrong_number(found) if is_flat and form.made is None else _has_wrong(found, form, has_controls)
    if wrong or _has_large(body, form):
        raise _why_unreadable(body, form)
    return found if form.made is None else [form.made(each) for each in found]


def read_one(text: bytes) -> Event:
    """The event of one line. Raises `Unreadable` with one problem, whose pointer begins inside the event."""
    try:
        event: Event = JSON.one.decode(text)
        if len(text) <= MAX_EVENT_BYTES and objection(event) is None:
            return event
    except _NOT_READ:
        pass
    path, message = _wrong_with(text, JSON) or Wrong((), f"Send {LINES.wanted}")
    raise _refusal([Problem(0, pointer(path), message)], 1)


def located(refusal: Rejected, form: Form, *, is_single: bool) -> Rejected:
    """The same with pointers into the body as it was sent, of the first problems."""
    moved = {"properties": "data", "schema_version": "dataschema"} if form.made is not None else {}
    problems = []
    for problem in refusal.problems[:MAX_ERRORS]:
        _, index, field, *rest = problem.pointer.split("/")
        steps = [moved.get(field, field), *rest] if is_single else [index, moved.get(field, field), *rest]
        problems.append(Problem(problem.index, "".join(f"/{step}" for step in steps), problem.message))
    return Rejected(refusal.detail, problems)


def _has_wrong(found: list[Any], form: Form, has_controls: bool) -> bool:
    return any(form.objection(each, has_controls) for each in found)


def _has_wrong_number(found: list[Event]) -> bool:
    """Events without control characters and without anything nested can be wrong only in a number or a year."""
    return not all(map(is_storable, {event.time.year for event in found})) or any(
        type(value) is int and not -TOO_BIG < value < TOO_BIG for event in found for value in event.properties.values()
    )


def _has_large(body: bytes, form: Form) -> bool:
    return len(body) > MAX_EVENT_BYTES and any(len(piece) > MAX_EVENT_BYTES for piece in form.pieces(body))


def _why_unreadable(body: bytes, form: Form) -> Unreadable:
    """Go through a refused body slowly, event by event, to say which and what."""
    try:
        pieces = form.pieces(body)
    except msgspec.ValidationError:
        return Unreadable(f"Send {form.wanted}.")
    except _NOT_READ as problem:
        return Unreadable(f"The body cannot be read as JSON: {problem}.")
    single = form.is_single(body)
    problems = [
        Problem(index, pointer(wrong.path if single else (index, *wrong.path)), wrong.message)
        for index, piece in enumerate(pieces)
        if (wrong := _wrong_with(piece, form))
    ]
    return _refusal(problems, len(pieces), form.noun) if problems else Unreadable(f"Send {form.wanted}.")


def _refusal(problems: list[Problem], total: int, noun: str = "event") -> Unreadable:
    wrong = f"{len(problems):,} of {total:,} {noun}s" if total > 1 else f"The {noun}"
    return Unreadable(f"{wrong} cannot be read; nothing was stored.", problems[:MAX_ERRORS])


def _wrong_with(piece: bytes, form: Form) -> Wrong | None:
    if len(piece) > MAX_EVENT_BYTES:
        return Wrong((), f"An {form.noun} has at most {MAX_EVENT_BYTES:,} bytes, and this has {len(piece):,}")
    try:
        return form.objection(form.one.decode(piece), True)
    except msgspec.ValidationError as problem:
        return _invalid(piece, str(problem))
    except RecursionError:
        return Wrong((), TOO_DEEP)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        return Wrong(_culprit(piece, ()), f"This cannot be read as JSON: {problem}")


def _invalid(piece: bytes, problem: str) -> Wrong:
    """What the types found, with the place: msgspec names only fields, not what is inside of them."""
    message, _, where = problem.partition(" - at `$")
    named = re.search(r"field `([^`]*)`", message)
    field = re.match(r"\.(\w+)", where)
    if field is None:
        return Wrong((named[1],) if named else (), message)
    if field[1] not in ("properties", "data"):
        return Wrong((field[1],), message)
    return Wrong(_culprit(piece, (), into=field[1]), message)


def _culprit(raw: bytes | msgspec.Raw, path: Path, into: str | None = None) -> Path:
    """The innermost place that cannot be read by itself."""
    try:
        inside = _inside.decode(raw)
    except _NOT_READ:
        return path
    for step, value in inside.items() if isinstance(inside, dict) else enumerate(inside):
        if into in (None, step) and not _readable(value):
            return _culprit(value, (*path, step))
    return path if into is None else (*path, into)


def _readable(raw: msgspec.Raw) -> bool:
    try:
        _any.decode(raw)
    except _NOT_READ:
        return False
    return True
