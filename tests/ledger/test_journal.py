"""The journal as a file."""

import csv
import hashlib
import io
from datetime import date
from decimal import Decimal

import pytest

from invoicing.models import Invoice
from ledger import operations
from ledger.journal import COLUMNS, ControlTotals, export_csv, text_cell
from ledger.models import JournalEntry
from ledger.queries import CurrencyTotals, journal, totals, trial_balance
from tests.books import act

D = Decimal
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


@pytest.fixture
def books(billed: tuple[Invoice, Invoice]) -> None:
    for invoice in billed:
        operations.post_invoice(invoice, act=act())


def exported(*period: date) -> tuple[str, ControlTotals]:
    file = io.StringIO(newline="")
    control = export_csv(file, journal(*period) if period else JournalEntry.objects.all())
    return file.getvalue(), control


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_one_row_a_posting_by_day_and_number(books: None, billed: tuple[Invoice, Invoice]) -> None:
    text, _ = exported(*JANUARY)
    first = JournalEntry.objects.get(source_type="invoice.earned")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert [(row["account_code"], row["debit"], row["credit"]) for row in rows(text)] == [
        ("1150", "92.25", "0.00"),
        ("4000", "0.00", "72.25"),
        ("4100", "0.00", "20.00"),
        ("2100", "36.00", "0.00"),
        ("4900", "4.00", "0.00"),
        ("1150", "0.00", "40.00"),
    ]
    assert rows(text)[1] == {
        "entry": str(first.pk),
        "posting_date": "2026-01-31",
        "account_code": "4000",
        "account_name": "Usage revenue",
        "debit": "0.00",
        "credit": "72.25",
        "currency": "USD",
        "customer_key": "contoso",
        "customer": "Contoso Ltd",
        "memo": "Input tokens, Output tokens",
        "source_type": "invoice.earned",
        "source": f"Earned: {billed[1].number}",
    }


def test_every_entry_of_the_file_balances(books: None) -> None:
    sums: dict[str, Decimal] = {}
    for row in rows(exported()[0]):
        sums[row["entry"]] = sums.get(row["entry"], D(0)) + D(row["debit"]) - D(row["credit"])
    assert list(sums.values()) == [0, 0, 0, 0]


def test_control_totals_are_those_of_the_file_and_of_the_ledger(books: None) -> None:
    text, control = exported(*JANUARY)
    assert control.totals == [CurrencyTotals("USD", 2, 6, D("132.25"), D("132.25"))]
    assert control.totals == totals(journal(*JANUARY))
    assert control.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert sum(D(row["debit"]) for row in rows(text)) == D("132.25")


def test_the_same_books_give_the_same_bytes(books: None) -> None:
    assert exported() == exported()


def test_periods_tile_the_journal(books: None) -> None:
    february = (date(2026, 2, 1), date(2026, 2, 28))
    before = (date(2025, 1, 1), date(2025, 12, 31))
    parts = [exported(*period)[0].splitlines()[1:] for period in (before, JANUARY, february)]
    assert [line for part in parts for line in part] == exported()[0].splitlines()[1:]


def test_a_month_without_entries_is_a_header(db: None) -> None:
    text, control = exported(*JANUARY)
    assert (text, control.entries, control.postings) == (",".join(COLUMNS) + "\r\n", 0, 0)


def test_another_sellers_journal_is_its_own(books: None, billed: tuple[Invoice, Invoice]) -> None:
    seller = billed[0].legal_entity
    assert journal(*JANUARY, seller).count() == 2
    seller.pk = "00000000-0000-0000-0000-000000000000"
    assert journal(*JANUARY, seller).count() == 0


@pytest.mark.parametrize("number", [1, 3])
def test_the_number_of_queries_does_not_grow(books: None, number: int, django_assert_num_queries: object) -> None:
    wanted = JournalEntry.objects.filter(pk__in=JournalEntry.objects.values("pk")[:number])
    with django_assert_num_queries(3):  # type: ignore[operator]
        export_csv(io.StringIO(), wanted)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", " =1", "－1"])
def test_a_text_is_never_a_formula(text: str) -> None:
    assert text_cell(text).startswith("'")


@pytest.mark.parametrize(
    ("text", "cell"), [("Contoso Ltd", "Contoso Ltd"), ("", ""), ("two\nlines", "two lines"), ("1-2", "1-2")]
)
def test_an_innocent_text_is_left_alone(text: str, cell: str) -> None:
    assert text_cell(text) == cell


def test_the_trial_balance_adds_up_to_nothing_on_any_day(books: None) -> None:
    for day in (date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 2)):
        assert sum(row.balance for row in trial_balance(day)) == 0
    assert [(row.code, row.balance) for row in trial_balance(date(2026, 1, 31)) if row.code == "1150"] == [
        ("1150", D("52.25"))
    ]
