"""Numbers as text: one way for machines, one for people. Of whatever they count, also what is no money."""

from decimal import Decimal


def plain(value: Decimal) -> str:
    """Canonical text: fixed point, no exponent, no trailing zeros, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def grouped(value: Decimal) -> str:
    """For people: 10,000,000 or 1,536.5."""
    text = format(value, ",f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(unit: str) -> str:
    """Many of a unit: tokens, GB, credits."""
    return unit if unit.isupper() or unit.endswith("s") else f"{unit}s"
