"""Rating: what agreed terms come to. Quote, preview, invoice, simulation and correction all ask here."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter

from pricing.adjustments import Adjustment, Minimum, Spent, Waterfall, WaterfallStep, adjust, prorated
from pricing.charges import Adjusted, Charge, Step, amount, lines_of
from pricing.measures import Measured, Part, Split, beyond, localised, not_negative, total
from pricing.money import ONE, ZERO, Money, exactly, round_amount, share_of
from pricing.periods import Period, utc
from pricing.terms import Price, Proration, Term

__all__ = ["Price", "Proration", "RatedLine", "Term", "Usage", "rate", "slots"]

Usage = Callable[[str, Period, Split], Measured]
"""(meter key, period, split) → the raw quantity measured, told apart so, maybe negative.

A plain number will do for any split: it is then priced as not told apart. No cycle is billed for less than none.
"""

_Editions = list[tuple[Period, Price]]
_Until = Callable[[Charge, datetime], Measured]
"""(charge, instant) → what the charge is reckoned on, from the start of the cycle until then."""


@dataclass(frozen=True, slots=True)
class RatedLine:
    """What one term comes to in one period, and why: the steps of the waterfall add up to `amount`.

    `due_at` is when its cycle fell due: the parts of a cycle cut by a price change fall due together. `unpriced` is
    what no cell of the price covers: it is neither in the quantity nor in the amount.
    """

    key: str
    product: str
    period: Period
    due_at: datetime
    quantity: Decimal
    amount: Money
    exact: Decimal
    waterfall: tuple[WaterfallStep, ...]
    source: str
    unpriced: tuple[Part, ...] = ()


def rate(terms: Iterable[Term], usage: Usage, through: datetime) -> list[RatedLine]:
    """A line for each term, cycle and price edition that fell due by `through`, by start and order of terms.

    In advance a cycle falls due when it starts, in arrears when it ends or the term does. A price change
    inside a cycle makes two lines, and the tier counter goes on counting. Shares of other lines are reckoned on
    those that start in their cycle and are due too; ValueError, naming the products, if they go round in a circle.
    """
    through, terms = utc(through), list(terms)
    known: list[RatedLine] = []
    found: dict[int, list[RatedLine]] = {}
    with exactly():
        for place in _in_order(terms):
            found[place] = list(_lines(terms[place], usage, known, through))
            known += found[place]
    lines = [line for place in range(len(terms)) for line in found[place]]
    lines.sort(key=lambda line: line.period.start)
    return lines


def slots(terms: Iterable[Term], through: datetime) -> set[tuple[str, Period, Split]]:
    """Every (meter, period, split) that `rate` will ask usage for, so that it can be gathered in one query."""
    through = utc(through)
    found: set[tuple[str, Period, Split]] = set()
    for term in terms:
        for _, billed in term.cycles(through) if term.meter else ():
            for period, price in term.editions(billed):
                for split in {_split(term, charge) for charge in price.charges if charge.basis == "quantity"}:
                    found.add((term.meter, Period(billed.start, period.end), split))
                    if period.start != billed.start:
                        found.add((term.meter, Period(billed.start, period.start), split))
    return found


def _in_order(terms: list[Term]) -> list[int]:
    """The places of the terms, shares of other lines after what they are a share of."""
    shares = {term.product for term in terms if term.is_share}
    if not shares:
        return list(range(len(terms)))
    needs: TopologicalSorter[str] = TopologicalSorter()
    for term in terms:
        for charge in (charge for price in term.prices for charge in price.charges if charge.basis == "lines"):
            needs.add(term.product, *(shares & (lines_of(charge) or shares - {term.product})))
    try:
        rank = {product: place for place, product in enumerate(needs.static_order())}
    except CycleError as error:
        raise ValueError(f"shares of each other's lines: {' of '.join(reversed(error.args[1]))}") from None
    return sorted(range(len(terms)), key=lambda at: rank[terms[at].product] if terms[at].is_share else -1)


def _lines(term: Term, usage: Usage, others: list[RatedLine], through: datetime) -> Iterator[RatedLine]:
    for cycle, billed in term.cycles(through):
        parts, until = term.editions(billed), _reckoned(term, billed, usage, others)
        if term.meter:
            yield from _measured(term, cycle, billed, parts, until)
        elif not term.is_share:
            yield from _fixed(term, cycle, billed, parts, until)
        else:
            shares = [each for each in parts if each[1].charge.basis == "lines"]
            yield from _measured(term, cycle, billed, shares, until)
            yield from _fixed(term, cycle, billed, [each for each in parts if each not in shares], until)


def _reckoned(term: Term, billed: Period, usage: Usage, others: list[RatedLine]) -> _Until:
    def until(charge: Charge, instant: datetime) -> Measured:
        if charge.basis == "lines":
            return max(
                _come_to(others, lines_of(charge) or frozenset(), term.product, Period(billed.start, instant)), ZERO
            )
        if charge.basis == "none" or not term.meter:
            return ONE if term.quantity is None else term.quantity
        split = _split(term, charge)
        measured = usage(term.meter, Period(billed.start, instant), split)
        if isinstance(measured, Decimal):
            return max(measured, ZERO)
        return localised(not_negative(measured, split), split)

    return until


def _come_to(lines: list[RatedLine], products: frozenset[str], own: str, period: Period) -> Decimal:
    """What the lines of these products, or of all but its own, that start in the period come to, as rounded."""
    return sum(
        (
            line.amount.amount
            for line in lines
            if (line.product in products if products else line.product != own) and period.contains(line.period.start)
        ),
        ZERO,
    )


def _split(term: Term, charge: Charge) -> Split:
    return replace(charge.split, zone=term.zone) if charge.split.window else charge.split


def _fixed(term: Term, cycle: Period, billed: Period, parts: _Editions, until: _Until) -> Iterator[RatedLine]:
    """An agreed quantity: the whole cycle's price, adjusted, then the share of the cycle that is billed."""
    quantity = ONE if term.quantity is None else term.quantity
    for period, price in parts:
        bare, own = _peeled(price)
        listed = bare.list_charge.cost(until(bare.list_charge, period.end)) if bare.list_charge else None
        fall = _priced(term, bare, bare.charge.cost(quantity), listed)
        adjust(fall, (*own, *term.adjustments))
        share, text = term.share(period, cycle)
        if share != 1:
            fall.to(share_of(fall.total, share), "proration", text, price.source)
        yield _line(term, billed, period, price, quantity, fall)


def _measured(term: Term, cycle: Period, billed: Period, parts: _Editions, until: _Until) -> Iterator[RatedLine]:
    """What was measured, never prorated; a cycle's next line has what the last ones left of tiers and limits.

    What is measured is always read from the start of the cycle: a maximum, the latest value and unique ones of two
    parts do not add up to those of both.
    """
    share, _ = term.share(billed, cycle)
    agreed, spent = prorated(term.adjustments, share), Spent()
    for period, price in parts:
        bare, own = _peeled(price)
        own = own and prorated(own, share)
        quantity, before = _part(bare.charge, billed, period, until)
        listed = bare.list_charge.cost(*_part(bare.list_charge, billed, period, until)) if bare.list_charge else None
        fall = _priced(term, bare, bare.charge.cost(quantity, before), listed)
        adjustments = spent.left(own, agreed)
        # A minimum is owed for the cycle, so only its last line can fall short of it.
        last = period is parts[-1][0]
        adjust(fall, adjustments if last else [each for each in adjustments if not isinstance(each, Minimum)])
        unpriced = bare.charge.unpriced(quantity)
        yield _line(term, billed, period, price, total(quantity) - total(unpriced), fall, unpriced)
        if not last:
            spent.note(fall, own, agreed)


def _part(charge: Charge, billed: Period, period: Period, until: _Until) -> tuple[Measured, Measured | None]:
    """What this part of the cycle added, and what the parts before it held."""
    now = until(charge, period.end)
    if period.start == billed.start:
        return now, None
    before = until(charge, period.start)
    return beyond(now, before, charge.split), before


def _peeled(price: Price) -> tuple[Price, tuple[Adjustment, ...]]:
    """The price without the adjustments around its charge, which are then those of the line; the list's are moot."""
    if price.list_charge is None and not isinstance(price.charge, Adjusted):
        return price, ()
    own = price.charge.adjustments(price.source) if isinstance(price.charge, Adjusted) else ()
    listed = None if price.list_charge is None else _bare(price.list_charge)
    return replace(price, charge=_bare(price.charge), list_charge=listed), own


def _bare(charge: Charge) -> Charge:
    return charge.charge if isinstance(charge, Adjusted) else charge


def _priced(term: Term, price: Price, steps: tuple[Step, ...], listed: tuple[Step, ...] | None) -> Waterfall:
    """The price before adjustments: the list price's steps and, with an override, the difference it makes."""
    fall = Waterfall(term.currency)
    if listed is None:
        fall.listed(steps, price.source)
    else:
        fall.listed(listed, price.list_source or price.source)
        fall.to(amount(steps), "override", price.charge.sentence(term.currency), price.source)
    return fall


def _line(
    term: Term,
    billed: Period,
    period: Period,
    price: Price,
    quantity: Decimal,
    fall: Waterfall,
    unpriced: tuple[Part, ...] = (),
) -> RatedLine:
    """The one place where a line is rounded."""
    exact, rounded = fall.total, round_amount(fall.total, term.currency)
    if rounded != exact:
        fall.to(rounded, "rounding", "rounded", price.source)
    return RatedLine(
        key=term.key,
        product=term.product,
        period=period,
        due_at=term.due_at(billed),
        quantity=quantity,
        amount=Money(rounded, term.currency),
        exact=exact,
        waterfall=tuple(fall.steps),
        source=price.source,
        unpriced=unpriced,
    )
