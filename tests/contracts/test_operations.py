"""Customers and sellers are kept, contracts signed and ended."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from contracts import operations
from contracts.models import Contract, ContractLine, Customer
from contracts.terms import AgreedCommit, AgreedLine, AgreedPrice, SignedTerms
from governance.doors import may
from governance.models import Change
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def terms() -> SignedTerms:
    """A year of output tokens at 15 % off and the fee, with a commit, for a customer in Berlin."""
    return SignedTerms(
        customer=cast.customer("berlin", time_zone="Europe/Berlin"),
        legal_entity=cast.seller(),
        rate_card_version=cast.standard_card(),
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[
            AgreedLine(cast.product("output-tokens"), discount_percent=Decimal(15)),
            AgreedLine(cast.product("platform-fee"), quantity=Decimal(1)),
        ],
        commits=[AgreedCommit("Prepaid usage", Decimal(40), Decimal(36), ("output-tokens",))],
        signed_by="Dan",
    )


def test_signing_freezes_what_was_agreed(terms: SignedTerms) -> None:
    contract = operations.sign_contract(terms, act=cast.act("ben", "Signed on paper"))
    assert (contract.number, contract.status, contract.signed_by) == ("C-2025-0001", "active", "Dan")
    assert contract.start_at == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert contract.end_at == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert (contract.time_zone, contract.grace_hours, contract.payment_terms_days) == ("Europe/Berlin", 24, 30)
    lines = contract.lines.values_list("product__key", "position", "quantity", "discount_percent")
    assert list(lines) == [
        ("output-tokens", 1, None, Decimal(15)),
        ("platform-fee", 2, Decimal(1), Decimal(0)),
    ]
    commit = contract.commits.get()
    assert (commit.start_at, commit.end_at) == (contract.start_at, contract.end_at)
    instalments = commit.instalments.values_list("number", "amount", "invoice_at")
    assert list(instalments) == [(1, Decimal(36), contract.start_at)]
    assert (commit.product_keys, commit.balance) == (["output-tokens"], Decimal(40))


def test_what_the_customer_and_the_seller_become_later_does_not_touch_it(terms: SignedTerms) -> None:
    contract = operations.sign_contract(terms, act=cast.act("ben"))
    operations.update_customer(terms.customer, time_zone="Asia/Tokyo", act=cast.act("cara", "They moved"))
    operations.update_legal_entity(terms.legal_entity, grace_hours=1, act=cast.act("cara", "Faster"))
    contract.refresh_from_db()
    assert (contract.time_zone, contract.grace_hours) == ("Europe/Berlin", 24)


def test_contract_numbers_follow_each_other_within_a_year(terms: SignedTerms) -> None:
    later = cast.act("ben", at=datetime(2026, 2, 1, tzinfo=UTC))
    signed = [operations.sign_contract(terms, act=act) for act in (cast.act("ben"), cast.act("ben"), later)]
    assert [contract.number for contract in signed] == ["C-2025-0001", "C-2025-0002", "C-2026-0001"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"signed_by": " "}, "needs the name of the person who signed it"),
        ({"lines": [], "commits": []}, "There is nothing in this contract."),
        ({"months": 0}, "lasts at least a month"),
        ({"currency": "EUR"}, "The prices are in USD, the contract in EUR."),
        ({"commits": [AgreedCommit("Prepaid", Decimal("40.001"), Decimal(36))]}, "at most 2 decimals"),
        ({"commits": [AgreedCommit("Prepaid", Decimal("NaN"), Decimal(36))]}, "must be an amount, not NaN"),
    ],
)
def test_what_could_not_be_billed_is_not_signed(terms: SignedTerms, fields: dict, sentence: str) -> None:
    cast.person("ben")
    with refused(sentence):
        operations.sign_contract(replace(terms, **fields), act=cast.act("ben"))


@pytest.mark.parametrize("line", [{"discount_amount": Decimal("0.005")}, {"minimum": Decimal("9.999")}])
def test_amounts_finer_than_the_currency_are_not_signed(terms: SignedTerms, line: dict) -> None:
    cast.person("ben")
    with refused("at most 2 decimals"):
        operations.sign_contract(replace(terms, lines=[replace(terms.lines[0], **line)]), act=cast.act("ben"))


def test_a_product_without_a_price_is_not_signed(terms: SignedTerms) -> None:
    setup = AgreedLine(cast.product("setup"))
    with refused("Setup has no price in this rate card."):
        operations.sign_contract(replace(terms, lines=[setup]), act=cast.act("ben"))


def test_an_override_that_cannot_be_priced_is_not_signed(terms: SignedTerms) -> None:
    flat = AgreedPrice(cast.product("output-tokens"), charge=cast.FEE)
    with refused("Output tokens cannot be priced"):
        operations.sign_contract(replace(terms, overrides=[flat]), act=cast.act("ben"))


def test_ending_cuts_the_lines_and_keeps_the_commit(terms: SignedTerms) -> None:
    contract = operations.sign_contract(terms, act=cast.act("ben"))
    ended = operations.end_contract(contract, end_on=date(2026, 4, 1), act=cast.act("cara", "They left"))
    first_of_april = datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert (ended.status, ended.end_at) == ("ended", first_of_april)
    assert set(ContractLine.objects.values_list("end_at", flat=True)) == {first_of_april}
    assert ended.commits.get().end_at == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert Change.objects.get(name="contract.ended").because == "They left"


def test_it_ends_once_and_within_its_term(terms: SignedTerms) -> None:
    contract = operations.sign_contract(terms, act=cast.act("ben"))
    cara = cast.act("cara")
    for end_on in (date(2026, 1, 1), date(2027, 1, 2)):
        with refused("A contract ends after its first day and not later than agreed."):
            operations.end_contract(contract, end_on=end_on, act=cara)
    operations.end_contract(contract, end_on=date(2026, 4, 1), act=cara)
    with refused("This contract is ended and cannot become ended."):
        operations.end_contract(contract, end_on=date(2026, 3, 1), act=cara)
    assert Contract.objects.get().end_at == datetime(2026, 3, 31, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"time_zone": "Mars/Base"}, "Unknown time zone"),
        ({"currency": "XXX"}, "Unknown currency"),
        ({"email": "nobody"}, "email: Enter a valid email address."),
        ({"key": "contoso"}, "key: Customer with this Key already exists."),
        ({"name": ""}, "name: This field cannot be blank."),
    ],
)
def test_a_customer_that_could_not_be_served_is_not_created(fields: dict, sentence: str) -> None:
    cast.contoso()
    given = {"key": "fabrikam", "name": "Fabrikam", "email": "ap@fabrikam.test"} | fields
    with refused(sentence):
        operations.create_customer(act=cast.act("ben"), **given)


def test_a_customers_key_never_changes() -> None:
    customer = cast.contoso()
    cast.person("cara")
    with refused("The key of a customer never changes: usage is reported under it."):
        operations.update_customer(customer, key="contosso", act=cast.act("cara"))
    renamed = operations.update_customer(customer, key="contoso", name="Contoso Inc.", act=cast.act("cara"))
    assert (renamed.key, Customer.objects.get().name) == ("contoso", "Contoso Inc.")
    assert renamed.history.count() == 2


def test_whoever_brings_a_customer_serves_it_until_that_is_taken_back() -> None:
    contoso, ben = cast.contoso(), cast.person("ben")
    other = operations.create_customer(
        key="fabrikam", name="Fabrikam", email="ap@fabrikam.test", act=cast.act(None, "Imported")
    )
    assert [may(ben, "contracts.view_customer", each) for each in (contoso, other)] == [True, False]
    operations.assign_customer(other, ben, act=cast.act("ada", "Ben takes over"))
    operations.unassign_customer(contoso, ben, act=cast.act("ada", "Ben hands over"))
    ben = cast.User.objects.get(pk=ben.pk)
    assert [may(ben, "contracts.view_customer", each) for each in (contoso, other)] == [False, True]


def test_a_new_customer_cannot_take_the_key_of_an_alias() -> None:
    cast.alias("eu", "contoso")
    cast.person("ben")
    with refused("usage under eu is contoso's; end that alias first"):
        cast.customer("eu")
