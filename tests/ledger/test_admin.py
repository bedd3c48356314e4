"""The books in the admin: who may look, and the export of a period."""

from typing import Any

import pytest
from django.test import Client

from invoicing.models import Invoice
from ledger import operations
from ledger.models import JournalEntry
from tests import cast
from tests.books import act

JOURNAL, EXPORT = "/admin/ledger/journalentry/", "/admin/ledger/journalentry/export/"
FEBRUARY = {"start_on": "2026-02-01", "end_on": "2026-02-28", "legal_entity": ""}


def signed_in(name: str) -> Client:
    client = Client()
    client.force_login(cast.person(name), "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def books(billed: tuple[Invoice, Invoice]) -> list[JournalEntry]:
    return [entry for invoice in billed for entry in operations.post_invoice(invoice, act=act())]


@pytest.mark.parametrize(
    ("name", "status"), [("cara", 200), ("ada", 200), ("ann", 403), ("ben", 403), ("dee", 403), ("eric", 403)]
)
def test_the_books_are_for_finance_and_administrators(books: list[JournalEntry], name: str, status: int) -> None:
    client = signed_in(name)
    for url in (JOURNAL, f"{JOURNAL}{books[0].pk}/change/", EXPORT):
        assert client.get(url).status_code == status, url
    assert client.get(EXPORT, FEBRUARY | {"download": "csv"}).status_code == status


def test_nobody_adds_changes_or_deletes_an_entry(books: list[JournalEntry]) -> None:
    client = signed_in("cara")
    for url in (f"{JOURNAL}add/", f"{JOURNAL}{books[0].pk}/delete/"):
        assert client.get(url).status_code == 403
    client.post(f"{JOURNAL}{books[0].pk}/change/", {"description": "Something else"})
    assert JournalEntry.objects.get(pk=books[0].pk).description == books[0].description


def test_the_journal_shows_both_sides(books: list[JournalEntry]) -> None:
    page = signed_in("cara").get(JOURNAL).content.decode()
    assert "1150 Unbilled receivable" in page
    assert "$92.25" in page


def test_the_journal_is_found_by_account_and_day(books: list[JournalEntry]) -> None:
    client = signed_in("cara")
    page = client.get(JOURNAL, {"postings__account__code__exact": "4900"})
    assert page.context["cl"].result_count == 1
    page = client.get(JOURNAL, {"posted_on_from": "2026-02-01", "posted_on_to": "2026-02-28"})
    assert page.context["cl"].result_count == 2


def test_the_list_asks_as_often_for_one_entry_as_for_three(
    books: list[JournalEntry], django_assert_max_num_queries: Any
) -> None:
    client = signed_in("cara")
    client.get(JOURNAL)
    counts = []
    for wanted in (books[:1], books[:3]):
        found = ",".join(str(entry.pk) for entry in wanted)
        with django_assert_max_num_queries(60) as asked:
            assert client.get(JOURNAL, {"id__in": found}).context["cl"].result_count == len(wanted)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_export_shows_control_totals_and_gives_the_file(books: list[JournalEntry]) -> None:
    client = signed_in("cara")
    page = client.get(EXPORT, FEBRUARY).content.decode()
    assert "Control totals" in page
    assert "$88.25" in page
    assert "Trial balance at the end of 28 February 2026" in page
    answer = client.get(EXPORT, FEBRUARY | {"download": "csv"})
    assert answer["Content-Disposition"] == 'attachment; filename="journal-2026-02-01-2026-02-28.csv"'
    assert (answer["X-Entries"], answer["X-Postings"]) == ("2", "4")
    assert len(answer.content.decode().splitlines()) == 5


def test_a_period_that_ends_before_it_starts_is_refused(books: list[JournalEntry]) -> None:
    backwards = {"start_on": "2026-02-28", "end_on": "2026-02-01", "download": "csv"}
    answer = signed_in("cara").get(EXPORT, backwards)
    assert "The period ends before it starts." in answer.content.decode()


def test_the_export_is_one_click_from_the_journal(books: list[JournalEntry]) -> None:
    page = signed_in("cara").get(JOURNAL).content.decode()
    assert "Export a period" in page
    assert f'href="{EXPORT}"' in page


def test_the_chart_of_accounts_is_shown(books: list[JournalEntry]) -> None:
    assert "Deferred revenue" in signed_in("cara").get("/admin/ledger/account/").content.decode()
