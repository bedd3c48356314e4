"""Terms and instruments of many contracts, in a constant number of queries."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contracts import queries
from contracts.models import Contract
from contracts.operations import sign_contract
from contracts.terms import AgreedCommit, AgreedLine, AgreedPrice, SignedTerms, instruments
from pricing.charges import PerUnit
from pricing.measures import Split
from pricing.periods import Period
from pricing.rating import rate
from tests import cast

pytestmark = pytest.mark.django_db
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DEARER = PerUnit(Decimal("12.00"), cast.MILLION)


def signed(key: str = "contoso", *, follows: bool = False, **fields: object) -> Contract:
    given = {
        "customer": cast.customer(key),
        "legal_entity": cast.seller(),
        "rate_card_version": cast.standard_card(),
        "currency": "USD",
        "start_on": date(2026, 1, 1),
        "months": 12,
        "lines": [AgreedLine(cast.product("output-tokens"), discount_percent=Decimal(15))],
        "commits": [AgreedCommit("Prepaid usage", Decimal(40), Decimal(36))],
        "signed_by": "Dan",
        "follows_card": follows,
    } | fields
    return sign_contract(SignedTerms(**given), act=cast.act("ben"))  # type: ignore[arg-type]


def test_terms_are_plain_values_keyed_by_line_and_commit() -> None:
    contract = signed()
    usage, purchase = queries.terms_of([contract])[contract.pk]
    line, commit = contract.lines.get(), contract.commits.get()
    assert (usage.term.key, usage.term.meter, usage.name) == (str(line.pk), "output-tokens", "Output tokens")
    assert (purchase.term.key, purchase.commit_id, purchase.kind) == (f"commit:{commit.pk}", commit.pk, "commit")
    assert usage.term.prices[0].source == "Standard USD v1"


def test_a_pinned_price_stays_and_a_followed_one_changes() -> None:
    pinned, following = signed(), signed("fabrikam", follows=True)
    cast.publish({"output-tokens": DEARER}, effective_from=MARCH)
    terms = queries.terms_of([pinned, following])
    assert [price.charge for price in terms[pinned.pk][0].term.prices] == [cast.OUTPUT]
    assert [(price.since, price.source) for price in terms[following.pk][0].term.prices] == [
        (datetime(2026, 1, 1, tzinfo=UTC), "Standard USD v1"),
        (MARCH, "Standard USD v2"),
    ]


def test_a_withdrawn_version_is_not_followed() -> None:
    following = signed(follows=True)
    version = cast.publish({"output-tokens": DEARER}, effective_from=MARCH)
    cast.catalog.withdraw_version(version, act=cast.act("ann", "A mistake"))
    (term, _) = queries.terms_of([following])[following.pk]
    assert [price.charge for price in term.term.prices] == [cast.OUTPUT]


def test_the_tier_counter_carries_over_a_followed_price_change() -> None:
    following = signed(follows=True, commits=[])
    middle = datetime(2026, 1, 15, tzinfo=UTC)
    cast.publish({"output-tokens": DEARER}, effective_from=middle)
    (term,) = queries.terms_of([following])[following.pk]

    def measured_since_the_start(_: str, period: Period, split: Split) -> Decimal:
        return cast.MILLION if period.end == middle else 2 * cast.MILLION

    lines = rate([term.term], measured_since_the_start, datetime(2026, 2, 1, tzinfo=UTC))
    assert [line.amount.amount for line in lines] == [Decimal("8.50"), Decimal("10.20")]


def test_an_override_acts_on_its_contract_alone() -> None:
    overridden = signed(overrides=[AgreedPrice(cast.product("output-tokens"), multiplier=Decimal("0.5"))])
    other = signed("fabrikam")
    terms = queries.terms_of([overridden, other])
    assert terms[overridden.pk][0].term.prices[0].charge == PerUnit(Decimal("5.00"), cast.MILLION)
    assert terms[other.pk][0].term.prices[0].charge == cast.OUTPUT


def test_instruments_have_the_balances_of_now() -> None:
    contract = signed()
    (instrument,) = instruments(queries.deals_of([contract])[contract.pk].commits, contract.currency)
    assert (instrument.key, instrument.balance) == (str(contract.commits.get().pk), Decimal(40))
    assert instrument.cost_basis == Decimal("0.9")


def test_many_contracts_take_as_many_queries_as_one() -> None:
    contracts = [signed("contoso"), signed("fabrikam", follows=True), signed("northwind")]
    cast.publish({"output-tokens": DEARER}, effective_from=MARCH)
    counts = []
    for chosen in (contracts[:1], contracts):
        with CaptureQueriesContext(connection) as asked:
            assert len(queries.terms_of(chosen)) == len(chosen)
        counts.append(len(asked))
    assert counts == [8, 8]


def test_known_customers_are_those_that_exist() -> None:
    cast.contoso()
    assert queries.known_customers({"contoso", "nobody"}) == {"contoso"}


def test_a_line_ends_where_its_contract_was_ended() -> None:
    contract = signed()
    ended = cast.contracts.end_contract(contract, end_on=date(2026, 3, 1), act=cast.act("cara", "They left"))
    (term, purchase) = queries.terms_of([ended])[contract.pk]
    assert term.term.end == MARCH
    assert purchase.term.end == datetime(2027, 1, 1, tzinfo=UTC)
    assert ended.end_at - MARCH == timedelta(0)


def test_a_price_for_another_rhythm_leaves_running_contracts_theirs() -> None:
    following = signed(follows=True, commits=[])
    draft = cast.catalog.draft_version(cast.card(), act=cast.act("ann"))
    tokens = cast.product("output-tokens")
    cast.catalog.set_rate(draft, tokens, DEARER, cycle_months=12, act=cast.act("ann"))
    draft = cast.catalog.submit_version(draft, warnings_accepted="Meant so", act=cast.act("ann"))
    cast.approve_all(draft, "cara")
    cast.catalog.publish_version(draft, effective_from=MARCH, act=cast.act("ann"))
    (term,) = queries.terms_of([following])[following.pk]
    assert [price.charge for price in term.term.prices] == [cast.OUTPUT]
