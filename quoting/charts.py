"""The bill month by month as bars: one SVG for the page, the document and the admin, drawn here, without a script.

Colours are attributes, because a document's stylesheet does not reach into an SVG; a page's stylesheet overrides them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.charts import scale
from contracts.words import amount_text, day_text
from pricing.money import ZERO, shown
from pricing.periods import local_days
from quoting.rules import MonthTotal

WIDTH, HEIGHT = 720, 150
LEFT, RIGHT, TOP, BOTTOM = 58, 6, 20, 24
MOST_LABELS = 12
LONGEST_AMOUNT = len("$1,234.56")
FONT = "Inter, DejaVu Sans, sans-serif"


@dataclass(frozen=True, slots=True)
class Bar:
    """One month: what is due, how much of that buys prepaid usage, and how both are written."""

    label: str
    due: Decimal
    prepaid: Decimal
    text: str
    title: str


def month_chart(months: Sequence[MonthTotal], zone: str) -> SafeString:
    """What is due month by month, the purchase of prepaid usage set off. Nothing for no months."""
    return bars([_bar(month, zone) for month in months], months[0].due.currency) if months else SafeString("")


def bars(data: Sequence[Bar], currency: str) -> SafeString:
    """The bars with their scale. Amounts stand on the bars where there is room, and in each bar's title always."""
    top, step = scale(max(bar.due for bar in data))
    slot = Decimal(WIDTH - LEFT - RIGHT) / len(data)
    every = ceil(len(data) / MOST_LABELS)
    amounts = _amounts_shown(data) if every == 1 else set()
    marks = [_at(bar, index, slot, top, shows_amount=index in amounts) for index, bar in enumerate(data)]
    names = [(_middle(index, slot), HEIGHT - 8, bar.label) for index, bar in enumerate(data) if index % every == 0]
    return format_html(
        '<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}" font-family="{}" font-size="10.5">'
        "{}{}{}</svg>",
        WIDTH,
        HEIGHT,
        f"What is due each month, from {data[0].label} to {data[-1].label}",
        FONT,
        _grid(top, step, currency),
        format_html_join("", "{}", ((mark,) for mark in marks)),
        format_html_join("", '<text x="{}" y="{}" text-anchor="middle" fill="#64748b">{}</text>', names),
    )


def _amounts_shown(data: Sequence[Bar]) -> set[int]:
    """Which bars carry their amount: each that differs from the one before, unless the two would run together."""
    chosen: set[int] = set()
    for index, bar in enumerate(data):
        before = data[index - 1] if index else None
        crowded = index - 1 in chosen and len(data) > MOST_LABELS // 2 and len(bar.text) > LONGEST_AMOUNT
        if (before is None or bar.due != before.due) and not crowded:
            chosen.add(index)
    return chosen


def _bar(month: MonthTotal, zone: str) -> Bar:
    first, _ = local_days(month.period, zone)
    text = amount_text(month.due.amount, month.due.currency)
    prepaid = min(month.commit_price.amount, month.due.amount)
    title = f"From {day_text(first)}: {text}"
    if prepaid > 0:
        title += f", of which {amount_text(prepaid, month.due.currency)} for prepaid usage"
    return Bar(f"{first:%b} ’{first:%y}", month.due.amount, prepaid, text, title)


def _grid(top: Decimal, step: Decimal, currency: str) -> SafeString:
    values = [step * count for count in range(int(top / step) + 1)]
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}" stroke="#e2e6ec"/>'
        '<text x="{}" y="{}" text-anchor="end" fill="#64748b">{}</text>',
        (
            (LEFT, WIDTH - RIGHT, _y(value, top), _y(value, top), LEFT - 8, _y(value, top) + 4, _tick(value, currency))
            for value in values
        ),
    )


def _at(bar: Bar, index: int, slot: Decimal, top: Decimal, *, shows_amount: bool) -> SafeString:
    width = min(slot * Decimal("0.62"), Decimal(46))
    x = LEFT + slot * index + (slot - width) / 2
    ground, head, upper = _y(ZERO, top), _y(bar.due, top), _y(bar.prepaid, top)
    parts = [(x, head, width, ground - head, "bar", "#4f46e5")]
    if bar.prepaid > 0:
        parts = [
            (x, head, width, upper - head, "bar", "#4f46e5"),
            (x, upper, width, ground - upper, "bar prepaid", "#a5b4fc"),
        ]
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" class="{}" fill="{}"/>',
        ((_px(a), _px(b), _px(c), _px(d), css, colour) for a, b, c, d, css, colour in parts),
    )
    amount = format_html(
        '<text class="amount" x="{}" y="{}" text-anchor="middle" fill="#0f172a" font-size="9.5">{}</text>',
        _middle(index, slot),
        _px(head - 6),
        bar.text,
    )
    return format_html("<g><title>{}</title>{}{}</g>", bar.title, drawn, amount if shows_amount else "")


def _middle(index: int, slot: Decimal) -> Decimal:
    return _px(LEFT + slot * index + slot / 2)


def _y(value: Decimal, top: Decimal) -> Decimal:
    return _px(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)


def _px(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.1"))


def _tick(value: Decimal, currency: str) -> str:
    text = shown(value, currency)
    return text.removesuffix(".00")
