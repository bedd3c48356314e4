"""Lines: vectors about the lines of a cycle that was cut, and about quantities that change within one."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from pricing import seats
from pricing.adjustments import Adjustment, Maximum, Minimum, PercentOff, Waterfall, adjust
from pricing.charges import Charge, Graduated, Volume, amount, load
from pricing.money import ZERO, Money, exactly
from tests.peers import charges
from tests.peers.question import Answer, Question


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


# ---------------------------------------------------------------- quantities that change


def _graduated_prorated(question: Question) -> Answer:
    """Tiers are reached by having units, so nobody owes the first one's fee for having had none."""
    charge, limits = _ladder(question, "graduated", flat_at_zero=False)
    assert isinstance(charge, Graduated)
    changes = [
        seats.Change(each.number("full_units"), each.number("prorated_units")) for each in question.given.each("events")
    ]
    return {"amount": _adjusted(question, amount(seats.graduated_prorated(charge, changes)), limits)}


def _volume_prorated(question: Question) -> Answer:
    charge, limits = _ladder(question, "volume", flat_at_zero=question.peer.charges_flat_at_zero)
    assert isinstance(charge, Volume)
    with question.given.inner("quantity") as quantity:
        steps = seats.volume_prorated(charge, quantity.number("full_units"), quantity.number("prorated_units"))
    return {"amount": _adjusted(question, amount(steps), limits)}


def _ladder(question: Question, model: str, *, flat_at_zero: bool) -> tuple[Charge, tuple[Adjustment, ...]]:
    with question.parameters() as parameters:
        return _limits(charges.charge_of(model, parameters, replace(question.peer, charges_flat_at_zero=flat_at_zero)))


def _adjusted(question: Question, listed: Decimal, limits: tuple[Adjustment, ...]) -> Decimal:
    with exactly():
        fall = Waterfall(question.currency)
        fall.to(listed, "list", "all changes", "peer")
        adjust(fall, limits)
    return question.amount(fall.total)


ANSWERS: dict[str, Callable[[Question], Answer]] = {
    "incremental": _incremental,
    "cumulative_delta": _cumulative_delta,
    "maximum_spend": _maximum_spend,
    "graduated_prorated": _graduated_prorated,
    "volume_prorated": _volume_prorated,
}
