"""Definitions in words, and what each way of adding up comes to in an example."""

from metering.models import Meter
from metering.models.meters import Definition

_ADDED = {
    "count": "Number of events",
    "sum": "Sum of {}",
    "max": "Highest {}",
    "min": "Lowest {}",
    "unique": "Number of different {}",
    "latest": "Latest {}",
    "average": "Average {}",
    "weighted": "Sum of {}, weighted by time",
}
_THEN = {
    "sum": "the sum of these",
    "max": "the highest of these",
    "min": "the lowest of these",
    "average": "the average of these",
    "count": "how many there are",
    "unique": "how many different ones there are",
}

EXAMPLES = (
    ("Count", "three events", "3"),
    ("Sum", "10 on day 1, 5 on day 16", "15"),
    ("Highest", "10 on day 1, 5 on day 16", "10"),
    ("Lowest", "10 on day 1, 5 on day 16", "5"),
    ("Latest", "10 on day 1, 5 on day 16", "5"),
    ("Average", "10 on day 1, 5 on day 16", "7.5"),
    ("Number of different", "ann, ben, ann", "2"),
    ("Weighted by time", "10 seats on day 1, 5 more on day 16 of 30: 10 + 5 × 15 ÷ 30", "12.5"),
    ("Highest of each day, then their sum", "2 and 9 on day 1, 4 on day 2: 9 + 4", "13"),
    ("Sum, carries over", "40 before the period, −10 in it", "30"),
)


def in_words(definition: Definition) -> str:
    """What it counts, in one sentence without the type of event."""
    words = _ADDED[definition.aggregation].format(definition.property)
    limits = [f"{name} is {' or '.join(allowed)}" for name, allowed in sorted(definition.filters.items())]
    limits += [definition.condition] if definition.condition else []
    if limits:
        words += f", where {' and '.join(limits)}"
    if definition.carries_over:
        words += ", carried over from before"
    each = [f"each {definition.per}"] if definition.per else []
    if definition.window:
        zone = "" if definition.window_zone == "UTC" else f" ({definition.window_zone})"
        each.append(f"each {Meter.Window(definition.window).label.lower()}{zone}")
    if each:
        words += f"; for {' and '.join(each)}, then {_THEN[definition.over]}"
    return words
