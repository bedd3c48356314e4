"""Pricing: what our kernel answers to a vector of `pricing.json`. Shapes are turned; every figure comes from `pricing`.

`answer` gives what the vector expects by the same names, exact unless the vector says how to round.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pricing.charges import Charge, ChargeError, amount, load
from pricing.drawdown import Drawable
from pricing.money import ONE, ZERO, exactly
from tests.peers import charges, lines, parts
from tests.peers.peers import Peer
from tests.peers.question import ONE_UNIT, Answer, Question, units
from tests.peers.rounding import Rounding
from tests.peers.vectors import Vector


def answer(vector: Vector) -> Answer:
    """By the names the vector expects. UnknownToAdapter if it says or expects what is not understood here."""
    try:
        with vector.given() as given:
            peer = Peer.of(vector.data.get("source") or {}, _reach(vector.data))
            currency, rounding = given.get("currency", "USD"), Rounding.of(given)
            return _answer(Question(vector.what, given, peer, currency, rounding, vector.expected))
    except ChargeError as refusal:
        if str(refusal).endswith("the last tier must be open"):
            return {"error": "quantity_above_last_tier"}
        raise


def _answer(question: Question) -> Answer:
    return _ANSWERS.get(question.model, _one_quantity)(question)


def _reach(data: Mapping[str, Any]) -> dict[str, Decimal]:
    """The largest quantity that the vector asks the price of: of each unit; of the only one, ""."""
    found = {unit: Decimal(quantity) for unit, quantity in (data.get("quantities") or {}).items()}
    asked = [Decimal(each["cumulative_quantity"]) for each in data.get("snapshots") or ()]
    asked += [Decimal(each) for each in data.get("windows") or () if isinstance(each, str)]
    if isinstance(data.get("quantity"), str):
        asked.append(Decimal(data["quantity"]) + Decimal(data.get("prior_quantity") or 0))
    elif isinstance(data.get("quantity"), Mapping):
        asked += [Decimal(each) for each in data["quantity"].values()]
    held = ZERO
    for event in data.get("events") or ():
        held += Decimal(event.get("full_units") or 0)
        asked.append(held)
    return found | {"": max([ZERO, *asked])}


# ---------------------------------------------------------------- one number


def _one_quantity(question: Question) -> Answer:
    """Every model that prices one number."""
    quantity = question.given.number_or("quantity", ONE)
    with question.parameters() as parameters:
        # A package is never negative, says its rule; of others the vector says so.
        clamps = parameters.one_of("clamp_negative", question.model == "package", True, False)
        billed = units(load(charges.around(dict(ONE_UNIT), parameters)).cost(quantity))
        json = charges.charge_of(question.model, parameters, replace(question.peer, reach={"": billed}))
    charge = load(json)
    if quantity < 0 and not clamps:
        return _of_less_than_nothing(question, charge, quantity)
    found: Answer = {"amount": question.rated(charge, quantity), "billed_quantity": billed}
    if question.asks("breakdown", "tier_amounts"):
        rows = _rows(quantity, json)
        found |= {"breakdown": rows, "tier_amounts": [row["total"] for row in rows]}
    if question.asks("pricing_unit_amount"):
        found["pricing_unit_amount"] = parts.in_pricing_units(question, json, quantity)
    return found


def _of_less_than_nothing(question: Question, charge: Charge, quantity: Decimal) -> Answer:
    """Seats of less than none are refused; measured units that were given back come back at what they cost."""
    if not question.peer.prices_seats:
        return {"amount": question.amount(amount(charge.cost(quantity)))}
    try:
        return {"amount": question.rounding.of_line(question.line(charge, quantity=quantity))}
    except ValueError as refusal:
        if str(refusal).endswith("quantity must not be negative"):
            return {"error": "negative_quantity"}
        raise


def _rows(quantity: Decimal, json: charges.Json) -> list[Answer]:
    """The workings of a ladder, tier by tier; what a tier's cap takes off is part of its total."""
    while json["kind"] == "adjusted":
        json = json["charge"]
    rows: list[Answer] = []
    for step in load(json).cost(quantity):
        if step.label == "at most {}":
            rows[-1]["total"] += step.amount
            continue
        usage = step._replace(flat_fee=ZERO).amount
        row = {"units": step.quantity, "usage_amount": usage, "flat_fee": step.flat_fee, "total": step.amount}
        rows.append(row | {"tier": Decimal(len(rows) + 1)})
    while "charge" in json:
        json = json["charge"]
    if json["kind"] == "volume":
        # All of it lies in one tier, which need not be the first.
        rows = [row | {"tier": _tier_of(row["units"], json)} for row in rows]
    return rows


def _tier_of(count: Decimal, json: charges.Json) -> Decimal:
    bounds = [tier["up_to"] for tier in json["tiers"]]
    return Decimal(1 + next(place for place, up_to in enumerate(bounds) if up_to is None or count <= Decimal(up_to)))


def _dynamic(question: Question) -> Answer:
    """An event brings its amount, which is what the meter adds up; or a quantity is multiplied."""
    if not question.given.has("events"):
        return _one_quantity(question)
    with question.parameters() as parameters:
        charge = load(charges.charge_of(question.model, parameters, question.peer))
        measured = "quantity" if parameters.need("mode") == "multiplier" else "amount"
    events = [(each.number(measured), each.number_or("quantity", ZERO)) for each in question.given.each("events")]
    with exactly():
        carried, count = (sum((event[place] for event in events), ZERO) for place in (0, 1))
    line = question.line(charge, usage=carried, meter="meter")
    price = Drawable.of(line.key, line.product, line.period, count, line.exact).unit_price
    return {"amount": question.rounding.of_line(line), "unit_amount": price}


# ---------------------------------------------------------------- quantities only


def _free_units_across_lines(question: Question) -> Answer:
    with question.parameters() as parameters:
        free = load(charges.around(dict(ONE_UNIT), parameters))
    quantity, prior = question.given.number("quantity"), question.given.number_or("prior_quantity", ZERO)
    return {"billable_quantity": units(free.cost(quantity, prior)), "billable_prior_quantity": units(free.cost(prior))}


def _unit_conversion(question: Question) -> Answer:
    with question.parameters() as parameters:
        converted = load(charges.converted(parameters, dict(ONE_UNIT)))
    return {"quantity": units(converted.cost(question.given.number("quantity")))}


_ANSWERS: dict[str, Callable[[Question], Answer]] = {
    "dynamic": _dynamic,
    "free_units_across_lines": _free_units_across_lines,
    "unit_conversion": _unit_conversion,
    **lines.ANSWERS,
    **parts.ANSWERS,
}
