"""A price's curve as a small picture: what a quantity costs in all, and what each unit of it costs. Drawn here, as SVG.

The picture shows the shape; the figures are in its title, which browsers show under the pointer and readers read out.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.charts import Axis, axis_of, point_title, readable_unit
from pricing.charges import Charge
from pricing.curves import Curve, Point, curves
from pricing.money import ZERO

WIDTH, HEIGHT, EDGE = 112, 36, 3
MOST_CURVES = 4
MOST_FIGURES = 9
Place = tuple[Decimal, Decimal]


def sparkline(charge: Charge, currency: str, unit: str) -> SafeString:
    """The curves of a charge, at most four of a matrix; nothing for a price without a quantity."""
    drawn = [curve for curve in curves(charge, currency) if len(curve.points) > 1][:MOST_CURVES]
    if charge.basis == "none" or not drawn:
        return SafeString("")
    widest = max(point[0] for curve in drawn for point in curve.points)
    dearest = max(point[1] for curve in drawn for point in curve.points)
    highest = max((point[2] for curve in drawn for point in curve.points if point[0] > 0), default=ZERO)
    words = title(drawn, currency, axis_of(charge, currency, unit))
    return format_html(
        '<svg class="quoin-spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>',
        WIDTH, HEIGHT, words, words,
        format_html_join(
            "", "{}", ((_drawn(curve, widest, dearest, highest, fills=len(drawn) == 1),) for curve in drawn)
        ),
    )  # fmt: skip


def title(drawn: Sequence[Curve], currency: str, axis: Axis) -> str:
    """The figures behind the picture, a line each: `10,000,000 tokens: $25.00, $2.50 per million tokens`."""
    lines = []
    per, of_unit = readable_unit([point.unit for curve in drawn for point in curve.points if point.quantity > 0], axis)
    for curve in drawn:
        if curve.label:
            lines.append(f"{curve.label}:")
        lines += [point_title("", point, per, of_unit, axis, currency) for point in _told(curve.points)]
    return "\n".join(lines)


def _told(points: Sequence[Point]) -> list[Point]:
    """Of the points those worth telling: not the one right behind an edge, and no more than a few of the others."""
    told = [
        point
        for before, point in pairwise(points)
        if point.quantity > 0 and (point.quantity - before.quantity) * 1000 > point.quantity
    ]
    return told[:: max(1, -(-len(told) // MOST_FIGURES))]


def _drawn(curve: Curve, widest: Decimal, dearest: Decimal, highest: Decimal, *, fills: bool) -> SafeString:
    totals = [_place(quantity, total, widest, dearest) for quantity, total, _ in curve.points]
    each = [_place(quantity, unit, widest, highest) for quantity, _, unit in curve.points if quantity > 0]
    ground = Decimal(HEIGHT - EDGE)
    area = [(totals[0][0], ground), *totals, (totals[-1][0], ground)] if fills else []
    return format_html(
        '<polygon class="area" points="{}"/><polyline class="total" points="{}"/><polyline class="each" points="{}"/>',
        _points(area),
        _points(totals),
        _points(each),
    )


def _place(x: Decimal, y: Decimal, widest: Decimal, highest: Decimal) -> Place:
    across = (WIDTH - 2 * EDGE) * x / widest if widest else ZERO
    up = (HEIGHT - 2 * EDGE) * y / highest if highest else ZERO
    return EDGE + across, HEIGHT - EDGE - up


def _points(places: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
