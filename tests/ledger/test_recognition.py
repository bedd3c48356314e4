"""The rules of the books, on plain values."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.recognition import (
    EntryDraft,
    IssuedInvoice,
    Line,
    Movement,
    cost_of,
    credit_note_entry,
    drawn,
    entries_of,
    payment_entry,
    returned,
    reversal_of,
)

D = Decimal
NOV_1, NOV_30, DEC_1 = date(2023, 11, 1), date(2023, 11, 30), date(2023, 12, 1)
Row = tuple[str, str, str, str]


def charge(name: str, amount: str, account: str = "4000", **fields: object) -> Line:
    return Line("charge", name, *fields.pop("days", (NOV_1, NOV_30)), D(amount), account, **fields)  # type: ignore[arg-type, misc]


def draw(amount: str, movement: Movement) -> Line:
    return Line("drawdown", "Prepaid usage", NOV_1, NOV_30, D(amount), movement=movement)


def invoice(*lines: Line, tax: str = "0", currency: str = "USD") -> IssuedInvoice:
    total = sum((line.amount for line in lines), D(tax))
    return IssuedInvoice("i", "INV-000002", currency, DEC_1, D(tax), total, lines)


def rows(entries: list[EntryDraft]) -> list[tuple[str, str, list[Row]]]:
    """Source type, day, and (account, Dr or Cr, amount) of each entry."""
    return [
        (
            entry.source_type,
            entry.posted_on.isoformat(),
            [(side.account, "Dr" if side.debit else "Cr", str(side.debit or side.credit)) for side in entry.postings],
        )  # type: ignore[misc]
        for entry in entries
    ]


def assert_balanced(entries: list[EntryDraft]) -> None:
    for entry in entries:
        assert len(entry.postings) >= 2
        assert sum(side.debit - side.credit for side in entry.postings) == 0
        assert all((side.debit > 0) != (side.credit > 0) for side in entry.postings)
        assert all(side.debit >= 0 and side.credit >= 0 for side in entry.postings)


def test_the_journeys_month_is_earned_drawn_and_issued() -> None:
    month = invoice(
        charge("Input tokens", "42.27"),
        charge("Output tokens", "34.75"),
        charge("Platform fee", "20.00", "4100"),
        draw("-40.00", Movement(D(36), D(40), D(0), D(40))),
    )
    assert rows(entries_of(month)) == [
        ("invoice.earned", "2023-11-30", [("1150", "Dr", "97.02"), ("4000", "Cr", "77.02"), ("4100", "Cr", "20.00")]),
        ("invoice.drawn", "2023-11-30", [("2100", "Dr", "36.00"), ("4900", "Dr", "4.00"), ("1150", "Cr", "40.00")]),
        ("invoice", "2023-12-01", [("1100", "Dr", "57.02"), ("1150", "Cr", "57.02")]),
    ]


def test_a_commit_purchase_is_deferred() -> None:
    commit = invoice(Line("commit", "Prepaid usage", NOV_1, NOV_1, D("36.00")))
    assert rows(entries_of(commit)) == [("invoice", "2023-12-01", [("1100", "Dr", "36.00"), ("2100", "Cr", "36.00")])]


def test_tax_is_owed_to_the_state_at_issue() -> None:
    taxed = invoice(charge("Input tokens", "100.00"), tax="19.00")
    assert rows(entries_of(taxed))[-1] == (
        "invoice",
        "2023-12-01",
        [("1100", "Dr", "119.00"), ("1150", "Cr", "100.00"), ("2200", "Cr", "19.00")],
    )


def test_a_charge_in_advance_is_recognized_by_days_of_each_month() -> None:
    days = (date(2023, 11, 15), date(2024, 1, 14))  # 16 + 31 + 14 = 61 days
    year = invoice(charge("Seats", "100.00", "4100", in_advance=True, days=days))
    assert rows(entries_of(year)) == [
        ("invoice", "2023-12-01", [("1100", "Dr", "100.00"), ("2100", "Cr", "100.00")]),
        ("invoice.recognized", "2023-11-30", [("2100", "Dr", "26.23"), ("4100", "Cr", "26.23")]),
        ("invoice.recognized", "2023-12-31", [("2100", "Dr", "50.82"), ("4100", "Cr", "50.82")]),
        ("invoice.recognized", "2024-01-14", [("2100", "Dr", "22.95"), ("4100", "Cr", "22.95")]),
    ]


def test_lines_of_different_periods_are_earned_on_their_own_days() -> None:
    late = charge("Input tokens, October", "1.00", days=(date(2023, 10, 1), date(2023, 10, 31)))
    entries = entries_of(invoice(late, charge("Input tokens", "2.00")))
    assert [(entry.source_id, entry.posted_on.isoformat()) for entry in entries] == [
        ("i:2023-10-31", "2023-10-31"),
        ("i:2023-11-30", "2023-11-30"),
        ("i", "2023-12-01"),
    ]


def test_a_correction_downwards_exchanges_the_sides() -> None:
    less = invoice(charge("Input tokens", "-5.00"), charge("Platform fee", "20.00", "4100"))
    assert rows(entries_of(less))[0] == (
        "invoice.earned",
        "2023-11-30",
        [("1150", "Dr", "15.00"), ("4000", "Dr", "5.00"), ("4100", "Cr", "20.00")],
    )


def test_what_comes_to_nothing_is_not_booked() -> None:
    assert entries_of(invoice(charge("Free tier", "0.00"))) == []


def test_an_invoice_paid_by_its_commit_alone_claims_nothing() -> None:
    covered = invoice(charge("Input tokens", "40.00"), draw("-40.00", Movement(D(36), D(40), D(0), D(40))))
    assert [entry.source_type for entry in entries_of(covered)] == ["invoice.earned", "invoice.drawn"]


def test_a_promotional_commit_is_discount_and_nothing_deferred() -> None:
    gift = invoice(draw("-40.00", Movement(D(0), D(40), D(0), D(40))))
    assert rows(drawn(gift))[0][2] == [("4900", "Dr", "40.00"), ("1150", "Cr", "40.00")]


def test_a_return_gives_back_what_the_draws_after_it_left() -> None:
    back = Line("drawdown", "Prepaid usage", NOV_1, NOV_30, D("10.00"), movement=Movement(D(36), D(40), D(20), D(10)))
    assert rows(returned(invoice(back), date(2024, 2, 3))) == [
        ("invoice.drawn.void", "2024-02-03", [("1150", "Dr", "10.00"), ("2100", "Cr", "9.00"), ("4900", "Cr", "1.00")])
    ]


def test_a_reversal_never_comes_before_its_entry() -> None:
    (entry,) = entries_of(invoice(Line("commit", "Prepaid usage", NOV_1, NOV_1, D("36.00"))))
    undone = reversal_of(entry, on=NOV_1)
    assert (undone.source_type, undone.source_id, undone.posted_on) == ("invoice.void", "i", DEC_1)
    assert rows([undone])[0][2] == [("1100", "Cr", "36.00"), ("2100", "Dr", "36.00")]


def test_a_payment_clears_the_receivable() -> None:
    entry = payment_entry("p", "INV-000002", "stripe", D("57.02"), DEC_1)
    assert rows([entry]) == [("payment", "2023-12-01", [("1000", "Dr", "57.02"), ("1100", "Cr", "57.02")])]


def test_a_credit_note_is_shared_among_the_revenue_it_takes_back() -> None:
    sold = invoice(charge("Input tokens", "70.00"), charge("Platform fee", "30.00", "4100"), tax="10.00")
    entry = credit_note_entry("c", "CN-1", sold, D("11.00"), D("1.00"), DEC_1)
    assert rows([entry])[0][2] == [
        ("2200", "Dr", "1.00"),
        ("4000", "Dr", "7.00"),
        ("4100", "Dr", "3.00"),
        ("1100", "Cr", "11.00"),
    ]


def test_a_credit_on_a_commit_leaves_what_is_deferred_alone() -> None:
    bought = invoice(Line("commit", "Prepaid usage", NOV_1, NOV_1, D("36.00")))
    entry = credit_note_entry("c", "CN-1", bought, D("6.00"), D("0"), DEC_1)
    assert rows([entry])[0][2] == [("4900", "Dr", "6.00"), ("1100", "Cr", "6.00")]


def test_a_drawdown_without_its_movement_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without its commit's movement"):
        drawn(invoice(Line("drawdown", "Prepaid usage", NOV_1, NOV_30, D("-1.00"))))


cents = st.integers(1, 10**7).map(lambda units: D(units).scaleb(-2))


@given(price=cents | st.just(D(0)), draws=st.lists(cents, min_size=1, max_size=20), back=st.integers(0, 19))
def test_deferred_never_falls_below_zero_and_ends_at_exactly_zero(price: D, draws: list[D], back: int) -> None:
    """In any order of draws, one of them given back and drawn again at the end."""
    access, deferred, at = sum(draws, D(0)), price, D(0)

    def move(amount: D) -> None:
        nonlocal deferred, at
        deferred -= cost_of(Movement(price, access, at, at + amount), "USD")
        at += amount
        assert deferred >= 0

    for amount in draws:
        move(amount)
    assert deferred == 0
    move(-draws[back % len(draws)])
    move(draws[back % len(draws)])
    assert deferred == 0


@given(
    amounts=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6),
    advance=st.lists(st.booleans(), min_size=6, max_size=6),
    days=st.integers(0, 800),
    tax=st.integers(-(10**5), 10**5),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_every_entry_balances_and_deferred_services_end_at_zero(
    amounts: list[int], advance: list[bool], days: int, tax: int, currency: str
) -> None:
    unit = {"USD": -2, "JPY": 0, "KWD": -3}[currency]
    last = date.fromordinal(NOV_1.toordinal() + days)
    lines = [
        charge("x", str(D(amount).scaleb(unit)), in_advance=ahead, days=(NOV_1, last))
        for amount, ahead in zip(amounts, advance, strict=False)
    ]
    entries = entries_of(invoice(*lines, tax=str(D(tax).scaleb(unit)), currency=currency))
    assert_balanced(entries)
    sums: dict[str, D] = {}
    for entry in entries:
        for side in entry.postings:
            sums[side.account] = sums.get(side.account, D(0)) + side.debit - side.credit
    assert sums.get("2100", D(0)) == 0
    assert sums.get("1150", D(0)) == 0
    assert -sums.get("4000", D(0)) == sum((line.amount for line in lines), D(0))
