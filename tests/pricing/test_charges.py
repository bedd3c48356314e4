"""Charges: worked numbers, and what holds for every charge and quantity."""

from decimal import ROUND_DOWN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.charges import (
    Charge,
    ChargeError,
    Flat,
    Graduated,
    Package,
    PerUnit,
    Step,
    Tier,
    Volume,
    amount,
    dump,
    load,
)
from pricing.money import exactly

D = Decimal
LADDER = (Tier(D(1000), D("0.10")), Tier(D(10000), D("0.08")), Tier(None, D("0.05")))
WITH_FEES = (Tier(D(1000), D("0.10"), D(20)), Tier(None, D("0.08"), D(15)))
JOURNEY = {
    "kind": "graduated",
    "tiers": [{"up_to": "10000000", "unit_price": "2.50"}, {"up_to": None, "unit_price": "2.00"}],
    "per": "1000000",
}

PRICES = st.decimals(min_value=0, max_value=10**6, places=6)
QUANTITIES = st.decimals(min_value=0, max_value=10**9, places=4)
PERS = st.sampled_from([D(1), D(1000), D("1E+6"), D(1024)])


@st.composite
def ladders(draw, fees=PRICES):
    edges = sorted(draw(st.sets(QUANTITIES.filter(bool), max_size=5)))
    return tuple(Tier(edge, draw(PRICES), draw(fees)) for edge in [*edges, None])


GRADUATED = st.builds(Graduated, ladders(), PERS)
ADDITIVE = st.one_of(
    GRADUATED,
    st.builds(PerUnit, PRICES, PERS),
    st.builds(Package, PRICES, QUANTITIES.filter(bool)),
    st.builds(Volume, ladders(), PERS),
)
CHARGES = st.one_of(ADDITIVE, st.builds(Flat, PRICES))


def cost(charge: Charge, quantity: str | Decimal, after: str | Decimal | None = None) -> Decimal:
    return amount(charge.cost(D(quantity), None if after is None else D(after)))


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        ("0", "0", "0"),
        ("999", "99.90", "99.90"),
        ("1000", "100", "100"),
        ("1000.001", "100.00008", "80.00008"),
        ("1001", "100.08", "80.08"),
        ("10000", "820", "800"),
        ("10001", "820.05", "500.05"),
        ("12500", "945", "625"),
    ],
)
def test_tiers_include_their_upper_bound(quantity, graduated, volume):
    assert cost(Graduated(LADDER), quantity) == D(graduated)
    assert cost(Volume(LADDER), quantity) == D(volume)


@pytest.mark.parametrize(("quantity", "expected"), [("0", "0"), ("1", "20.10"), ("1000", "120"), ("1001", "135.08")])
def test_a_tiers_flat_fee_is_due_on_entering_it(quantity, expected):
    assert cost(Graduated(WITH_FEES), quantity) == D(expected)


def test_a_flat_fee_is_due_once_over_interim_lines():
    charge = Graduated(WITH_FEES)
    lines = [("600", "0"), ("400", "600"), ("1", "1000"), ("1", "1001")]
    assert [cost(charge, *line) for line in lines] == [D("80"), D("40"), D("15.08"), D("0.08")]


def test_the_journeys_charges():
    assert load(JOURNEY).cost(D(20_000_000)) == (
        Step(D(10_000_000), D("2.50"), D(1_000_000)),
        Step(D(10_000_000), D("2.00"), D(1_000_000)),
    )
    assert cost(load(JOURNEY), "20000000") == D(45)
    assert cost(PerUnit(D("10.00"), D(1_000_000)), "4000000") == D(40)
    assert cost(Flat(D("20.00")), "1") == D(20)


def test_unit_prices_keep_their_decimals():
    assert cost(PerUnit(D("0.0015")), "12345") == D("18.5175")


@pytest.mark.parametrize(("quantity", "packages"), [("0", 0), ("1", 1), ("1000", 1), ("1000.001", 2), ("2001", 3)])
def test_the_first_unit_opens_a_package(quantity, packages):
    assert cost(Package(D(5), D(1000)), quantity) == 5 * packages


def test_only_packages_newly_opened_are_charged():
    charge = Package(D(5), D(1000))
    assert [cost(charge, "1500"), cost(charge, "400", "1500"), cost(charge, "200", "1900")] == [
        D(10),
        D(0),
        D(5),
    ]


def test_a_volume_price_may_come_to_less_when_more_is_used():
    assert cost(Volume(LADDER), "1", "10000") == D("-299.95")


def test_removed_units_come_back_at_what_they_cost():
    assert cost(Graduated(LADDER), "-300", "1200") == D("-26")
    assert cost(Package(D(5), D(1000)), "-300", "1200") == D("-5")


def test_cost_is_exact_whatever_the_context_of_the_caller():
    with localcontext(prec=3, rounding=ROUND_DOWN):
        assert cost(Graduated(LADDER), "12345.678") == D("937.2839")
        assert cost(Graduated(LADDER), "-2345.678", "12345.678") == D("-117.2839")


@given(ADDITIVE, QUANTITIES, QUANTITIES)
def test_a_cut_never_changes_the_sum(charge, first, second):
    with exactly():
        assert cost(charge, first) + cost(charge, second, first) == cost(charge, first + second)
        assert cost(charge, -second, first + second) == -cost(charge, second, first)


@given(GRADUATED, st.lists(QUANTITIES, max_size=8))
def test_many_interim_lines_come_to_the_whole(charge, parts):
    billed = reached = D(0)
    with exactly():
        for part in parts:
            billed += cost(charge, part, reached)
            reached += part
        assert billed == cost(charge, reached)


@given(GRADUATED, QUANTITIES, QUANTITIES)
def test_graduated_is_monotone(charge, one, other):
    assert cost(charge, min(one, other)) <= cost(charge, max(one, other))


@given(st.builds(Graduated, ladders(fees=st.just(D(0))), PERS), QUANTITIES)
def test_graduated_is_continuous_but_for_flat_fees(charge, quantity):
    step = D("0.0001")
    dearest = max(tier.unit_price for tier in charge.tiers)
    with exactly():
        assert 0 <= cost(charge, quantity + step) - cost(charge, quantity) <= step * dearest / charge.per


@given(GRADUATED, QUANTITIES)
def test_steps_make_up_the_quantity(charge, quantity):
    with exactly():
        assert sum(step.quantity for step in charge.cost(quantity)) == quantity


@given(CHARGES)
def test_json_round_trip_is_identity(charge):
    assert load(dump(charge)) == charge
    assert dump(load(dump(charge))) == dump(charge)
    assert hash(load(dump(charge))) == hash(charge)


def test_json_is_written_as_it_was_read():
    for data in [
        JOURNEY,
        {"kind": "flat", "amount": "20.00"},
        {"kind": "per_unit", "unit_price": "10.00", "per": "1000000"},
        {"kind": "package", "unit_price": "5", "size": "1000"},
        {"kind": "volume", "tiers": [{"up_to": None, "unit_price": "1", "flat_fee": "2.50"}]},
    ]:
        assert dump(load(data)) == data


TOO_MANY = [{"up_to": str(n), "unit_price": "1"} for n in range(1, 1001)] + [{"up_to": None, "unit_price": "1"}]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "kind: must be one of"),
        ({}, "kind: must be one of"),
        ({"kind": "magic"}, "kind: must be one of"),
        ({"kind": ["flat"]}, "kind: must be one of"),
        ({"kind": "flat"}, "amount: is required"),
        ({"kind": "flat", "amount": 20}, "amount: must be a number written in plain digits"),
        ({"kind": "flat", "amount": True}, "amount: must be a number"),
        ({"kind": "flat", "amount": None}, "amount: must be a number"),
        ({"kind": "flat", "amount": "NaN"}, "amount: must be a number"),
        ({"kind": "flat", "amount": "1e3"}, "amount: must be a number"),
        ({"kind": "flat", "amount": "-1"}, "amount: must not be negative"),
        ({"kind": "flat", "amount": "1." + "1" * 28}, "amount: must fit in 28 significant digits"),
        ({"kind": "flat", "amount": "1", "surprise": "2"}, "surprise: unknown field"),
        ({"kind": "per_unit", "unit_price": "1", "per": "0"}, "per: must be greater than 0"),
        ({"kind": "package", "unit_price": "1", "size": "-5"}, "size: must not be negative"),
        ({"kind": "package", "unit_price": "1", "size": "0"}, "size: must be greater than 0"),
        ({"kind": "graduated", "tiers": []}, "tiers: must be"),
        ({"kind": "graduated", "tiers": {}}, "tiers: must be"),
        ({"kind": "graduated", "tiers": TOO_MANY}, "tiers: must be"),
        ({"kind": "graduated", "tiers": ["1"]}, r"tiers\[0\]: must be an object"),
        ({"kind": "graduated", "tiers": [{"unit_price": "1"}]}, r"tiers\[0\].up_to: is required"),
        ({"kind": "graduated", "tiers": [{"up_to": None}]}, r"tiers\[0\].unit_price: is required"),
        (
            {"kind": "graduated", "tiers": [{"up_to": "1", "unit_price": "1"}]},
            r"tiers\[0\].up_to: the last tier",
        ),
        (
            {"kind": "volume", "tiers": [{"up_to": None, "unit_price": "1", "x": "1"}]},
            r"tiers\[0\].x: unknown field",
        ),
    ],
)
def test_json_that_is_no_charge_is_refused_with_the_field(data, complaint):
    with pytest.raises(ChargeError, match=complaint):
        load(data)


@pytest.mark.parametrize(
    ("tiers", "complaint"),
    [
        (
            (Tier(D(10), D(1)), Tier(D(10), D(1)), Tier(None, D(1))),
            r"tiers\[1\].up_to: must be greater than 10",
        ),
        ((Tier(D(0), D(1)), Tier(None, D(1))), r"tiers\[0\].up_to: must be greater than 0"),
        ((Tier(None, D(1)), Tier(None, D(1))), r"tiers\[0\].up_to: only the last tier is open"),
        ((Tier(D("Infinity"), D(1)), Tier(None, D(1))), r"tiers\[0\].up_to: must be a finite Decimal"),
        ((Tier(None, D(-1)),), r"tiers\[0\].unit_price: must not be negative"),
        ((Tier(None, D(1), D("NaN")),), r"tiers\[0\].flat_fee: must be a finite Decimal"),
        ((Tier(None, 1.5),), r"tiers\[0\].unit_price: must be a finite Decimal"),
        ([Tier(None, D(1))], "tiers: must be a tuple"),
    ],
)
@pytest.mark.parametrize("kind", [Graduated, Volume])
def test_tiers_that_cannot_be_priced_cannot_be_built(kind, tiers, complaint):
    with pytest.raises(ChargeError, match=complaint):
        kind(tiers)


@pytest.mark.parametrize("value", ["1E+400", "1E-400", "0E-400", "1E+28"])
def test_numbers_out_of_range_are_refused(value):
    with pytest.raises(ChargeError, match="28 significant digits"):
        PerUnit(D(value))


@pytest.mark.parametrize(
    ("charge", "sentence"),
    [
        (load(JOURNEY), "First 10,000,000 at $2.50 per million, then $2.00 per million"),
        (Graduated(LADDER), "First 1,000 at $0.10 each, up to 10,000 at $0.08 each, then $0.05 each"),
        (Graduated(WITH_FEES), "First 1,000 at $0.10 each plus $20.00, then $0.08 each plus $15.00"),
        (Graduated((Tier(None, D(1)),)), "$1.00 each"),
        (Volume(LADDER), "All units at $0.10 each up to 1,000, $0.08 each up to 10,000, $0.05 each above"),
        (Volume((Tier(None, D(1)),)), "$1.00 each"),
        (PerUnit(D(10), D("1E+6")), "$10.00 per million"),
        (PerUnit(D("0.0015"), D(1000)), "$0.0015 per thousand"),
        (PerUnit(D(2), D(3600)), "$2.00 per 3,600"),
        (Package(D(5), D(1000)), "$5.00 per package of 1,000"),
        (Flat(D(20)), "$20.00 flat"),
    ],
)
def test_a_charge_says_what_it_is(charge, sentence):
    assert charge.sentence("USD") == sentence


def test_steps_say_what_they_are():
    assert [step.sentence("EUR") for step in Graduated(WITH_FEES).cost(D(1500))] == [
        "1,000 at €0.10 each plus €20.00",
        "500 at €0.08 each plus €15.00",
    ]
    assert [step.sentence("EUR") for step in Package(D(5), D(1000)).cost(D(2001))] == [
        "3 packages of 1,000 at €5.00 each"
    ]
    assert [step.sentence("EUR") for step in Flat(D(20)).cost(D(1))] == ["€20.00 flat"]
