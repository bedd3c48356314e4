import json
from typing import Any

import pytest

from metering.wire.events import MAX_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, Problem, TooLarge, Unreadable, json_of
from metering.wire.reading import JSON, LINES, Form, read, read_one

GOOD = {"id": "e1", "type": "t", "time": "2026-03-10T12:00:00Z", "customer": "contoso"}


def body(*events: Any) -> bytes:
    return json.dumps([{**GOOD, **event} if isinstance(event, dict) else event for event in events]).encode()


def with_properties(properties: str) -> bytes:
    return body({}, {"properties": "HERE"}).replace(b'"HERE"', properties.encode())


def problems(sent: bytes, form: Form = JSON) -> list[Problem]:
    with pytest.raises(Unreadable) as refusal:
        read(sent, form)
    return refusal.value.problems


def test_one_event_or_many() -> None:
    one = read(json.dumps(GOOD).encode())
    assert read(b" " + body({})) == one
    assert read(b"[]") == []


@pytest.mark.parametrize(
    ("number", "exact"),
    [
        ("5", "5"),
        ("0.10", "0.10"),
        ("1e3", "1E+3"),
        ("-0.0", "-0.0"),
        ("0.100000000000000005", "0.100000000000000005"),
        ("999999999999999999999999999999", "999999999999999999999999999999"),
        ("1E-18", "1E-18"),
    ],
)
def test_numbers_are_exact(number: str, exact: str) -> None:
    value = read(with_properties(f'{{"n": {number}}}'))[1].properties["n"]
    assert not isinstance(value, float)
    assert str(value) == exact
    assert json_of(value).decode() == exact


@pytest.mark.parametrize(
    "number", ["1e30", "1" + "0" * 30, "1" + "0" * 6000, "1e999999999", "1e-19", "0." + "1" * 100, "1" * 200 + ".5"]
)
@pytest.mark.parametrize("shape", ['{{"n": {}}}', '{{"a": [1, {{"b": {}}}]}}'])
def test_a_number_too_large_to_keep_is_refused(number: str, shape: str) -> None:
    sent = with_properties(shape.format(number))
    assert [(found.index, found.pointer) for found in problems(sent)] == [
        (1, "/1/properties/n" if "n" in shape else "/1/properties/a/1/b")
    ]


@pytest.mark.parametrize(
    ("properties", "pointer"),
    [
        ('{"a": 1, "b": "x\\u0000y"}', "/1/properties/b"),
        ('{"b": ["\\u0000"]}', "/1/properties/b/0"),
        ('{"b": {"\\u0000": 1}}', "/1/properties/b"),
        ('{"\\u0000": 1}', "/1/properties/\0"),
        ('{"b": ' + "[" * 8 + "]" * 8 + "}", "/1/properties/b" + "/0" * 7),
        ("[1]", "/1/properties"),
        ("null", "/1/properties"),
        ('"x"', "/1/properties"),
        ('{"a/b~c": "\\u0000"}', "/1/properties/a~1b~0c"),
        ('{"a": {"b": [0, "\\u0000"]}}', "/1/properties/a/b/1"),
    ],
)
def test_properties_that_cannot_be_stored_are_refused(properties: str, pointer: str) -> None:
    assert [(found.index, found.pointer) for found in problems(with_properties(properties))] == [(1, pointer)]


def test_properties_may_nest_eight_levels() -> None:
    assert read(with_properties('{"b": ' + "[" * 7 + "]" * 7 + "}"))


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        ({"id": ""}, "/id"),
        ({"id": 5}, "/id"),
        ({"id": "x" * 201}, "/id"),
        ({"id": "a\0b"}, "/id"),
        ({"id": "a\nb"}, "/id"),
        ({"type": None}, "/type"),
        ({"customer": ["contoso"]}, "/customer"),
        ({"customer": "x" * 121}, "/customer"),
        ({"source": None}, "/source"),
        ({"time": "yesterday"}, "/time"),
        ({"time": "2026-03-10T12:00:00"}, "/time"),
        ({"time": "2026-02-30T12:00:00Z"}, "/time"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "/time"),
        ({"time": "9999-12-31T23:59:59-14:00"}, "/time"),
        ({"time": 1773144000}, "/time"),
        ({"property": {}}, "/property"),
        (5, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_a_refusal_points_at_event_and_field(event: Any, pointer: str) -> None:
    assert [(found.index, found.pointer) for found in problems(body({}, {}, event))] == [(2, f"/2{pointer}")]


@pytest.mark.parametrize("field", ["id", "type", "time", "customer"])
def test_a_missing_field_is_named(field: str) -> None:
    lacking = {name: value for name, value in GOOD.items() if name != field}
    assert problems(json.dumps(lacking).encode()) == [
        Problem(0, f"/{field}", f"Object missing required field `{field}`")
    ]


def test_every_bad_event_is_named_up_to_twenty() -> None:
    found = problems(body({}, {"id": 1}, {}, {"time": "x"}, *[{"type": 1}] * 30))
    assert [problem.index for problem in found] == [1, 3, *range(4, 22)]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"null",
        b"5",
        b'"x"',
        b"{",
        b"[{]",
        b"\xff\xfe",
        b"[" * 100_000,
        with_properties('{"n": NaN}'),
        with_properties('{"n": Infinity}'),
        with_properties('{"n": "\\ud800"}'),
        with_properties('{"n": "\\udc00"}'),
        with_properties('{"n": ' + "[" * 50_000 + "]" * 50_000 + "}"),
        with_properties('{"n": "x"}').replace(b'"x"', b'"\xff"'),
        body({}) + b"x",
    ],
)
def test_what_is_not_json_is_refused(sent: bytes) -> None:
    with pytest.raises(Unreadable):
        read(sent)


def test_a_body_has_limits() -> None:
    with pytest.raises(TooLarge):
        read(b" " * (MAX_BYTES + 1))
    with pytest.raises(TooLarge):
        read(body(*[{}] * (MAX_EVENTS + 1)))
    assert len(read(body(*[{}] * MAX_EVENTS))) == MAX_EVENTS


def test_seven_decimals_of_a_second_are_read() -> None:
    event = read(body({"time": "2023-11-16T18:17:03.9799600Z"}))[0]
    assert event.time.microsecond == 979960


# ---------------------------------------------------------------- the size of one event
def of_size(size: int) -> bytes:
    event = json.dumps({**GOOD, "properties": {"a": ""}}).encode()
    return event.replace(b'""', b'"' + b"x" * (size - len(event)) + b'"')


def test_an_event_has_a_size() -> None:
    fits, large = of_size(MAX_EVENT_BYTES), of_size(MAX_EVENT_BYTES + 1)
    assert len(read(b"[" + fits + b"," + fits + b"]")) == len(read(fits + b"\n" + fits, LINES)) == 2
    wrong = Problem(1, "/1", "An event has at most 65,536 bytes, and this has 65,537")
    assert problems(b"[" + fits + b", " + large + b"]") == [wrong]
    assert problems(fits + b"\n" + large, LINES) == [wrong]
    assert problems(large) == [Problem(0, "", wrong.message)]


# ---------------------------------------------------------------- one event a line
def lines(*events: Any) -> bytes:
    return b"\n".join(event if isinstance(event, bytes) else json.dumps({**GOOD, **event}).encode() for event in events)


def test_lines_are_the_same_events() -> None:
    events = [{}, {"id": "e2", "properties": {"n": 1}}]
    assert read(lines(*events), LINES) == read(body(*events))
    assert read(b"\n" + lines({}, b"", b" \r", {}) + b"\r\n\n", LINES) == read(body({}, {}))
    assert read(b"", LINES) == read(b"\n \n", LINES) == []


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (b"{", "/1"),
        (b"[]", "/1"),
        (b"x", "/1"),
        (b"\xff\xfe", "/1"),
        (b'{"id": 1}', "/1/id"),
        ({"properties": {"n": 10**30}}, "/1/properties/n"),
        ({"properties": {"n": {"m": ["\0"]}}}, "/1/properties/n/m/0"),
        ({"properties": {"n": "HERE"}}, "/1/properties/n"),
    ],
)
def test_a_bad_line_is_pointed_at(line: Any, pointer: str) -> None:
    sent = lines({}, line, {}).replace(b'"HERE"', b'"\xff"')
    assert [(found.index, found.pointer) for found in problems(sent, LINES)] == [(1, pointer)]


def test_lines_have_limits_too() -> None:
    with pytest.raises(TooLarge):
        read(b"\n" * (MAX_BYTES + 1), LINES)
    with pytest.raises(TooLarge):
        read(lines(*[{}] * (MAX_EVENTS + 1)), LINES)


def test_one_line_by_itself() -> None:
    assert [read_one(lines({}))] == read(body({}))
    for wrong, pointer in ((b"{", ""), (lines({"id": ""}), "/id"), (of_size(MAX_EVENT_BYTES + 1), ""), (b"[]", "")):
        with pytest.raises(Unreadable) as refusal:
            read_one(wrong)
        assert [found.pointer for found in refusal.value.problems] == [pointer]
