"""Files of usage, CSV or NDJSON, plain or gzipped: read line by line, however large, with the number of each line.

A CSV begins with the names of its columns. `id`, `type`, `time`, `customer` and `source` are the event's, every other
column is a property. An empty cell is not there. A cell that is a plain decimal number (no exponent, no leading zero)
is that number, anything else is text.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, NamedTuple

from metering.wire.events import MAX_EVENT_BYTES, WHOLE_DIGITS, Event, Unreadable, json_of
from metering.wire.reading import read_one

OWN_COLUMNS = ("id", "type", "time", "customer", "source")
_NEEDED = OWN_COLUMNS[:4]
_KINDS = (".csv", ".ndjson", ".jsonl")
_NUMBER = re.compile(rf"-?(0|[1-9][0-9]{{0,{WHOLE_DIGITS - 1}}})(\.[0-9]{{1,64}})?", re.ASCII)


class Line(NamedTuple):
    """An event of a file, or why there is none; `number` counts from 1, and is where the event ends."""

    number: int
    event: Event | None
    pointer: str = ""
    message: str = ""


class BrokenOff(Unreadable):
    """The file cannot be read any further. What came before was whole."""


def check_name(name: str) -> None:
    """Raises `Unreadable` unless the name says what kind of file it is."""
    if not name.lower().removesuffix(".gz").endswith(_KINDS):
        raise Unreadable(f"{name}: call it .csv, .ndjson or .jsonl, with .gz behind it if it is gzipped.")


def events_of(file: IO[bytes], name: str) -> Iterator[Line]:
    """What each line of the file says; never more of it in memory than one event may have.

    Raises `Unreadable` for a file of another kind, a CSV without its columns, or (`BrokenOff`) one damaged or cut off.
    """
    check_name(name)
    kind = name.lower()
    plain: Any = gzip.GzipFile(fileobj=file) if kind.endswith(".gz") else file
    try:
        yield from (_of_csv if kind.removesuffix(".gz").endswith(".csv") else _of_lines)(plain)
    except (OSError, EOFError, zlib.error, csv.Error) as problem:
        raise BrokenOff(f"The file cannot be read any further: {problem}.") from None


def _of_lines(file: IO[bytes]) -> Iterator[Line]:
    for number, text in enumerate(_lines(file), start=1):
        if text is None:
            yield _too_long(number)
        elif text := text.strip():
            yield _line(number, text)


def _of_csv(file: IO[bytes]) -> Iterator[Line]:
    rows = csv.reader(_texts(file), strict=True)
    columns = [column.strip() for column in next(rows, [])]
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise Unreadable(f"The first line must name the columns; it does not name {', '.join(missing)}.")
    if len(set(columns)) < len(columns) or "" in columns:
        raise Unreadable("The first line must name each column, and each only once.")
    for cells in rows:
        number = rows.line_num
        if len(cells) > len(columns):
            yield Line(number, None, "", f"{len(cells)} cells under {len(columns)} columns")
        elif any(cells):
            yield _of_cells(number, dict(zip(columns, cells, strict=False)))


def _of_cells(number: int, cells: dict[str, str]) -> Line:
    said: dict[str, Any] = {name: cells.pop(name) for name in OWN_COLUMNS if cells.get(name)}
    said["properties"] = {
        name: Decimal(cell) if _NUMBER.fullmatch(cell) else cell
        for name, cell in cells.items()
        if cell and name not in OWN_COLUMNS
    }
    try:
        return _line(number, json_of(said))
    except UnicodeEncodeError:  # what `_texts` let by
        return Line(number, None, "", "The line is not UTF-8")


def _line(number: int, text: bytes) -> Line:
    try:
        return Line(number, read_one(text))
    except Unreadable as refusal:
        return Line(number, None, refusal.problems[0].pointer, refusal.problems[0].message)


def _too_long(number: int) -> Line:
    return Line(number, None, "", f"An event has at most {MAX_EVENT_BYTES:,} bytes, and this line is longer")


def _texts(file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(_lines(file), start=1):
        if line is None:  # where a record of CSV ends would be a guess from here on
            raise BrokenOff(f"Line {number} is longer than the {MAX_EVENT_BYTES:,} bytes that an event may have.")
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", errors="surrogateescape")


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Each line with its end; None for one that is longer than an event may be."""
    while line := file.readline(MAX_EVENT_BYTES + 2):
        if len(line) <= MAX_EVENT_BYTES + 1 or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_EVENT_BYTES)
        yield None
