"""Every pricing model by worked numbers: what it comes to, its workings, and its sentence."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal, localcontext

import pytest

from pricing.charges import (
    Adjusted,
    Allowance,
    Capacity,
    CapacityTier,
    Cell,
    Charge,
    ChargeError,
    Cheapest,
    Committed,
    Composite,
    Converted,
    Dynamic,
    Flat,
    Graduated,
    GraduatedPercent,
    Hours,
    InUnit,
    Matrix,
    Outcome,
    OutcomeShare,
    Package,
    Percent,
    PercentTier,
    PerGroup,
    PerUnit,
    PerWindow,
    Sum,
    Tier,
    Volume,
    amount,
)
from pricing.measures import WHOLE, Part, Split

D = Decimal
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LADDER = Graduated((Tier(D(10), D("0.10")), Tier(D(20), D("0.05")), Tier(None, D("0.02"))))


def cost(charge: Charge, quantity: str | int | tuple, after: str | int | tuple | None = None) -> Decimal:
    measured = [each if isinstance(each, tuple) or each is None else D(each) for each in (quantity, after)]
    return amount(charge.cost(*measured))


def workings(charge: Charge, quantity: str | int | tuple, currency: str = "USD") -> list[str]:
    measured = quantity if isinstance(quantity, tuple) else D(quantity)
    return [step.sentence(currency) for step in charge.cost(measured)]


def events(*values: str | int) -> tuple[Part, ...]:
    return tuple(Part(D(value), (), NOON + timedelta(minutes=n)) for n, value in enumerate(values))


def apart(**quantities: str | int) -> tuple[Part, ...]:
    """`a_b=3`: 3 with the values a and b."""
    return tuple(Part(D(each), tuple(name.split("_"))) for name, each in quantities.items())


# ---------------------------------------------------------------- tiers


def test_the_first_tiers_fee_is_due_for_nothing_only_where_it_says_so():
    tiers = (Tier(D(1000), D("0.10"), D(20)), Tier(None, D("0.08"), D(15)))
    assert [cost(Graduated(tiers), each) for each in (0, 1000, 1001)] == [D(0), D(120), D("135.08")]
    platform = Graduated(tiers, charge_flat_at_zero=True)
    assert [cost(platform, each) for each in (0, 1000, 1001)] == [D(20), D(120), D("135.08")]
    assert workings(platform, 0) == ["$20.00 flat"]
    assert cost(Volume(tiers, charge_flat_at_zero=True), 0) == D(20)


def test_a_fee_due_for_nothing_is_due_once():
    charge = Graduated((Tier(None, D(1), D(20)),), charge_flat_at_zero=True)
    assert [cost(charge, 0), cost(charge, 0, 0), cost(charge, 3, 0), cost(charge, 2, 3)] == [D(20), D(0), D(3), D(2)]
    later = Graduated((Tier(None, D(1), D(20)),))
    assert [cost(later, 0), cost(later, 3, 0), cost(later, 2, 3)] == [D(0), D(23), D(2)]


def blocks(volume: bool, minutes: int, megabytes: int) -> Decimal:
    kind = Volume if volume else Graduated
    talk = kind((Tier(D(1000), D(1), block=D(10)), Tier(None, D("0.50"), block=D(10))))
    data = kind((Tier(D(1024), D("0.50"), block=D(1)), Tier(None, D("0.10"), block=D(1))))
    return cost(talk, minutes) + cost(data, megabytes)


def test_blocks_are_started_and_priced_whole():
    """Kill Bill's two units, one price: graduated 100 + 25 + 512 + 102.4, by the top tier 75 + 204.8."""
    assert blocks(False, 1500, 2048) == D("739.4")
    assert blocks(True, 1500, 2048) == D("279.8")
    charge = Graduated((Tier(D(20), D(3), block=D(10)), Tier(None, D(2), block=D(8))))
    assert [cost(charge, each) for each in (1, 10, "10.5", 20, 21, 28, 29)] == [3, 3, 6, 6, 8, 8, 10]
    assert workings(charge, 21) == ["2 blocks of 10 at $3.00 each", "1 block of 8 at $2.00 each"]
    assert [cost(charge, 5), cost(charge, 4, 5), cost(charge, 4, 9)] == [D(3), D(0), D(3)]
    assert charge.sentence("USD") == "First 20 at $3.00 per block of 10, then $2.00 per block of 8"


def test_a_tier_may_be_capped():
    charge = Graduated((Tier(D(10), D(1), D(2), cap=D(5)), Tier(None, D("0.5"))))
    assert [cost(charge, each) for each in (0, 2, 3, 10, 12)] == [0, 4, 5, 5, 6]
    assert workings(charge, 4) == ["4 at $1.00 each plus $2.00", "at most $5.00"]
    assert charge.sentence("USD") == "First 10 at $1.00 each plus $2.00, at most $5.00, then $0.50 each"


def test_graduated_percent():
    charge = GraduatedPercent((PercentTier(D(10_000), D(2)), PercentTier(None, D(1))))
    assert cost(charge, 25_000) == D(350)
    assert workings(charge, 25_000) == ["2% of $10,000.00", "1% of $15,000.00"]
    assert charge.sentence("USD") == "First 10,000 at 2%, then 1%"
    fees = GraduatedPercent(
        (PercentTier(D(10), D(1), D(200)), PercentTier(None, D(2), D(300))), charge_flat_at_zero=True
    )
    assert [cost(fees, each) for each in (0, 10, 12)] == [D(200), D("200.1"), D("500.14")]


def test_one_peak_has_the_price_of_the_tier_that_holds_it():
    charge = Capacity((CapacityTier((("", D(10)),), D(5)), CapacityTier((("", None),), D(50))))
    assert [cost(charge, each) for each in (0, 10, "10.5")] == [5, 5, 50]
    assert [cost(charge, 8), cost(charge, 1, 8), cost(charge, 7, 9)] == [5, 0, 45]
    assert workings(charge, 3) == ["up to 10"]
    assert charge.sentence("USD") == "$5.00 up to 10, $50.00 without limit"


def test_the_highest_tier_that_any_unit_needs_is_the_price_of_all():
    """Kill Bill: bandwidth in tier 2 ($10), members in tier 3 ($100) are $100, not $110."""
    tiers = [(D(100), D(500), 1), (D(200), D(1000), 10), (None, None, 100)]
    charge = Capacity(tuple(CapacityTier((("bandwidth", a), ("members", b)), D(p)) for a, b, p in tiers), "unit")
    assert charge.split == Split(("unit",))
    assert cost(charge, apart(bandwidth=150, members=1001)) == D(100)
    assert cost(charge, apart(bandwidth=150)) == D(10)
    assert cost(charge, apart(bandwidth=100, members=500)) == D(1)
    assert charge.unpriced(apart(bandwidth=1, disks=3)) == apart(disks=3)
    assert workings(charge, apart(bandwidth=150)) == ["up to 200 bandwidth, 1,000 members"]


# ---------------------------------------------------------------- one number


def test_packages_after_free_units():
    charge = Allowance(D(100), Package(D(5), D(1000)))
    assert [cost(charge, each) for each in (2101, 2100, 100, 0)] == [D(15), D(10), D(0), D(0)]
    assert charge.sentence("USD") == "First 100 free, then $5.00 per package of 1,000"


@pytest.mark.parametrize(("rounding", "due"), [("up", "15"), ("down", "10"), ("none", "12.5")])
def test_packages_round_as_they_say(rounding, due):
    assert cost(Package(D(5), D(1000), rounding), 2500) == D(due)


def test_events_carry_their_amount():
    assert cost(Dynamic(D("1.2")), "12.345") == D("14.814")
    assert workings(Dynamic(D("1.2")), "12.345") == ["120% of $12.345"]
    assert cost(Dynamic(), "9.12") == D("9.12")


def test_outcomes_are_billed_when_final_and_come_back_when_reversed():
    charge = Outcome(D("0.99"))
    assert cost(charge, 920) == D("910.80")
    assert cost(charge, -80) == D("-79.20")
    assert workings(charge, 920) == ["920 outcomes at $0.99 each"]


def test_a_share_of_what_was_saved_is_capped():
    charge = Adjusted(OutcomeShare(D(15)), maximum=D(25_000))
    assert cost(charge, 200_000) == D(25_000)
    assert workings(charge, 200_000) == ["15% of $200,000.00", "at most $25,000.00"]
    above = OutcomeShare(D(15), D(150_000))
    assert [cost(above, each) for each in (100_000, 150_000, 200_000)] == [D(0), D(0), D(7_500)]


# ---------------------------------------------------------------- transactions


def test_free_transactions_then_a_share_and_a_fee():
    """$10,000 in ten payments of which the first three, $900, are free: 9,100 × 1.2 % + 7 × 0.30."""
    charge = Percent(D("1.2"), D("0.30"), free_transactions=D(3))
    payments = events(300, 300, 300, *[1300] * 7)
    assert charge.split == Split(each=True)
    assert cost(charge, payments) == D("111.30")
    assert workings(charge, payments) == ["1.2% of $9,100.00", "7 transactions at $0.30 each"]
    assert charge.sentence("USD") == "1.2% plus $0.30 of each transaction, the first 3 free"


def test_what_is_free_is_used_up_once_over_the_parts_of_a_cycle():
    charge = Percent(D("1.2"), D("0.30"), free_transactions=D(3))
    payments = events(300, 300, 300, *[1300] * 7)
    assert [cost(charge, payments[:2]), cost(charge, payments[2:5], payments[:2])] == [D(0), D("31.80")]
    assert cost(charge, payments[5:], payments[:5]) == D("111.30") - D("31.80")


def test_bounds_hold_for_share_and_fee_of_each_transaction():
    charge = Percent(D("2.99"), D(2), transaction_min=D("1.75"), transaction_max=D(12))
    assert cost(charge, events(10, 80, 10000)) == D("18.691")
    assert workings(charge, events(10000, 10000)) == [
        "2.99% of $20,000.00",
        "2 transactions at $2.00 each",
        "transactions of at most $12.00",
    ]
    partly = Percent(D("2.99"), free_amount=D(30), transaction_min=D("1.75"), transaction_max=D(12))
    assert cost(partly, events(10, 80, 10000)) == D("13.794")
    assert partly.sentence("USD") == (
        "2.99% of each transaction, at least $1.75, at most $12.00, the first $30.00 free"
    )


def test_the_transaction_that_crosses_the_free_amount_pays_the_fee():
    assert cost(Percent(D(1), D(5), free_amount=D(15)), events(4, 4, 4, 4)) == D("5.01")
    assert cost(Percent(D(1), D(5), free_amount=D(16)), events(4, 4, 4, 4)) == D(0)
    assert cost(Percent(D(1), D(5), D(3), D(15)), events(10, 10, 10)) == D("10.15")


def test_a_refunded_transaction_gives_back_what_it_cost():
    charge = Percent(D("2.9"), D("0.30"), transaction_max=D(20))
    assert cost(charge, events(100, -100)) == D(0)
    assert cost(charge, events(100, 1000, -1000)) == D("3.20")


def test_the_percentage_alone_needs_no_single_transactions():
    assert Percent(D(10)).split == WHOLE
    assert (cost(Percent(D(10)), 945), Percent(D(10)).sentence("USD")) == (D("94.50"), "10% of the amount")


# ---------------------------------------------------------------- told apart

GPU = Matrix(
    ("gpu", "region"),
    (
        Cell(("a100", "us"), PerUnit(D("2.00"))),
        Cell(("h100", "eu"), PerUnit(D("4.50"))),
        Cell(("h100", None), PerUnit(D("4.00"))),
    ),
)


def test_a_matrix_prices_each_combination():
    measured = apart(a100_us=700, h100_eu=300)
    assert cost(GPU, measured) == D("2750")
    assert workings(GPU, measured) == ["a100, us: 700 at $2.00 each", "h100, eu: 300 at $4.50 each"]
    assert cost(GPU, apart(h100_us=1)) == D(4)
    assert GPU.sentence("USD") == "By gpu, region: a100, us: $2.00 each; h100, eu: $4.50 each; h100, any: $4.00 each"


def test_what_no_cell_prices_is_never_free_without_a_word():
    nowhere = Part(D(5), ("a100", None))
    assert cost(GPU, (nowhere, *apart(b200_us=7, a100_us=1))) == D(2)
    assert GPU.unpriced((nowhere, *apart(b200_us=7, a100_us=1))) == (nowhere, *apart(b200_us=7))
    default = Matrix(GPU.by, GPU.cells, PerUnit(D(9)))
    assert cost(default, (nowhere, *apart(b200_us=7))) == D(108)
    assert workings(default, (nowhere,)) == ["other: 5 at $9.00 each"]
    assert default.unpriced((nowhere,)) == ()


def test_an_expectation_is_priced_by_the_default_or_else_by_the_dearest_cell():
    assert workings(GPU, 10) == ["not told apart, as h100, eu: 10 at $4.50 each"]
    assert workings(Matrix(GPU.by, GPU.cells, PerUnit(D(1))), 10) == ["not told apart, as other: 10 at $1.00 each"]
    assert GPU.unpriced((Part(D(10)),)) == ()


def test_what_falls_in_one_cell_shares_a_ladder():
    charge = Matrix(("cloud",), (), LADDER)
    assert cost(charge, apart(aws=9, gcp=15)) == cost(LADDER, 24) == D("1.58")
    assert cost(charge, apart(aws=2), apart(aws=9, gcp=9)) == cost(LADDER, 2, 18)


def test_a_ladder_restarts_for_each_group():
    charge = PerGroup(("user",), LADDER)
    assert cost(charge, apart(ann=9, ben=15)) == D("2.15")
    assert workings(charge, apart(ann=9, ben=15)) == [
        "ann: 9 at $0.10 each",
        "ben: 10 at $0.10 each",
        "ben: 5 at $0.05 each",
    ]
    assert cost(PerGroup(("user",), Flat(D(5))), apart(ann=9, ben=15)) == D(10)


def test_many_groups_are_told_as_one():
    measured = tuple(Part(D(1), (f"user {n}",)) for n in range(60))
    assert workings(PerGroup(("user",), PerUnit(D(2))), measured) == ["60 at $2.00 each"]


def windows(*rows: tuple[int, int]) -> tuple[Part, ...]:
    return tuple(Part(D(quantity), (), NOON.replace(hour=hour)) for hour, quantity in rows)


def test_a_ladder_restarts_for_each_window():
    charge = PerWindow("hour", LADDER)
    assert charge.split == Split(window="hour")
    assert cost(charge, windows((1, 9), (2, 15))) == D("2.15")
    assert cost(charge, windows((2, 6), (3, 1)), windows((1, 9), (2, 9))) == D("0.10") + D("0.25") + D("0.10")


def test_hours_of_the_day_have_charges_of_their_own():
    day = Committed(PerUnit(D(2)), amount=D(5), overage_factor=D(2), true_up=False)
    charge = PerWindow("hour", Committed(PerUnit(D(1)), amount=D(10), overage_factor=D(2)), (Hours(9, 12, day),))
    assert cost(charge, windows((9, 10), (10, 1), (18, 3))) == D(47)
    night = PerWindow("hour", PerUnit(D(1)), (Hours(22, 6, PerUnit(D("0.5"))),))
    assert cost(night, windows((21, 1), (22, 1), (0, 1), (5, 1), (6, 1))) == D("3.5")
    assert night.sentence("USD") == "$1.00 each, for each hour by itself; from 22:00 to 6:00 $0.50 each"


def test_groups_and_windows_nest():
    charge = PerGroup(("user",), PerWindow("day", LADDER))
    assert charge.split == Split(("user",), "day")
    day, next_day = NOON.replace(hour=0), NOON.replace(hour=0, day=2)
    measured = (Part(D(9), ("ann",), day), Part(D(9), ("ann",), next_day), Part(D(9), ("ben",), day))
    assert cost(charge, measured) == D("2.70")
    cells = Matrix(("kind",), (Cell(("card",), Percent(D(1), D("0.25"))),), PerUnit(D("0.01")))
    assert cells.split == Split(("kind",), each=True)
    assert cost(cells, (Part(D(100), ("card",), NOON), Part(D(50), ("bank",), NOON))) == D("1.75")
    assert cells.unpriced((Part(D(1), ("cash",), NOON),)) == ()


# ---------------------------------------------------------------- compositions


def test_the_quantity_is_converted_and_rounded_before_it_is_priced():
    megabytes = Converted("divide", D(1024), PerUnit(D(3)), "up")
    assert megabytes.converted(D(1536)) == D(2)
    assert cost(megabytes, 1536) == D(6)
    assert megabytes.sentence("USD") == (
        "$3.00 each; units are those measured divided by 1,024, rounded up to whole units"
    )
    half = Converted("divide", D(1000), Allowance(D("0.5"), PerUnit(D(10))), "up")
    assert cost(half, 1400) == D(15)
    assert Converted("multiply", D("1.005"), PerUnit(D(1)), "half_up", 2).converted(D(1)) == D("1.01")
    assert Converted("divide", D(3), PerUnit(D(1)), "down", 1).converted(D(2)) == D("0.6")


def test_discounts_and_limits_act_in_the_documented_order():
    charge = Adjusted(PerUnit(D(1)), D(100), D(10), minimum=D(50), maximum=D(805))
    assert [cost(charge, each) for each in (0, 500, 1000, 600)] == [D(50), D(360), D(805), D(450)]
    assert workings(charge, 1000) == ["1,000 at $1.00 each", "$100.00 off", "10% off", "at most $805.00"]
    assert charge.sentence("USD") == "$1.00 each, $100.00 off, 10% off, at most $805.00, at least $50.00"
    with localcontext(prec=3, rounding=ROUND_DOWN):
        assert cost(Adjusted(PerUnit(D(1)), percent_off=D("0.1")), "1234.567") == D("1233.332433")


def test_credits_are_worth_money():
    used = InUnit("credit", D("0.01"), PerUnit(D(1)))
    assert cost(used, 12_345) == D("123.45")
    assert workings(used, 12_345) == ["12,345 credits at $0.01 each"]
    beyond = InUnit("credit", D("0.01"), Adjusted(PerUnit(D(1)), amount_off=D(10_000)))
    assert cost(beyond, 12_345) == D("23.45")
    assert InUnit("credit", D("0.01"), PerUnit(D("0.5"))).sentence("USD") == "0.5 credits each, at $0.01 per credit"


def test_the_price_of_a_credit_scales_but_not_how_many_are_used():
    assert InUnit("credit", D("0.01"), PerUnit(D(3))).scaled(D(2)) == InUnit("credit", D("0.02"), PerUnit(D(3)))


def test_beyond_a_commitment_there_is_a_surcharge_and_below_it_a_true_up():
    charge = Committed(PerUnit(D(2)), amount=D(10), overage_factor=D(2))
    assert [cost(charge, each) for each in (2, 5, 6)] == [D(10), D(10), D(14)]
    assert workings(charge, 2) == ["2 at $2.00 each", "up to the $10.00 committed"]
    assert workings(charge, 6) == ["6 at $2.00 each", "beyond $10.00 at 2 times the price"]
    quantity = Committed(LADDER, quantity=D(15), overage_factor=D("1.5"), true_up=False)
    assert [cost(quantity, each) for each in (10, 15, 25)] == [D(1), D("1.25"), D("1.25") + D("0.35") * D("1.5")]


def test_several_charges_add_up_and_the_cheapest_counts():
    both = Sum((Flat(D(200)), PerUnit(D(3))))
    assert [cost(both, 5), cost(both, 2, 5)] == [D(215), D(6)]
    assert both.sentence("USD") == "$200.00 flat plus $3.00 each"
    cheaper = Cheapest((PerUnit(D(1)), Sum((Flat(D(50)), PerUnit(D("0.5"))))))
    assert [cost(cheaper, each) for each in (10, 100, 200)] == [D(10), D(100), D(150)]
    assert [cost(cheaper, 90), cost(cheaper, 110, 90)] == [D(90), D(60)]


def test_of_different_splits_the_finest_is_asked_for():
    charge = Cheapest((PerUnit(D(3)), GPU))
    assert charge.split == GPU.split
    assert cost(charge, apart(a100_us=10)) == D(20)
    assert cost(charge, apart(h100_eu=10)) == D(30)


def test_what_one_of_several_charges_cannot_price_is_left_out_of_all():
    for charge in (Sum((PerUnit(D(1)), GPU)), Cheapest((PerUnit(D(1)), GPU))):
        assert charge.unpriced(apart(a100_us=1, b200_us=7)) == apart(b200_us=7)
        assert cost(charge, apart(a100_us=1, b200_us=7)) == cost(charge, apart(a100_us=1)) > 0


def test_a_share_of_other_lines():
    assert cost(Composite(Percent(D(10))), 945) == D("94.50")
    assert Composite(Percent(D(10))).sentence("USD") == "10% of the amount of all other lines"
    assert Composite(Percent(D(10)), ("seats", "api")).sentence("USD") == "10% of the amount of seats, api"


# ---------------------------------------------------------------- what cannot be built


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: Allowance(D(1), GPU), "charge: an allowance needs one quantity, but matrix tells usage apart"),
        (lambda: Converted("divide", D(2), PerGroup(("a",), LADDER)), "charge: a conversion needs one quantity"),
        (lambda: Committed(GPU, quantity=D(1)), "charge: a committed quantity needs one quantity"),
        (lambda: Committed(GPU), "amount: either an amount or a quantity"),
        (lambda: Committed(LADDER, D(1), D(1)), "amount: either an amount or a quantity"),
        (lambda: PerWindow("day", PerWindow("hour", LADDER)), "charge: is priced by the hour already"),
        (lambda: PerWindow("day", Percent(D(1), D(1))), "window: single events are not told apart by window"),
        (lambda: Sum((PerWindow("day", LADDER), PerWindow("hour", LADDER))), "window: usage cannot be told apart"),
        (lambda: PerWindow("day", LADDER, (Hours(1, 2, LADDER),)), "hours: need windows of an hour"),
        (lambda: PerWindow("hour", LADDER, (Hours(1, 3, LADDER), Hours(2, 4, LADDER))), r"hours\[1\].from_hour: over"),
        (lambda: PerWindow("hour", LADDER, (Hours(1, 30, LADDER),)), r"hours\[0\].to_hour: must be a whole number"),
        (lambda: PerWindow("week", LADDER), "window: must be one of minute, hour, day, month"),
        (lambda: Sum((Composite(Percent(D(1))),)), r"charges\[0\]: a share of other lines must be the outermost"),
        (lambda: Composite(Composite(Percent(D(1)))), "charge: a share of other lines must be the outermost"),
        (lambda: Composite(Percent(D(1), D(1))), "charge: a share of other lines needs one quantity"),
        (lambda: Cheapest((Composite(LADDER), Composite(LADDER, ("a",)))), "charges: must all be shares of the same"),
        (lambda: Matrix(("a",), ()), "cells: must not be empty without a default"),
        (lambda: Matrix(("a",), (Cell(("x", "y"), LADDER),)), r"cells\[0\].values: must be 1, one for each of a"),
        (lambda: Matrix(("a",), (Cell(("x",), LADDER), Cell(("x",), LADDER))), r"cells\[1\].values: another cell"),
        (lambda: Matrix(("a",), (Cell(("x",), "free"),)), r"cells\[0\].charge: must be a charge"),
        (lambda: Matrix((), ()), "by: must be a tuple of 1 to 10 properties"),
        (lambda: Adjusted(LADDER, percent_off=D(101)), "percent_off: must not be more than 100"),
        (lambda: Percent(D(1), transaction_min=D(2), transaction_max=D(1)), "transaction_max: must not be less"),
        (lambda: Percent(D(1), free_transactions=D(0)), "free_transactions: must be greater than 0"),
        (lambda: Graduated((Tier(None, D(1), block=D(2)),), per=D(1000)), "per: must be 1 where tiers have blocks"),
        (lambda: Graduated((Tier(None, D(1), block=D(0)),)), r"tiers\[0\].block: must be greater than 0"),
        (lambda: Graduated((Tier(None, D(1), cap=D(-1)),)), r"tiers\[0\].cap: must not be negative"),
        (lambda: Capacity((CapacityTier((("", D(1)),), D(1)),)), r"tiers\[0\].limits: the last tier must be open"),
        (lambda: Capacity((CapacityTier((("a", None),), D(1)),)), r"tiers\[0\].limits: must name one unit"),
        (
            lambda: Capacity((CapacityTier((("", D(2)),), D(1)), CapacityTier((("", D(1)),), D(1)))),
            r"tiers\[1\].limits.: must not be less than 2",
        ),
        (
            lambda: Capacity((CapacityTier((("a", None),), D(1)), CapacityTier((("b", None),), D(1))), "unit"),
            r"tiers\[1\].limits: must name the same units",
        ),
        (lambda: Converted("root", D(2), LADDER), "operation: must be one of multiply, divide"),
        (lambda: Converted("divide", D(0), LADDER), "factor: must be greater than 0"),
        (lambda: InUnit("", D(1), LADDER), "unit: must not be empty"),
        (lambda: Sum(()), "charges: must be a tuple of 1 to 100 charges"),
        (lambda: Graduated((Tier(None, D(1)),), charge_flat_at_zero=1), "charge_flat_at_zero: must be true or false"),
    ],
)
def test_what_cannot_be_priced_cannot_be_built(build, complaint):
    with pytest.raises(ChargeError, match=f"^{complaint}"):
        build()
