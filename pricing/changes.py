"""How far one price is from another, in percent: the figure that approvals and warnings go by."""

from collections.abc import Iterator
from decimal import Decimal

from pricing.charges import Charge, Matrix
from pricing.money import EXACT, ONE, ZERO
from pricing.steps import HUNDRED, amount

_FAR = Decimal(10)


def change_percent(before: Charge, after: Charge) -> Decimal:
    """The largest relative change of what some quantity costs, signed: 20 is dearer by a fifth, -50 is half.

    Looked for at the first unit, on and after every edge of either, and far beyond the last; in a matrix cell by cell.
    What was free and is not any more is dearer by 100. Two decimals.
    """
    return EXACT.quantize(max(_changes(before, after), key=abs, default=ZERO), Decimal("0.01"))


def largest_rise(before: Charge, after: Charge) -> Decimal:
    """By how many percent it gets dearer where it does so most, looked for at the same quantities; 0 where nowhere."""
    return EXACT.quantize(max(ZERO, max(_changes(before, after), default=ZERO)), Decimal("0.01"))


def _changes(before: Charge, after: Charge) -> Iterator[Decimal]:
    for old, new in _pairs(before, after):
        for quantity in sorted({ONE, *_edges(old), *_edges(new)}):
            yield _relative(amount(old.whole(quantity)), amount(new.whole(quantity)))


def _relative(old: Decimal, new: Decimal) -> Decimal:
    if old == new:
        return ZERO
    if not old:
        return HUNDRED
    return EXACT.multiply(EXACT.divide(EXACT.subtract(new, old), old), HUNDRED)


def _pairs(before: Charge, after: Charge) -> Iterator[tuple[Charge, Charge]]:
    """Two matrices are compared by what each says about the values that either names, others as they are."""
    if not (isinstance(before, Matrix) and isinstance(after, Matrix) and before.by == after.by):
        yield before, after
        return
    old, new = ({cell.values: cell.charge for cell in each.cells} for each in (before, after))
    for values in dict.fromkeys((*old, *new)):
        was, becomes = old.get(values, before.default), new.get(values, after.default)
        if was is not None and becomes is not None:
            yield was, becomes
    if before.default is not None and after.default is not None:
        yield before.default, after.default


def _edges(charge: Charge) -> Iterator[Decimal]:
    """Quantities where the price of one more unit may change, one more, and one far beyond."""
    for edge in charge.edges() or {ONE}:
        yield from (edge, EXACT.add(edge, ONE), EXACT.multiply(edge, _FAR))
