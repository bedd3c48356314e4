"""Quantities that change inside a cycle: each change in its tier, for the part it lasts."""

from decimal import Decimal

import pytest

from pricing.charges import ChargeError, Graduated, Tier, Volume, amount
from pricing.seats import Change, graduated_prorated, volume_prorated

D = Decimal
TWO = Graduated((Tier(D(5), D(10), D(100)), Tier(None, D(5), D(50))))


def due(charge: Graduated, *changes: tuple[str, str]) -> Decimal:
    return amount(graduated_prorated(charge, [Change(D(full), D(prorated)) for full, prorated in changes]))


def test_a_change_that_crosses_an_edge_is_shared_by_units():
    total = due(TWO, ("2", "1.4"), ("5", "2.66667"), ("10", "2"), ("-6", "-2.2"))
    assert total.quantize(D("0.01")) == D("184.33")


def test_the_fee_of_a_tier_once_reached_stays_due():
    total = due(TWO, ("1", "0.7097"), ("4", "1.54839"), ("1", "0.2258"), ("-5", "-0.80645"), ("-1", "-0.0645"))
    assert total.quantize(D("0.01")) == D("165.81")


def test_seats_for_a_whole_cycle_cost_what_they_cost():
    assert due(TWO, ("75", "75")) == amount(TWO.cost(D(75)))
    assert due(Graduated((Tier(None, D(30)),)), ("10", "10"), ("5", "3.3333")) == D("399.999")


def test_five_more_on_day_eleven_cost_twenty_days():
    step = Change(D(5), D(5) * 20 / 30)
    assert amount(graduated_prorated(Graduated((Tier(None, D(30)),)), [step])).quantize(D("0.01")) == D("100.00")


def test_never_less_than_nothing():
    assert graduated_prorated(Graduated((Tier(None, D(1)),)), [Change(D(1), D("0.1")), Change(D(-1), D("-0.9"))]) == ()
    assert graduated_prorated(TWO, []) == ()


def test_all_seats_have_the_price_of_the_tier_they_are_in():
    charge = Volume((Tier(D(100), D(2), D(10)), Tier(D(200), D(1)), Tier(None, D("0.5"), D(50))))
    assert amount(volume_prorated(charge, D(300), D("198.6"))) == D("149.3")


def test_seats_come_in_no_blocks():
    with pytest.raises(ChargeError, match="tiers: blocks and caps"):
        graduated_prorated(Graduated((Tier(None, D(1), block=D(10)),)), [])
