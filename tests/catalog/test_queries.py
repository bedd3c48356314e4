"""What is in force when, what differs, what the price list says, what an approval is bound to."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from catalog import operations, prices, queries
from catalog.models import Product, RateCard, RateCardVersion
from pricing.charges import Flat
from tests.catalog.cards import APRIL, DEARER, MARCH, MAY, TIERED_SENTENCE, by
from tests.catalog.conftest import Publish

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)


def test_the_version_in_force_is_answered_by_the_date_alone(card: RateCard, publish: Publish) -> None:
    first, second = publish(), publish(DEARER, effective_from=MAY)
    instants = (MARCH - MOMENT, MARCH, MAY - MOMENT, MAY)
    assert [queries.version_at(card, at) for at in instants] == [None, first, first, second]


def test_cards_at_an_instant_take_two_queries_however_many(
    card: RateCard, publish: Publish, ann: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = publish()
    publish(DEARER, at=APRIL)
    other = operations.create_rate_card(key="eu", name="Europe", currency="EUR", act=by(ann))
    with django_assert_num_queries(2):
        assert queries.cards_at(APRIL - MOMENT) == [(other, None), (card, first)]


def test_the_timeline_says_where_each_version_stands(card: RateCard, publish: Publish, ann: User) -> None:
    first, second, third = publish(), publish(DEARER, at=APRIL), publish(DEARER, at=APRIL, effective_from=MAY)
    draft = operations.draft_version(card, act=by(ann, at=APRIL))
    at = APRIL + timedelta(days=3)
    assert [(e.version, e.standing, e.since, e.until) for e in queries.timeline(card, at)] == [
        (draft, "draft", None, None),
        (third, "scheduled", MAY, None),
        (second, "in force", APRIL, MAY),
        (first, "superseded", MARCH, APRIL),
    ]


def test_a_withdrawn_version_ends_nothing(card: RateCard, publish: Publish, ann: User) -> None:
    first, second = publish(), publish(DEARER, effective_from=MAY)
    operations.withdraw_version(second, act=by(ann, at=APRIL))
    assert [(e.version, e.standing, e.until) for e in queries.timeline(card, MAY)] == [
        (second, "withdrawn", None),
        (first, "in force", None),
    ]


def test_a_price_list_reads_as_sentences(
    draft: RateCardVersion, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        rows = [(row.product.name, row.sentence, row.billed) for row in prices.price_list(draft, at=MARCH)]
    assert rows == [
        ("Input tokens", TIERED_SENTENCE, "monthly, in arrears"),
        ("Platform fee", "$20.00 flat", "monthly, in advance"),
    ]


def test_a_difference_names_what_was_added_changed_and_removed(
    draft: RateCardVersion, tokens: Product, fee: Product, publish: Publish, card: RateCard, ann: User
) -> None:
    operations.withdraw_version(draft, act=by(ann))
    before = publish()
    after = operations.draft_version(card, act=by(ann, at=APRIL))
    assert prices.difference(before, after, at=MAY) == []
    operations.set_rate(after, tokens, DEARER, act=by(ann))
    operations.set_rate(after, fee, Flat(Decimal(25)), act=by(ann))
    found = prices.difference(before, after, at=MAY)
    assert [(row.product, row.kind, row.before_text, row.after_text) for row in found] == [
        (tokens, "changed", f"{TIERED_SENTENCE}, monthly, in arrears", "$3.00 per million, monthly, in arrears"),
        (fee, "added", "", "$25.00 flat, monthly, in arrears"),
    ]
    operations.remove_rate(after, tokens, act=by(ann))
    assert [row.kind for row in prices.difference(before, after, at=MAY)] == ["removed", "added"]
    assert [row.kind for row in prices.difference(None, after, at=MAY)] == ["added"]


def test_the_rhythm_of_billing_counts_as_a_difference(draft: RateCardVersion, fee: Product, ann: User) -> None:
    before, _ = prices.publication_facts(draft, at=MARCH)
    operations.set_rate(draft, fee, Flat(Decimal(20)), in_advance=False, act=by(ann))
    after, _ = prices.publication_facts(draft, at=MARCH)
    assert before.inputs_hash != after.inputs_hash
    assert (after.watched, after.value, after.exact) == ("publication", Decimal(1), True)


@pytest.mark.parametrize(
    ("months", "in_advance", "words"),
    [(1, True, "monthly, in advance"), (12, False, "yearly, in arrears"), (5, False, "every 5 months, in arrears")],
)
def test_the_rhythm_is_said_in_words(
    draft: RateCardVersion, fee: Product, ann: User, months: int, in_advance: bool, words: str
) -> None:
    rate = operations.set_rate(draft, fee, Flat(Decimal(20)), cycle_months=months, in_advance=in_advance, act=by(ann))
    assert prices.billed(rate) == words


def test_withdrawn_versions_do_not_use_a_product(draft: RateCardVersion, tokens: Product, ann: User) -> None:
    assert [rate.version for rate in queries.uses_of(tokens)] == [draft]
    operations.withdraw_version(draft, act=by(ann))
    assert list(queries.uses_of(tokens)) == []
