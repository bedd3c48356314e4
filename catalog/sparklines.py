"""A price's curve as a small picture: what a quantity costs in all, and what each unit of it costs. Drawn here, as SVG.

The picture shows the shape; the figures are in its title, which browsers show under the pointer and readers read out.
"""

from collections.abc import Sequence
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pricing.charges import Charge
from pricing.curves import Curve, curves
from pricing.money import ZERO, grouped, plain, shown

WIDTH, HEIGHT, EDGE = 112, 36, 3
MOST_CURVES = 4
MOST_FIGURES = 7
Place = tuple[Decimal, Decimal]


def sparkline(charge: Charge, currency: str, unit: str) -> SafeString:
    """The curves of a charge, at most four of a matrix; nothing for a price without a quantity."""
    drawn = [curve for curve in curves(charge, currency) if len(curve.points) > 1][:MOST_CURVES]
    if charge.basis == "none" or not drawn:
        return SafeString("")
    widest = max(point[0] for curve in drawn for point in curve.points)
    dearest = max(point[1] for curve in drawn for point in curve.points)
    highest = max((point[2] for curve in drawn for point in curve.points if point[0] > 0), default=ZERO)
    words = title(drawn, currency, unit)
    return format_html(
        '<svg class="quoin-spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}</svg>',
        WIDTH, HEIGHT, words, words,
        format_html_join("", "{}", ((_drawn(curve, widest, dearest, highest),) for curve in drawn)),
    )  # fmt: skip


def title(drawn: Sequence[Curve], currency: str, unit: str) -> str:
    """The figures behind the picture, a line each: `10,000,000 tokens: $25.00, $0.0000025 each`."""
    lines = []
    for curve in drawn:
        if curve.label:
            lines.append(f"{curve.label}:")
        points = [point for point in curve.points if point[0] > 0]
        for quantity, total, each in points[:: max(1, -(-len(points) // MOST_FIGURES))]:
            units = unit if quantity == 1 else f"{unit}s"
            lines.append(f"{grouped(quantity)} {units}: {shown(_cut(total), currency)}, {price_each(each, currency)}")
    return "\n".join(lines)


def price_each(each: Decimal, currency: str) -> str:
    """What one unit costs on average: to six digits that count, the rest is of no use to anybody."""
    return f"{shown(_cut(each), currency)} each"


def _cut(number: Decimal) -> Decimal:
    return Decimal(plain(Decimal(f"{number:.6g}"))) if number else ZERO


def _drawn(curve: Curve, widest: Decimal, dearest: Decimal, highest: Decimal) -> SafeString:
    totals = [_place(quantity, total, widest, dearest) for quantity, total, _ in curve.points]
    each = [_place(quantity, unit, widest, highest) for quantity, _, unit in curve.points if quantity > 0]
    ground = Decimal(HEIGHT - EDGE)
    area = [(totals[0][0], ground), *totals, (totals[-1][0], ground)]
    return format_html(
        '<polygon class="area" points="{}"/><polyline class="total" points="{}"/><polyline class="each" points="{}"/>',
        _points(area), _points(totals), _points(each),
    )  # fmt: skip


def _place(x: Decimal, y: Decimal, widest: Decimal, highest: Decimal) -> Place:
    across = (WIDTH - 2 * EDGE) * x / widest if widest else ZERO
    up = (HEIGHT - 2 * EDGE) * y / highest if highest else ZERO
    return EDGE + across, HEIGHT - EDGE - up


def _points(places: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
