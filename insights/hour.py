"""The last sixty minutes as a small picture: events a minute, one SVG, drawn here."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT, EDGE = 600, 64, 4


def hour_chart(minutes: Sequence[int]) -> SafeString:
    """The minutes in order, the running one last. A line on the ground where nothing came."""
    top = max(1, *minutes)
    step = WIDTH / (len(minutes) - 1)
    places = [(place * step, HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * count / top) for place, count in enumerate(minutes)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    words = f"{sum(minutes):,} events in the last {len(minutes)} minutes, at most {max(minutes):,} in one"
    return format_html(
        '<svg class="quoin-hour" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<title>{}</title><polygon class="area" points="0,{} {} {},{}"/><polyline class="line" points="{}"/></svg>',
        WIDTH, HEIGHT, words, words, HEIGHT - EDGE, line, WIDTH, HEIGHT - EDGE, line,
    )  # fmt: skip
