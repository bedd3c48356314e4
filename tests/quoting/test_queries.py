"""What an offer comes to, asked of the database: the figures, the queries it takes, and that its contract agrees."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts.models import Commit, Contract
from contracts.queries import deals_of
from contracts.terms import agreed_terms, instruments, months_of
from pricing.charges import Flat, Graduated, Package, PerUnit, Tier
from pricing.money import Money
from quoting import operations, rules
from quoting.models import QuoteVersion
from quoting.queries import approval_facts, approvals_needed, latest_version, priced
from tests import cast

pytestmark = pytest.mark.django_db


def test_the_journeys_figures() -> None:
    quote = priced(cast.quote_for_contoso())
    first, *others = quote.months
    assert (first.charges.amount, first.commit_price.amount, first.drawn.amount) == (
        Decimal("92.25"),
        Decimal(36),
        Decimal(40),
    )
    assert {month.due.amount for month in others} == {Decimal("92.25")}
    assert (quote.discount_percent, quote.commit_discount_percent) == (Decimal(15), Decimal(10))
    assert (quote.list_total, quote.charges_total, quote.total) == (
        Money(Decimal("1260.00"), "USD"),
        Money(Decimal("1107.00"), "USD"),
        Money(Decimal("1103.00"), "USD"),
    )
    tokens, _, fee = quote.lines
    assert tokens.sentence == "First 10,000,000 at $2.50 per million, then $2.00 per million"
    assert tokens.first is not None
    assert tokens.first.amount == Money(Decimal("38.25"), "USD")
    assert [step.kind for step in tokens.first.waterfall] == ["list", "list", "percent_off"]
    assert (fee.sentence, fee.total.discount_percent) == ("$20.00 flat", Decimal(0))


def test_an_offer_takes_as_many_queries_with_one_line_as_with_three() -> None:
    small, large = cast.empty_quote(), cast.quote_for_contoso()
    operations.set_line(small, cast.product("platform-fee"), act=cast.act("ben"))
    counts = []
    for version in (small, large):
        fresh = QuoteVersion.objects.select_related("quote__customer", "rate_card_version").get(pk=version.pk)
        with CaptureQueriesContext(connection) as queries:
            priced(fresh)
        counts.append(len(queries))
    assert counts == [4, 4]


def test_two_discounts_beyond_their_limits_need_two_approvals() -> None:
    version = cast.quote_for_contoso(discount="10.0001", commit=("100", "79.99"))
    assert [(need.fact.watched, need.fact.value) for need in approvals_needed(version)] == [
        ("commit_discount_percent", Decimal("20.01")),
        ("discount_percent", Decimal("10.0001")),
    ]


def test_at_the_limits_nobody_need_agree() -> None:
    assert approvals_needed(cast.quote_for_contoso(discount="10", commit=("100", "80"))) == []


def test_an_amount_off_counts_at_the_usage_expected() -> None:
    version = cast.empty_quote()
    operations.set_line(
        version,
        cast.product("output-tokens"),
        expected_usage=4 * cast.MILLION,
        discount_amount=Decimal(8),
        act=cast.act("ben"),
    )
    assert {fact.watched: fact.value for fact in approval_facts(version)}["discount_percent"] == Decimal(20)


@pytest.mark.parametrize(
    "change",
    [
        {"expected_usage": Decimal(5)},
        {"discount_percent": Decimal(14)},
        {"discount_amount": Decimal(1)},
        {"minimum": Decimal(1)},
    ],
)
def test_the_hash_is_of_every_input_the_rule_read(change: dict) -> None:
    version = cast.quote_for_contoso()
    before = {fact.watched: fact.inputs_hash for fact in approval_facts(version)}
    assert before == {fact.watched: fact.inputs_hash for fact in approval_facts(version)}
    line = {"expected_usage": 4 * cast.MILLION, "discount_percent": Decimal(15)} | change
    operations.set_line(version, cast.product("output-tokens"), act=cast.act("ben"), **line)
    after = {fact.watched: fact.inputs_hash for fact in approval_facts(version)}
    assert after["discount_percent"] != before["discount_percent"]
    assert after["commit_discount_percent"] == before["commit_discount_percent"]


def test_the_latest_version_is_the_live_one() -> None:
    version = cast.quote_for_contoso()
    revised = operations.revise(version.quote, act=cast.act("ben"))
    assert latest_version(version.quote) == revised


# ---------------------------------------------------------------- what is quoted is what is billed
TIERED = Graduated((Tier(Decimal(100), Decimal("0.333"), Decimal(5)), Tier(None, Decimal("0.1"))))


def rich_offer(*, follows: bool) -> QuoteVersion:
    """Every kind of charge and cycle, discounts of both kinds, a minimum, two commits; prices change in March."""
    cast.publish(
        {
            "input-tokens": TIERED,
            "output-tokens": Package(Decimal("4.99"), Decimal(50)),
            "platform-fee": Flat(Decimal("19.99")),
            "seats": PerUnit(Decimal("7.77")),
            "setup": Flat(Decimal(500)),
        }
    )
    version = cast.empty_quote(
        to=cast.customer("berlin", time_zone="Europe/Berlin"), start_on=date(2026, 1, 31), follows_card=follows
    )
    lines = {
        "input-tokens": {"expected_usage": Decimal("1234.5"), "discount_percent": Decimal("7.5")},
        "output-tokens": {"expected_usage": Decimal(333), "discount_amount": Decimal("1.50"), "minimum": Decimal(40)},
        "platform-fee": {},
        "seats": {"quantity": Decimal(7), "discount_percent": Decimal("3.3")},
        "setup": {"discount_percent": Decimal(10)},
    }
    for key, line in lines.items():
        operations.set_line(version, cast.product(key), act=cast.act("ben"), **line)
    for name, access, keys in (("Any usage", 600, ()), ("Only input", 150, ("input-tokens",))):
        operations.set_commit(
            version,
            name=name,
            access_amount=Decimal(access),
            price=Decimal(access - 15),
            product_keys=keys,
            act=cast.act("ben"),
        )
    cast.publish(
        {"input-tokens": PerUnit(Decimal("0.2")), "platform-fee": Flat(Decimal("24.99"))},
        effective_from=cast.NOW + timedelta(days=90, hours=3),
    )
    return version


@pytest.mark.parametrize("follows", [False, True])
def test_a_contract_is_billed_what_its_quote_said(follows: bool) -> None:
    offered = rich_offer(follows=follows)
    said = priced(offered).total_by_month
    contract = operations.accept(cast.sent(offered), name="Dan", from_ip=None, act=cast.dans())
    assert billed(contract, offered) == said
    assert len({month.amount for month in said}) > 3


def billed(contract: Contract, offered: QuoteVersion) -> list[Money]:
    """What the contract's terms come to month by month, at the usage expected, drawn from its commits as they stand."""
    deal = deals_of([contract])[contract.pk]
    terms, payers = agreed_terms(deal), instruments(deal.commits, deal.currency)
    months = months_of(offered.start_on, offered.months, contract.time_zone)
    expected = {line.product.key: line.expected_usage or Decimal(0) for line in offered.lines.select_related("product")}
    usage = {
        each.term.key: rules.expected_usage(expected.get(each.term.product, Decimal(0)), months, adds_up=True)
        for each in terms
    }
    lines = rules.rated(terms, usage, rules.Period(contract.start_at, contract.end_at))
    assert sum(payer.balance for payer in payers) == sum(commit.access_amount for commit in Commit.objects.all())
    return [month.due for month in rules.month_totals(terms, lines, payers, months, "USD")]
