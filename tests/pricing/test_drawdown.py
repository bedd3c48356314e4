"""Drawdown: the documented order, never more than there is, whatever order the arguments come in."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.drawdown import DEFAULT_ORDER, Draw, Drawable, Instrument, draw_down, give_back
from pricing.money import CurrencyMismatch, exactly
from pricing.periods import Period

D = Decimal


def at(month: int, day: int = 1) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


JANUARY, FEBRUARY = Period(at(1), at(2)), Period(at(2), at(3))


def instrument(key: str, balance: str = "10", kind: str = "prepaid", **fields) -> Instrument:
    defaults = {"currency": "USD", "start": at(1), "end": at(12), "created_at": at(1)}
    return Instrument(key=key, kind=kind, balance=D(balance), **(defaults | fields))


def drawn(lines, instruments, order=DEFAULT_ORDER) -> list[tuple[str, str, Decimal]]:
    return [(draw.instrument, draw.line, draw.amount) for draw in draw_down(lines, instruments, order)]


def line(key: str, amount: str, product: str = "A", period: Period = JANUARY, unit_price: str = "1") -> Drawable:
    return Drawable(key, product, period, D(amount), D(unit_price))


def test_type_beats_priority_and_rolled_over_money_goes_first():
    instruments = [
        instrument("X", "50000", "postpaid", priority=0),
        instrument("P1", "20000", priority=10),
        instrument("C1", "5000", "credit", priority=1, cost_basis=D(0)),
        instrument("R", "10000", rolled_over=True, products=frozenset({"A"})),
    ]
    assert drawn([line("a", "18000"), line("b", "22000", "B")], instruments) == [
        ("R", "a", D(10000)),
        ("C1", "a", D(5000)),
        ("P1", "a", D(3000)),
        ("P1", "b", D(17000)),
        ("X", "b", D(5000)),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"rolled_over": True, "priority": 9}, {"priority": 1}),
        ({"priority": 1}, {"priority": 2, "cost_basis": D(0)}),
        ({"kind": "credit", "cost_basis": D(0)}, {"products": frozenset({"A"})}),
        ({"products": frozenset({"A"})}, {"products": frozenset({"A", "B"}), "end": at(3)}),
        ({"products": frozenset({"A", "B"})}, {"end": at(3)}),
        ({"end": at(3)}, {"end": at(4), "start": datetime(2025, 1, 1, tzinfo=UTC)}),
        ({"end": at(3)}, {"end": None}),
        ({"start": datetime(2025, 1, 1, tzinfo=UTC)}, {"created_at": datetime(2024, 1, 1, tzinfo=UTC)}),
        ({"created_at": datetime(2024, 1, 1, tzinfo=UTC)}, {}),
    ],
)
def test_the_order_of_instruments(first, second):
    one, other = instrument("z", **first), instrument("a", **second)
    assert [draw.instrument for draw in draw_down([line("l", "20")], [other, one])] == ["z", "a"]


def test_a_key_decides_between_equals():
    assert drawn([line("l", "5")], [instrument("b"), instrument("a")]) == [("a", "l", D(5))]


def test_the_order_of_lines():
    lines = [
        line("5", "1", "B"),
        line("4", "1", "A"),
        line("3", "1", "A"),
        line("2", "1", "Z", unit_price="2"),
        line("1", "1", "Z", FEBRUARY, unit_price="9"),
    ]
    assert [draw.line for draw in draw_down(lines, [instrument("p")])] == ["2", "3", "4", "5", "1"]


def test_an_instrument_pays_for_its_products_from_its_start_until_its_end():
    lines = [line("jan", "1"), line("feb", "1", period=FEBRUARY), line("other", "1", "B", FEBRUARY)]
    only = frozenset({"A"})
    assert drawn(lines, [instrument("p", start=at(2), products=only)]) == [("p", "feb", D(1))]
    assert drawn(lines, [instrument("p", end=at(2), products=only)]) == [("p", "jan", D(1))]


def test_credit_lines_and_empty_balances_are_left_alone():
    assert drawn([line("credit", "-5"), line("nothing", "0"), line("l", "5")], [instrument("p", "0")]) == []
    assert drawn([line("credit", "-5"), line("l", "5")], [instrument("p", "-3")]) == []


def test_the_journeys_commit():
    lines = [line("in", "38.25"), line("out", "34.00", unit_price="10")]
    assert drawn(lines, [instrument("commit", "40.00")]) == [
        ("commit", "out", D("34.00")),
        ("commit", "in", D("6.00")),
    ]


def test_what_was_taken_back_pays_first_and_its_own_product_before_others():
    lines = [line("fee", "-2", "F"), line("back", "-5", "B"), line("b", "10", "B"), line("a", "4")]
    assert drawn(lines, [instrument("p", "20")]) == [("p", "a", D(2)), ("p", "b", D(5))]
    assert drawn([line("a", "3"), line("b", "-4", "B")], [instrument("p")]) == []


def test_lines_are_drawn_by_their_net_price_for_a_unit():
    assert Drawable.of("a", "A", JANUARY, D(20), D(2)) == line("a", "2", unit_price="0.1")
    assert Drawable.of("a", "A", JANUARY, D(0), D(2)) == line("a", "2", unit_price="0")


def test_another_order_may_be_agreed():
    instruments = [instrument("late", priority=1), instrument("early", priority=2, end=at(3))]
    assert drawn([line("l", "1")], instruments, ["earliest_end", "priority"]) == [("early", "l", D(1))]


def test_what_would_be_ambiguous_is_refused():
    with pytest.raises(ValueError, match="unknown criterion 'luck'"):
        draw_down([], [], ["luck"])
    with pytest.raises(ValueError, match="same key"):
        draw_down([line("l", "1"), line("l", "2")], [])
    with pytest.raises(ValueError, match="same key"):
        draw_down([], [instrument("p"), instrument("p")])
    with pytest.raises(CurrencyMismatch):
        draw_down([], [instrument("p"), instrument("q", currency="EUR")])


def test_units_pay_what_they_are_worth():
    """A commit whose rates are a fifth below the list's: 80 of it pay for 100, and the list's price for the rest."""
    assert draw_down([line("l", "120.00")], [instrument("p", "80", worth=D("1.25"))]) == [
        Draw("p", "l", D("100.00"), D(80))
    ]
    assert draw_down([line("l", "123.45")], [instrument("c", "10000", worth=D("0.01"))]) == [
        Draw("c", "l", D("100.00"), D(10000))
    ]
    assert draw_down([line("l", "1.00")], [instrument("c", "10", worth=D(3))]) == [
        Draw("c", "l", D("1.00"), D("0.333333333"))
    ]


def test_what_does_not_come_to_a_whole_cent_stays():
    assert drawn([line("l", "5")], [instrument("p", "1", worth=D("0.019"))]) == [("p", "l", D("0.01"))]
    assert drawn([line("l", "5")], [instrument("p", "1", worth=D("0.009"))]) == []


def test_units_pay_for_all_they_are_worth_however_finely_they_are_drawn():
    payer, paid = instrument("p", "1", worth=D(3)), D(0)
    while draws := draw_down([line("l", "0.02")], [payer]):
        (draw,) = draws
        payer, paid = replace(payer, balance=payer.balance - draw.units), paid + draw.amount
    assert (paid, D(0) <= payer.balance < D("0.000001")) == (D("3.00"), True)


def test_a_tag_brings_every_product_that_has_it_into_scope():
    lines = [line("a", "1"), replace(line("b", "2", "B"), tags=frozenset({"models"})), line("c", "4", "C")]
    assert drawn(lines, [instrument("p", products=frozenset({"A"}), tags=frozenset({"models"}))]) == [
        ("p", "a", D(1)),
        ("p", "b", D(2)),
    ]


def test_what_is_given_back_goes_to_the_last_that_paid_first():
    paid = [Draw("R", "l", D(10), D(10)), Draw("C", "l", D(5), D(500)), Draw("P", "l", D(3), D("2.4"))]
    assert give_back(paid, D(6)) == [
        Draw("P", "l", D(-3), D("-2.4")),
        Draw("C", "l", D(-3), D(-300)),
    ]
    assert [draw.amount for draw in give_back(paid, D(100))] == [D(-3), D(-5), D(-10)]
    assert give_back(paid, D(0)) == give_back(paid, D(-1)) == []


BALANCES = st.decimals(min_value=-5, max_value=500, places=2)
PRODUCTS = st.sampled_from("ABC")
INSTRUMENTS = st.lists(
    st.builds(
        Instrument,
        key=st.text("abcdef", min_size=1, max_size=3),
        kind=st.sampled_from(["prepaid", "credit", "postpaid"]),
        balance=BALANCES,
        currency=st.just("USD"),
        start=st.sampled_from([at(1), at(2)]),
        end=st.sampled_from([at(2), at(5), None]),
        created_at=st.just(at(1)),
        priority=st.integers(1, 3),
        cost_basis=st.sampled_from([D(0), D(1)]),
        products=st.frozensets(PRODUCTS),
        rolled_over=st.booleans(),
        worth=st.sampled_from([D(1), D("1.25"), D("0.01"), D(3), D("0.007")]),
        tags=st.frozensets(st.sampled_from("xy"), max_size=1),
    ),
    max_size=6,
    unique_by=lambda each: each.key,
)
LINES = st.lists(
    st.builds(
        Drawable,
        key=st.text("xyz", min_size=1, max_size=3),
        product=PRODUCTS,
        period=st.sampled_from([JANUARY, FEBRUARY]),
        amount=BALANCES,
        unit_price=st.sampled_from([D(1), D(2)]),
        tags=st.frozensets(st.sampled_from("xy"), max_size=1),
    ),
    max_size=8,
    unique_by=lambda each: each.key,
)


@given(LINES, INSTRUMENTS, st.permutations(DEFAULT_ORDER))
def test_never_more_than_a_balance_or_a_line_and_nothing_left_that_could_pay(lines, instruments, order):
    draws = draw_down(lines, instruments, order)
    left = {each.key: each for each in instruments}
    owed = {each.key: each.amount for each in lines}
    with exactly():
        for draw in draws:
            payer = left[draw.instrument]
            assert draw.amount > 0
            assert draw.units > 0
            assert abs(draw.units * payer.worth - draw.amount) < payer.worth * D("1e-9")
            left[draw.instrument] = replace(payer, balance=payer.balance - draw.units)
            owed[draw.line] -= draw.amount
            assert left[draw.instrument].balance >= 0
            assert owed[draw.line] >= 0
        paid = sum(each.amount for each in draws)
        due = max(sum(each.amount for each in lines), D(0))
        assert paid <= min(sum(max(each.pays, D(0)) for each in instruments), due)
        for payer in left.values():
            if payer.pays > 0 and all(payer.covers(each) for each in lines):
                assert paid == due
            if payer.pays > 0 and all(each.amount >= 0 for each in lines):
                assert not any(owed[each.key] > 0 and payer.covers(each) for each in lines)


@given(LINES, INSTRUMENTS, st.decimals(min_value=0, max_value=600, places=2))
def test_what_is_given_back_was_paid_the_last_first_and_drawing_again_pays_the_same(lines, instruments, amount):
    lines = [each for each in lines if each.amount > 0][:1]
    paid = draw_down(lines, instruments)
    returned = give_back(paid, amount)
    total = sum((each.amount for each in paid), D(0))
    assert sum((-each.amount for each in returned), D(0)) == min(amount, total)
    assert [each.instrument for each in returned] == [each.instrument for each in reversed(paid)][: len(returned)]
    assert all(
        back == replace(each, amount=-each.amount, units=-each.units)
        for back, each in zip(returned[:-1], reversed(paid), strict=False)
    )
    by_key = {each.instrument: each for each in paid}
    assert all(D(0) <= -back.units <= by_key[back.instrument].units for back in returned)


@given(LINES, INSTRUMENTS, st.randoms())
def test_the_order_of_the_arguments_does_not_matter(lines, instruments, random):
    expected = draw_down(lines, instruments)
    random.shuffle(lines)
    random.shuffle(instruments)
    assert draw_down(lines, instruments) == expected
