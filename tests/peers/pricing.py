"""Pricing: what our kernel answers to a vector of `pricing.json`. Shapes are turned; every figure comes from `pricing`.

`answer` gives what the vector expects by the same names, exact unless the vector says how to round.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pricing.adjustments import Adjustment, Maximum, Minimum, PercentOff, Waterfall, adjust
from pricing.charges import Charge, ChargeError, Step, amount, load
from pricing.drawdown import Drawable
from pricing.money import ONE, ZERO, Money, exactly
from tests.peers import charges, parts
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
    assert quantity is not None
    with question.parameters() as parameters:
        clamps = parameters.one_of("clamp_negative", False, True)
        json = charges.charge_of(question.model, parameters, question.peer)
        around = charges.around(dict(ONE_UNIT), parameters)
    charge = load(json)
    if quantity < 0 and not clamps:
        return _of_less_than_nothing(question, charge, quantity)
    found: Answer = {"amount": question.rated(charge, quantity)}
    if question.asks("breakdown", "tier_amounts"):
        rows = _rows(charge.cost(quantity), json)
        found |= {"breakdown": rows, "tier_amounts": [row["total"] for row in rows]}
    if question.asks("billed_quantity"):
        found["billed_quantity"] = units(load(around).cost(quantity))
    if question.asks("pricing_unit_amount"):
        found["pricing_unit_amount"] = parts.in_pricing_units(question, json, quantity)
    return found


def _of_less_than_nothing(question: Question, charge: Charge, quantity: Decimal) -> Answer:
    """Seats of less than none are refused; measured units that were given back come back at what they cost."""
    if not question.peer.prices_seats:
        return {"amount": question.amount(amount(charge.cost(quantity)))}
    try:
        return {"amount": question.line(charge, quantity=quantity)}
    except ValueError as refusal:
        if str(refusal).endswith("quantity must not be negative"):
            return {"error": "negative_quantity"}
        raise


def _rows(steps: tuple[Step, ...], json: charges.Json) -> list[Answer]:
    """The workings of a ladder, tier by tier; the effect of a tier's cap is part of its total."""
    tiers = json.get("tiers", [])
    rows: list[Answer] = []
    for step in steps:
        if step.label == "at most {}" and rows:
            rows[-1]["total"] += step.amount
            continue
        usage = step._replace(flat_fee=ZERO).amount
        row = {"units": step.quantity, "usage_amount": usage, "flat_fee": step.flat_fee, "total": step.amount}
        rows.append(row | {"tier": len(rows) + 1})
    if json["kind"] == "volume" and rows:
        bounds = [tier["up_to"] for tier in tiers]
        rows[0]["tier"] = 1 + next(
            i for i, up_to in enumerate(bounds) if up_to is None or steps[0].quantity <= Decimal(up_to)
        )
    return rows


def _dynamic(question: Question) -> Answer:
    """An event brings its amount, which is what the meter adds up; or a quantity is multiplied."""
    if not question.given.has("events"):
        return _one_quantity(question)
    events = [(each.number("amount"), each.number_or("quantity", ZERO)) for each in question.given.each("events")]
    with question.parameters() as parameters:
        charge = load(charges.charge_of(question.model, parameters, question.peer))
    with exactly():
        carried, count = (sum((event[place] or ZERO for event in events), ZERO) for place in (0, 1))
    line = question.line(charge, usage=carried, meter="meter")
    price = Drawable.of(line.key, line.product, line.period, count, line.exact).unit_price
    return {"amount": question.rounding.of_line(line), "unit_amount": price}


# ---------------------------------------------------------------- several lines of one cycle


def _limits(json: charges.Json) -> tuple[Charge, tuple[Adjustment, ...]]:
    """The charge, and what acts on the cycle around it."""
    if json["kind"] != "adjusted":
        return load(json), ()
    names: dict[str, Callable[[Decimal, str], Adjustment]] = {
        "percent_off": PercentOff,
        "maximum": Maximum,
        "minimum": Minimum,
    }
    return load(json["charge"]), tuple(
        make(Decimal(json[name]), "peer") for name, make in names.items() if name in json
    )


def _incremental(question: Question) -> Answer:
    """One of the lines of a cycle cut by a price change, the lines before having billed so much."""
    with question.parameters() as parameters:
        charge, limits = _limits(charges.base_of(parameters, question.peer))
    given = question.given
    quantity, prior, billed = given.number("quantity"), given.number("prior_quantity"), given.number("prior_billed")
    is_first = given.one_of("is_first_line_of_period", False, True)
    is_last = given.one_of("is_last_line_of_period", False, True)
    with exactly():
        fall = Waterfall(question.currency)
        fall.listed(charge.cost(quantity, None if is_first else prior), "peer")
        gross = fall.total
        left = [each.less(billed) if isinstance(each, (Maximum, Minimum)) else each for each in limits]
        adjust(fall, [each for each in left if is_last or not isinstance(each, Minimum)])
        effects = {step.kind: question.amount(-step.amount) for step in fall.steps}
    return {
        "amount": question.amount(fall.total),
        "gross": question.amount(gross),
        "percentage_discount": effects.get(PercentOff.kind, ZERO),
        "maximum_spend_discount": effects.get(Maximum.kind, ZERO),
    }


def _cumulative_delta(question: Question) -> Answer:
    """Billing is a difference: what the cycle comes to by now, rounded, less what was billed of it."""
    with question.parameters() as parameters:
        charge, limits = _limits(charges.base_of(parameters, question.peer))
    listed, billed, before = ZERO, Money.zero(question.currency), None
    amounts = []
    for snapshot in question.given.each("snapshots"):
        now, is_final = snapshot.number("cumulative_quantity"), snapshot.one_of("is_final", False, True)
        with exactly():
            # Part by part, as a cycle is cut: the counter of tiers goes on.
            listed += amount(charge.cost(now - (before or ZERO), before))
            fall = Waterfall(question.currency)
            fall.to(listed, "list", "so far", "peer")
            adjust(fall, [each for each in limits if is_final or not isinstance(each, Minimum)])
        owed = Money(question.amount(fall.total), question.currency)
        amounts.append((owed - billed).amount)
        billed, before = owed, now
    return {"period_amounts": amounts}


def _maximum_spend(question: Question) -> Answer:
    with question.parameters() as parameters:
        most = Maximum(parameters.number("maximum_amount"), "peer")
    line = Money(question.given.number("line_amount"), question.currency)
    with exactly():
        fall = Waterfall(question.currency)
        fall.to(line.amount, "list", "line", "peer")
        adjust(fall, [most.less(question.given.number("prior_billed"))])
    discount = question.amount((line - Money(fall.total, line.currency)).amount)
    return {"discount": discount, "amount": (line - Money(discount, line.currency)).amount}


# ---------------------------------------------------------------- quantities only


def _free_units_across_lines(question: Question) -> Answer:
    with question.parameters() as parameters:
        free = load(charges.around(dict(ONE_UNIT), parameters))
    quantity, prior = question.given.number("quantity"), question.given.number("prior_quantity")
    return {"billable_quantity": units(free.cost(quantity, prior)), "billable_prior_quantity": units(free.cost(prior))}


def _unit_conversion(question: Question) -> Answer:
    with question.parameters() as parameters:
        converted = load(charges.converted(parameters, dict(ONE_UNIT)))
    return {"quantity": units(converted.cost(question.given.number("quantity")))}


_ANSWERS: dict[str, Callable[[Question], Answer]] = {
    "dynamic": _dynamic,
    "incremental": _incremental,
    "cumulative_delta": _cumulative_delta,
    "maximum_spend": _maximum_spend,
    "free_units_across_lines": _free_units_across_lines,
    "unit_conversion": _unit_conversion,
    **parts.ANSWERS,
}
