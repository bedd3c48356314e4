"""Money: a decimal amount in one currency, the one rounding rule of the house, and shares that add up."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache, total_ordering
from typing import Self

from pricing.figures import grouped as grouped
from pricing.figures import plain as plain

ZERO, ONE = Decimal(0), Decimal(1)

# Sixty digits hold the product of any two numbers we accept (28 digits each): only a division can be inexact.
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)

# ISO 4217, active codes by number of decimals. Metals and test codes have none, so nobody is billed in them.
_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
    "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
    "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
    "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: places for places, codes in _CODES.items() for code in codes.split()}
_UNITS = {places: ONE.scaleb(-places) for places in _CODES}
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_PLAIN = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?")


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum or comparison."""


def exactly() -> AbstractContextManager[Context]:
    """The context for all arithmetic of this package: sixty digits, whatever the caller's own says."""
    return localcontext(EXACT)


def exponent(currency: str) -> int:
    """How many decimals amounts in this currency have (ISO 4217); ValueError for a code that is not one."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise ValueError(f"unknown currency: {currency!r}") from None


def round_amount(amount: Decimal | Fraction, currency: str) -> Decimal:
    """Half away from zero, to the currency's exponent. Nothing else in the house rounds money."""
    places = exponent(currency)
    if isinstance(amount, Decimal):
        rounded = amount.quantize(_UNITS[places], ROUND_HALF_UP, EXACT)
        return rounded if rounded else rounded.copy_abs()
    units, rest = divmod(abs(amount) * 10**places, 1)
    whole = Decimal(units + (2 * rest >= 1))
    return EXACT.multiply(whole if amount > 0 else -whole, _UNITS[places])


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency. Never rounded behind your back, never mixed with another currency."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite():
            raise ValueError(f"amount: must be a finite Decimal, not {self.amount!r}")
        exponent(self.currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(ZERO, currency)

    def rounded(self) -> "Money":
        return Money(round_amount(self.amount, self.currency), self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(EXACT.add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(EXACT.subtract(self.amount, self._same(other)), self.currency)

    def __neg__(self) -> "Money":
        return Money(EXACT.minus(self.amount), self.currency)

    def __mul__(self, factor: Decimal | int | Fraction) -> "Money":
        if isinstance(factor, Fraction):
            return Money(share_of(self.amount, factor), self.currency)
        if not isinstance(factor, (Decimal, int)):
            return NotImplemented
        return Money(EXACT.multiply(self.amount, factor), self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __str__(self) -> str:
        return shown(self.amount, self.currency)

    def _same(self, other: "Money") -> Decimal:
        if not isinstance(other, Money):
            raise TypeError(f"not money: {other!r}")
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not mix")
        return other.amount

    def as_json(self) -> dict[str, str]:
        """`{"amount": "12.30", "currency": "USD"}`: fixed point, at least the currency's decimals."""
        return {"amount": fixed(self.amount, exponent(self.currency)), "currency": self.currency}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The inverse of `as_json`; ValueError for anything but exactly those two strings."""
        match dict(data):
            case {"amount": str(amount), "currency": str(currency), **rest} if not rest:
                return cls(parse(amount), currency)
        raise ValueError(f"not money: {data!r}")


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum, also of nothing; CurrencyMismatch when one of them is in another currency."""
    return sum(amounts, Money.zero(currency))


def allocate(total: Money, weights: Sequence[Decimal]) -> list[Money]:
    """A rounded total shared by weight in whole minor units: the shares add up, ties go to the earlier one.

    When every weight is zero the first takes all. ValueError for no weights, a negative one, or a total that
    is not rounded to its currency.
    """
    if not weights or min(weights) < 0:
        raise ValueError("weights: at least one is needed, and none may be negative")
    if total != total.rounded():
        raise ValueError(f"{total.amount} {total.currency} is not rounded to its currency")
    places = [place for place, weight in enumerate(weights) if weight] or [0]
    found = shares(total.amount, [weights[place] or ONE for place in places], exponent(total.currency))
    result = [Money.zero(total.currency)] * len(weights)
    for place, share in zip(places, found, strict=True):
        result[place] = Money(share, total.currency)
    return result


def shares(amount: Decimal, weights: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """An amount of any unit shared by weight in pieces of so many decimals: they add up, ties go to the earlier one.

    ValueError for no weights, one that is not positive, or an amount that is not in whole pieces.
    """
    if not weights:
        raise ValueError("weights: at least one is needed")
    if min(weights) <= 0:
        raise ValueError("weights: must be greater than 0")
    with exactly():
        pieces = amount.scaleb(decimals)
        if pieces != pieces.to_integral_value():
            raise ValueError(f"amount: must have at most {decimals} decimals")
        units = largest_remainder(pieces, [pieces * weight for weight in weights], sum(weights, ZERO))
        return [unit.scaleb(-decimals) for unit in units]


def largest_remainder(whole: Decimal, parts: Sequence[Decimal], divisor: Decimal) -> list[Decimal]:
    """Integers next to each part / divisor that add up to `whole`, itself an integer next to their sum.

    Cut towards zero first, then the missing units go to the largest remainders; so opposite parts get
    opposite shares. Call it inside `exactly()`.
    """
    cut = [divmod(part, divisor) for part in parts]
    units = [unit for unit, _ in cut]
    missing = whole - sum(units, ZERO)
    one = ONE.copy_sign(missing)
    for position in sorted(range(len(cut)), key=lambda i: -one * cut[i][1])[: int(abs(missing))]:
        units[position] += one
    return units


def share_of(amount: Decimal, share: Fraction) -> Decimal:
    """amount × share to sixty digits, multiplied before it is divided."""
    return EXACT.divide(EXACT.multiply(amount, share.numerator), share.denominator)


def fixed(value: Decimal, places: int) -> str:
    """Canonical text with at least so many decimals."""
    whole, _, decimals = plain(value).partition(".")
    decimals = decimals.ljust(places, "0")
    return f"{whole}.{decimals}" if decimals else whole


def parse(text: str) -> Decimal:
    """The number written in plain digits; ValueError for exponents, NaN, spaces, foreign digits, all else."""
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise ValueError("must be a number written in plain digits, as text")
    return Decimal(text)


@lru_cache(maxsize=4096)
def shown(amount: Decimal, currency: str) -> str:
    """For people: $1,234.50, ¥500, CHF 12.00, -$0.0015. All decimals that count are kept.

    Of a unit that is no currency: `12.5 credits`.
    """
    if currency not in _EXPONENTS:
        return f"{grouped(amount)} {currency}"
    whole, _, decimals = fixed(abs(amount), exponent(currency)).partition(".")
    number = f"{int(whole):,}.{decimals}" if decimals else f"{int(whole):,}"
    return f"{'-' if amount < 0 else ''}{_SYMBOLS.get(currency, currency + ' ')}{number}"
