"""Rating what is told apart, shares of other lines, and charges with limits of their own, over price changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.adjustments import AmountOff, Minimum, PercentOff
from pricing.charges import (
    Adjusted,
    Cell,
    Charge,
    Cheapest,
    Composite,
    Flat,
    Graduated,
    Hours,
    InUnit,
    Matrix,
    Outcome,
    Percent,
    PerUnit,
    PerWindow,
    Sum,
    Tier,
    amount,
)
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.money import exactly
from pricing.periods import Period
from pricing.rating import Price, RatedLine, Term, Usage, rate, slots
from tests.pricing.made_up import CHARGES, EVENTS, Made, measured

D = Decimal


def at(month: int, day: int = 1, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def term(*charges: Charge, **fields) -> Term:
    """A month of March; the price changes from one charge to the next on the 16th, 17th…"""
    prices = tuple(
        Price(at(1) if number == 0 else at(3, 15 + number), charge, f"card {number + 1}")
        for number, charge in enumerate(charges)
    )
    defaults = {"key": "t", "product": "p", "currency": "USD", "zone": "UTC", "start": at(3), "end": at(4)}
    return Term(prices=prices, **(defaults | fields))


def happening(events: list[Made]) -> Usage:
    return lambda meter, period, split: measured([each for each in events if period.contains(each.at)], split)


def amounts(lines: list[RatedLine]) -> list[str]:
    return [str(line.amount.amount) for line in lines]


def steps(line: RatedLine) -> list[tuple[str, str]]:
    return [(step.kind, step.label) for step in line.waterfall]


REGION = Matrix(("region",), (Cell(("eu",), PerUnit(D(3))), Cell(("us",), PerUnit(D(2)))))


def used(quantity: int, region: str | None, day: int, hour: int = 0) -> Made:
    return Made(D(quantity), {"region": region, "model": None}, at(3, day, hour))


def test_a_price_by_region_is_one_line_that_names_them():
    [line] = rate([term(REGION, meter="m")], happening([used(7, "us", 2), used(3, "eu", 20)]), at(4))
    assert (line.quantity, amounts([line]), line.unpriced) == (D(10), ["23.00"], ())
    assert steps(line) == [("list", "eu: 3 at $3.00 each"), ("list", "us: 7 at $2.00 each")]


def test_what_no_price_covers_is_told_and_neither_counted_nor_billed():
    usage = happening([used(7, "us", 2), used(4, "mars", 3), used(5, None, 20)])
    [line] = rate([term(REGION, meter="m")], usage, at(4))
    assert (line.quantity, amounts([line])) == (D(7), ["14.00"])
    assert line.unpriced == (Part(D(4), ("mars",)), Part(D(5), (None,)))
    lines = rate([term(REGION, REGION, meter="m")], usage, at(4))
    assert [line.unpriced for line in lines] == [(Part(D(4), ("mars",)),), (Part(D(5), (None,)),)]


def test_a_price_change_cuts_what_is_told_apart_part_by_part():
    tiers = Graduated((Tier(D(10), D(3)), Tier(None, D(1))))
    ladder = Matrix(("region",), (Cell(("eu",), tiers),))
    usage = happening([used(8, "eu", 2), used(6, "eu", 20), used(1, "mars", 20)])
    lines = rate([term(ladder, ladder, meter="m")], usage, at(4))
    assert [(line.quantity, str(line.amount.amount)) for line in lines] == [(D(8), "24.00"), (D(6), "10.00")]
    assert steps(lines[1]) == [("list", "eu: 2 at $3.00 each"), ("list", "eu: 4 at $1.00 each")]


def test_an_edition_that_tells_usage_apart_may_follow_one_that_does_not():
    agreed = term(PerUnit(D(1)), REGION, meter="m")
    usage = happening([used(8, "eu", 2), used(6, "eu", 20), used(1, "us", 21)])
    lines = rate([agreed], usage, at(4))
    assert amounts(lines) == ["8.00", "20.00"]
    asked = {(Period(at(3), at(3, 16)), WHOLE)}
    asked |= {(Period(at(3), end), REGION.split) for end in (at(3, 16), at(4))}
    assert slots([agreed], at(4)) == {("m", *each) for each in asked}


def test_free_payments_are_used_up_before_and_after_a_price_change():
    charge = Percent(D(1), D("0.25"), free_transactions=D(2))
    usage = happening([used(100, None, day) for day in (2, 20, 21)])
    lines = rate([term(charge, charge, meter="m")], usage, at(4))
    assert [(line.quantity, str(line.amount.amount)) for line in lines] == [(D(100), "0.00"), (D(200), "1.25")]


def test_hours_are_those_of_the_contracts_zone():
    charge = PerWindow("hour", PerUnit(D(1)), (Hours(9, 10, PerUnit(D(5))),))
    asked = []

    def usage(meter: str, period: Period, split: Split) -> Measured:
        asked.append(split)
        return tuple(Part(D(1), (), at(3, 2, hour)) for hour in (7, 8, 9))

    [line] = rate([term(charge, meter="m", zone="Europe/Berlin", end=at(3, 31))], usage, at(4))
    assert asked == [Split(window="hour", zone="Europe/Berlin")]
    assert amounts([line]) == ["7.00"]


def test_a_number_will_do_where_usage_is_only_expected():
    [line] = rate([term(REGION, meter="m")], lambda meter, period, split: D(10), at(4))
    assert (line.quantity, amounts([line]), line.unpriced) == (D(10), ["30.00"], ())
    agreed = term(REGION, quantity=D(10))
    assert amounts(rate([agreed], happening([]), at(4))) == ["30.00"]


def test_parts_below_nothing_are_billed_as_nothing():
    [line] = rate([term(REGION, meter="m")], happening([used(-7, "us", 2), used(3, "eu", 20)]), at(4))
    assert (line.quantity, amounts([line])) == (D(3), ["9.00"])


def test_an_override_may_tell_usage_apart_where_the_list_does_not():
    price = Price(at(1), REGION, "deal", list_charge=PerUnit(D(4)), list_source="card 1")
    agreed = replace(term(REGION, meter="m"), prices=(price,))
    [line] = rate([agreed], happening([used(7, "us", 2), used(3, "eu", 20)]), at(4))
    assert [(step.kind, step.total) for step in line.waterfall] == [("list", D(40)), ("override", D(23))]


# ---------------------------------------------------------------- limits of the price itself


def test_the_minimum_of_a_price_is_owed_with_the_last_line_of_a_cycle():
    charge = Adjusted(PerUnit(D(1)), minimum=D(100))
    usage = happening([used(30, None, 2), used(20, None, 20)])
    lines = rate([term(charge, charge, meter="m")], usage, at(4))
    assert amounts(lines) == ["30.00", "70.00"]
    assert [step.source for step in lines[1].waterfall] == ["card 2", "card 2"]
    dearer = Adjusted(PerUnit(D(1)), minimum=D(120))
    assert amounts(rate([term(charge, dearer, meter="m")], usage, at(4))) == ["30.00", "90.00"]


def test_a_maximum_and_an_amount_off_of_the_price_count_once_over_a_change():
    charge = Adjusted(PerUnit(D(1)), amount_off=D(10), maximum=D(60))
    usage = happening([used(50, None, 2), used(70, None, 20)])
    assert amounts(rate([term(charge, charge, meter="m")], usage, at(4))) == ["40.00", "20.00"]


def test_limits_of_the_price_are_prorated_with_a_cycle_cut_short():
    charge = Adjusted(PerUnit(D(1)), minimum=D(310))
    [line] = rate([term(charge, meter="m", end=at(3, 11))], happening([]), at(4))
    assert amounts([line]) == ["100.00"]
    fee = Adjusted(Flat(D(31)), percent_off=D(10))
    assert amounts(rate([term(fee, end=at(3, 11))], happening([]), at(4))) == ["9.00"]


def test_the_prices_discount_goes_before_the_deals_of_its_kind():
    charge = Adjusted(PerUnit(D(1)), amount_off=D(100), percent_off=D(10))
    deal = (PercentOff(D(50), "deal"), AmountOff(D(20), "coupon"), Minimum(D(5), "floor"))
    [line] = rate([term(charge, meter="m", adjustments=deal)], happening([used(1000, None, 2)]), at(4))
    assert [(step.label, step.source) for step in line.waterfall] == [
        ("1,000 at $1.00 each", "card 1"),
        ("$100.00 off", "card 1"),
        ("$20.00 off", "coupon"),
        ("10% off", "card 1"),
        ("50% off", "deal"),
    ]
    assert amounts([line]) == ["396.00"]


def test_an_override_of_a_limited_price_shows_the_price_before_its_limits():
    listed = Adjusted(PerUnit(D(2)), minimum=D(50))
    price = Price(at(1), listed.scaled(D("0.5")), "deal", list_charge=listed, list_source="card 1")
    [line] = rate([replace(term(listed, meter="m"), prices=(price,))], happening([used(10, None, 2)]), at(4))
    assert [(step.kind, step.total) for step in line.waterfall] == [
        ("list", D(20)),
        ("override", D(10)),
        ("minimum", D(25)),
    ]


# ---------------------------------------------------------------- shares of other lines

TEN_PERCENT = Composite(Percent(D(10)))


def usage_of(**quantities: str) -> Usage:
    return lambda meter, period, split: D(quantities[meter])


def test_support_is_ten_percent_of_what_was_used():
    ladder = Graduated((Tier(D(1000), D("0.10")), Tier(D(10000), D("0.08")), Tier(None, D("0.05"))))
    terms = [term(TEN_PERCENT, key="support", product="support"), term(ladder, key="api", product="api", meter="m")]
    lines = rate(terms, usage_of(m="12500"), at(4))
    assert [(line.key, line.quantity, str(line.amount.amount)) for line in lines] == [
        ("support", D(945), "94.50"),
        ("api", D(12500), "945.00"),
    ]
    assert steps(lines[0]) == [("list", "10% of $945.00")]


def test_a_share_is_of_the_lines_as_rounded():
    terms = [term(PerUnit(D("0.005")), key="a", product="a", meter="m"), term(TEN_PERCENT, key="s", product="s")]
    assert [line.quantity for line in rate(terms, usage_of(m="1"), at(4))] == [D(1), D("0.01")]


def test_a_share_of_named_products_leaves_out_the_others():
    terms = [
        term(Composite(Percent(D(10)), ("api", "seats")), key="s", product="support"),
        term(Flat(D(100)), key="a", product="api"),
        term(Flat(D(50)), key="b", product="seats"),
        term(Flat(D(900)), key="c", product="training"),
    ]
    assert amounts(rate(terms, usage_of(), at(4))) == ["15.00", "100.00", "50.00", "900.00"]


def test_a_share_of_a_share_comes_after_it():
    terms = [
        term(Composite(Percent(D(10)), ("support",)), key="x", product="insurance"),
        term(Composite(Percent(D(20)), ("api",)), key="s", product="support"),
        term(Flat(D(100)), key="a", product="api"),
    ]
    assert amounts(rate(terms, usage_of(), at(4))) == ["2.00", "20.00", "100.00"]


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [
        ({"a": ("b",), "b": ("a",)}, "shares of each other's lines: (a of b of a|b of a of b)"),
        ({"a": ("a",)}, "shares of each other's lines: a of a"),
        ({"a": (), "b": ()}, "shares of each other's lines"),
        ({"a": ("b",), "b": ("c",), "c": ("a",)}, "shares of each other's lines: . of . of . of ."),
    ],
)
def test_shares_that_go_round_in_a_circle_are_refused(shares, complaint):
    terms = [term(Composite(Percent(D(10)), of), key=name, product=name) for name, of in shares.items()]
    with pytest.raises(ValueError, match=complaint):
        rate(terms, usage_of(), at(4))


def test_two_terms_of_one_product_are_no_share_of_each_other():
    terms = [
        term(TEN_PERCENT, key="old", product="support", end=at(3, 16)),
        term(TEN_PERCENT, key="new", product="support", start=at(3, 16), cycle_months=0),
        term(Flat(D(100)), key="a", product="api", in_advance=True),
    ]
    assert amounts(rate(terms, usage_of(), at(4))) == ["10.00", "100.00", "0.00"]


def test_a_share_counts_the_lines_that_start_in_its_cycle_and_carries_over_a_change():
    support = term(TEN_PERCENT, Composite(Percent(D(20))), key="s", product="support", end=at(5))
    api = term(PerUnit(D(1)), PerUnit(D(2)), key="a", product="api", meter="m", end=at(5))

    def usage(meter: str, period: Period, split: Split) -> Decimal:
        return D((period.end - period.start).days * 10)

    lines = rate([support, api], usage, at(5))
    shown = [(line.key, line.period.start, line.quantity, str(line.amount.amount)) for line in lines]
    assert shown == [
        ("s", at(3), D(150), "15.00"),
        ("a", at(3), D(150), "150.00"),
        ("s", at(3, 16), D(320), "64.00"),
        ("a", at(3, 16), D(160), "320.00"),
        ("s", at(4), D(600), "120.00"),
        ("a", at(4), D(300), "600.00"),
    ]


def test_a_share_may_have_limits_and_discounts_and_become_flat():
    share = Adjusted(TEN_PERCENT, minimum=D(50))
    terms = [term(share, Flat(D(310)), key="s", product="s"), term(Flat(D(100)), key="a", product="a")]
    lines = rate(terms, usage_of(), at(4))
    assert [(line.key, str(line.amount.amount)) for line in lines] == [("s", "50.00"), ("a", "100.00"), ("s", "160.00")]
    cheapest = Cheapest((TEN_PERCENT, Composite(Percent(D(8)))))
    assert amounts(rate([term(cheapest, key="s", product="s"), terms[1]], usage_of(), at(4))) == ["8.00", "100.00"]


@pytest.mark.parametrize(
    ("charge", "fields", "complaint"),
    [
        (TEN_PERCENT, {"meter": "m"}, "no share of other lines"),
        (TEN_PERCENT, {"quantity": D(2)}, "a share of other lines has no quantity but 1"),
        (Adjusted(Flat(D(1))), {"meter": "m"}, "no flat charge"),
        (Sum((Flat(D(1)), PerUnit(D(1)))), {}, "a meter or a quantity"),
    ],
)
def test_a_term_is_reckoned_on_one_thing(charge, fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        term(charge, **fields)


# ---------------------------------------------------------------- worked numbers, through the whole kernel


def test_outcomes_billed_when_final_and_reversed_later():
    [march] = rate([term(Outcome(D("0.99")), meter="m")], usage_of(m="920"), at(4))
    assert amounts([march]) == ["910.80"]
    assert amount(Outcome(D("0.99")).cost(D(-80), D(1000))) == D("-79.20")


@pytest.mark.parametrize(("currency", "due"), [("JPY", "15"), ("USD", "14.81"), ("KWD", "14.814")])
def test_currencies_have_their_own_decimals(currency, due):
    charge = InUnit("credit", D("0.01"), Sum((Flat(D("481.4")), PerUnit(D(1)))))
    [line] = rate([term(charge, meter="m", currency=currency)], usage_of(m="1000"), at(4))
    assert (amounts([line]), line.exact) == ([due], D("14.814"))


@given(CHARGES.filter(lambda each: each.basis == "quantity"), EVENTS, st.sampled_from(["JPY", "USD", "KWD"]), st.data())
def test_every_line_is_explained_and_no_price_edition_changes_the_sum(charge, events, currency, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, 30), max_size=3)))
    prices = [Price(at(1), charge, "card")] + [Price(at(3, 1) + timedelta(days=day), charge, "card") for day in cuts]
    cut = replace(term(charge, meter="m", currency=currency, end=at(4)), prices=tuple(prices))
    lines = rate([cut], happening(events), at(4))
    [whole] = rate([replace(cut, prices=tuple(prices[:1]))], happening(events), at(4))
    with exactly():
        for line in lines:
            assert sum((step.amount for step in line.waterfall), D(0)) == line.amount.amount
        if not isinstance(charge, Adjusted):
            assert abs(sum((line.exact for line in lines), D(0)) - whole.exact) < D("1E-17")
        assert sum(line.quantity for line in lines) == whole.quantity
