"""What a tiered price comes to by quantity, as a picture for the price page: one SVG, drawn here, without a script."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pricing.charges import Charge
from pricing.curves import curves
from pricing.money import ZERO, grouped, round_amount, shown

WIDTH, HEIGHT = 320, 120
LEFT, RIGHT, TOP, BOTTOM = 4, 4, 16, 20
MOST_CURVES = 3
Place = tuple[Decimal, Decimal]


def picture(charge: Charge, currency: str, units: str) -> SafeString:
    """The total by quantity, of these units; nothing for a price that is a straight line or asks for no quantity."""
    drawn = [curve for curve in curves(charge, currency) if _bends([point[:2] for point in curve.points])][:MOST_CURVES]
    if charge.basis != "quantity" or charge.split.each or not drawn:
        return SafeString("")
    widest = max(point[0] for curve in drawn for point in curve.points)
    dearest = max(point[1] for curve in drawn for point in curve.points)
    label = f"{shown(round_amount(dearest, currency), currency)} for {grouped(widest)} {units}"
    lines = [[_place(quantity, total, widest, dearest) for quantity, total, _ in curve.points] for curve in drawn]
    return format_html(
        '<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="What it comes to: {}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        format_html('<polygon class="area" points="{}"/>', _area(lines[0])),
        format_html_join("", '<polyline class="line" points="{}"/>', ((_points(line),) for line in lines)),
        _labels(grouped(widest), units, shown(round_amount(dearest, currency), currency)),
    )


def _bends(points: Sequence[tuple[Decimal, Decimal]]) -> bool:
    """Whether the price of a unit changes along the way."""
    slopes = {
        ((later[1] - earlier[1]) / (later[0] - earlier[0])).quantize(Decimal("1e-15"))
        for earlier, later in pairwise(points)
        if later[0] > earlier[0]
    }
    return len(slopes) > 1


def _labels(widest: str, units: str, dearest: str) -> SafeString:
    ground = HEIGHT - BOTTOM
    return format_html(
        '<line class="ground" x1="0" x2="{}" y1="{}" y2="{}"/>'
        '<text x="0" y="{}">0</text><text x="{}" y="{}" text-anchor="end">{} {}</text>'
        '<text x="{}" y="11" text-anchor="end">{}</text>',
        WIDTH, ground, ground, HEIGHT - 5, WIDTH, HEIGHT - 5, widest, units, WIDTH, dearest,
    )  # fmt: skip


def _place(x: Decimal, y: Decimal, widest: Decimal, dearest: Decimal) -> Place:
    across = (WIDTH - LEFT - RIGHT) * x / widest if widest else ZERO
    up = (HEIGHT - TOP - BOTTOM) * y / dearest if dearest else ZERO
    return LEFT + across, HEIGHT - BOTTOM - up


def _area(line: Sequence[Place]) -> str:
    ground = Decimal(HEIGHT - BOTTOM)
    return _points([(line[0][0], ground), *line, (line[-1][0], ground)])


def _points(places: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
