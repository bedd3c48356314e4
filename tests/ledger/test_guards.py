"""What PostgreSQL refuses, whoever asks."""

from typing import Any

import pytest
from django.db import Error, connection, transaction

from invoicing.models import Invoice
from ledger import operations
from ledger.models import JournalEntry, Posting
from tests.books import act


@pytest.fixture
def entry(billed: tuple[Invoice, Invoice]) -> JournalEntry:
    return operations.post_invoice(billed[0], act=act())[0]


def sql(statement: str, *values: Any) -> None:
    """Run it and check what is deferred to the commit, too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(message: str, statement: str, *values: Any) -> None:
    before = list(Posting.objects.values_list("pk", "debit", "credit")), JournalEntry.objects.count()
    with pytest.raises(Error, match=message):
        sql(statement, *values)
    assert (list(Posting.objects.values_list("pk", "debit", "credit")), JournalEntry.objects.count()) == before


def copy_of(entry: JournalEntry, source_id: str) -> str:
    return (
        "INSERT INTO ledger_journalentry (legal_entity_id, customer_id, source_type, source_id, posted_on, currency,"
        " description, change_id) SELECT legal_entity_id, customer_id, source_type,"
        f" '{source_id}', posted_on, currency, description, change_id FROM ledger_journalentry WHERE id = {entry.pk}"
    )


def side(entry: JournalEntry, debit: int, credit: int) -> str:
    return (
        "INSERT INTO ledger_posting (entry_id, position, account_id, debit, credit, memo)"
        f" VALUES ({entry.pk}, 9, '1000', {debit}, {credit}, '')"
    )


def test_an_entry_that_does_not_balance(entry: JournalEntry) -> None:
    refused("does not balance", side(entry, 1, 0))


def test_an_entry_without_postings(entry: JournalEntry) -> None:
    refused("does not balance", copy_of(entry, "other"))


@pytest.mark.parametrize(("debit", "credit"), [(1, 1), (0, 0), (-1, 0), (0, -1)])
def test_a_posting_that_is_not_one_sided(entry: JournalEntry, debit: int, credit: int) -> None:
    refused("a_posting_is_one_sided", side(entry, debit, credit))


def test_a_second_entry_for_a_source(entry: JournalEntry) -> None:
    refused("one_entry_per_source", copy_of(entry, entry.source_id))


def test_a_second_reversal_of_an_entry(entry: JournalEntry) -> None:
    twice = (
        copy_of(entry, "x")
        .replace("change_id)", "change_id, reverses_id)")
        .replace("change_id FROM", "change_id, id FROM")
    )
    refused("reverses_id", f"{twice}; {twice.replace(chr(39) + 'x' + chr(39), chr(39) + 'y' + chr(39))}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_journalentry SET posted_on = posted_on - 1",
        "DELETE FROM ledger_journalentry",
        "UPDATE ledger_posting SET debit = debit + 1 WHERE debit > 0",
        "UPDATE ledger_posting SET account_id = '1000'",
        "DELETE FROM ledger_posting",
    ],
)
def test_changing_or_deleting_what_was_booked(entry: JournalEntry, statement: str) -> None:
    refused("never changes", statement)


def test_deleting_an_account_that_is_used(entry: JournalEntry) -> None:
    refused("foreign key", "DELETE FROM ledger_account WHERE code = '1100'")
