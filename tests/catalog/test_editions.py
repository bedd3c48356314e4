"""Which price holds for whom: reach, bases, roll backs, and prices that come only where they are cheaper."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from catalog.editions import Agreement, Offer, PriceBook, Sheet
from catalog.models import RateCardVersion
from pricing.charges import Cheapest, Flat, PerUnit
from pricing.steps import amount

Reach = RateCardVersion.Reach
CARD, BASE, TOKENS, FEE = uuid4(), uuid4(), uuid4(), uuid4()
JANUARY, FEBRUARY, MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 6))
OLD = Agreement(JANUARY + timedelta(days=10))


def at(price: str, cycle_months: int = 1) -> Offer:
    return Offer(PerUnit(Decimal(price)), cycle_months, False)


def sheet(label: str, since: datetime, offers: dict[UUID, Offer], *, card: UUID = CARD, **more: Any) -> Sheet:
    return Sheet(uuid4(), card, label, since, offers, **more)


def book(*sheets: Sheet, base: UUID | None = None) -> PriceBook:
    by_card = {card: [each for each in sheets if each.card == card] for card in (CARD, BASE)}
    return PriceBook(by_card, {CARD: base, BASE: None}, {each.pk: each for each in sheets})


def seen(prices: PriceBook, agreement: Agreement = OLD, product: UUID = TOKENS) -> list[tuple[datetime, str, str]]:
    editions = prices.editions(product, CARD, agreement)
    return [(each.since, str(getattr(each.charge, "unit_price", each.charge)), each.source) for each in editions]


FIRST = sheet("v1", JANUARY, {TOKENS: at("2.50")})


def second(**more: Any) -> Sheet:
    return sheet("v2", MARCH, {TOKENS: at("3.00")}, **more)


@pytest.mark.parametrize(
    ("more", "old", "renewed"),
    [
        ({"reach": Reach.NEW_ONLY}, [(JANUARY, "2.50", "v1")], [(JANUARY, "2.50", "v1")]),
        (
            {"reach": Reach.AT_RENEWAL},
            [(JANUARY, "2.50", "v1")],
            [(JANUARY, "2.50", "v1"), (MARCH, "3.00", "v2")],
        ),
        (
            {"reach": Reach.FROM_DATE},
            [(JANUARY, "2.50", "v1"), (MARCH, "3.00", "v2")],
            [(JANUARY, "2.50", "v1"), (MARCH, "3.00", "v2")],
        ),
        (
            {"reach": Reach.FROM_DATE, "existing_from": MAY},
            [(JANUARY, "2.50", "v1"), (MAY, "3.00", "v2")],
            [(JANUARY, "2.50", "v1"), (MAY, "3.00", "v2")],
        ),
    ],
)
def test_a_version_reaches_existing_contracts_as_it_says(more: dict[str, Any], old: Any, renewed: Any) -> None:
    prices = book(FIRST, second(**more))
    assert seen(prices) == old
    assert seen(prices, Agreement(OLD.first_agreed_at, APRIL)) == renewed
    assert seen(prices, Agreement(MARCH))[-1] == (MARCH, "3.00", "v2"), "signed when it was in force: new"


def test_where_cheaper_each_cycle_costs_the_less_of_both() -> None:
    dearer_at_first = Offer(PerUnit(Decimal("0.9")), 1, False)
    prices = book(FIRST, sheet("v2", MARCH, {TOKENS: dearer_at_first}, reach=Reach.WHERE_CHEAPER))
    _, after = prices.editions(TOKENS, CARD, OLD)
    assert isinstance(after.charge, Cheapest)
    assert amount(after.charge.cost(Decimal(10))) == Decimal(9)
    dearer = book(FIRST, second(reach=Reach.WHERE_CHEAPER)).editions(TOKENS, CARD, OLD)[-1]
    assert amount(dearer.charge.cost(Decimal(10))) == Decimal(25)


def test_where_cheaper_keeps_a_price_that_is_billed_in_another_rhythm() -> None:
    yearly = sheet("v2", MARCH, {TOKENS: at("1.00", cycle_months=12)}, reach=Reach.WHERE_CHEAPER)
    assert seen(book(FIRST, yearly)) == [(JANUARY, "2.50", "v1")]


def test_a_version_that_skips_existing_contracts_leaves_them_the_next_one_that_does_not() -> None:
    third = sheet("v3", APRIL, {TOKENS: at("2.80")})
    assert seen(book(FIRST, second(reach=Reach.NEW_ONLY), third)) == [(JANUARY, "2.50", "v1"), (APRIL, "2.80", "v3")]


def test_a_later_version_in_force_leaves_an_earlier_one_that_was_to_come_no_time() -> None:
    third = sheet("v3", APRIL, {TOKENS: at("2.80")})
    assert seen(book(FIRST, second(existing_from=MAY), third)) == [(JANUARY, "2.50", "v1"), (APRIL, "2.80", "v3")]


def test_the_first_prices_of_a_card_reach_everybody() -> None:
    scheduled = sheet("v1", MARCH, {TOKENS: at("2.50")}, reach=Reach.NEW_ONLY)
    assert seen(book(scheduled)) == [(MARCH, "2.50", "v1")]


def test_a_roll_back_reaches_all_that_had_the_restored_prices_or_later_ones() -> None:
    restoring_first = sheet("v3", APRIL, {TOKENS: at("2.50")}, restores_from=JANUARY, reach=Reach.NEW_ONLY)
    between = Agreement(MARCH + timedelta(days=3))
    assert seen(book(FIRST, second(), restoring_first), between)[-1] == (APRIL, "2.50", "v3")
    third = sheet("v3", APRIL, {TOKENS: at("9.00")})
    restoring_second = sheet("v4", MAY, {TOKENS: at("3.00")}, restores_from=MARCH)
    prices = book(FIRST, second(reach=Reach.NEW_ONLY), replace(third, reach=Reach.NEW_ONLY), restoring_second)
    assert seen(prices) == [(JANUARY, "2.50", "v1")], "it never had v2 or v3"


def test_a_card_with_a_base_shows_the_bases_prices_where_it_says_nothing() -> None:
    base = sheet("base v1", JANUARY, {TOKENS: at("2.50"), FEE: Offer(Flat(Decimal(20)), 1, True)}, card=BASE)
    base_2 = sheet("base v2", APRIL, {TOKENS: at("3.00"), FEE: Offer(Flat(Decimal(30)), 1, True)}, card=BASE)
    delta = sheet("eu v1", FEBRUARY, {TOKENS: at("2.20")}, base_factor=Decimal("0.9"))
    prices = book(base, base_2, delta, base=BASE)
    assert seen(prices) == [(FEBRUARY, "2.20", "eu v1")], "its own price is its own"
    assert [(each.since, each.charge, each.source) for each in prices.editions(FEE, CARD, OLD)] == [
        (FEBRUARY, Flat(Decimal("18.0")), "eu v1: 0.9 × base v1"),
        (APRIL, Flat(Decimal("27.0")), "eu v1: 0.9 × base v2"),
    ]


def test_a_version_that_takes_its_own_price_back_shows_the_bases_again() -> None:
    base = sheet("base v1", JANUARY, {TOKENS: at("2.50")}, card=BASE)
    prices = book(base, sheet("eu v1", JANUARY, {TOKENS: at("2.20")}), sheet("eu v2", MARCH, {FEE: at("1")}), base=BASE)
    assert seen(prices) == [(JANUARY, "2.20", "eu v1"), (MARCH, "2.50", "base v1")]


def test_a_pinned_version_is_filled_by_the_base_pinned_with_it() -> None:
    base = sheet("base v1", JANUARY, {TOKENS: at("2.50")}, card=BASE)
    base_2 = sheet("base v2", MARCH, {TOKENS: at("9.99")}, card=BASE)
    delta = sheet("eu v1", FEBRUARY, {FEE: at("1")})
    prices = book(base, base_2, delta, base=BASE)
    (edition,) = prices.pinned(TOKENS, delta.pk, base.pk)
    assert (edition.charge, edition.source) == (PerUnit(Decimal("2.50")), "base v1")
    assert prices.pinned(TOKENS, delta.pk, None) == []


def test_a_proposal_reads_as_if_it_were_published() -> None:
    prices = book(FIRST)
    proposed = prices.with_sheet(second())
    assert seen(proposed) == [(JANUARY, "2.50", "v1"), (MARCH, "3.00", "v2")]
    assert seen(prices) == [(JANUARY, "2.50", "v1")], "which stays as it was"
