"""The curve of a price: what a quantity comes to, and what a unit of it then costs; and where more costs less."""

from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from pricing.charges import Charge, Matrix
from pricing.money import EXACT, ONE, ZERO
from pricing.steps import amount

_MANY_EDGES = 12


class Point(NamedTuple):
    """A quantity, what it comes to, and what each unit of it costs on average; 0 where there is none."""

    quantity: Decimal
    total: Decimal
    unit: Decimal


class Curve(NamedTuple):
    """Points by rising quantity; labelled where a charge has several curves."""

    label: str
    points: list[Point]


class Cliff(NamedTuple):
    """More for less: `next_quantity` units come to `drop` less than `at` units."""

    at: Decimal
    next_quantity: Decimal
    drop: Decimal


def curves(charge: Charge, currency: str, quantities: list[Decimal] | None = None) -> list[Curve]:
    """One curve, or one for each cell of a matrix; none where nothing depends on a quantity.

    Without quantities of your own: nothing, both sides of every edge, some between and some past the last. Totals are
    exact; usage is taken as not told apart.
    """
    return [
        Curve(label, [_point(part, quantity) for quantity in quantities or _quantities(part)])
        for label, part in _apart(charge)
        if part.basis != "none"
    ]


def cliffs(charge: Charge) -> list[Cliff]:
    """Every edge past which the total drops, in a matrix cell by cell."""
    found = []
    for _, part in _apart(charge):
        for edge in sorted(part.edges()):
            after = EXACT.add(edge, _smallest(edge))
            drop = EXACT.subtract(amount(part.whole(edge)), amount(part.whole(after)))
            if drop > ZERO:
                found.append(Cliff(edge, after, drop))
    return found


def _apart(charge: Charge) -> list[tuple[str, Charge]]:
    if not isinstance(charge, Matrix):
        return [("", charge)]
    cells = [(cell.label, cell.charge) for cell in charge.cells]
    cells += [("other", charge.default)] if charge.default is not None else []
    return [(f"{label}, {inner}" if inner else label, part) for label, cell in cells for inner, part in _apart(cell)]


def _point(charge: Charge, quantity: Decimal) -> Point:
    total = amount(charge.whole(quantity))
    return Point(quantity, total, EXACT.divide(total, quantity) if quantity else ZERO)


def _quantities(charge: Charge) -> list[Decimal]:
    edges = sorted(charge.edges() - {ZERO})
    if not edges:
        return [_size(charge) * step for step in (ZERO, ONE, Decimal(10), Decimal(50), Decimal(100))]
    bounds = [ZERO, *edges, EXACT.multiply(edges[-1], Decimal("1.5"))]
    found = {*bounds, *(EXACT.add(edge, _smallest(edge)) for edge in edges)}
    if len(edges) <= _MANY_EDGES:
        found |= {_between(low, high, share) for low, high in pairwise(bounds) for share in ("0.1", "0.25", "0.5")}
    return sorted(found)


def _between(low: Decimal, high: Decimal, share: str) -> Decimal:
    """A quantity so far along, a whole one where there is room for it."""
    width = EXACT.subtract(high, low)
    middle = EXACT.add(low, EXACT.multiply(width, Decimal(share)))
    return middle.to_integral_value() if width >= 10 else middle


def _smallest(edge: Decimal) -> Decimal:
    """The step from an edge to the next quantity somebody might have: 1, or one of the edge's last decimal."""
    return ONE.scaleb(min(0, int(edge.normalize().as_tuple().exponent)))


def _size(charge: Charge) -> Decimal:
    """The size of a quantity worth looking at: the largest that a price is given for."""
    return max([getattr(charge, "per", ONE), *(_size(child) for _, child in charge.children)])
