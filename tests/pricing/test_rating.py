"""Rating: the journey's numbers, price changes, proration, and the properties everybody relies on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.adjustments import AmountOff, Maximum, Minimum, PercentOff
from pricing.charges import Flat, Graduated, Package, PerUnit, Tier, Volume, load
from pricing.measures import Split
from pricing.money import Money, exactly, plain, round_amount
from pricing.periods import Period, midnight
from pricing.rating import Price, RatedLine, Term, Usage, rate, slots

D = Decimal
INPUT = load(
    {
        "kind": "graduated",
        "per": "1000000",
        "tiers": [{"up_to": "10000000", "unit_price": "2.50"}, {"up_to": None, "unit_price": "2.00"}],
    }
)
OUTPUT = PerUnit(D("10.00"), D(1_000_000))


def at(month: int, day: int = 1, year: int = 2026) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def term(charge=None, **fields) -> Term:
    prices = (Price(at(1), charge, "card 1"),) if charge else ()
    defaults = {"key": "t", "product": "p", "prices": prices, "currency": "USD", "zone": "UTC"}
    return Term(**(defaults | {"start": at(1), "end": at(1, year=2027)} | fields))


def measured(**quantities: str) -> Usage:
    return lambda meter, period, split: D(quantities[meter])


def by_period(quantities: dict[Period, str]) -> Usage:
    """Usage that adds up: a period has what its parts have."""
    return lambda meter, period, split: sum(
        (D(each) for part, each in quantities.items() if part.overlap(period) == part), D(0)
    )


def no_usage(meter: str, period: Period, split: Split) -> Decimal:
    raise AssertionError("nothing here is metered")


def amounts(lines: list[RatedLine]) -> list[str]:
    return [str(line.amount.amount) for line in lines]


def steps(line: RatedLine) -> list[tuple[str, str]]:
    return [(step.kind, plain(step.amount)) for step in line.waterfall]


def test_the_journeys_month():
    fifteen = (PercentOff(D(15), "deal"),)
    terms = [
        term(INPUT, key="input", meter="in", adjustments=fifteen),
        term(OUTPUT, key="output", meter="out", adjustments=fifteen),
        term(Flat(D("20.00")), key="platform"),
    ]
    lines = rate(terms, measured(**{"in": "20000000", "out": "4000000"}), at(2))
    assert [(line.key, line.amount) for line in lines] == [
        ("input", Money(D("38.25"), "USD")),
        ("output", Money(D("34.00"), "USD")),
        ("platform", Money(D("20.00"), "USD")),
    ]
    assert [(step.kind, step.label, step.amount, step.total, step.source) for step in lines[0].waterfall] == [
        ("list", "10,000,000 at $2.50 per million", D(25), D(25), "card 1"),
        ("list", "10,000,000 at $2.00 per million", D(20), D(45), "card 1"),
        ("percent_off", "15% off", D("-6.75"), D("38.25"), "deal"),
    ]
    assert steps(lines[2]) == [("list", "20")]


def test_in_arrears_is_due_when_the_cycle_ends_and_in_advance_when_it_starts():
    arrears, advance = term(Flat(D(20)), key="arrears"), term(Flat(D(30)), key="advance", in_advance=True)
    justbefore = at(2) - timedelta(microseconds=1)
    assert [line.key for line in rate([arrears, advance], no_usage, justbefore)] == ["advance"]
    assert [line.key for line in rate([arrears, advance], no_usage, at(2))] == [
        "arrears",
        "advance",
        "advance",
    ]
    assert len(rate([arrears, advance], no_usage, at(1, year=2030))) == 24


def test_lines_come_by_start_and_then_by_order_of_terms():
    terms = [term(Flat(D(1)), key="b"), term(Flat(D(1)), key="a", start=at(1, 15)), term(Flat(D(1)), key="c")]
    lines = rate(terms, no_usage, at(3))
    assert [(line.key, line.period.start) for line in lines] == [
        ("b", at(1)), ("c", at(1)), ("a", at(1, 15)), ("b", at(2)), ("c", at(2)),
    ]  # fmt: skip


def test_what_ends_early_is_due_when_it_ends():
    ended = term(OUTPUT, meter="out", end=at(1, 20))
    assert rate([ended], measured(out="1"), at(1, 19)) == []
    [line] = rate([ended], measured(out="1000000"), at(1, 20))
    assert (line.period, line.amount) == (Period(at(1), at(1, 20)), Money(D(10), "USD"))


@pytest.mark.parametrize(
    ("price", "currency", "start", "end", "expected"),
    [
        ("100", "USD", at(9), at(9, 22), "70.00"),  # 21 of 30 days
        ("31", "USD", at(1), at(1, 11), "10.00"),  # 10 of 31 days, the quotient never cut
        ("100", "USD", at(1), at(1, 18), "54.84"),  # 17 of 31 days
        ("9.99", "USD", at(9), at(9, 16), "5.00"),  # 4.995 is half up
        ("1000", "JPY", at(2), at(2, 11), "357"),
        ("10", "KWD", at(1), at(1, 2), "0.323"),
    ],
)
def test_a_part_of_a_cycle_costs_its_exact_share(price, currency, start, end, expected):
    [line] = rate([term(Flat(D(price)), currency=currency, start=start, end=end)], no_usage, at(12))
    assert amounts([line]) == [expected]
    assert line.waterfall[1].kind == "proration"


def test_proration_says_its_share():
    [line] = rate([term(Flat(D(100)), start=at(9), end=at(9, 22))], no_usage, at(12))
    assert [(step.label, step.amount) for step in line.waterfall] == [
        ("$100.00 flat", D(100)),
        ("21 of 30 days", D(-30)),
    ]


@pytest.mark.parametrize(
    ("proration", "amount", "words"),
    [("day", "51.61", "16 of 31 days"), ("second", "51.55", "383/743 of the cycle"), ("none", "100.00", None)],
)
def test_a_part_counts_by_local_days_unless_agreed_otherwise(proration, amount, words):
    zone = "America/New_York"  # March has an hour less, and loses it before the 16th
    start, end = midnight(date(2026, 3, 1), zone), midnight(date(2026, 3, 17), zone)
    agreed = term(Flat(D(100)), start=start, end=end, zone=zone, proration=proration)
    [line] = rate([agreed], no_usage, end)
    assert amounts([line]) == [amount]
    assert [step.label for step in line.waterfall if step.kind == "proration"] == ([words] if words else [])


def test_without_proration_a_price_change_waits_for_the_next_cycle():
    prices = (Price(at(1), Flat(D(50)), "card 1"), Price(at(9, 11), Flat(D(100)), "card 2"))
    lines = rate([term(prices=prices, start=at(9), end=at(11), proration="none")], no_usage, at(11))
    assert [(str(line.amount.amount), line.source) for line in lines] == [("50.00", "card 1"), ("100.00", "card 2")]


def test_a_price_change_within_a_day_counts_that_day_in_part():
    prices = (Price(at(1), Flat(D(30)), "card 1"), Price(at(9, 10) + timedelta(hours=6), Flat(D(60)), "card 2"))
    lines = rate([term(prices=prices, start=at(9), end=at(10))], no_usage, at(10))
    assert amounts(lines) == ["9.25", "41.50"]
    assert [line.waterfall[-1].label for line in lines] == ["37/120 of the cycle's days", "83/120 of the cycle's days"]


def test_discounts_and_minimum_of_a_fixed_quantity_are_prorated_with_it():
    adjustments = (AmountOff(D(30), "coupon"), PercentOff(D(10), "deal"), Minimum(D(270), "floor"))
    [line] = rate(
        [term(PerUnit(D(30)), quantity=D(10), start=at(9), end=at(9, 16), adjustments=adjustments)],
        no_usage,
        at(12),
    )
    assert steps(line) == [
        ("list", "300"),
        ("amount_off", "-30"),
        ("percent_off", "-27"),
        ("minimum", "27"),
        ("proration", "-135"),
    ]
    assert amounts([line]) == ["135.00"]


def test_a_price_change_splits_a_fixed_quantity_by_time():
    prices = (Price(at(1), Flat(D(50)), "card 1"), Price(at(9, 11), Flat(D(100)), "card 2"))
    lines = rate([term(prices=prices, start=at(9), end=at(10))], no_usage, at(10))
    assert amounts(lines) == ["16.67", "66.67"]
    assert [(line.period.end, line.source) for line in lines] == [(at(9, 11), "card 1"), (at(10), "card 2")]


def test_what_is_charged_once_is_neither_split_nor_prorated():
    prices = (Price(at(1), Flat(D(500)), "card 1"), Price(at(3), Flat(D(900)), "card 2"))
    [line] = rate([term(prices=prices, cycle_months=0, in_advance=True)], no_usage, at(1))
    assert (line.amount, line.period) == (Money(D(500), "USD"), Period(at(1), at(1, year=2027)))


def graduated(first: str, then: str) -> Graduated:
    return Graduated((Tier(D(1000), D(first)), Tier(None, D(then))))


def changed(*adjustments, new=None) -> Term:
    prices = (
        Price(at(1), graduated("0.10", "0.08"), "card 1"),
        Price(at(1, 16), new or graduated("0.12", "0.09"), "card 2"),
    )
    return term(prices=prices, meter="m", end=at(2), adjustments=adjustments)


BEFORE, AFTER = Period(at(1), at(1, 16)), Period(at(1, 16), at(2))


def test_the_tier_counter_goes_on_over_a_price_change():
    lines = rate([changed()], by_period({BEFORE: "800", AFTER: "600"}), at(2))
    assert amounts(lines) == ["80.00", "60.00"]  # 140.00; a restarted counter would come to 152.00
    assert [step.label for step in lines[1].waterfall] == ["200 at $0.12 each", "400 at $0.09 each"]
    assert [line.source for line in lines] == ["card 1", "card 2"]


def test_a_maximum_counts_once_over_a_price_change():
    """What a cycle's maximum (or latest value, or number of users) is does not add up from its parts."""
    peak = {BEFORE: D(10), Period(BEFORE.start, AFTER.end): D(12)}
    lines = rate([changed(new=PerUnit(D(5)))], lambda meter, period, split: peak[period], at(2))
    assert [(line.quantity, str(line.amount.amount)) for line in lines] == [(D(10), "1.00"), (D(2), "10.00")]


def test_limits_and_amounts_off_count_once_over_a_price_change():
    usage = by_period({BEFORE: "800", AFTER: "600"})
    assert amounts(rate([changed(AmountOff(D(100), "c"))], usage, at(2))) == ["0.00", "40.00"]
    assert amounts(rate([changed(Maximum(D(100), "c"))], usage, at(2))) == ["80.00", "20.00"]
    assert amounts(rate([changed(Minimum(D(200), "f"))], usage, at(2))) == ["80.00", "120.00"]
    assert amounts(rate([changed(Minimum(D(100), "f"))], usage, at(2))) == ["80.00", "60.00"]


def test_a_cycle_is_billed_for_no_less_than_nothing():
    usage = by_period({BEFORE: "-50", AFTER: "80"})
    assert [(str(line.quantity), str(line.amount.amount)) for line in rate([changed()], usage, at(2))] == [
        ("0", "0.00"),
        ("30", "3.60"),
    ]
    lines = rate([changed()], by_period({BEFORE: "100", AFTER: "-300"}), at(2))
    assert [line.quantity for line in lines] == [D(100), D(-100)]
    [line] = rate([term(OUTPUT, meter="m", end=at(2))], measured(m="-5"), at(2))
    assert (line.quantity, line.amount, line.waterfall) == (D(0), Money.zero("USD"), ())


def test_a_yearly_minimum_ended_early_is_owed_in_part():
    minimum = (Minimum(D(1000), "order form"),)
    ended = term(PerUnit(D(1)), meter="m", cycle_months=12, end=at(3, 15), adjustments=minimum)
    [line] = rate([ended], measured(m="150"), at(3, 15))  # 73 of 365 days
    assert steps(line) == [("list", "150"), ("minimum", "50")]


def test_usage_is_never_prorated():
    [line] = rate([term(OUTPUT, meter="m", start=at(1, 20), end=at(2))], measured(m="1000000"), at(2))
    assert steps(line) == [("list", "10")]


def test_an_override_shows_list_price_first():
    price = Price(at(1), PerUnit(D("0.85")), "contract 7", list_charge=PerUnit(D(1)), list_source="card 1")
    [line] = rate([term(prices=(price,), meter="m", end=at(2))], measured(m="100"), at(2))
    assert [(each.kind, each.label, each.amount, each.total, each.source) for each in line.waterfall] == [
        ("list", "100 at $1.00 each", D(100), D(100), "card 1"),
        ("override", "$0.85 each", D(-15), D(85), "contract 7"),
    ]


@pytest.mark.parametrize(("currency", "rounded"), [("JPY", "19"), ("USD", "18.52"), ("KWD", "18.518")])
def test_a_line_is_rounded_once_and_keeps_the_exact_value(currency, rounded):
    [line] = rate([term(PerUnit(D("0.0015")), currency=currency, meter="m", end=at(2))], measured(m="12345"), at(2))
    assert (str(line.amount.amount), line.exact) == (rounded, D("18.5175"))
    assert line.waterfall[-1].kind == "rounding"


def test_cycles_follow_the_local_calendar():
    zone = "America/New_York"
    start, end = midnight(date(2026, 1, 31), zone), midnight(date(2026, 4, 30), zone)
    lines = rate(
        [term(Flat(D(10)), start=start, end=end, zone=zone, prices=(Price(start, Flat(D(10)), "c"),))],
        no_usage,
        end,
    )
    assert [line.period.start for line in lines] == [
        midnight(date(2026, m, d), zone) for m, d in ((1, 31), (2, 28), (3, 31))
    ]
    assert amounts(lines) == ["10.00"] * 3


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"prices": ()}, "no price is in force"),
        ({"prices": (Price(at(2), Flat(D(1)), "c"),)}, "no price is in force"),
        ({"prices": (Price(at(1), Flat(D(1)), "c"), Price(at(1), Flat(D(2)), "d"))}, "follow one another"),
        ({"end": at(1, year=2025)}, "ends before it starts"),
        ({"cycle_months": -1}, "cycle_months"),
        ({"currency": "XXX"}, "unknown currency"),
        ({"zone": "Mars/Olympus"}, "unknown time zone"),
        ({"start": datetime(2026, 1, 1)}, "no time zone"),
        ({"quantity": D(3)}, "no quantity but 1"),
        ({"meter": "m"}, "no flat charge"),
        ({"prices": (Price(at(1), OUTPUT, "c"),)}, "a meter or a quantity"),
        ({"prices": (Price(at(1), OUTPUT, "c"),), "meter": "m", "quantity": D(1)}, "no quantity"),
        ({"prices": (Price(at(1), OUTPUT, "c"),), "quantity": D(-1)}, "must not be negative"),
        ({"prices": (Price(at(1), OUTPUT, "c"),), "quantity": D("NaN")}, "must not be negative"),
    ],
)
def test_a_term_that_cannot_be_rated_cannot_be_built(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(term(Flat(D(1))), **fields)


PRICES = st.decimals(min_value=0, max_value=1000, places=4)
METERED = st.one_of(
    st.builds(PerUnit, PRICES, st.sampled_from([D(1), D(1000), D(3600)])),
    st.builds(Package, PRICES, st.sampled_from([D(7), D(100)])),
    st.builds(lambda a, b, fee: Graduated((Tier(D(100), a, fee), Tier(None, b))), PRICES, PRICES, PRICES),
    st.builds(lambda a, b: Volume((Tier(D(100), a), Tier(None, b))), PRICES, PRICES),
)
ADJUSTMENTS = st.lists(
    st.one_of(
        st.builds(PercentOff, st.decimals(min_value=0, max_value=100, places=2), st.just("deal")),
        *(st.builds(kind, PRICES, st.just("limit")) for kind in (AmountOff, Minimum, Maximum)),
    ),
    max_size=4,
).map(tuple)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


@st.composite
def terms(draw) -> Term:
    metered = draw(st.booleans())
    charges = METERED if metered else st.one_of(METERED, st.builds(Flat, PRICES))
    changes = sorted(draw(st.sets(INSTANTS, max_size=3)))
    found = [draw(charges) for _ in range(len(changes) + 1)]
    if not metered and len({isinstance(each, Flat) for each in found}) > 1:
        found = found[:1] * len(found)
    flat = isinstance(found[0], Flat)
    return Term(
        key=draw(st.text("ab", min_size=1, max_size=2)),
        product="p",
        prices=tuple(
            Price(since, charge, f"card {n}", list_charge=draw(st.none() | charges))
            for n, (since, charge) in enumerate(zip([at(1), *changes], found, strict=True))
        ),
        currency=draw(st.sampled_from(["JPY", "USD", "KWD"])),
        start=draw(INSTANTS),
        end=at(12, 31) + timedelta(days=draw(st.integers(1, 200))),
        zone=draw(st.sampled_from(["UTC", "Pacific/Auckland", "America/New_York"])),
        cycle_months=draw(st.sampled_from([0, 1, 3, 12])),
        in_advance=draw(st.booleans()),
        quantity=None if metered or flat else draw(st.decimals(min_value=0, max_value=1000, places=3)),
        meter="m" if metered else "",
        adjustments=draw(ADJUSTMENTS),
    )


def some_usage(seed: int) -> Usage:
    """Any numbers will do, as long as the same question gets the same answer."""
    return lambda meter, period, split: D((seed + period.seconds) % 977 - 100) * D("0.333")


@given(st.lists(terms(), max_size=3), INSTANTS, st.integers(0, 10**6))
def test_the_waterfall_explains_every_line(agreed, through, seed):
    for line in rate(agreed, some_usage(seed), through):
        with exactly():
            assert sum(step.amount for step in line.waterfall) == line.amount.amount
        assert round_amount(line.exact, line.amount.currency) == line.amount.amount
        assert [step.total for step in line.waterfall][-1:] in ([], [line.amount.amount])
        for step in line.waterfall:
            assert step.source
            assert step.label


@given(st.lists(terms(), max_size=3), INSTANTS, st.integers(0, 10**6))
def test_rating_twice_gives_the_same_and_later_only_adds(agreed, through, seed):
    lines = rate(agreed, some_usage(seed), through)
    assert rate(agreed, some_usage(seed), through) == lines
    later = rate(agreed, some_usage(seed), at(12, 31, 2028))
    assert [line for line in later if line in lines] == lines


@given(st.lists(terms(), max_size=3), INSTANTS)
def test_slots_are_exactly_what_is_asked(agreed, through):
    asked = set()

    def usage(meter: str, period: Period, split: Split) -> Decimal:
        asked.add((meter, period, split))
        return D(1)

    rate(agreed, usage, through)
    assert slots(agreed, through) == asked


@given(terms())
def test_lines_tile_the_term(agreed):
    lines = rate([agreed], some_usage(1), at(12, 31, 2028))
    assert lines[0].period.start == agreed.start
    assert lines[-1].period.end == agreed.end
    assert all(one.period.end == other.period.start for one, other in pairwise(lines))


@given(METERED, st.lists(INSTANTS, unique=True, max_size=5), st.integers(0, 10**6))
def test_the_same_price_published_again_never_changes_the_sum(charge, changes, seed):
    """But for the rounding of each line, a cycle cut into pieces comes to what the whole comes to."""
    prices = tuple(Price(since, charge, "c") for since in [at(1) - timedelta(days=1), *sorted(changes)])
    cut = term(prices=prices, meter="m", cycle_months=12)
    usage = some_usage(seed)
    lines = rate([cut], usage, cut.end)
    with exactly():
        [line] = rate([replace(cut, prices=prices[:1])], usage, cut.end)
        assert abs(sum(each.exact for each in lines) - line.exact) < D("1E-18")
        assert sum(each.quantity for each in lines) == line.quantity


@given(st.decimals(min_value=0, max_value=10**6, places=2), st.integers(1, 30))
def test_proration_is_the_exact_fraction_rounded_once(price, days):
    [line] = rate([term(Flat(price), start=at(9), end=at(9) + timedelta(days=days))], no_usage, at(12))
    assert line.amount.amount == round_amount(Fraction(price) * Fraction(days, 30), "USD")
