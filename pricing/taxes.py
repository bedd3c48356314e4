"""Tax: per rate on the sum of rounded lines, and shared to the lines so that the shares add up."""

from collections.abc import Sequence
from decimal import Decimal

from pricing.money import ZERO, exactly, exponent, largest_remainder, round_amount

_HUNDRED = Decimal(100)


def tax(lines: Sequence[tuple[Decimal, Decimal]], currency: str) -> list[Decimal]:
    """Each line's tax, for lines as (rounded amount, rate in percent).

    The lines of one rate are taxed on their sum and rounded once; each gets its share by largest remainder,
    ties to the earlier line. Opposite lines bear opposite tax, so a credit note mirrors its invoice.
    """
    places = exponent(currency)
    taxes = [ZERO] * len(lines)
    with exactly():
        for rate in dict.fromkeys(rate for _, rate in lines):
            group = [index for index, line in enumerate(lines) if line[1] == rate]
            parts = [(lines[index][0] * rate).scaleb(places) for index in group]
            whole = round_amount(sum(parts, ZERO).scaleb(-places) / _HUNDRED, currency).scaleb(places)
            for index, units in zip(group, largest_remainder(whole, parts, _HUNDRED), strict=True):
                taxes[index] = units.scaleb(-places)
    return taxes
