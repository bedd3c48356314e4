"""What holds for every charge, whatever it is built of."""

from decimal import Decimal
from itertools import pairwise

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from pricing.charges import KINDS, Adjusted, Charge, Composite, Dynamic, Percent, amount, dump, load
from pricing.measures import beyond, together
from pricing.money import exactly
from pricing.schema import charge_schema
from tests.pricing.made_up import CHARGES, EVENTS, SCALAR, Made, measured

D = Decimal
NEARLY_ZERO = D("1E-20")
VALID = jsonschema.Draft202012Validator(charge_schema())


@given(CHARGES, EVENTS, st.lists(st.integers(0, 8), max_size=3))
def test_no_cut_of_a_cycle_changes_the_sum(charge: Charge, events: list[Made], cuts: list[int]):
    ends = [*sorted(min(cut, len(events)) for cut in cuts), len(events)]
    cumulative = [measured(events[:end], charge.split) for end in ends]
    whole = amount(charge.cost(cumulative[-1]))
    with exactly():
        total = amount(charge.cost(cumulative[0]))
        for before, now in pairwise(cumulative):
            total += amount(charge.cost(beyond(now, before, charge.split), before))
        assert abs(total - whole) < NEARLY_ZERO


@given(CHARGES, EVENTS, st.integers(0, 8))
def test_what_was_added_and_what_was_before_are_together_what_there_is(charge, events, cut):
    now, before = measured(events, charge.split), measured(events[:cut], charge.split)
    again = together(before, beyond(now, before, charge.split), charge.split)
    with exactly():
        assert abs(amount(charge.whole(again)) - amount(charge.whole(now))) < NEARLY_ZERO


@given(CHARGES, EVENTS)
def test_the_workings_say_what_they_are_and_come_to_the_amount(charge, events):
    steps = charge.cost(measured(events, charge.split))
    with exactly():
        assert abs(sum((step.amount for step in steps), D(0)) - amount(steps)) < NEARLY_ZERO
    assert all(step.sentence("USD") for step in steps)
    assert "  " not in charge.sentence("USD")


@given(st.one_of(CHARGES, st.builds(Composite, SCALAR, st.sampled_from([(), ("input", "output")]))))
def test_json_gives_back_the_same_charge(charge):
    data = dump(charge)
    assert load(data) == charge
    assert hash(load(data)) == hash(charge)
    assert dump(load(data)) == data
    VALID.validate(data | {"currency": "USD"})


@given(CHARGES, EVENTS)
def test_an_expectation_is_priced_as_one_quantity_not_told_apart(charge, events):
    expected = sum((each.quantity for each in events), D(0))
    assert amount(charge.cost(expected)).is_finite()
    assert charge.unpriced(expected) == ()


@given(CHARGES, EVENTS)
def test_what_has_no_price_adds_nothing(charge, events):
    now = measured(events, charge.split)
    left_out = set(charge.unpriced(now))
    if left_out and not charge.split.each:
        priced = tuple(part for part in now if part not in left_out)
        assert charge.unpriced(priced) == ()
        assert amount(charge.cost(now)) == amount(charge.cost(priced))


@given(CHARGES, EVENTS, st.sampled_from([D("0.5"), D(2), D("1.15")]))
def test_scaled_prices_scale_what_is_due(charge, events, factor):
    """But for the cheapest of several in units of account, all prices are linear in the amount."""
    now = measured(events, charge.split)
    with exactly():
        assert abs(amount(charge.scaled(factor).cost(now)) - factor * amount(charge.cost(now))) < NEARLY_ZERO


def test_every_kind_is_in_the_schema():
    assert set(VALID.schema["$defs"]) == {"charge", *KINDS}
    jsonschema.Draft202012Validator.check_schema(VALID.schema)


def test_the_schema_refuses_what_load_refuses():
    wrong = [
        {},
        {"kind": "magic"},
        {"kind": "flat"},
        {"kind": "flat", "amount": 20},
        {"kind": "flat", "amount": "20", "surprise": "1"},
        {"kind": "sum", "charges": [{"kind": "flat", "amount": "1", "currency": "USD"}]},
        {"kind": "graduated", "tiers": [{"up_to": None, "unit_price": "1", "x": "1"}]},
        {"kind": "package", "unit_price": "1", "size": "1", "rounding": "sideways"},
    ]
    assert [data for data in wrong if VALID.is_valid(data)] == []


def test_at_another_level_of_prices_money_moves_and_shares_of_money_stay() -> None:
    support = Adjusted(Composite(Percent(D(10))), minimum=D(100))
    assert support.exchanged(D("0.9")) == Adjusted(Composite(Percent(D(10))), minimum=D("90.0"))
    assert support.scaled(D("0.5")) == Adjusted(Composite(Percent(D("5.0"))), minimum=D("50.0"))
    assert Dynamic(D("1.2")).exchanged(D("0.9")) == Dynamic(D("1.2"))
