"""Drafting: what can be offered, on which terms, and that only drafts can be edited."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from governance.models import Change
from pricing.charges import Flat, PerUnit
from quoting import operations
from quoting.models import Quote, QuoteVersion
from quoting.queries import priced
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> QuoteVersion:
    """A draft of Ben's with nothing in it yet."""
    return cast.empty_quote()


def test_a_quote_has_a_number_of_its_year_and_an_empty_first_version(version: QuoteVersion) -> None:
    assert (version.quote.number, version.number, version.status) == ("Q-2025-0001", 1, "draft")
    assert version.rate_card_version == cast.standard_card()
    assert cast.empty_quote().quote.number == "Q-2025-0002"
    drafted = Change.objects.get(name="quote.drafted", subject_id=str(version.pk))
    assert (drafted.by_name, drafted.because) == ("Ben Sells", "Contoso asked for an offer")


def test_numbers_go_on_past_the_thousands(version: QuoteVersion) -> None:
    with operations.change("test.numbered", version, cast.act()):
        for number in ("Q-2025-9999", "Q-2025-10000"):
            copy = Quote.objects.get(pk=version.quote_id)
            copy.pk, copy.number, copy._state.adding = None, number, True
            copy.id = Quote._meta.pk.get_default()
            copy.save()
    assert cast.empty_quote().quote.number == "Q-2025-10001"


def test_the_customers_currency_is_the_cards() -> None:
    other = cast.customer("berlin", currency="EUR")
    cast.standard_card(), cast.seller(), cast.policies()
    with refused("Berlin buys in EUR; Standard USD is in USD."):
        cast.empty_quote(to=other)


def test_a_card_without_published_prices_cannot_be_quoted() -> None:
    customer, card, seller = cast.contoso(), cast.card(), cast.seller()
    with refused("Standard USD has no published prices yet."):
        operations.draft_quote(
            customer=customer,
            rate_card=card,
            owner=cast.person("ben"),
            start_on=cast.START_ON,
            months=12,
            valid_until=cast.VALID_UNTIL,
            legal_entity=seller,
            act=cast.act("ben"),
        )


def test_prices_scheduled_for_the_start_can_be_quoted_before_they_are_in_force() -> None:
    scheduled = cast.publish({"output-tokens": cast.OUTPUT}, effective_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert cast.empty_quote().rate_card_version == scheduled


def test_setting_a_line_again_replaces_it_in_its_place(version: QuoteVersion) -> None:
    act = cast.act("ben")
    output, fee = cast.product("output-tokens"), cast.product("platform-fee")
    operations.set_line(version, output, expected_usage=Decimal(5), discount_percent=Decimal(15), act=act)
    operations.set_line(version, fee, act=act)
    operations.set_line(version, output, expected_usage=Decimal(6), act=act)
    lines = list(version.lines.values_list("product__key", "position", "expected_usage", "discount_percent"))
    assert lines == [("output-tokens", 1, Decimal(6), Decimal(0)), ("platform-fee", 2, None, Decimal(0))]
    assert version.lines.get(product=fee).quantity == Decimal(1)


@pytest.mark.parametrize(
    ("key", "line", "sentence"),
    [
        ("output-tokens", {"quantity": Decimal(2)}, "Output tokens is measured"),
        ("output-tokens", {"expected_usage": Decimal(-1)}, "less than nothing"),
        ("output-tokens", {"discount_percent": Decimal("100.01")}, "quote_discounts_are_sane"),
        ("output-tokens", {"discount_percent": Decimal(-1)}, "quote_discounts_are_sane"),
        ("output-tokens", {"discount_percent": Decimal("1.00001")}, "decimal places"),
        ("output-tokens", {"discount_amount": Decimal("0.005")}, "The amount off must be an amount with at most 2"),
        ("output-tokens", {"minimum": Decimal("9.999")}, "The minimum must be an amount with at most 2 decimals"),
        ("platform-fee", {"expected_usage": Decimal(2)}, "Platform fee is not measured"),
        ("platform-fee", {"quantity": Decimal(2)}, "Platform fee has one price whatever the quantity"),
        ("setup", {}, "Setup has no price in Standard USD v1"),
    ],
)
def test_what_cannot_be_offered_is_refused(version: QuoteVersion, key: str, line: dict, sentence: str) -> None:
    sold = cast.product(key)
    with refused(sentence):
        operations.set_line(version, sold, act=cast.act("ben"), **line)


def test_a_line_and_a_commit_can_be_taken_off(version: QuoteVersion) -> None:
    act, output = cast.act("ben"), cast.product("output-tokens")
    operations.set_line(version, output, expected_usage=Decimal(5), act=act)
    operations.set_commit(version, access_amount=Decimal(40), price=Decimal(36), act=act)
    operations.remove_line(version, output, act=act)
    operations.remove_commit(version, act=act)
    assert (version.lines.count(), version.commits.count()) == (0, 0)
    with refused("Output tokens is not in this offer."):
        operations.remove_line(version, output, act=act)
    with refused("There is no commit named Prepaid usage in this offer."):
        operations.remove_commit(version, act=act)


def test_setting_a_commit_again_replaces_the_one_of_that_name(version: QuoteVersion) -> None:
    act = cast.act("ben")
    for price in ("36", "38"):
        operations.set_commit(version, access_amount=Decimal(40), price=Decimal(price), act=act)
    assert version.commits.get().price == Decimal(38)


@pytest.mark.parametrize(
    ("commit", "sentence"),
    [
        ({"access_amount": Decimal("40.005")}, "at most 2 decimals"),
        ({"price": Decimal("-1")}, "at most 2 decimals"),
        ({"access_amount": Decimal(0)}, "an_offered_commit_has_amounts"),
        ({"product_keys": ["platform-fee"]}, "platform-fee: a commit pays for usage products"),
    ],
)
def test_a_commit_that_cannot_be_invoiced_is_refused(version: QuoteVersion, commit: dict, sentence: str) -> None:
    given = {"access_amount": Decimal(40), "price": Decimal(36)} | commit
    with refused(sentence):
        operations.set_commit(version, act=cast.act("ben"), **given)


def test_terms_can_be_changed_and_are_checked(version: QuoteVersion) -> None:
    act = cast.act("ben")
    changed = operations.set_terms(version, months=24, terms="Net 30.", follows_card=True, act=act)
    assert (changed.months, changed.terms, changed.follows_card) == (24, "Net 30.", True)
    for fields, sentence in [
        ({"months": 0}, "between 1 and 120 months"),
        ({"months": 121}, "between 1 and 120 months"),
        ({"valid_until": date(2025, 12, 14)}, "has passed"),
    ]:
        with refused(sentence):
            operations.set_terms(version, act=act, **fields)
    with pytest.raises(TypeError):
        operations.set_terms(version, status="sent", act=act)


def test_an_older_price_list_is_not_a_way_to_a_discount(version: QuoteVersion) -> None:
    old = version.rate_card_version
    dearer = cast.publish(
        {"output-tokens": PerUnit(Decimal(12), cast.MILLION)}, effective_from=cast.NOW.replace(hour=10)
    )
    later = cast.act("ben", at=cast.NOW.replace(hour=11))
    assert operations.set_terms(version, rate_card_version=dearer, act=later).rate_card_version == dearer
    with refused("Standard USD v1 is no longer in force; Standard USD v2 is."):
        operations.set_terms(version, rate_card_version=old, act=later)


def test_a_followed_card_is_previewed_with_the_prices_to_come(version: QuoteVersion) -> None:
    act = cast.act("ben")
    operations.set_line(version, cast.product("platform-fee"), act=act)
    operations.set_terms(version, follows_card=True, act=act)
    cast.publish({"platform-fee": Flat(Decimal(30))}, effective_from=datetime(2026, 3, 1, tzinfo=UTC))
    months = [month.amount for month in priced(QuoteVersion.objects.get()).total_by_month]
    assert months == [Decimal(20)] * 2 + [Decimal(30)] * 10
    pinned = operations.set_terms(version, follows_card=False, act=act)
    assert [month.amount for month in priced(pinned).total_by_month] == [Decimal(20)] * 12
