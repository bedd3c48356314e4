"""Parts: vectors whose usage is told apart, by transaction, property, window or change of seats."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pricing.charges import Charge, Step, amount, load
from pricing.measures import WHOLE, Measured, Part, together
from pricing.measures import total as total_of
from pricing.money import exactly
from pricing.steps import PERCENT
from tests.peers import charges
from tests.peers.question import START, Answer, Question, units
from tests.peers.vectors import Given


def in_pricing_units(question: Question, json: charges.Json, measured: Measured) -> Decimal:
    """The price before pricing units become money."""
    while json["kind"] != "in_unit":
        json = json["charge"]
    return amount(load(json["charge"]).cost(measured))


def _charge(question: Question) -> charges.Json:
    with question.parameters() as parameters:
        return charges.charge_of(question.model, parameters, question.peer)


def _as_wanted(charge: Charge, parts: Sequence[Part]) -> Measured:
    """What was measured, told apart as the charge wants it."""
    return total_of(tuple(parts)) if charge.split == WHOLE else together((), tuple(parts), charge.split)


# ---------------------------------------------------------------- transactions, properties, units


def _percentage(question: Question) -> Answer:
    """The vector's `transactions`, in order."""
    charge = load(_charge(question))
    values = question.given.numbers("transactions")
    measured = _as_wanted(charge, [Part(value, (), START + timedelta(minutes=i)) for i, value in enumerate(values)])
    steps = charge.cost(measured)
    return {
        "amount": question.rated(charge, measured),
        "percentage_amount": amount(step for step in steps if step.label == PERCENT),
        "fixed_amount": amount(step for step in steps if step.label == "transactions"),
    }


def _dimensional(question: Question) -> Answer:
    json = _charge(question)
    charge = load(json)
    names = charge.split.by
    used = [(each.need("properties"), each.number("quantity")) for each in question.given.each("events")]
    found = [Part(quantity, tuple(properties.get(name) for name in names)) for properties, quantity in used]
    measured = _as_wanted(charge, found)
    answer: Answer = {"amount": question.rated(charge, measured)}
    if question.asks("breakdown"):
        parameters = question.parameters()
        rules = [rule["match"] for rule in parameters.get("rules", [])]
        answer["breakdown"] = _shares(charge, found, rules, parameters.get("group_by", []))
    if question.asks("pricing_unit_amount"):
        answer["pricing_unit_amount"] = in_pricing_units(question, json, measured)
    return answer


def _shares(
    charge: Charge, used: Sequence[Part], rules: Sequence[charges.Match], groups: Sequence[str]
) -> list[Answer]:
    """What each group comes to, rule by rule: the workings are labelled by the cell of the matrix they are of."""
    by = charge.split.by
    apart: dict[tuple[str | None, ...], list[Part]] = defaultdict(list)
    for part in used:
        apart[tuple(part.values[by.index(name)] for name in groups)].append(part)
    rule_of = {_label(values): rule for rule in rules for values in charges.cells_of(rule, by)}
    rows = []
    for values, parts in apart.items():
        told: list[tuple[charges.Match, Step]] = [
            (rule_of.get(step.group, {}), step) for step in charge.cost(_as_wanted(charge, parts))
        ]
        for rule in [*rules, {}]:
            steps = tuple(step for of, step in told if of == rule)
            row = {"match": rule, "group": dict(zip(groups, values, strict=True))}
            rows.append(row | {"units": units(steps), "amount": amount(steps)})
    return rows


def _label(values: Sequence[str | None]) -> str:
    """As a matrix names a cell."""
    return ", ".join("any" if value is None else value for value in values)


def _capacity(question: Question) -> Answer:
    peaks = question.given.need("quantities")
    charge = load(_charge(question))
    return {"amount": question.rated(charge, tuple(Part(Decimal(peak), (unit,)) for unit, peak in peaks.items()))}


# ---------------------------------------------------------------- windows


def _per_window_sum(question: Question) -> Answer:
    """Windows as hours, one after the other. One with nothing in it bills nothing, whoever asserts it."""
    with question.parameters() as parameters:
        peer = replace(question.peer, charges_flat_at_zero=False)
        charge = load({"kind": "per_window", "window": "hour", "charge": charges.base_of(parameters, peer)})
    windows = question.given.numbers("windows")
    parts = tuple(Part(quantity, (), START + timedelta(hours=i)) for i, quantity in enumerate(windows) if quantity)
    return {"amount": question.rated(charge, parts)}


def _window_commitment(question: Question) -> Answer:
    """What was committed, went over and was trued up is told by what the price would be without."""
    windows = _hours(question.given)
    with question.parameters() as parameters:
        with parameters.inner("line_item") as terms:
            line = _commitment(terms)
        hours: list[charges.Json] = [
            {"from_hour": each.text("from_hour"), "to_hour": each.text("to_hour"), "charge": _commitment(each)}
            for each in (parameters.each("time_of_day_buckets") if parameters.has("time_of_day_buckets") else ())
        ]

    def priced(**otherwise: Any) -> Decimal:
        of_hours = [each | {"charge": _otherwise(each["charge"], otherwise)} for each in hours]
        json = {"kind": "per_window", "window": "hour", "charge": _otherwise(line, otherwise), "hours": of_hours}
        return question.rated(load(json), windows)

    whole = priced()
    with exactly():
        true_up, overage = whole - priced(true_up=False), whole - priced(overage_factor="0")
        return {"amount": whole, "committed_used": whole - true_up - overage, "overage": overage, "true_up": true_up}


def _hours(given: Given) -> tuple[Part, ...]:
    """Windows that begin at these hours, each after the one before."""
    parts, start = [], START - timedelta(hours=1)
    for window in given.each("windows"):
        hour = int(window.number("start_hour_utc"))
        start += timedelta(hours=(hour - start.hour - 1) % 24 + 1)
        parts.append(Part(window.number("quantity"), (), start))
    return tuple(parts)


def _commitment(terms: Given) -> charges.Json:
    price = {"kind": "per_unit", "unit_price": terms.text("unit_price")}
    kind = terms.get("commitment_type")
    value, factor = terms.text_or("commitment_value"), terms.text_or("overage_factor", "1")
    true_up = terms.one_of("true_up", False, True)
    if kind is None or value is None:
        return price
    what = terms.one_of("commitment_type", "amount", "quantity")
    return {"kind": "committed", "charge": price, what: value, "overage_factor": factor, "true_up": true_up}


def _otherwise(charge: charges.Json, terms: charges.Json) -> charges.Json:
    return charge | terms if charge["kind"] == "committed" else charge


ANSWERS: dict[str, Callable[[Question], Answer]] = {
    "percentage": _percentage,
    "dimensional": _dimensional,
    "capacity": _capacity,
    "per_window_sum": _per_window_sum,
    "window_commitment": _window_commitment,
}
