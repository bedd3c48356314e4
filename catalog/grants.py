"""What a product grants of a feature: how much, in which window; what may be granted, and how people read it."""

from collections.abc import Mapping
from typing import Protocol

from catalog.models import Feature, FeatureGrant
from metering.models import Meter
from pricing.figures import grouped
from pricing.money import parse

Kind, Window = Feature.Kind, FeatureGrant.Window
UNLIMITED = "unlimited"
COUNTED = (Kind.LIMIT, Kind.METERED)

PER_WINDOW = {
    Window.CYCLE: "a billing cycle",
    Window.MONTH: "a calendar month",
    Window.WEEK: "a week",
    Window.DAY: "a day",
    Window.FIVE_HOURS: "5 hours",
    Window.ROLLING_FIVE_HOURS: "any 5 hours",
}


class Terms(Protocol):
    """How much of a feature: a grant, or an entry of a file of prices."""

    @property
    def value(self) -> str: ...
    @property
    def window(self) -> str: ...
    @property
    def is_hard(self) -> bool: ...
    @property
    def is_per_seat(self) -> bool: ...


def problems(kind: str, terms: Terms) -> Mapping[str, str]:
    """What keeps these terms from being granted of a feature of this kind: a sentence by the name of the field."""
    found = {}
    if problem := value_problem(kind, terms.value):
        found["value"] = problem
    if terms.window != Window.CYCLE and kind != Kind.METERED:
        found["window"] = "Only a metered allowance has a window."
    if terms.is_per_seat and (kind not in COUNTED or terms.value == UNLIMITED):
        found["is_per_seat"] = "Only a number can be granted for each seat."
    return found


def meter_problem(kind: str, meter: Meter | None) -> str:
    """What keeps a feature of this kind from being counted by this meter, or by none; "" if nothing does."""
    if (kind == Kind.METERED) == (meter is not None):
        return ""
    return "A metered feature needs the meter that counts it." if meter is None else "Only metered features have one."


def value_problem(kind: str, value: str) -> str:
    """What keeps this from being a value of such a feature; "" if nothing does."""
    if kind == Kind.BOOLEAN:
        return "One that is on or off has no value; leave this empty." if value else ""
    if kind == Kind.CONFIG:
        return "" if value.strip() else "Say the value."
    try:
        number = None if value == UNLIMITED else parse(value)
    except ValueError:
        return "Say how much: a number in plain digits, or “unlimited”."
    if number is None:
        return ""
    if number < 0 or number.adjusted() >= 16 or int(number.as_tuple().exponent) < -9:
        return "Say how much: not negative, at most 16 digits and 9 decimals."
    return ""


def words(kind: str, terms: Terms) -> str:
    """“600”, “50 a seat in 5 hours, then overage”, “unlimited”; "" for what is simply on."""
    if kind not in COUNTED:
        return terms.value
    text = terms.value if terms.value == UNLIMITED else grouped(parse(terms.value))
    if terms.is_per_seat:
        text += " a seat"
    return amount_words(text, terms.window if kind == Kind.METERED else "", terms.is_hard or terms.value == UNLIMITED)


def amount_words(amount: str, window: str, is_hard: bool) -> str:
    """“50 in 5 hours, then overage”, “600 a day”; without a window “600”."""
    per = PER_WINDOW[Window(window)] if window else ""
    text = f"{amount} {'in ' if 'hours' in per else ''}{per}".rstrip()
    return text if is_hard else f"{text}, then overage"
