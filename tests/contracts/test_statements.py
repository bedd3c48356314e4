"""Statements: opening and movements come to the closing, and each movement names its cause."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import commits
from contracts.account import token_of
from contracts.models import Commit
from contracts.statements import statements_of
from governance.acts import Refused
from governance.change import change
from governance.clock import clock_set_to
from invoicing import operations as invoicing
from tests import cast
from tests.books import BILLING_DAY, act, billed_january, use

pytestmark = pytest.mark.django_db
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def commit() -> Commit:
    """Access to $40.00, used up by January's invoice."""
    _, month = billed_january()
    return month.contract.commits.select_related("contract__customer").get()


def kinds(statement: Any) -> list[tuple[str, Decimal, Decimal]]:
    return [(each.entry.kind, each.entry.amount, each.balance) for each in statement.movements]


def test_it_says_what_there_was_what_moved_it_and_what_is_left(commit: Commit) -> None:
    (whole,) = statements_of([commit], None, None, MARCH)
    assert (whole.opening, whole.closing) == (Decimal(0), Decimal(0))
    assert kinds(whole) == [("grant", Decimal(40), Decimal(40)), ("draw", Decimal(-40), Decimal(0))]
    draw = whole.movements[1].cause
    assert (draw.title, draw.subject_type) == ("Invoice INV-000002", "invoicing.invoice")
    assert draw.paid_for == [("Output tokens", Decimal(34)), ("Input tokens", Decimal(6))]


def test_days_are_the_contracts_and_both_inclusive(commit: Commit) -> None:
    billed_on = BILLING_DAY.date()
    (before,) = statements_of([commit], None, billed_on - timedelta(days=1), MARCH)
    (that_day,) = statements_of([commit], billed_on, billed_on, MARCH)
    (after,) = statements_of([commit], billed_on + timedelta(days=1), None, MARCH)
    assert [(each.opening, each.closing) for each in (before, that_day, after)] == [
        (Decimal(0), Decimal(40)),
        (Decimal(40), Decimal(0)),
        (Decimal(0), Decimal(0)),
    ]
    assert [len(each.movements) for each in (before, that_day, after)] == [1, 1, 0]


def test_a_cancelled_invoice_gives_back_and_says_so(commit: Commit) -> None:
    _, month = commit.contract.invoices.order_by("sequence")
    invoicing.void_invoice(month, act=act("Wrong address"))
    (whole,) = statements_of([commit], None, None, MARCH)
    assert (whole.closing, whole.total("draw", "return")) == (Decimal(40), Decimal(0))
    assert whole.movements[-1].cause.title == "Invoice INV-000002 was cancelled"


def test_three_take_as_many_queries_as_one(commit: Commit) -> None:
    cast.signed_contract(commit=("80", "72"))
    cast.signed_contract(commit=("90", "80"))
    every = list(Commit.objects.select_related("contract"))
    with CaptureQueriesContext(connection) as one:
        statements_of([commit], None, None, MARCH)
    with CaptureQueriesContext(connection) as three:
        statements_of(every, None, None, MARCH)
    assert len(one) == len(three)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(st.tuples(st.integers(0, 90), st.integers(-5000, 5000).filter(bool)), max_size=12),
    cuts=st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True),
)
def test_whatever_happened_and_wherever_it_is_cut_it_adds_up(
    empty_commit: Commit, moves: list[tuple[int, int]], cuts: list[int]
) -> None:
    """Neighbouring statements meet: one closes as the next opens, and the last one closes at the balance."""
    first = date(2026, 1, 1)
    for number, (day, cents) in enumerate(moves):
        because = cast.act(because="Moved", at=datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day))
        with change("commit.adjusted", empty_commit, because) as row:
            try:
                source = ("test", f"{row.pk}-{number}")
                commits.record_entry(empty_commit, "adjustment", Decimal(cents) / 100, *source, because, row)
            except Refused:
                continue
    edges = [None, *(first + timedelta(days=cut) for cut in sorted(cuts)), None]
    pieces = [
        statements_of([empty_commit], start, end and end - timedelta(days=1), MARCH + timedelta(days=300))[0]
        for start, end in pairwise(edges)
    ]
    for piece in pieces:
        assert piece.opening + sum(each.entry.amount for each in piece.movements) == piece.closing
    for piece, following in pairwise(pieces):
        assert piece.closing == following.opening
    assert pieces[0].opening == 0
    assert pieces[-1].closing == Commit.objects.get(pk=empty_commit.pk).balance
    assert sum(len(piece.movements) for piece in pieces) == empty_commit.entries.count()


@pytest.fixture
def empty_commit() -> Commit:
    return cast.signed_contract().commits.select_related("contract").get()


# ------------------------------------------------------------ the doors
def test_the_api_states_commits_with_their_pace(commit: Commit, client: Client) -> None:
    headers = cast.system_key("contracts:read")
    with clock_set_to(MARCH):
        listed = client.get("/api/v1/commits", {"customer": "contoso"}, headers=headers).json()["results"]
        one = client.get(f"/api/v1/commits/{commit.pk}", headers=headers).json()
        statement = client.get(f"/api/v1/commits/{commit.pk}/statement", headers=headers).json()
    assert listed == [one]
    assert {name: one[name] for name in ("customer", "unit", "access", "balance", "start_on", "end_on")} == {
        "customer": "contoso", "unit": "USD", "access": "40", "balance": "0", "start_on": "2026-01-01",
        "end_on": "2026-12-31",
    }  # fmt: skip
    assert one["pace"] == {
        "used_share": "1", "time_share": "0.1616", "last_30_days": "40", "exhausted_at": "2026-02-02T09:00:00Z",
        "expected_rest": "0",
    }  # fmt: skip
    assert (statement["opening"], statement["closing"]) == ("0", "0")
    assert [(each["kind"], each["amount"], each["cause"]) for each in statement["movements"]] == [
        ("grant", "40", "Contract C-2025-0001"),
        ("draw", "-40", "Invoice INV-000002"),
    ]
    assert statement["movements"][1]["paid_for"][0]["amount"] == {"amount": "34.00", "currency": "USD"}


def test_the_api_refuses_days_that_are_none_and_finds_only_what_there_is(commit: Commit, client: Client) -> None:
    headers = cast.system_key("contracts:read")
    address = f"/api/v1/commits/{commit.pk}/statement"
    for asked in ({"start_on": "soon"}, {"start_on": "2026-03-01", "end_on": "2026-02-01"}, {"end_on": "1000-01-01"}):
        assert client.get(address, asked, headers=headers).status_code == 400
    assert client.get(f"/api/v1/commits/{commit.contract_id}/statement", headers=headers).status_code == 404
    pdf = client.get(f"{address}/pdf", headers=headers)
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")


def test_the_commits_page_states_the_days_asked_for(commit: Commit, client: Client, ben: User) -> None:
    client.force_login(ben, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/admin/contracts/commit/{commit.pk}/change/"
    page = client.get(address).content.decode()
    for said in ("Opening", "Invoice INV-000002", "Output tokens $34.00", "Closing", "drawn −$40.00"):
        assert said in page, said
    assert "Nothing moved it" in client.get(address, {"start_on": "2026-02-10"}).content.decode()
    assert "It ends before it begins." in client.get(
        address, {"start_on": "2026-02-10", "end_on": "2026-02-01"}
    ).content.decode()  # fmt: skip
    pdf = client.get(f"/admin/contracts/commit/{commit.pk}/statement/", {"start_on": "2026-02-01"})
    assert pdf.content[:5] == b"%PDF-"


def test_the_customer_reads_the_statement_behind_their_link(commit: Commit, client: Client) -> None:
    use("february", 1, 1)
    address = f"/a/{token_of(commit.contract.customer)}/statement"
    with clock_set_to(MARCH):
        page = client.get(address).content.decode()
        assert client.get(address + "/pdf").content[:5] == b"%PDF-"
        assert client.get(address + "/pdf", {"start_on": "x"}).status_code == 404
    assert "Invoice INV-000002" in page
    assert "Wrong" not in page
    assert "/admin/" not in page
    assert client.get(f"/a/{token_of(cast.customer('fabrikam'))}/statement/pdf").status_code == 404
    assert "Nothing was paid for" in client.get(f"/a/{token_of(cast.customer('fabrikam'))}/statement").content.decode()
