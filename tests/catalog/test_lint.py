"""What lint finds. Each rule is tested under its name: with prices that break it, and with prices that do not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import lint
from catalog import operations as catalog
from catalog.candidates import candidate_of_sheet
from catalog.editions import Offer, Sheet
from catalog.lint import RULES, Finding, Severity
from catalog.models import Product, RateCard, RateCardVersion
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import (
    Adjusted,
    Cell,
    Charge,
    Composite,
    Dynamic,
    Flat,
    Graduated,
    InUnit,
    Matrix,
    Percent,
    PerUnit,
    Tier,
    Volume,
)
from tests import cast
from tests.cast import MILLION
from tests.contracts import test_lint as contracts_rules

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SUPPORT, FEE, INPUT, OUTPUT, SEATS = "support", "platform-fee", "input-tokens", "output-tokens", "seats"


def d(number: str) -> Decimal:
    return Decimal(number)


def per_million(price: str) -> PerUnit:
    return PerUnit(d(price), MILLION)


def graduated(first: str, then: str, *, fee: str = "0") -> Graduated:
    return Graduated((Tier(10 * MILLION, d(first), d(fee)), Tier(None, d(then))), MILLION)


def by_model(*cells: tuple[str, ...], default: Charge | None = None) -> Matrix:
    by = ("model", "region")[: len(cells[0])]
    return Matrix(by, tuple(Cell(values, per_million("3")) for values in cells), default)


def sold(key: str) -> Product:
    """One of the cast's products, or a recurring one of this key."""
    if key in (INPUT, OUTPUT, FEE, SEATS, "setup"):
        return cast.product(key)
    return Product.objects.filter(key=key).first() or catalog.create_product(
        key=key, name=key.title(), kind="recurring", act=cast.act("ann")
    )


def found(
    rule: str,
    prices: Mapping[str, Charge | Offer],
    *,
    card: RateCard | None = None,
    new_products: tuple[Product, ...] = (),
    starts: datetime = AT + DAY,
    **fields: Any,
) -> list[tuple[str, str]]:
    """What a rule finds in a proposal with these prices, as of AT: where and text of each."""
    card = card or cast.card()
    new = {product.key: product for product in new_products}
    offers = {
        (new.get(key) or sold(key)).pk: price if isinstance(price, Offer) else Offer(price, 1, False)
        for key, price in prices.items()
    }
    sheet = Sheet(uuid4(), card.pk, "the proposal", starts, offers, **fields)
    candidate = candidate_of_sheet(sheet, card, at=AT, new_products=new_products)
    return [(each.where, each.text) for each in RULES[rule].findings(candidate)]


def based_on_standard(key: str = "eu", currency: str = "USD", **fields: Any) -> RateCard:
    base = cast.standard_card().card
    return catalog.create_rate_card(
        key=key, name=key.upper(), currency=currency, base=base, act=cast.act("ann"), **fields
    )


def used(*, at: datetime = AT - DAY, **properties: Any) -> None:
    cast.contoso()
    sold(INPUT), sold(OUTPUT)
    body = {"ContextTokens": 1, "GeneratedTokens": 1} | properties
    (verdict,) = ingest([Event(f"{at}{body}", "llm.request", at, "contoso", body)], source="test", at=at)
    assert verdict.outcome == "accepted"


# ---------------------------------------------------------------------------------------------- the page of rules


def test_every_rule_is_tested_under_its_name() -> None:
    tests = {*globals(), *vars(contracts_rules)}
    assert [name for name in RULES if f"test_{name}" not in tests] == []
    assert len(RULES) >= 30


def test_every_rule_says_what_it_looks_for() -> None:
    assert all(rule.looks_for and rule.severity in Severity for rule in RULES.values())
    with pytest.raises(ValueError, match="there already is a lint rule 'free_price'"):
        lint.rule("free_price", Severity.NOTE, "anything")(lambda candidate: [])


def test_findings_come_errors_first_with_their_rule() -> None:
    cast.standard_card()
    draft = catalog.draft_version(cast.card(), act=cast.act("ann", at=AT))
    catalog.set_rate(draft, sold(FEE), Flat(d("20.001")), act=cast.act("ann", at=AT))
    support = Composite(Percent(d("10")), ("storage",))
    catalog.set_rate(draft, sold(SUPPORT), support, act=cast.act("ann", at=AT))
    assert lint.findings(draft, at=AT) == [
        Finding(
            "unpriced_part",
            Severity.ERROR,
            "Support",
            "It is a share of storage, which the card does not price. Price them, or leave them out.",
        ),
        Finding(
            "finer_than_currency",
            Severity.WARNING,
            "Platform fee",
            "A flat amount of 20.001 is finer than USD, which has 2 decimals, and is billed as $20.00. Round it.",
        ),
        *silences("warning"),
    ]


def silences(severity: str) -> list[Finding]:
    """The standard card's two kinds of tokens, which nobody uses in these tests."""
    return [
        Finding(
            "silent_meter",
            Severity(severity),
            f"{name} tokens",
            f"Its meter {name} tokens counted nothing in the last 7 days. Check that events of type llm.request still "
            "arrive, or nothing is billed.",
        )
        for name in ("Input", "Output")
    ]


def test_a_sound_version_has_no_findings() -> None:
    cast.standard_card()
    used()
    draft = catalog.draft_version(cast.card(), act=cast.act("ann", at=AT))
    catalog.set_rate(draft, sold(OUTPUT), per_million("11"), act=cast.act("ann", at=AT))
    assert lint.findings(draft, at=AT) == []


def test_the_number_of_queries_does_not_grow_with_the_rates() -> None:
    def asked(draft: RateCardVersion) -> int:
        with CaptureQueriesContext(connection) as queries:
            lint.findings(draft, at=AT)
        return len(queries)

    cast.standard_card()
    draft = catalog.draft_version(cast.card(), act=cast.act("ann", at=AT))
    catalog.set_rate(draft, sold(OUTPUT), by_model(("large",)), act=cast.act("ann", at=AT))
    few = asked(draft)
    catalog.set_rate(draft, sold(INPUT), by_model(("large",)), act=cast.act("ann", at=AT))
    for number in range(5):
        catalog.set_rate(draft, sold(f"more-{number}"), Flat(d("5.001")), act=cast.act("ann", at=AT))
    assert asked(draft) == few


# ------------------------------------------------------------------------------------------------------- one price


def test_volume_cliff() -> None:
    def tiers(then: str) -> Volume:
        return Volume((Tier(d("10000"), d("0.10")), Tier(None, d(then))))

    assert found("volume_cliff", {SEATS: tiers("0.07")}) == [
        (
            "Seats",
            (
                "10,001 units cost $299.93 less than 10,000. Use graduated tiers, or accept that customers buy up to "
                "the edge."
            ),
        )
    ]
    assert found("volume_cliff", {SEATS: tiers("0.10")}) == []


def test_free_price() -> None:
    free = {FEE: Flat(d("0")), INPUT: graduated("0", "0")}
    text = "Every price of it is 0. Give it a price, or say why it is free."
    assert sorted(found("free_price", free)) == [("Input tokens", text), ("Platform fee", text)]
    assert found("free_price", {INPUT: graduated("0", "2"), OUTPUT: Dynamic(), FEE: Flat(d("0.01"))}) == []


def test_finer_than_currency() -> None:
    prices = {FEE: Adjusted(Flat(d("20")), minimum=d("5.005")), INPUT: graduated("2", "1", fee="1.005")}
    assert [text[:24] for _, text in found("finer_than_currency", prices)] == [
        "A flat amount of 5.005 i",
        "A flat amount of 1.005 i",
    ]
    worth = InUnit("credit", d("0.0125"), Flat(d("1.125")))
    assert found("finer_than_currency", {FEE: Flat(d("20.50")), SEATS: worth, INPUT: per_million("0.0001")}) == []


def test_finer_than_currency_goes_by_the_decimals_of_the_currency() -> None:
    yen = catalog.create_rate_card(key="jp", name="Japan", currency="JPY", act=cast.act("ann"))
    assert found("finer_than_currency", {FEE: Flat(d("20.5"))}, card=yen) == [
        (
            "Platform fee",
            "A flat amount of 20.5 is finer than JPY, which has 0 decimals, and is billed as ¥21. Round it.",
        )
    ]


def test_dearer_later_tier() -> None:
    assert found("dearer_later_tier", {INPUT: graduated("2", "2.5")}) == [
        (
            "Input tokens",
            (
                "Above 10,000,000 a unit costs 2.5 after 2: using more makes it dearer. Check that the tiers are in "
                "the right order."
            ),
        )
    ]
    assert found("dearer_later_tier", {INPUT: graduated("0", "2.5"), OUTPUT: graduated("2", "2")}) == []


def test_hard_to_estimate() -> None:
    assert found("hard_to_estimate", {INPUT: Dynamic(), OUTPUT: Percent(d("3"), fixed_fee=d("0.10"))}) == [
        (
            "Input tokens",
            (
                "An expected quantity does not say what amounts the events carry; a quote shows this price as a rough "
                "estimate."
            ),
        ),
        (
            "Output tokens",
            (
                "An expected quantity does not say how large single transactions are; a quote shows this price as a "
                "rough estimate."
            ),
        ),
    ]
    assert found("hard_to_estimate", {INPUT: graduated("2", "1"), OUTPUT: Percent(d("3"))}) == []


def test_two_unit_prices() -> None:
    def priced_in_credits(price: str) -> InUnit:
        return InUnit("credit", d(price), PerUnit(d("2")))

    assert found("two_unit_prices", {INPUT: priced_in_credits("0.01"), OUTPUT: priced_in_credits("0.02")}) == [
        (
            "credit",
            (
                "One credit is worth $0.01 for Input tokens, $0.02 for Output tokens. Give it one price in the whole "
                "version."
            ),
        )
    ]
    assert found("two_unit_prices", {INPUT: priced_in_credits("0.01"), OUTPUT: priced_in_credits("0.01")}) == []


# ---------------------------------------------------------------------------------------------- shares and matrices


def test_unpriced_part() -> None:
    share = Composite(Percent(d("10")), (INPUT, OUTPUT))
    assert found("unpriced_part", {SUPPORT: share, INPUT: per_million("1")}) == [
        ("Support", "It is a share of output-tokens, which the card does not price. Price them, or leave them out.")
    ]
    assert found("unpriced_part", {SUPPORT: share, INPUT: per_million("1"), OUTPUT: per_million("1")}) == []


def test_composite_circle() -> None:
    def share(*of: str) -> Composite:
        return Composite(Percent(d("10")), of)

    circle = {"a": share("b"), "b": share("c"), "c": share("a", FEE), FEE: Flat(d("1"))}
    assert found("composite_circle", circle)[0] == (
        "A",
        "It is a share of itself: A of B of C of A. Name the products it is to be a share of.",
    )
    assert len(found("composite_circle", circle)) == 3
    assert len(found("composite_circle", {"a": share(), "b": share()})) == 2
    assert found("composite_circle", {"a": share(), "b": share(FEE), FEE: Flat(d("1"))}) == []


def test_used_without_price() -> None:
    used(model="large")
    used(model="tiny")
    used(at=AT - 2 * DAY, model="tiny")
    used(at=AT - 3 * DAY)
    used(at=AT - 91 * DAY, model="ancient")
    assert found("used_without_price", {OUTPUT: by_model(("large",))}) == [
        (
            "Output tokens",
            "No cell prices 3 events of the last 90 days: model tiny, no model. Add cells for them, or a default.",
        )
    ]
    assert found("used_without_price", {OUTPUT: by_model(("large",), default=per_million("1"))}) == []
    assert found("used_without_price", {OUTPUT: by_model(("large",), (None,))}) == []  # type: ignore[arg-type]


def test_missing_cell() -> None:
    cells = ("large", "eu"), ("large", "us"), ("small", "eu")
    assert found("missing_cell", {OUTPUT: by_model(*cells)}) == [
        (
            "Output tokens",
            "No cell prices 1 combination of its values: model small with region us. Add cells for them, or a default.",
        )
    ]
    assert found("missing_cell", {OUTPUT: by_model(*cells, ("small", "us")), INPUT: by_model(("large",))}) == []
    assert found("missing_cell", {OUTPUT: by_model(*cells, default=per_million("1"))}) == []


# ----------------------------------------------------------------------------------------------------------- costs


def test_below_cost() -> None:
    catalog.set_cost(sold(INPUT), unit_cost=d("2"), per=MILLION, currency="USD", since=AT, act=cast.act("ann"))
    catalog.set_cost(sold(FEE), unit_cost=d("25"), currency="USD", since=AT, act=cast.act("ann"))
    assert found("below_cost", {INPUT: per_million("1.5"), FEE: Flat(d("20"))}) == [
        ("Input tokens", "1,000,000 units: price $1.50, our cost $2.00. Raise the price, or correct the cost."),
        ("Platform fee", "1 unit: price $20.00, our cost $25.00. Raise the price, or correct the cost."),
    ]
    sound = {INPUT: graduated("0", "2.5"), FEE: Flat(d("0"))}
    assert found("below_cost", sound) == []  # free on purpose, which another rule says
    assert found("below_cost", {INPUT: per_million("1.5")}, starts=AT - DAY) == []  # the cost is not known yet


def test_below_cost_of_a_cell_is_that_of_its_dimensions() -> None:
    for model, cost in (("large", "4"), ("small", "1")):
        catalog.set_cost(
            sold(OUTPUT), unit_cost=d(cost), per=MILLION, currency="USD", since=AT, dimensions={"model": model},
            act=cast.act("ann"),
        )  # fmt: skip
    assert found("below_cost", {OUTPUT: by_model(("large",), ("small",))}) == [
        (
            "Output tokens",
            "model large: 1,000,000 units: price $3.00, our cost $4.00. Raise the price, or correct the cost.",
        )
    ]


def test_below_cost_looks_beyond_the_last_tier() -> None:
    catalog.set_cost(sold(INPUT), unit_cost=d("2.2"), per=MILLION, currency="USD", since=AT, act=cast.act("ann"))
    steep = {INPUT: graduated("2.5", "0.1")}
    assert [where for where, _ in found("below_cost", steep)] == ["Input tokens"]


def test_last_tier_below_cost() -> None:
    catalog.set_cost(sold(INPUT), unit_cost=d("2.2"), per=MILLION, currency="USD", since=AT, act=cast.act("ann"))
    assert found("last_tier_below_cost", {INPUT: graduated("2.5", "2")}) == [
        (
            "Input tokens",
            (
                "above 10,000,000 every further unit brings $0.000002 and costs us $0.0000022: the largest customers "
                "lose us money. Raise the last tier, or correct the cost."
            ),
        )
    ]
    assert found("last_tier_below_cost", {INPUT: graduated("2.5", "2.2"), OUTPUT: graduated("2", "1")}) == []


def test_cost_in_other_currency() -> None:
    catalog.set_cost(sold(INPUT), unit_cost=d("9"), per=MILLION, currency="EUR", since=AT, act=cast.act("ann"))
    catalog.set_cost(sold(OUTPUT), unit_cost=d("1"), per=MILLION, currency="USD", since=AT, act=cast.act("ann"))
    prices = {INPUT: per_million("1"), OUTPUT: per_million("2")}
    assert found("cost_in_other_currency", prices) == [
        (
            "Input tokens",
            (
                "Its cost is known in EUR only, so nothing says whether these prices in USD cover it. Enter the cost "
                "in USD too."
            ),
        )
    ]
    assert found("below_cost", prices) == []


# -------------------------------------------------------------------------------------------- dates, base and rules


def test_same_instant() -> None:
    cast.standard_card()
    assert found("same_instant", {FEE: Flat(d("1"))}, starts=cast.NOW) == [
        ("planned from", "Standard USD v1 takes effect at 2025-12-15 09:00 UTC as well. Choose another.")
    ]
    assert found("same_instant", {FEE: Flat(d("1"))}) == []


def test_later_version() -> None:
    cast.publish({FEE: Flat(d("21"))}, effective_from=AT + 2 * DAY, at=AT)
    assert found("later_version", {FEE: Flat(d("22"))}) == [
        (
            "planned from",
            (
                "Standard USD v1 is scheduled for 2026-02-12 12:00 UTC and replaces these prices then. Withdraw it if "
                "that is not meant."
            ),
        )
    ]
    assert found("later_version", {FEE: Flat(d("22"))}, starts=AT + 3 * DAY) == []


def test_short_notice() -> None:
    cast.standard_card()
    card = catalog.update_rate_card(cast.card(), name="Standard USD", notice_days=30, act=cast.act("ann"))
    rise, cut = {OUTPUT: per_million("10.01")}, {OUTPUT: per_million("9.99")}
    assert found("short_notice", rise, card=card) == [
        (
            "existing contracts from",
            (
                "Output tokens would rise for existing contracts on 2026-02-11, but the card promises 30 days' notice. "
                "Choose 2026-03-13 or later for them."
            ),
        )
    ]
    assert found("short_notice", cut, card=card) == []
    assert found("short_notice", rise, card=card, existing_from=AT + 30 * DAY) == []
    assert found("short_notice", rise, card=card, reach="new_only") == []
    # Cheaper for many and dearer for one is a rise for that one.
    mixed = {INPUT: Graduated((Tier(10 * MILLION, d("2.6")), Tier(None, d("0.1"))), MILLION)}
    assert len(found("short_notice", mixed, card=card)) == 1


def test_unpublished_base() -> None:
    base = catalog.create_rate_card(key="new", name="New", currency="USD", act=cast.act("ann"))
    card = catalog.create_rate_card(key="eu", name="EU", currency="USD", base=base, act=cast.act("ann"))
    assert found("unpublished_base", {FEE: Flat(d("1"))}, card=card) == [
        ("base", "New has no version in force on 2026-02-11, so there is nothing to inherit. Publish one first.")
    ]
    assert found("unpublished_base", {FEE: Flat(d("1"))}, card=based_on_standard("uk")) == []


def test_same_as_base() -> None:
    card = based_on_standard()
    rows = {OUTPUT: cast.OUTPUT, FEE: Flat(d("21"))}
    assert found("same_as_base", rows, card=card) == [
        ("Output tokens", "The same as in Standard USD v1. Remove it here, so that a change of the base flows through.")
    ]
    assert found("same_as_base", {FEE: Flat(d("21"))}, card=card) == []
    assert found("same_as_base", rows, card=card, base_factor=d("2")) == []


def test_base_in_other_currency() -> None:
    card = based_on_standard(currency="EUR")
    assert found("base_in_other_currency", {FEE: Flat(d("18"))}, card=card) == [
        (
            "base factor",
            (
                "2 prices of Standard USD in USD hold as the same numbers of EUR. Say what to multiply them by, or "
                "price these products here."
            ),
        )
    ]
    assert found("base_in_other_currency", {FEE: Flat(d("18"))}, card=card, base_factor=d("0.9")) == []
    assert found("base_in_other_currency", {FEE: Flat(d("18"))}, card=based_on_standard("uk")) == []


def test_factor_too_fine() -> None:
    cast.publish({FEE: Flat(d("0." + "1" * 27))})
    card = based_on_standard()
    ((where, text),) = found("factor_too_fine", {}, card=card, base_factor=d("1.000000001"))
    assert where == "Platform fee"
    assert text.startswith("Times 1.000000001 the price has too many digits (amount: ")
    assert found("factor_too_fine", {FEE: Flat(d("1"))}, card=card, base_factor=d("1.000000001")) == []


def test_rule_in_other_currency() -> None:
    card = cast.card()
    rule = catalog.create_rule(
        name="Europe", card=card, conditions={"currency": ["EUR", "CHF"]}, act=cast.act("ann", "Markets")
    )
    assert found("rule_in_other_currency", {FEE: Flat(d("1"))}) == [
        (
            f"rule {rule}",
            "It chooses this card, which is in USD, for customers in EUR, CHF. Correct the rule.",
        )
    ]
    catalog.update_rule(
        rule, name="World", card=card, conditions={"currency": ["EUR", "usd"]}, is_active=True, act=cast.act("ann")
    )
    assert found("rule_in_other_currency", {FEE: Flat(d("1"))}) == []


# --------------------------------------------------------------------------------------- against the prices in force


def test_startling_rise() -> None:
    cast.standard_card()
    assert found("startling_rise", {FEE: Flat(d("31")), OUTPUT: per_million("15")}) == [
        ("Platform fee", "It becomes 55 % dearer than the prices in force. Check it for a typing error.")
    ]
    assert found("startling_rise", {FEE: Flat(d("30")), SEATS: PerUnit(d("999"))}) == []


def test_startling_cut() -> None:
    cast.standard_card()
    assert found("startling_cut", {FEE: Flat(d("2"))}) == [
        ("Platform fee", "It becomes 90 % cheaper than the prices in force. Check it for a typing error.")
    ]
    assert found("startling_cut", {FEE: Flat(d("10"))}) == []


def test_nothing_new() -> None:
    same = {INPUT: cast.INPUT, OUTPUT: cast.OUTPUT, FEE: cast.FEE}
    assert found("nothing_new", same) == []  # nothing is in force yet
    cast.standard_card()
    assert found("nothing_new", same) == [
        ("prices", "They are those already in force. Change something, or withdraw the draft.")
    ]
    assert found("nothing_new", {**same, FEE: Flat(d("21"))}) == []


def test_other_rhythm() -> None:
    cast.standard_card()
    yearly = {FEE: Offer(Flat(d("240")), 12, True)}
    assert found("other_rhythm", yearly) == [
        (
            "Platform fee",
            (
                "It is billed yearly, in advance, no longer monthly, in arrears. Contracts that run keep their price "
                "and rhythm, whatever the reach; only new ones get this."
            ),
        )
    ]
    assert found("other_rhythm", yearly, reach="new_only") == []
    assert found("other_rhythm", {FEE: Flat(d("240"))}) == []


def test_product_not_sold() -> None:
    fee = sold(FEE)
    prices = {FEE: Flat(d("1")), SEATS: PerUnit(d("1"))}
    assert found("product_not_sold", prices) == []
    catalog.update_product(
        fee, name=fee.name, unit="month", revenue_account="4100", description="", is_active=False, act=cast.act("ann")
    )
    assert found("product_not_sold", prices) == [
        ("Platform fee", "It is no longer sold. Take it off the list, or put it on sale again.")
    ]


# ------------------------------------------------------------------------------------------- measuring and features


def test_no_meter() -> None:
    unmeasured = Product(key="gpu", name="GPU hours", kind="usage")
    told_apart = Product(key="storage", name="Storage", kind="recurring")
    prices = {"gpu": PerUnit(d("2")), "storage": by_model(("large",)), OUTPUT: by_model(("large",)), FEE: Flat(d("1"))}
    assert found("no_meter", prices, new_products=(unmeasured, told_apart)) == [
        ("GPU hours", "It is sold by usage, but has no meter. Give it the meter that counts it."),
        (
            "Storage",
            (
                "Its matrix price tells events apart, but it has no meter. Price it by quantity, or make it a usage "
                "product."
            ),
        ),
    ]
    assert found("no_meter", {OUTPUT: by_model(("large",)), FEE: Flat(d("1")), SEATS: PerUnit(d("1"))}) == []


def test_silent_meter() -> None:
    cast.standard_card()
    used(at=AT - 8 * DAY)
    assert [Finding("silent_meter", Severity.WARNING, *each) for each in found("silent_meter", {})] == []
    prices = {INPUT: per_million("2"), OUTPUT: per_million("9"), FEE: Flat(d("20"))}
    assert [Finding("silent_meter", Severity.WARNING, *each) for each in found("silent_meter", prices)] == silences(
        "warning"
    )
    used(at=AT - 6 * DAY)
    assert found("silent_meter", prices) == []


def test_untried_meter() -> None:
    prices = {OUTPUT: per_million("9"), FEE: Flat(d("20"))}
    assert found("untried_meter", prices) == [
        (
            "Output tokens",
            "It is new, and its meter Output tokens has not counted an event in the last 7 days. Send one to try it.",
        )
    ]
    cast.standard_card()
    assert found("untried_meter", prices) == []
