from decimal import Decimal

import pytest

from integrations.errors import Permanent
from integrations.minor_units import from_minor, to_minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("57.02", "USD", 5702),
        ("-40.00", "USD", -4000),
        ("57", "USD", 5700),
        ("500", "JPY", 500),
        ("5.120", "KWD", 5120),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("1000.00", "MGA", 1000),
        ("99999999.99", "EUR", 9999999999),
    ],
)
def test_amounts_become_stripes_integers_and_come_back(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor
    assert from_minor(minor, currency.lower()) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"), [("57.025", "USD"), ("1.5", "JPY"), ("5.124", "KWD"), ("5.5", "ISK"), ("1000.50", "MGA")]
)
def test_an_amount_that_stripe_cannot_hold_is_refused_not_rounded(amount: str, currency: str) -> None:
    with pytest.raises(Permanent, match="more decimals"):
        to_minor(Decimal(amount), currency)


def test_an_amount_from_stripe_has_the_currencys_decimals() -> None:
    assert str(from_minor(5700, "usd")) == "57.00"
    assert str(from_minor(500, "isk")) == "5"
