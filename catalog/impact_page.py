"""The blast radius as the review page shows it: figures in words, and bars for the largest differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.comparison import signed_percent
from catalog.impact import Impact, InCurrency, OpenQuote, Rerated
from pricing.money import ZERO, round_amount, shown

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class ShownCurrency:
    """All contracts of one currency: what their month came to and would come to."""

    sums: InCurrency
    before: str
    after: str
    difference: str
    percent: str
    margin: str


@dataclass(frozen=True, slots=True)
class ShownContract:
    """One contract of the top ten; `share` is the length of its bar, in percent of the longest."""

    rerated: Rerated
    before: str
    after: str
    difference: str
    percent: str
    is_rise: bool
    share: int


@dataclass(frozen=True, slots=True)
class ShownQuotes:
    """Open quotes that would be offered at other prices, and those that have theirs pinned."""

    touched: Sequence[OpenQuote]
    pinned: Sequence[OpenQuote]


def shown_impact(impact: Impact, *, sees_margin: bool) -> dict[str, Any]:
    """What the template wants."""
    largest = max((abs(each.difference) for each in impact.top), default=ZERO)
    return {
        "impact": impact,
        "currencies": [_currency(each, sees_margin=sees_margin) for each in impact.by_currency],
        "top": [_contract(each, largest) for each in impact.top],
        "quotes": ShownQuotes(
            [each for each in impact.quotes if not each.is_pinned], [each for each in impact.quotes if each.is_pinned]
        ),
    }


def _currency(each: InCurrency, *, sees_margin: bool) -> ShownCurrency:
    margin = ""
    if sees_margin and each.margin_before is not None and each.margin_after is not None:
        margin = f"{each.margin_before} % → {each.margin_after} %"
    return ShownCurrency(
        each,
        _money(each.before, each.currency),
        _money(each.after, each.currency),
        signed_money(each.difference, each.currency),
        _relative(each.before, each.difference),
        margin,
    )


def _contract(each: Rerated, largest: Decimal) -> ShownContract:
    currency = each.before.currency
    return ShownContract(
        each,
        _money(each.before.amount, currency),
        _money(each.after.amount, currency),
        signed_money(each.difference, currency),
        _relative(each.before.amount, each.difference),
        each.difference > 0,
        int(abs(each.difference) / largest * HUNDRED) if largest else 0,
    )


def signed_money(amount: Decimal, currency: str) -> str:
    """+$12.00, −$3.50, $0.00."""
    text = _money(abs(amount), currency)
    return f"+{text}" if amount > 0 else f"−{text}" if amount < 0 else text


def _money(amount: Decimal, currency: str) -> str:
    return shown(round_amount(amount, currency), currency)


def _relative(before: Decimal, difference: Decimal) -> str:
    return signed_percent(difference / before * HUNDRED) if before and difference else ""
