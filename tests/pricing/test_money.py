"""Money: one rounding rule, no mixing, shares that add up."""

from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from pricing.money import (
    CurrencyMismatch,
    Money,
    allocate,
    exponent,
    fixed,
    grouped,
    parse,
    plain,
    round_amount,
    shares,
    shown,
    total,
)

D = Decimal
CURRENCIES = st.sampled_from(["JPY", "USD", "KWD", "CLF"])
AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=8, allow_nan=False)


def usd(amount: str) -> Money:
    return Money(D(amount), "USD")


def test_exponents_are_those_of_iso_4217():
    active = {each.code: each.exponent for each in Currency if each.exponent is not None}
    assert {code: exponent(code) for code in active} == active


@pytest.mark.parametrize("code", ["XAU", "XXX", "usd", "", "DEM"])
def test_what_nobody_is_billed_in_is_refused(code):
    with pytest.raises(ValueError, match="unknown currency"):
        exponent(code)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("18.5175", "USD", "18.52"),
        ("10.275", "USD", "10.28"),
        ("-10.275", "USD", "-10.28"),
        ("74.985", "USD", "74.99"),
        ("4.995", "USD", "5.00"),
        ("0.004999999999999999999999999999999999", "USD", "0.00"),
        ("499.5", "JPY", "500"),
        ("-0.5", "JPY", "-1"),
        ("1.0005", "KWD", "1.001"),
        ("1.00005", "CLF", "1.0001"),
    ],
)
def test_rounding_is_half_away_from_zero_to_the_currency(amount, currency, rounded):
    assert str(Money(D(amount), currency).rounded().amount) == rounded
    assert round_amount(Fraction(amount), currency) == D(rounded)


def test_rounding_leaves_no_negative_zero():
    assert str(round_amount(D("-0.004"), "USD")) == "0.00"


def test_arithmetic_is_exact_whatever_the_context_of_the_caller():
    with localcontext(prec=3, rounding=ROUND_DOWN):
        assert usd("123456.785") + usd("0.005") == usd("123456.79")
        assert usd("123456.785").rounded() == usd("123456.79")
        assert -usd("123456.785") == usd("-123456.785")
        assert usd("123456.785") * 2 - usd("1") == usd("246912.57")
    assert usd("100") * Fraction(21, 30) == usd("70")
    assert 3 * usd("1.10") == usd("3.30")


def test_currencies_do_not_mix():
    with pytest.raises(CurrencyMismatch):
        usd("1") + Money(D(1), "EUR")
    with pytest.raises(CurrencyMismatch):
        assert usd("1") < Money(D(1), "EUR")
    with pytest.raises(CurrencyMismatch):
        total([usd("1")], "EUR")
    assert usd("1") != Money(D(1), "EUR")


def test_money_is_ordered_in_its_currency():
    assert usd("1") < usd("2") <= usd("2")
    assert usd("3") > usd("2") >= usd("2")


@pytest.mark.parametrize("amount", [D("NaN"), D("Infinity"), 1.5, 1, "1"])
def test_only_finite_decimals_are_money(amount):
    with pytest.raises(ValueError, match="amount"):
        Money(amount, "USD")


def test_a_float_is_no_factor():
    with pytest.raises(TypeError):
        usd("1") * 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("12.3", "USD", "12.30"),
        ("12.3450", "USD", "12.345"),
        ("2E+1", "JPY", "20"),
        ("-0.00", "KWD", "0.000"),
    ],
)
def test_json_is_fixed_point_with_the_currencys_decimals(amount, currency, text):
    assert Money(D(amount), currency).as_json() == {"amount": text, "currency": currency}


@given(AMOUNTS, CURRENCIES)
def test_json_round_trip_is_identity(amount, currency):
    money = Money(amount, currency)
    assert Money.from_json(money.as_json()) == money


@pytest.mark.parametrize(
    "data",
    [
        {"amount": 12, "currency": "USD"},
        {"amount": "1e3", "currency": "USD"},
        {"amount": "NaN", "currency": "USD"},
        {"amount": "1"},
        {"amount": "1", "currency": "USD", "more": "1"},
        {"amount": "1", "currency": "ZZZ"},
    ],
)
def test_other_json_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011
        Money.from_json(data)


def test_a_third_of_a_hundred_goes_to_the_first():
    assert allocate(usd("100.00"), [D(1)] * 3) == [usd("33.34"), usd("33.33"), usd("33.33")]


def test_zero_weights_leave_all_to_the_first():
    assert allocate(usd("5.00"), [D(0), D(0)]) == [usd("5.00"), usd("0")]


def test_shares_need_a_rounded_total_and_weights():
    for amount, weights in [("1.00", []), ("1.00", [D(1), D(-1)]), ("1.005", [D(1)])]:
        with pytest.raises(ValueError):  # noqa: PT011
            allocate(usd(amount), weights)


def test_units_that_are_no_currency_have_their_own_decimals():
    assert shares(D("0.0005"), [D(1), D(1)], 4) == [D("0.0003"), D("0.0002")]


def test_shares_need_whole_pieces_and_weights_above_zero():
    for amount, weights in [("1.00", []), ("1.00", [D(1), D(0)]), ("1.005", [D(1)])]:
        with pytest.raises(ValueError, match=r"weights|amount"):
            shares(D(amount), weights, 2)


@given(st.integers(-(10**12), 10**12), CURRENCIES, st.lists(AMOUNTS.map(abs), min_size=1, max_size=12))
def test_shares_add_up_and_none_is_a_unit_off(units, currency, weights):
    whole = Money(D(units).scaleb(-exponent(currency)), currency)
    found = allocate(whole, weights)
    assert total(found, currency) == whole
    assert found == [-share for share in allocate(-whole, weights)]
    unit, weight = D(1).scaleb(-exponent(currency)), sum(weights)
    for share, each in zip(found, weights, strict=True):
        assert (
            not weight
            or abs(Fraction(share.amount) - Fraction(whole.amount) * Fraction(each) / Fraction(weight)) < unit
        )


def test_texts_for_machines():
    assert [plain(D(text)) for text in ("1E+3", "2.500", "-0.0", "0.10", "100")] == [
        "1000",
        "2.5",
        "0",
        "0.1",
        "100",
    ]
    assert fixed(D("2"), 2) == "2.00"
    assert parse("-12.50") == D("-12.50")
    for text in ("1e3", "1_000", " 1", "١", ".5", "1.", "NaN", "+1", ""):
        with pytest.raises(ValueError, match="plain digits"):
            parse(text)


def test_texts_for_people():
    assert grouped(D("10000000.500")) == "10,000,000.5"
    assert [str(usd(text)) for text in ("1234.5", "-0.0015", "2E+3")] == [
        "$1,234.50",
        "-$0.0015",
        "$2,000.00",
    ]
    assert shown(D(500), "JPY") == "¥500"
    assert shown(D(12), "CHF") == "CHF 12.00"
