"""What an offer comes to and how far it is from the list, as plain values: months, discounts, and what to watch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from contracts.terms import ContractTerm
from pricing.drawdown import Drawable, Instrument, draw_down
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.money import EXACT, ZERO, Money, exactly, share_of
from pricing.periods import Period
from pricing.rating import RatedLine, Term, Usage, rate

_HUNDRED = Decimal(100)
_PERCENT_PLACES = Decimal("0.000001")  # as finely as an approval remembers its value
_QUANTITY_PLACES = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """What is invoiced for one month if usage is as expected, before tax: due = charges + commit price - drawn."""

    period: Period
    charges: Money
    commit_price: Money
    drawn: Money

    @property
    def due(self) -> Money:
        return self.charges + self.commit_price - self.drawn


@dataclass(frozen=True, slots=True)
class LineTotal:
    """One line over the whole term: at list price, after adjustments, and how far below the list that is."""

    list_total: Decimal
    net_total: Decimal
    discount_percent: Decimal


def expected_usage(a_month: Decimal, months: Sequence[Period], *, adds_up: bool) -> Usage:
    """Usage as expected: so much a month, in part of a month in proportion. Parts of a period add up to the whole.

    Where measurements do not add up (a maximum, the latest value) every period has the month's. What a charge wants
    told apart is not: nobody expects usage by every property, so it is one part without values.
    """

    def until(instant: datetime) -> Decimal:
        share = sum((_passed(month, instant) for month in months), Fraction(0))
        return share_of(a_month, share).quantize(_QUANTITY_PLACES)

    def measured(_: str, period: Period, split: Split) -> Measured:
        quantity = EXACT.subtract(until(period.end), until(period.start)) if adds_up else a_month
        if split == WHOLE:
            return quantity
        return (Part(quantity),) if quantity else ()

    return measured


def rated(terms: Iterable[ContractTerm], usage: Mapping[str, Usage], until: Period) -> list[RatedLine]:
    """All lines of the term, each at its own expected usage (by the term's key).

    Rated together, for some are a share of others; and each as if it had a meter of its own, for two of one meter may
    be expected to use differently.
    """
    own = [replace(each.term, meter=each.term.meter and each.term.key) for each in terms]
    through = max([until.end, *(term.end for term in own)])
    return rate(own, lambda key, *slot: usage[key](key, *slot) if key in usage else ZERO, through)


def month_totals(
    terms: Sequence[ContractTerm],
    lines: Sequence[RatedLine],
    instruments: Sequence[Instrument],
    months: Sequence[Period],
    currency: str,
) -> list[MonthTotal]:
    """What each month is invoiced. Commits are drawn month after month, as billing does, and never below zero."""
    by_key = {each.term.key: each for each in terms}
    totals = []
    for month in months:
        due = [line for line in lines if falls_in(month, line, by_key[line.key].term)]
        drawables = [
            Drawable.of(
                f"{index:06d}",
                line.product,
                line.period,
                line.quantity,
                line.amount.amount,
                by_key[line.key].tags,
            )
            for index, line in enumerate(due)
            if by_key[line.key].is_drawable or line.amount.amount < 0
        ]
        paid, instruments = drawn(drawables, instruments)
        totals.append(
            MonthTotal(
                month,
                _sum((line for line in due if by_key[line.key].kind == "charge"), currency),
                _sum((line for line in due if by_key[line.key].kind == "commit"), currency),
                Money(paid, currency),
            )
        )
    return totals


def falls_in(month: Period, line: RatedLine, term: Term) -> bool:
    """In advance a cycle belongs to the month it starts in, in arrears to the month its last instant lies in."""
    if term.in_advance:
        return month.start <= line.due_at < month.end
    return month.start < line.due_at <= month.end


def line_total(lines: Iterable[RatedLine], agreed_percent: Decimal, has_amount_off: bool) -> LineTotal:
    """One line's list and net over the term.

    The discount counts as at least the percent agreed, so that no minimum and no usage of zero can hide it; an amount
    off where nothing is expected counts in full.
    """
    listed = net = ZERO
    with exactly():
        for line in lines:
            listed += sum((step.amount for step in line.waterfall if step.kind == "list"), ZERO)
            net += line.exact
    percent = max(percent_below(listed, net), agreed_percent)
    if has_amount_off and not listed:
        percent = _HUNDRED
    return LineTotal(listed, net, percent)


def percent_below(listed: Decimal, net: Decimal) -> Decimal:
    """How far net is below the list, in percent to six decimals; 0 when it is not, or when nothing is listed."""
    if listed <= 0 or net >= listed:
        return ZERO
    with exactly():
        return ((listed - net) * _HUNDRED / listed).quantize(_PERCENT_PLACES)


def usage_discount(lines: Iterable[LineTotal]) -> Decimal:
    """The discount on all usage together."""
    lines = list(lines)
    with exactly():
        return percent_below(
            sum((each.list_total for each in lines), ZERO), sum((each.net_total for each in lines), ZERO)
        )


def drawn(lines: Sequence[Drawable], instruments: Sequence[Instrument]) -> tuple[Decimal, list[Instrument]]:
    """How much the lines draw, and the instruments with what they have left."""
    left = {each.key: each.balance for each in instruments}
    total = ZERO
    with exactly():
        for draw in draw_down(lines, instruments):
            left[draw.instrument] -= draw.units
            total += draw.amount
    return total, [replace(each, balance=left[each.key]) for each in instruments]


def _passed(month: Period, instant: datetime) -> Fraction:
    """The share of the month that lies before the instant."""
    if instant <= month.start:
        return Fraction(0)
    if instant >= month.end:
        return Fraction(1)
    return Period(month.start, instant).share_of(month)


def _sum(lines: Iterable[RatedLine], currency: str) -> Money:
    return sum((line.amount for line in lines), Money.zero(currency))
