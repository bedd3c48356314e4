import gzip
import io
import json
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from metering.wire.events import MAX_EVENT_BYTES, Unreadable
from metering.wire.files import BrokenOff, Line, events_of
from metering.wire.reading import read

EVENT = {"id": "e1", "type": "t", "time": "2026-03-10T12:00:00Z", "customer": "contoso", "properties": {"tokens": 5}}
HEADER = b"id,type,time,customer,source,tokens,region\n"


def lines_of(content: bytes, name: str = "usage.csv") -> list[Line]:
    return list(events_of(io.BytesIO(content), name))


def row(id: str = "e1", rest: str = ",5,eu") -> bytes:  # noqa: A002
    return f"{id},t,2026-03-10T12:00:00Z,contoso,{rest}\n".encode()


def ndjson(*events: Any) -> bytes:
    return b"".join(json.dumps({**EVENT, **event}).encode() + b"\n" for event in events)


def test_csv_and_lines_say_the_same() -> None:
    from_csv = lines_of(HEADER + row(rest=",5,") + b"\n" + row("e2", "hub,5,"))
    from_lines = lines_of(ndjson({}) + b"\n\n" + ndjson({"id": "e2", "source": "hub"}), "usage.ndjson")
    assert [line.event for line in from_csv] == [line.event for line in from_lines]
    assert ([line.number for line in from_csv], [line.number for line in from_lines]) == ([2, 4], [1, 4])
    assert from_csv[0].event == read(json.dumps(EVENT).encode())[0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("5", Decimal(5)),
        ("-1.10", Decimal("-1.10")),
        ("0.5", Decimal("0.5")),
        ("007", "007"),
        ("1e5", "1e5"),
        ("+5", "+5"),
        (".5", ".5"),
        ("9" * 31, "9" * 31),
        ("NaN", "NaN"),
        ("true", "true"),
        ('"a, ""b""\nc"', 'a, "b"\nc'),
        ("é", "é"),
    ],
)
def test_a_cell_is_a_number_only_if_nothing_is_lost(cell: str, value: Any) -> None:
    event = lines_of(HEADER + row(rest=f",{cell},eu"))[0].event
    assert event is not None
    assert (event.properties, str(event.properties["tokens"])) == ({"tokens": value, "region": "eu"}, str(value))


def test_an_empty_or_missing_cell_is_not_there() -> None:
    found = [
        line.event for line in lines_of("\ufeff".encode() + HEADER + row(rest=",,") + row("e2", "").rstrip(b",\n"))
    ]
    assert [event.properties for event in found if event] == [{}, {}]


@pytest.mark.parametrize("name", ["usage.txt", "usage", "usage.csv.zip", "usage.gz", ".json"])
def test_the_name_says_what_it_is(name: str) -> None:
    with pytest.raises(Unreadable):
        lines_of(HEADER, name)


@pytest.mark.parametrize(
    "header", [b"", b"\n", b"id,type,time\n", b"id,type,time,customer,a,a\n", b"id,type,time,customer,\n"]
)
def test_a_csv_names_its_columns(header: bytes) -> None:
    with pytest.raises(Unreadable, match="first line"):
        lines_of(header + row())


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (row("", ",5,"), "/id"),
        (row("x" * 201), "/id"),
        (row().replace(b"2026", b"soon"), "/time"),
        (row().replace(b"contoso", b""), "/customer"),
        (row().replace(b"contoso", b"\xff"), ""),
        (row(rest=",5,eu,more"), ""),
        (row(rest=",5,a\0"), "/properties/region"),
    ],
)
def test_a_bad_row_is_told_and_the_rest_read(bad: bytes, pointer: str) -> None:
    found = lines_of(HEADER + row("e0") + bad + row("e2"))
    assert [line.event and line.event.id for line in found] == ["e0", None, "e2"]
    assert (found[1].number, found[1].pointer, bool(found[1].message)) == (3, pointer, True)


@pytest.mark.parametrize(
    "bad", [b"{\n", b"\xff\n", b"[]\n", b"x" * 200_000 + b"\n", b'{"id": 1}\n', b"[" * 60_000 + b"\n"]
)
def test_a_bad_line_is_told_and_the_rest_read(bad: bytes) -> None:
    found = lines_of(ndjson({}) + bad + ndjson({"id": "e2"}), "usage.jsonl")
    assert [(line.number, line.event and line.event.id) for line in found] == [(1, "e1"), (2, None), (3, "e2")]


def test_the_longest_line_is_the_longest_event() -> None:
    event = ndjson({"properties": {"a": ""}})
    fits = event.replace(b'""', b'"' + b"x" * (MAX_EVENT_BYTES + 1 - len(event)) + b'"')
    assert [line.event is None for line in lines_of(fits + fits.replace(b"x", b"xx", 1), "a.ndjson")] == [False, True]


@pytest.mark.parametrize("name", ["usage.csv.gz", "USAGE.CSV.GZ"])
def test_a_gzipped_file_is_the_same(name: str) -> None:
    content = HEADER + b"".join(row(f"e{n}") for n in range(100))
    assert lines_of(gzip.compress(content), name) == lines_of(content)


def test_a_file_cut_off_or_damaged_is_told_after_what_was_whole() -> None:
    content = b"".join(ndjson({"id": f"e{n}"}) for n in range(5000))
    found, whole = events_of(io.BytesIO(gzip.compress(content)[:-500]), "a.ndjson.gz"), []
    with pytest.raises(BrokenOff):
        whole.extend(found)
    assert 0 < len(whole) < 5000
    for wrong in (content, b"\x1f\x8bnonsense", b"\x1f", gzip.compress(content) + b"rest"):
        with pytest.raises(BrokenOff):
            lines_of(wrong, "a.ndjson.gz")
    with pytest.raises(BrokenOff):
        lines_of(HEADER + b'"e1,t\n')
    with pytest.raises(BrokenOff):
        lines_of(HEADER + b"x" * 100_000)


def test_a_bomb_of_a_file_stays_small() -> None:
    bomb = io.BytesIO(gzip.compress(b"x" * 100_000_000))
    tracemalloc.start()
    try:
        assert [line.event for line in events_of(bomb, "a.ndjson.gz")] == [None]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
