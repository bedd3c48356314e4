"""What a price comes to by quantity, as two charts: the total, and what a unit of it costs. SVG, drawn here.

Every point carries its figures in a title, which browsers show under the pointer and readers read out.
"""

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pricing.charges import Charge
from pricing.curves import Curve, Point, curves
from pricing.money import EXACT, ONE, ZERO, grouped, plain, shown

WIDTH, HEIGHT = 400, 168
LEFT, RIGHT, TOP, BOTTOM = 56, 10, 10, 24
MOST_LINES = 6
NICE = [Decimal(n) for n in ("1", "2", "2.5", "5", "10")]
AMOUNTS = [Decimal(n) for n in (0, 500, 1_000, 2_500, 5_000, 10_000)]
SIZES = [(Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**3), "k")]
Label = Callable[[Decimal], str]


class Line(NamedTuple):
    """One line of a chart: its points, each with what its title says."""

    label: str
    points: Sequence[tuple[Decimal, Decimal, str]]


class Axis(NamedTuple):
    """What is counted from left to right: what one is called, and many, and the whole of it."""

    one: str
    many: str
    across: str


class Charts(NamedTuple):
    """The two charts, what the second one's unit is, and the labels of the lines where there are several."""

    totals: SafeString
    each: SafeString
    each_unit: str
    across: str
    labels: list[str]
    left_out: int


def charts(charge: Charge, currency: str, unit: str) -> Charts | None:
    """Both charts of a price, with the first six cells of a matrix; None where nothing depends on a quantity."""
    found = curves_of(charge, currency)
    drawn = [curve for curve in found if len(curve.points) > 1][:MOST_LINES]
    if not drawn:
        return None
    axis = axis_of(charge, currency, unit)
    per, of_unit = readable_unit([each for curve in drawn for quantity, _, each in curve.points if quantity > 0], axis)
    totals, units = [], []
    for curve in drawn:
        said = [(point, point_title(curve.label, point, per, of_unit, axis, currency)) for point in curve.points]
        totals.append(Line(curve.label, [(point.quantity, point.total, title) for point, title in said]))
        units.append(
            Line(
                curve.label,
                [(at.quantity, EXACT.multiply(at.unit, per), title) for at, title in said if at.quantity > 0],
            )
        )
    return Charts(
        _chart(totals, f"Total in {currency} by {axis.across}", currency),
        _chart(units, f"Price {of_unit} in {currency} by {axis.across}", currency),
        of_unit,
        axis.across,
        [line.label for line in totals] if len(totals) > 1 else [],
        max(0, len(found) - MOST_LINES),
    )


def curves_of(charge: Charge, currency: str) -> list[Curve]:
    """The curves of a charge, all by the same quantities; of a share of other lines by what those may come to."""
    is_plain_share = charge.basis == "lines" and not charge.edges() - {ZERO}
    found = curves(charge, currency, AMOUNTS if is_plain_share else None)
    if len(found) < 2:
        return found
    return curves(charge, currency, sorted({point.quantity for curve in found for point in curve.points}))


def scale(highest: Decimal) -> tuple[Decimal, Decimal]:
    """The top of the scale and the distance of its lines: three to five lines, at round numbers."""
    if highest <= 0:
        return ONE, ONE
    rough = highest / 4
    power = ONE.scaleb(rough.adjusted())
    step = next(nice * power for nice in NICE if nice * power >= rough)
    return (highest / step).to_integral_value(ROUND_CEILING) * step, step


def compact(number: Decimal) -> str:
    """A number on a scale: 2.5M, 10k, 0.25."""
    for size, letter in SIZES:
        if abs(number) >= size:
            return f"{grouped((number / size).normalize())}{letter}"
    return grouped(number)


def axis_of(charge: Charge, currency: str, unit: str) -> Axis:
    """What this price counts: units, or the money of other lines."""
    if charge.basis == "quantity":
        return Axis(unit, f"{unit}s", f"{unit}s used in a cycle")
    return Axis(currency, currency, "what those lines come to")


def figure(number: Decimal, currency: str) -> str:
    """An amount to six digits that count; the rest is of no use to anybody."""
    return shown(Decimal(plain(Decimal(f"{number:.6g}"))) if number else ZERO, currency)


def readable_unit(prices: Sequence[Decimal], axis: Axis) -> tuple[Decimal, str]:
    """For how many units a price is shown: so many that it is a number one can read."""
    dearest = max(prices, default=ZERO)
    for per, words in ((ONE, f"per {axis.one}"), (Decimal(1_000), f"per 1,000 {axis.many}")):
        if not dearest or dearest * per >= Decimal("0.05"):
            return per, words
    return Decimal(1_000_000), f"per million {axis.many}"


def point_title(label: str, point: Point, per: Decimal, of_unit: str, axis: Axis, currency: str) -> str:
    """`10,000,000 tokens: $25.00, $2.50 per million tokens`, under the name of its line."""
    words = (
        f"{grouped(point.quantity)} {axis.one if point.quantity == 1 else axis.many}: {figure(point.total, currency)}"
    )
    if point.quantity > 0:
        words += f", {figure(EXACT.multiply(point.unit, per), currency)} {of_unit}"
    return f"{label}\n{words}" if label else words


def _chart(lines: Sequence[Line], name: str, currency: str) -> SafeString:
    points = [point for line in lines for point in line.points]
    widest = max((x for x, _, _ in points), default=ONE) or ONE
    top, step = scale(max((y for _, y, _ in points), default=ZERO))
    return format_html(
        '<svg class="rate-chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        name,
        _grid(top, step, lambda value: _money_tick(value, currency)),
        _quantities(widest),
        format_html_join("", "{}", ((_line(line, place, widest, top),) for place, line in enumerate(lines))),
    )


def _grid(top: Decimal, step: Decimal, label: Label) -> SafeString:
    values = [step * count for count in range(int(top / step) + 1)]
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (LEFT, WIDTH - RIGHT, _y(value, top), _y(value, top), LEFT - 6, _y(value, top) + 4, label(value))
            for value in values
        ),
    )


def _quantities(widest: Decimal) -> SafeString:
    _, step = scale(widest)
    values = [step * count for count in range(int(widest / step) + 1)]
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (
                _x(value, widest),
                HEIGHT - 6,
                "end" if _x(value, widest) > WIDTH - RIGHT - 14 else "middle",
                compact(value),
            )
            for value in values
        ),
    )


def _line(line: Line, place: int, widest: Decimal, top: Decimal) -> SafeString:
    places = [(_x(x, widest), _y(y, top), title) for x, y, title in line.points]
    return format_html(
        '<g class="line line-{}"><polyline points="{}"/>{}</g>',
        place,
        " ".join(f"{x},{y}" for x, y, _ in places),
        format_html_join(
            "",
            '<g class="point"><title>{}</title><circle class="dot" cx="{}" cy="{}" r="2.5"/>'
            '<circle class="hit" cx="{}" cy="{}" r="9"/></g>',
            ((title, x, y, x, y) for x, y, title in places),
        ),
    )


def _x(value: Decimal, widest: Decimal) -> Decimal:
    return _px(LEFT + (WIDTH - LEFT - RIGHT) * value / widest)


def _y(value: Decimal, top: Decimal) -> Decimal:
    return _px(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)


def _px(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.1"))


def _money_tick(value: Decimal, currency: str) -> str:
    if value >= 10_000:
        text = shown(ZERO, currency)
        return f"{text[: text.index('0')]}{compact(value)}"
    return shown(value, currency).removesuffix(".00")
