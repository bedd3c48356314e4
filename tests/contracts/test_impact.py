"""The blast radius of a price change, in figures worked out by hand.

Standard USD: input tokens $2.50 a million up to 10 million, then $2.00; output tokens $10.00; a fee of $20.00.
Contracts run from 1 January 2026; it is 10 February, so the last full month is January.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import operations as catalog
from catalog.impact import Impact, impact_lines, impact_of, impact_of_sheet
from catalog.models import Product, RateCard, RateCardVersion
from catalog.prices import sheet_of
from contracts.models import Contract
from contracts.operations import sign_contract
from contracts.terms import AgreedLine, AgreedPrice, SignedTerms
from governance.models import Change
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import Adjusted, Cell, Charge, Composite, Flat, Graduated, Matrix, Percent, PerUnit, Tier
from tests import cast
from tests.cast import MILLION

pytestmark = pytest.mark.django_db

FEBRUARY = datetime(2026, 2, 10, 12, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
MID_JANUARY = datetime(2026, 1, 15, tzinfo=UTC)
ANN, BEN = "ann", "ben"


def per_million(price: str) -> PerUnit:
    return PerUnit(Decimal(price), MILLION)


def follows(key: str = "contoso", version: RateCardVersion | None = None, **fields: Any) -> Contract:
    """A contract for output tokens, and whatever else is said, that follows the standard card or another."""
    version = version or cast.standard_card()
    lines = fields.pop("lines", ["output-tokens"])
    given = {
        "customer": cast.customer(key),
        "legal_entity": cast.seller(),
        "rate_card_version": version,
        "currency": version.card.currency,
        "start_on": date(2026, 1, 1),
        "months": 12,
        "lines": [AgreedLine(cast.product(line)) if isinstance(line, str) else line for line in lines],
        "signed_by": "Dan",
        "follows_card": True,
    } | fields
    return sign_contract(SignedTerms(**given), act=cast.act(BEN))  # type: ignore[arg-type]


def used(customer: str = "contoso", at: datetime = MID_JANUARY, **properties: Any) -> None:
    """So much was used: `ContextTokens` in, `GeneratedTokens` out, and any other property."""
    body = {"ContextTokens": 0, "GeneratedTokens": 0} | properties
    event = Event(f"{customer}-{at}-{body}", "llm.request", at, customer, body)
    (verdict,) = ingest([event], source="test", at=max(at, FEBRUARY))
    assert verdict.outcome == "accepted"


def drafted(charges: dict[str, Charge], card: RateCard | None = None, **plan: Any) -> RateCardVersion:
    """A draft with these prices on top of those in force."""
    draft = catalog.draft_version(card or cast.standard_card().card, act=cast.act(ANN, at=FEBRUARY))
    for key, charge in charges.items():
        catalog.set_rate(draft, cast.product(key), charge, act=cast.act(ANN, at=FEBRUARY))
    return catalog.plan_version(draft, act=cast.act(ANN, at=FEBRUARY), **plan) if plan else draft


def published(draft: RateCardVersion, at: datetime = FEBRUARY) -> RateCardVersion:
    draft = catalog.submit_version(draft, warnings_accepted="Meant so", act=cast.act(ANN, at=at))
    cast.approve_all(draft, "cara", at)
    return catalog.publish_version(draft, act=cast.act(ANN, at=at))


def recurring(key: str) -> Product:
    return Product.objects.filter(key=key).first() or catalog.create_product(
        key=key, name=key.title(), kind="recurring", act=cast.act(ANN)
    )


def money(impact: Impact, currency: str = "USD") -> tuple[Decimal, Decimal]:
    """Before and after."""
    (found,) = (each for each in impact.by_currency if each.currency == currency)
    return found.before, found.after


def test_a_month_is_rated_under_the_prices_in_force_and_under_the_draft() -> None:
    lines = [AgreedLine(cast.product("input-tokens"), discount_percent=Decimal(15)), "output-tokens", "platform-fee"]
    contract = follows(lines=lines)
    used(ContextTokens=20_000_000, GeneratedTokens=4_000_000)
    impact = impact_of(drafted({"output-tokens": per_million("12"), "platform-fee": Flat(Decimal(15))}), at=FEBRUARY)
    # 45.00 less 15 % is 38.25, then 40.00 and 20.00; with the draft 48.00 and 15.00.
    assert money(impact) == (Decimal("98.25"), Decimal("101.25"))
    assert (impact.contracts, impact.winners, impact.losers, impact.unchanged) == (1, 0, 1, 0)
    (top,) = impact.top
    assert (top.number, top.customer, top.before.amount, top.after.amount) == (
        contract.number, "Contoso", Decimal("98.25"), Decimal("101.25"),
    )  # fmt: skip
    assert impact_lines(impact)[0] == (
        "last full month of 1 contract in USD: $98.25 → $101.25 (+$3.00); 0 pay less, 1 more, 0 the same"
    )


def test_only_the_last_full_local_month_counts() -> None:
    follows()
    follows("fabrikam", customer=cast.customer("fabrikam", time_zone="America/New_York"))
    for customer in ("contoso", "fabrikam"):
        used(customer, datetime(2026, 2, 1, 2, tzinfo=UTC), GeneratedTokens=1_000_000)
        used(customer, datetime(2026, 2, 3, tzinfo=UTC), GeneratedTokens=64_000_000)
    impact = impact_of(drafted({"output-tokens": per_million("12")}), at=FEBRUARY)
    # Two in the morning UTC on 1 February is still January in New York.
    assert money(impact) == (Decimal("10.00"), Decimal("12.00"))
    assert (impact.losers, impact.unchanged) == (1, 1)


def test_an_agreed_price_does_not_move_and_a_multiplier_does() -> None:
    output = cast.product("output-tokens")
    follows(overrides=[AgreedPrice(output, charge=per_million("9"))])
    half = follows("fabrikam", overrides=[AgreedPrice(output, multiplier=Decimal("0.5"))])
    for customer in ("contoso", "fabrikam"):
        used(customer, GeneratedTokens=4_000_000)
    impact = impact_of(drafted({"output-tokens": per_million("12")}), at=FEBRUARY)
    assert money(impact) == (Decimal("36.00") + Decimal("20.00"), Decimal("36.00") + Decimal("24.00"))
    assert (impact.losers, impact.unchanged) == (1, 1)
    assert [each.number for each in impact.top] == [half.number]


@pytest.mark.parametrize(
    ("reach", "why"),
    [
        ("new_only", "these prices are for new contracts only"),
        ("at_renewal", "gets these prices when it is renewed"),
    ],
)
def test_contracts_it_does_not_reach_are_listed_apart(reach: str, why: str) -> None:
    contract = follows()
    used(GeneratedTokens=4_000_000)
    impact = impact_of(drafted({"output-tokens": per_million("12")}, reach=reach), at=FEBRUARY)
    assert (impact.contracts, impact.by_currency, impact.top) == (0, [], [])
    assert [(each.number, each.why) for each in impact.not_reached] == [(contract.number, why)]
    assert impact.not_reached_because == {why: 1}


def test_a_contract_that_is_over_before_or_has_no_month_yet_is_listed_apart() -> None:
    follows(months=3)
    follows("fabrikam", start_on=date(2026, 2, 1))
    draft = drafted({"output-tokens": per_million("12")}, existing_from=datetime(2026, 4, 1, tzinfo=UTC))
    impact = impact_of(draft, at=FEBRUARY)
    assert [(each.customer, each.why) for each in impact.not_reached] == [
        ("Contoso", "over before these prices reach it"),
        ("Fabrikam", "no full month to rate yet"),
    ]


def test_where_cheaper_only_lowers() -> None:
    follows(lines=["output-tokens", "input-tokens"])
    used(ContextTokens=10_000_000, GeneratedTokens=4_000_000)
    prices = {"output-tokens": per_million("12"), "input-tokens": per_million("2")}
    impact = impact_of(drafted(prices, reach="where_cheaper"), at=FEBRUARY)
    assert money(impact) == (Decimal("65.00"), Decimal("60.00"))
    assert impact.winners == 1


def test_pinned_and_ended_contracts_are_no_followers() -> None:
    follows(follows_card=False)
    follows("fabrikam", months=1)
    impact = impact_of(drafted({"output-tokens": per_million("12")}), at=FEBRUARY)
    assert (impact.contracts, list(impact.not_reached)) == (0, [])


def test_a_change_of_the_base_flows_through_to_cards_based_on_it() -> None:
    base = cast.standard_card().card
    card = catalog.create_rate_card(key="eu", name="EU", currency="EUR", base=base, act=cast.act(ANN))
    delta = drafted({"platform-fee": Flat(Decimal(30))}, card, base_factor=Decimal("0.9"))
    delta = published(delta, at=datetime(2025, 12, 20, tzinfo=UTC))
    follows(lines=["output-tokens", "platform-fee"])
    follows("fabrikam", delta, lines=["output-tokens", "platform-fee"])
    for customer in ("contoso", "fabrikam"):
        used(customer, GeneratedTokens=4_000_000)
    change = {"output-tokens": per_million("12"), "platform-fee": Flat(Decimal(25))}
    impact = impact_of(drafted(change, base), at=FEBRUARY)
    assert money(impact, "USD") == (Decimal("60.00"), Decimal("73.00"))
    # 0.9 times the base's price of output tokens; the fee is the card's own.
    assert money(impact, "EUR") == (Decimal("66.00"), Decimal("73.20"))


def test_a_delta_moves_its_own_contracts_and_nobody_on_its_base() -> None:
    base = cast.standard_card().card
    card = catalog.create_rate_card(key="eu", name="EU", currency="EUR", base=base, act=cast.act(ANN))
    delta = published(drafted({}, card), at=datetime(2025, 12, 20, tzinfo=UTC))
    follows()
    follows("fabrikam", delta)
    for customer in ("contoso", "fabrikam"):
        used(customer, GeneratedTokens=4_000_000)
    impact = impact_of(drafted({}, card, base_factor=Decimal("1.5")), at=FEBRUARY)
    assert [each.currency for each in impact.by_currency] == ["EUR"]
    assert money(impact, "EUR") == (Decimal("40.00"), Decimal("60.00"))


def test_it_is_compared_with_what_it_would_replace_also_when_that_is_only_scheduled() -> None:
    follows()
    used(GeneratedTokens=4_000_000)
    published(drafted({"output-tokens": per_million("11")}, planned_from=MARCH))
    later = drafted({"output-tokens": per_million("12")}, planned_from=datetime(2026, 4, 1, tzinfo=UTC))
    assert money(impact_of(later, at=FEBRUARY)) == (Decimal("44.00"), Decimal("48.00"))


def test_fees_count_with_their_share_of_the_month_and_of_a_longer_cycle() -> None:
    standard = cast.standard_card()
    yearly, setup = recurring("support"), cast.product("setup")
    draft = catalog.draft_version(standard.card, act=cast.act(ANN))
    catalog.set_rate(draft, yearly, Flat(Decimal(365)), cycle_months=12, in_advance=True, act=cast.act(ANN))
    catalog.set_rate(draft, setup, Flat(Decimal(500)), cycle_months=0, act=cast.act(ANN))
    at = datetime(2025, 12, 16, tzinfo=UTC)
    version = published(draft, at)
    lines = [AgreedLine(yearly), AgreedLine(setup), "platform-fee"]
    follows(version=version, lines=lines, start_on=date(2025, 12, 20))
    follows("fabrikam", version, lines=["platform-fee"], start_on=date(2026, 1, 17))
    change = catalog.draft_version(standard.card, act=cast.act(ANN, at=FEBRUARY))
    for product, charge, months in ((yearly, Decimal(730), 12), (setup, Decimal(900), 0)):
        rhythm = {"cycle_months": months, "in_advance": bool(months)}
        catalog.set_rate(change, product, Flat(charge), **rhythm, act=cast.act(ANN, at=FEBRUARY))
    catalog.set_rate(change, cast.product("platform-fee"), Flat(Decimal(31)), act=cast.act(ANN, at=FEBRUARY))
    impact = impact_of(change, at=FEBRUARY)
    # 31 of 365 days of the yearly price and the whole fee; Fabrikam 15 of 31 days of the fee. Setup was in December.
    assert money(impact) == (Decimal("51.00") + Decimal("9.68"), Decimal("93.00") + Decimal("15.00"))


def test_a_share_of_other_lines_moves_with_them() -> None:
    support = recurring("support")
    draft = drafted({})
    catalog.set_rate(
        draft, support, Composite(Percent(Decimal(10)), ("output-tokens",)), act=cast.act(ANN, at=FEBRUARY)
    )
    version = published(draft, FEBRUARY)
    follows(version=version, lines=["output-tokens", AgreedLine(support)])
    used(GeneratedTokens=4_000_000)
    impact = impact_of(drafted({"output-tokens": per_million("12")}), at=datetime(2026, 2, 11, tzinfo=UTC))
    assert money(impact) == (Decimal("44.00"), Decimal("52.80"))


def test_usage_is_told_apart_where_either_price_wants_it() -> None:
    follows()
    used(GeneratedTokens=4_000_000, model="large")
    used(GeneratedTokens=1_000_000, model="small")
    cells = tuple(Cell((model,), per_million(price)) for model, price in (("large", "12"), ("small", "3")))
    impact = impact_of(drafted({"output-tokens": Matrix(("model",), cells)}), at=FEBRUARY)
    assert money(impact) == (Decimal("50.00"), Decimal("51.00"))


def test_limits_of_the_price_hold_for_the_month() -> None:
    follows()
    used(GeneratedTokens=4_000_000)
    capped = Adjusted(per_million("12"), maximum=Decimal(45))
    assert money(impact_of(drafted({"output-tokens": capped}), at=FEBRUARY)) == (Decimal("40.00"), Decimal("45.00"))


def test_margin_is_of_the_revenue_whose_cost_is_known_in_the_currency() -> None:
    output, fee = cast.product("output-tokens"), cast.product("platform-fee")
    follows(lines=["output-tokens", "platform-fee"])
    used(GeneratedTokens=3_000_000, model="large")
    used(GeneratedTokens=1_000_000, model="small")
    for model, cost in (("large", "7"), (None, "3")):
        catalog.set_cost(
            output, unit_cost=Decimal(cost), per=MILLION, currency="USD", since=cast.NOW,
            dimensions={"model": model} if model else {}, act=cast.act(ANN),
        )  # fmt: skip
    catalog.set_cost(fee, unit_cost=Decimal(1), currency="EUR", since=cast.NOW, act=cast.act(ANN))
    (found,) = impact_of(drafted({"output-tokens": per_million("12")}), at=FEBRUARY).by_currency
    assert found.cost == Decimal(24)  # three million at 7 and one at 3
    assert (found.uncosted_before, found.uncosted_after) == (Decimal("20.00"), Decimal("20.00"))
    assert (found.margin_before, found.margin_after) == (Decimal("40.0"), Decimal("50.0"))


def test_a_seat_costs_its_share_of_the_month_and_no_cost_means_no_margin() -> None:
    seats = cast.product("seats")
    catalog.set_cost(seats, unit_cost=Decimal("6.20"), currency="USD", since=cast.NOW, act=cast.act(ANN))
    version = published(drafted({"seats": PerUnit(Decimal(31))}))
    follows(version=version, lines=[AgreedLine(seats, Decimal(2))], start_on=date(2026, 1, 17))
    follows("fabrikam", lines=["platform-fee"])
    impact = impact_of(drafted({"seats": PerUnit(Decimal(62))}), at=datetime(2026, 2, 11, tzinfo=UTC))
    (found,) = impact.by_currency
    assert (found.before, found.after) == (Decimal("50.00"), Decimal("80.00"))
    assert found.cost == Decimal("6.00")  # two seats for 15 of 31 days
    assert (found.margin_before, found.margin_after) == (Decimal("80.0"), Decimal("90.0"))


def test_the_ten_largest_differences_lead() -> None:
    for number in range(12):
        customer = f"c{number:02}"
        follows(customer)
        used(customer, GeneratedTokens=1_000_000 * (number + 1))
    impact = impact_of(drafted({"output-tokens": per_million("9")}), at=FEBRUARY)
    assert impact.winners == 12
    assert [each.customer for each in impact.top] == [f"C{number:02}" for number in range(11, 1, -1)]


def test_open_quotes_on_the_card_are_named() -> None:
    follows()
    open_offer = cast.sent()
    impact = impact_of(drafted({"output-tokens": per_million("12")}), at=FEBRUARY)
    (quote,) = impact.quotes
    assert (quote.version, quote.status, quote.is_pinned) == (open_offer.pk, "sent", not open_offer.follows_card)


def test_a_proposal_that_is_not_stored_comes_to_the_same_as_a_draft() -> None:
    follows()
    used(GeneratedTokens=4_000_000)
    draft = drafted({"output-tokens": per_million("12")})
    sheet, card = sheet_of(draft, at=FEBRUARY), draft.card
    stored = impact_of(draft, at=FEBRUARY)
    catalog.withdraw_version(draft, act=cast.act(ANN, at=FEBRUARY))
    proposed = impact_of_sheet(sheet, card, at=FEBRUARY)
    assert money(proposed) == money(stored) == (Decimal("40.00"), Decimal("48.00"))
    assert (proposed.candidate.version, list(proposed.top)) == (None, list(stored.top))


def test_asking_writes_nothing_and_takes_the_same_queries_for_many() -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            impact_of(draft, at=FEBRUARY)
        return len(queries)

    tiers = Graduated((Tier(MILLION, Decimal(0)), Tier(None, Decimal(1))), MILLION)
    draft = drafted({"output-tokens": per_million("12"), "input-tokens": tiers})
    follows(lines=["output-tokens", "input-tokens", "platform-fee"])
    used(GeneratedTokens=4_000_000)
    one = asked()
    for number in range(3):
        follows(f"c{number}", lines=["output-tokens", "input-tokens", "platform-fee"])
        used(f"c{number}", GeneratedTokens=4_000_000)
    changes = Change.objects.count()
    assert asked() == one
    assert Change.objects.count() == changes
    assert impact_of(draft, at=FEBRUARY).contracts == 4
