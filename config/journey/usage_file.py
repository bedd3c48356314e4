"""Usage as a file: one request a row, checked whole before anything is done with it."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pricing.periods import add_months

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,7})?Z?")
MOST_TOKENS = 10**12
CONTRACT_MONTHS = 12


class BadFile(Exception):
    """The file cannot be used. The message names the row and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the service: its row in the file (the first after the heading is 1), when, and its tokens."""

    row: int
    at: datetime
    input_tokens: int
    output_tokens: int


def read(path: Path) -> list[Request]:
    """Every row of a CSV file with the columns TIMESTAMP (UTC), ContextTokens, GeneratedTokens, or `BadFile`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            requests = list(_rows(csv.reader(file, strict=True)))
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path} is not text in UTF-8.") from error
    except csv.Error as error:
        raise BadFile(f"{path} is not a CSV file: {error}.") from error
    if not requests:
        raise BadFile(f"{path} has no rows.")
    _check_term(requests)
    return requests


def made_up() -> list[Request]:
    """A small month that is always the same: 3,000 requests spread over March 2026 by a fixed arithmetic."""
    start, spacing = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=31) / 3000
    return [Request(n + 1, start + n * spacing, 400 + (n * 7919) % 9000, 50 + (n * 6101) % 2100) for n in range(3000)]


def first_month(requests: list[Request]) -> date:
    """The first day of the month of the first row: when the contract starts."""
    return requests[0].at.date().replace(day=1)


def _rows(reader: Iterator[list[str]]) -> Iterator[Request]:
    heading = next(reader, None)
    if heading is None or [name.strip() for name in heading] != list(COLUMNS):
        raise BadFile(f"The first line must be {','.join(COLUMNS)}.")
    for row, fields in enumerate(reader, start=1):
        if not fields:
            continue
        if len(fields) != len(COLUMNS):
            raise _bad(row, f"it has {len(fields)} fields instead of {len(COLUMNS)}")
        yield Request(
            row, _time(row, fields[0]), _tokens(row, COLUMNS[1], fields[1]), _tokens(row, COLUMNS[2], fields[2])
        )


def _time(row: int, text: str) -> datetime:
    try:
        if TIMESTAMP.fullmatch(text.strip()) is None:
            raise ValueError
        # The seventh decimal is below what a datetime holds and below what any period's edge can tell apart.
        whole, _, fraction = text.strip().rstrip("Z").partition(".")
        return datetime.fromisoformat(whole).replace(microsecond=int(fraction[:6].ljust(6, "0") or 0), tzinfo=UTC)
    except ValueError:
        raise _bad(row, f"TIMESTAMP {text!r} is not a time like 2023-11-16 18:15:46.6805900") from None


def _tokens(row: int, column: str, text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or int(text) > MOST_TOKENS:
        raise _bad(row, f"{column} {text!r} is not a whole number from 0 to {MOST_TOKENS:,}")
    return int(text)


def _check_term(requests: list[Request]) -> None:
    start = first_month(requests)
    end = add_months(start, CONTRACT_MONTHS)
    for request in requests:
        if not start <= request.at.date() < end:
            when = f"{request.at:%Y-%m-%d}"
            raise _bad(request.row, f"{when} is outside the contract, which runs from {start} for twelve months")


def _bad(row: int, what: str) -> BadFile:
    return BadFile(f"Row {row} (line {row + 1}): {what}.")
