"""Usage by day as bars: one SVG, drawn here, without a script. Every bar says its figure in a title."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pricing.figures import grouped, plural

ZERO = Decimal(0)
WIDTH, HEIGHT = 720, 168
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 22, 22
MOST_LABELS = 8
SIZES = [(Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**4), "k")]

Day = tuple[date, Decimal]


def day_chart(
    days: Sequence[Day], unit: str, *, marked: Collection[date] = (), usual: Decimal | None = None
) -> SafeString:
    """The days in order; those marked stand out, and a dashed line says what is usual. Nothing for no days."""
    if not days:
        return SafeString("")
    top = max(ZERO, usual or ZERO, *(value for _, value in days)) or Decimal(1)
    slot = Decimal(WIDTH - LEFT - RIGHT) / len(days)
    every = -(-len(days) // MOST_LABELS)
    names = [
        (_px(LEFT + slot * (place + Decimal("0.5"))), HEIGHT - 6, f"{day:%-d %b}")
        for place, (day, _) in enumerate(days)
        if place % every == every // 2
    ]
    return format_html(
        '<svg class="quoin-days" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        f"{plural(unit)} by day, from {days[0][0]:%-d %B %Y} to {days[-1][0]:%-d %B %Y}",
        _lines(top, usual, unit),
        format_html_join("", "{}", ((_bar(place, slot, day, top, unit, marked),) for place, day in enumerate(days))),
        format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', names),
        _label(usual, top),
    )


def compact(number: Decimal) -> str:
    """A number on a chart: 2.5M, 10k, 0.25."""
    for size, letter in SIZES:
        if abs(number) >= size:
            return f"{grouped(_short(number / (size if letter != 'k' else Decimal(1000))))}{letter}"
    return grouped(_short(number))


def _short(number: Decimal) -> Decimal:
    return Decimal(f"{number:.3g}")


def _lines(top: Decimal, usual: Decimal | None, unit: str) -> SafeString:
    ground, highest = _y(ZERO, top), _y(top, top)
    grid = format_html(
        '<line class="grid" x1="0" x2="{}" y1="{}" y2="{}"/><line class="grid" x1="0" x2="{}" y1="{}" y2="{}"/>'
        '<text x="0" y="{}">{} {}</text>',
        WIDTH,
        ground,
        ground,
        WIDTH,
        highest,
        highest,
        highest - 6,
        compact(top),
        plural(unit),
    )
    if usual is None:
        return grid
    return grid + format_html(
        '<line class="usual" x1="0" x2="{}" y1="{}" y2="{}"/>', WIDTH, _y(usual, top), _y(usual, top)
    )


def _label(usual: Decimal | None, top: Decimal) -> SafeString:
    """Written last, above the bars."""
    if usual is None:
        return SafeString("")
    height = max(_y(usual, top) - 5, Decimal(TOP + 12))
    return format_html('<text class="usual" x="0" y="{}">usual {}</text>', height, compact(usual))


def _bar(place: int, slot: Decimal, day: Day, top: Decimal, unit: str, marked: Collection[date]) -> SafeString:
    on, value = day
    head, ground = _y(max(value, ZERO), top), _y(ZERO, top)
    x, width = LEFT + slot * place, min(slot * Decimal("0.7"), Decimal(40))
    mark = format_html(
        '<rect class="mark" x="{}" y="{}" width="{}" height="{}"/>', _px(x), TOP, _px(slot), HEIGHT - TOP - BOTTOM
    )
    return format_html(
        '<g class="day"><title>{}: {} {}</title>{}<rect class="{}" x="{}" y="{}" width="{}" height="{}"/></g>',
        f"{on:%a %-d %B %Y}",
        grouped(value),
        plural(unit),
        mark if on in marked else "",
        "bar odd" if on in marked else "bar",
        _px(x + (slot - width) / 2),
        head,
        _px(width),
        max(ground - head, Decimal(1) if value else ZERO),
    )


def _y(value: Decimal, top: Decimal) -> Decimal:
    return _px(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)


def _px(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.1"), ROUND_HALF_UP)
