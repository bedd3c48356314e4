"""A preview as the page's script receives it: errors with their fields, and the rest as HTML ready to be shown."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.template.loader import render_to_string

from catalog.models import Product
from catalog.previews import Preview
from pricing.money import exponent, fixed, round_amount, shown


def answer(seen: Preview, currency: str, product: Product, *, shows_margin: bool) -> dict[str, Any]:
    """`errors` always; with a charge that can be priced also how it wants usage told apart and what it means."""
    if seen.charge is None:
        return {"errors": seen.errors}
    context = {"seen": seen, "product": product, "lacks_cost": shows_margin and _lacks_cost(seen, product)}
    return {
        "errors": seen.errors,
        "shape": seen.shape,
        "examples": seen.examples,
        "meaning": render_to_string("catalog/rate_meaning.html", context),
        "tried": render_to_string("catalog/rate_tried.html", context | _tried(seen, currency)) if seen.line else "",
    }


def _tried(seen: Preview, currency: str) -> dict[str, Any]:
    assert seen.line is not None
    words: dict[str, Any] = {
        "fall": [(row.label, _in_line(row.amount, _places(seen, currency), currency)) for row in seen.rows],
        "total": _signed(shown(seen.line.amount.amount, currency)),
    }
    if seen.against is not None and seen.against.amount is not None and seen.against.difference is not None:
        difference = seen.against.difference
        words["now"] = _signed(shown(seen.against.amount, currency))
        words["difference"] = _with_percent(difference, seen.against.percent, currency, plus="+")
        words["direction"] = "dearer" if difference > 0 else "cheaper" if difference < 0 else ""
    if seen.margin is not None:
        words["cost"] = shown(seen.margin.cost, currency)
        words["left"] = _with_percent(seen.margin.left, seen.margin.percent, currency)
    return words


def _lacks_cost(seen: Preview, product: Product) -> bool:
    return (
        seen.margin is None
        and seen.line is not None
        and product.kind == Product.Kind.USAGE
        and not product._state.adding
    )


def _places(seen: Preview, currency: str) -> int:
    """So many decimals that every row shows all of its own, and the points stand below each other."""
    most = max((len(fixed(row.amount, 0).partition(".")[2]) for row in seen.rows), default=0)
    return max(most, exponent(currency))


def _in_line(amount: Decimal, places: int, currency: str) -> str:
    sign = "−" if amount < 0 else ""
    symbol = shown(Decimal(0), currency).partition("0")[0]
    whole, _, decimals = fixed(abs(amount), places).partition(".")
    return f"{sign}{symbol}{int(whole):,}" + (f".{decimals}" if decimals else "")


def _with_percent(amount: Decimal, percent: Decimal | None, currency: str, *, plus: str = "") -> str:
    if plus and not amount:
        return "none"
    text = _signed(shown(round_amount(amount, currency), currency))
    if amount > 0:
        text = plus + text
    if percent is None:
        return text
    share = _signed(f"{percent.quantize(Decimal('0.1'), ROUND_HALF_UP):,f}").removesuffix(".0")
    return f"{text} ({plus if amount > 0 else ''}{share} %)"


def _signed(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
