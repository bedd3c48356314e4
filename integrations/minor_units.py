"""Stripe's integers: amounts in a currency's smallest unit, and where Stripe's idea of it is not ISO 4217's.

Source: https://docs.stripe.com/currencies (zero-decimal, three-decimal, special cases).
"""

from decimal import Decimal

from integrations.errors import Permanent
from pricing.money import exponent

# ISO has no decimals for these two (and two for the ariary); Stripe kept two for them (and none for it).
_PLACES = {"ISK": 2, "UGX": 2, "MGA": 0}
# The last digits that must be zero: the króna and the shilling have no hundredths to charge, and the partners
# behind Stripe do not take the third decimal of a three-decimal currency.
_STEP = {"ISK": 100, "UGX": 100, "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10}


def to_minor(amount: Decimal, currency: str) -> int:
    """`57.02`, `USD` → `5702`, exactly; `Permanent` when Stripe has no integer for the amount."""
    minor = amount.scaleb(places(currency))
    if minor != minor.to_integral_value() or minor % _STEP.get(currency, 1):
        raise Permanent(f"Stripe cannot take {amount} {currency}: the amount has more decimals than it allows.")
    return int(minor)


def from_minor(minor: int, currency: str) -> Decimal:
    """`5702`, `usd` → `57.02`, with as many decimals as ISO 4217 gives the currency."""
    code = currency.upper()
    return Decimal(minor).scaleb(-places(code)).quantize(Decimal(1).scaleb(-exponent(code)))


def places(currency: str) -> int:
    """How many decimals Stripe's integer hides; `ValueError` for a currency that does not exist."""
    return _PLACES[currency] if currency in _PLACES else exponent(currency)
