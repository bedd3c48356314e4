"""Tax per rate on the sum of rounded lines, shared so that the lines add up."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.money import exactly, exponent, round_amount
from pricing.taxes import tax

D = Decimal
CURRENCIES = st.sampled_from(["JPY", "USD", "KWD"])
LINES = st.lists(
    st.tuples(st.integers(-(10**9), 10**9), st.sampled_from(["0", "7", "7.5", "19", "8.875"])), max_size=12
)


def test_the_group_is_rounded_once_and_shared_by_largest_remainder():
    assert tax([(D("10.03"), D("7.5"))] * 3, "USD") == [D("0.76"), D("0.75"), D("0.75")]


def test_each_rate_is_its_own_group():
    assert tax([(D("10.00"), D(19)), (D("10.00"), D(7)), (D("5.00"), D("19.0"))], "EUR") == [
        D("1.90"),
        D("0.70"),
        D("0.95"),
    ]


@pytest.mark.parametrize(("currency", "expected"), [("JPY", "10"), ("USD", "10.00"), ("KWD", "9.999")])
def test_tax_has_the_currencys_decimals(currency, expected):
    amount = D("99.99") if currency == "KWD" else D(100)
    assert tax([(amount, D(10))], currency) == [D(expected)]


def test_no_lines_no_tax():
    assert tax([], "USD") == []


@given(LINES, CURRENCIES)
def test_shares_add_up_per_rate_and_mirror_when_credited(lines, currency):
    lines = [(D(units).scaleb(-exponent(currency)), D(rate)) for units, rate in lines]
    taxes = tax(lines, currency)
    assert tax([(-amount, rate) for amount, rate in lines], currency) == [-each for each in taxes]
    unit = D(1).scaleb(-exponent(currency))
    with exactly():
        for rate in {rate for _, rate in lines}:
            group = [(amount, each) for (amount, own), each in zip(lines, taxes, strict=True) if own == rate]
            assert sum(each for _, each in group) == round_amount(
                sum(amount for amount, _ in group) * rate / 100, currency
            )
            assert all(abs(each - amount * rate / 100) < unit for amount, each in group)
