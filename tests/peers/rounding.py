"""Rounding: what our kernel answers to a vector of `rounding.json`, and how those of `pricing.json` want theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any, Self

from pricing.adjustments import AmountOff, PercentOff, Waterfall, adjust
from pricing.charges import amount, load
from pricing.money import EXACT, ONE, Money, exactly, exponent, round_amount, shares, total
from pricing.rating import RatedLine
from tests.peers.vectors import Given, UnknownToAdapter, Vector

Answer = dict[str, Any]

_MODES = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "half_down": ROUND_HALF_DOWN,
    "up": ROUND_CEILING,
    "ceiling": ROUND_CEILING,
    "down": ROUND_DOWN,
    "floor": ROUND_FLOOR,
}
# All of them say "once, at the end of what this vector asks".
_STEPS = ("line_total", "final", "after_sum", "overage", "total", "amount")

# What a refusal of ours, which names the field, is about in the names that the collection gives to refusals.
_REFUSALS = {
    "weights: must be greater": ("weight",),
    "weights: at least one": ("item", "weight"),
    "amount: must have at most": ("amount", "round", "precision"),
}


@dataclass(frozen=True)
class Rounding:
    """How a vector wants its amounts rounded: not at all, as we round our lines, or in a way of the peer's own."""

    scale: int | None = None
    mode: str = "half_up"

    @classmethod
    def of(cls, given: Given) -> Self:
        if not given.has("rounding"):
            return cls()
        with given.inner("rounding") as rounding:
            rounding.one_of("step", *_STEPS)
            return cls(int(rounding.number("scale")), rounding.one_of("mode", *_MODES))

    def of_line(self, line: RatedLine) -> Decimal:
        """The line's exact amount, or its rounded one; rounded here only if the peer does not round as we do."""
        if self.scale is None:
            return line.exact
        return line.amount.amount if self._is_ours(line.amount.currency) else self._peers(line.exact)

    def of_amount(self, value: Decimal, currency: str) -> Decimal:
        if self.scale is None:
            return value
        return round_amount(value, currency) if self._is_ours(currency) else self._peers(value)

    def _is_ours(self, currency: str) -> bool:
        return self.mode == "half_up" and self.scale == exponent(currency)

    def _peers(self, value: Decimal) -> Decimal:
        return value.quantize(ONE.scaleb(-(self.scale or 0)), _MODES[self.mode], EXACT)


def answer(vector: Vector) -> Answer:
    """By the names the vector expects. UnknownToAdapter if it says or expects what is not understood here."""
    if vector.what not in _ANSWERS:
        raise UnknownToAdapter(f"kind: the adapter does not know {vector.what!r}")
    with vector.given() as given, given.inner("inputs") as inputs:
        return _ANSWERS[vector.what](inputs, vector)


def _currency_rounding(inputs: Given, vector: Vector) -> Answer:
    inputs.one_of("mode", "half away from zero", "half_up")
    return {"amount": _money(inputs, "amount").rounded().amount}


def _currency_precision(inputs: Given, vector: Vector) -> Answer:
    return {"precisions": {code: Decimal(exponent(code)) for code in vector.expected["precisions"]}}


def _round_each_then_sum(inputs: Given, vector: Vector) -> Answer:
    currency = _currency(inputs)
    return {"subtotal": total([each.rounded() for each in _amounts(inputs, currency)], currency).amount}


def _order_of_rounding(inputs: Given, vector: Vector) -> Answer:
    currency = _currency(inputs)
    amounts = _amounts(inputs, currency)
    return {
        "add_then_round": total(amounts, currency).rounded().amount,
        "round_then_add": total([each.rounded() for each in amounts], currency).amount,
    }


def _multiply_then_round(inputs: Given, vector: Vector) -> Answer:
    charge = load({"kind": "per_unit", "unit_price": inputs.text("unit_price")})
    return {"amount": round_amount(amount(charge.cost(inputs.number("quantity"))), _currency(inputs))}


def _discount_rounding(inputs: Given, vector: Vector) -> Answer:
    """The discount is rounded by itself, and the rest is what it leaves."""
    price, value = _money(inputs, "price"), inputs.number("value")
    is_percent = inputs.one_of("type", "percent", "percentage", "fixed", "amount") in ("percent", "percentage")
    with exactly():
        fall = Waterfall(price.currency)
        fall.to(price.amount, "list", "price", "peer")
        # More than all of it cannot be agreed; all of it is what the peer's clamp makes of that.
        off = PercentOff(min(value, Decimal(100)), "peer") if is_percent else AmountOff(value, "peer")
        adjust(fall, [off])
    discount = (price - Money(fall.total, price.currency)).rounded()
    return {"discount": discount.amount, "final": (price - discount).amount}


def _allocate_by_weight(inputs: Given, vector: Vector) -> Answer:
    """Shares of nothing are left out. The scale may be that of a unit which is no currency."""
    inputs.get("currency")
    items = [(str(each.need("key")), each.number("weight")) for each in inputs.each("items")]
    if inputs.one_of("tie_break", "input order", "key", "key order", "key ascending") != "input order":
        items.sort()
    weights = [weight for _, weight in items]
    try:
        found = shares(inputs.number("amount"), weights, int(inputs.number("scale")))
    except ValueError as refusal:
        name, words = vector.expected.get("error", ""), str(refusal)
        fits = any(noun in name for ours, nouns in _REFUSALS.items() if words.startswith(ours) for noun in nouns)
        return {"error": name if fits else words}
    return {"shares": {key: share for (key, _), share in zip(items, found, strict=True) if share}}


def _currency(inputs: Given) -> str:
    return str(inputs.need("currency")).upper()


def _money(inputs: Given, name: str) -> Money:
    return Money(inputs.number(name), _currency(inputs))


def _amounts(inputs: Given, currency: str) -> list[Money]:
    """A list, or one amount and how often."""
    if isinstance(inputs.need("amounts"), list):
        return [Money(each, currency) for each in inputs.numbers("amounts")]
    with inputs.inner("amounts") as same:
        return [Money(same.number("amount"), currency)] * int(same.number("count"))


_ANSWERS: dict[str, Callable[[Given, Vector], Answer]] = {
    "currency_rounding": _currency_rounding,
    "currency_precision": _currency_precision,
    "round_each_then_sum": _round_each_then_sum,
    "order_of_rounding": _order_of_rounding,
    "multiply_then_round": _multiply_then_round,
    "discount_rounding": _discount_rounding,
    "allocate_by_weight": _allocate_by_weight,
}
