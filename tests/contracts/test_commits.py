"""The ledger of a commit: a cause moves it once, and nobody draws more than there is."""

import threading
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from contracts import commits
from contracts.models import Commit, CommitEntry
from governance.acts import Refused
from governance.change import change
from governance.models import Change
from tests import cast

OVERDRAW = """
    INSERT INTO contracts_commitentry
            (commit_id, kind, amount, balance_after, source_type, source_id, change_id, at)
        SELECT commit_id, 'draw', -41, 0, 'by hand', '1', change_id, at FROM contracts_commitentry
"""


@pytest.fixture
def commit(db: None) -> Commit:
    """Access to $40.00, granted at signature."""
    return cast.signed_contract().commits.get()


def draw(commit: Commit, amount: str, source_id: str) -> CommitEntry:
    with change("invoice.finalized", commit.contract, cast.act("cara")) as drawn:
        return commits.move(
            commit,
            -Decimal(amount),
            taking="draw",
            source_type="invoice_line",
            source_id=source_id,
            act=cast.act("cara"),
            change=drawn,
        )


def entries(commit: Commit) -> list[tuple[str, Decimal, Decimal]]:
    return list(commit.entries.values_list("kind", "amount", "balance_after"))


def test_signing_grants_the_access(commit: Commit) -> None:
    assert entries(commit) == [("grant", Decimal(40), Decimal(40))]
    granted = commit.entries.get().change
    assert (granted.name, granted.subject_id) == ("commit.granted", str(commit.pk))


def test_draws_and_returns_move_the_balance(commit: Commit) -> None:
    assert draw(commit, "15.50", "1").balance_after == Decimal("24.50")
    with change("invoice.voided", commit.contract, cast.act("cara")) as voided:
        commits.move(
            commit,
            Decimal("15.50"),
            taking="draw",
            source_type="invoice.void",
            source_id="1",
            act=cast.act("cara"),
            change=voided,
        )
    assert commit.balance == Commit.objects.get().balance == Decimal(40)
    assert [amount for _, amount, _ in entries(commit)] == [Decimal(40), Decimal("-15.50"), Decimal("15.50")]


def test_more_than_there_is_cannot_be_drawn(commit: Commit) -> None:
    changes = Change.objects.count()
    with pytest.raises(Refused, match=r"^Prepaid usage has \$40\.00 left; \$40\.01 cannot be drawn\.$"):
        draw(commit, "40.01", "1")
    assert entries(commit) == [("grant", Decimal(40), Decimal(40))]
    assert Change.objects.count() == changes


def test_a_cause_moves_a_commit_once(commit: Commit) -> None:
    first = draw(commit, "10", "1")
    assert draw(commit, "10", "1").pk == first.pk
    assert commit.balance == Decimal(30)
    with pytest.raises(Refused, match="already moved for this"):
        draw(commit, "11", "1")
    assert len(entries(commit)) == 2


def test_the_database_refuses_to_overdraw_to_rewrite_and_to_move_by_hand(commit: Commit) -> None:
    attempts = [
        OVERDRAW,
        "UPDATE contracts_commitentry SET amount = 1000",
        "DELETE FROM contracts_commitentry",
        "UPDATE contracts_commit SET balance = 1000",
    ]
    for attempt in attempts:
        with (
            pytest.raises((IntegrityError, DatabaseError)),
            change("test.tried", commit, cast.act()),
            connection.cursor() as cursor,
        ):
            cursor.execute(attempt)
    assert entries(commit) == [("grant", Decimal(40), Decimal(40))]
    assert Commit.objects.get().balance == Decimal(40)


@pytest.mark.django_db(transaction=True)
def test_sixteen_who_draw_at_once_never_overdraw() -> None:
    commit = cast.signed_contract().commits.get()
    barrier, outcomes = threading.Barrier(16), []

    def attempt(number: int) -> None:
        mine = Commit.objects.select_related("contract").get(pk=commit.pk)
        barrier.wait(timeout=20)
        try:
            draw(mine, "6", str(number))
            outcomes.append("drawn")
        except Refused:
            outcomes.append("refused")
        finally:
            connection.close()

    cast.person("cara")
    threads = [threading.Thread(target=attempt, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["drawn"] * 6 + ["refused"] * 10
    commit.refresh_from_db()
    assert commit.balance == Decimal(4)
    with transaction.atomic():
        assert sum(amount for _, amount, _ in entries(commit)) == Decimal(4)
