"""The journal as a file for the ERP: one row a posting, the same bytes whenever the same books are exported."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from django.db.models import Prefetch, QuerySet

from ledger import queries
from ledger.models import JournalEntry, Posting
from ledger.queries import CurrencyTotals
from pricing.money import exponent, fixed

COLUMNS = [
    "entry",
    "posting_date",
    "account_code",
    "account_name",
    "debit",
    "credit",
    "currency",
    "customer_key",
    "customer",
    "memo",
    "source_type",
    "source",
]
_CHUNK = 2000
# What a spreadsheet would take for the beginning of a formula, in the full-width forms too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class ControlTotals:
    """What the receiver should find in the file: rows and sums by currency, and its SHA-256."""

    totals: list[CurrencyTotals]
    sha256: str

    @property
    def entries(self) -> int:
        return sum(each.entries for each in self.totals)

    @property
    def postings(self) -> int:
        return sum(each.postings for each in self.totals)


def export_csv(file: TextIO, entries: QuerySet[JournalEntry]) -> ControlTotals:
    """Write entries (see `queries.journal`), by day and number, to a UTF-8 text file opened with `newline=""`.

    Deterministic to the byte. Raises ValueError if what was written is not what the database sums up to: entries were
    booked meanwhile, so the file must be thrown away.
    """
    digest = hashlib.sha256()
    written = -1
    for line in _lines(entries):
        file.write(line)
        digest.update(line.encode())
        written += 1
    control = ControlTotals(queries.totals(entries), digest.hexdigest())
    if written != control.postings:
        raise ValueError("Entries were booked while the journal was exported. Export it again.")
    return control


def _lines(entries: QuerySet[JournalEntry]) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    postings = Prefetch("postings", Posting.objects.select_related("account").order_by("position"))
    rows = entries.select_related("customer").prefetch_related(None).prefetch_related(postings)
    for entry in rows.order_by("posted_on", "id").iterator(chunk_size=_CHUNK):
        for posting in entry.postings.all():
            yield _csv_line(_row(entry, posting))


def _row(entry: JournalEntry, posting: Posting) -> list[str]:
    places = exponent(entry.currency)
    return [
        str(entry.pk),
        entry.posted_on.isoformat(),
        text_cell(posting.account_id),
        text_cell(posting.account.name),
        fixed(posting.debit, places),
        fixed(posting.credit, places),
        entry.currency,
        text_cell(entry.customer.key),
        text_cell(entry.customer.name),
        text_cell(posting.memo or entry.description),
        entry.source_type,
        text_cell(entry.description),
    ]


def text_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, on one line."""
    text = " ".join(text.splitlines()) if text else ""
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


class _Line:
    """Where a csv writer leaves its one line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _csv_line(cells: list[str]) -> str:
    line = _Line()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.text
