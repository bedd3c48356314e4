"""A quote that renews a contract: signed the same way, priced as the renewal will be."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from contracts import operations as contracts
from contracts.models import Contract
from contracts.queries import terms_of
from quoting import operations as quoting
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
NEXT_YEAR = date(2027, 1, 1)


def accepted(first: Contract, **fields: Any) -> Contract:
    """Dan's yes to an offer that renews the contract."""
    version = cast.quote_for_contoso(start_on=NEXT_YEAR, renews=first, **fields)
    offer = cast.sent(version)
    return quoting.accept(offer, name="Dan Contoso", from_ip=None, act=cast.dans())


def agreed(contract: Contract) -> list[Any]:
    """What is rated, but for whose it is."""
    return [
        (each.term.product, each.term.start, each.term.end, [price.charge for price in each.term.prices],
         [type(adjustment) for adjustment in each.term.adjustments], each.term.quantity, each.name)
        for each in terms_of([contract])[contract.pk]
    ]  # fmt: skip


def test_a_quoted_renewal_is_the_renewal_that_the_rule_makes() -> None:
    first = cast.signed_contract()
    quoted = accepted(first)
    assert quoted.renews == first
    said = agreed(quoted)
    other = cast.signed_contract(to=cast.customer("fabrikam"))
    renewed = contracts.renew_contract(other, act=cast.act("cara", "Go on"))
    assert said == agreed(renewed)
    assert (quoted.first_agreed_at, quoted.start_at) == (first.signed_at, renewed.start_at)
    commits = [contract.commits.get() for contract in (quoted, renewed)]
    assert {(each.access_amount, each.price, each.start_at) for each in commits} == {
        (Decimal(40), Decimal(36), first.end_at)
    }


def test_what_was_renewed_meanwhile_is_not_renewed_by_an_offer() -> None:
    first = cast.signed_contract()
    offer = cast.sent(cast.quote_for_contoso(start_on=NEXT_YEAR, renews=first))
    contracts.renew_contract(first, act=cast.act("cara", "Go on"))
    with refused("was renewed by"):
        quoting.accept(offer, name="Dan Contoso", from_ip=None, act=cast.dans())


def test_an_offer_renews_a_contract_of_its_customer_after_its_end() -> None:
    first = cast.signed_contract()
    fabrikam = cast.customer("fabrikam")
    with refused("lasts until 31 Dec 2026; what renews it begins after that"):
        cast.empty_quote(renews=first)
    with refused("another customer's contract"):
        cast.empty_quote(to=fabrikam, start_on=NEXT_YEAR, renews=first)


def test_the_api_drafts_a_renewal() -> None:
    first = cast.signed_contract()
    client = Client()
    client.force_login(cast.person("ben"))
    body = {
        "customer": "contoso", "rate_card": "standard-usd", "start_on": "2027-01-01", "valid_until": "2026-12-31",
        "lines": [{"product": "platform-fee"}], "renews": first.number,
    }  # fmt: skip
    answer = client.post("/api/v1/quotes", body, content_type="application/json")
    assert (answer.status_code, answer.json().get("renews")) == (201, first.number), answer.json()
    answer = client.post("/api/v1/quotes", body | {"renews": "C-1"}, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["renews"])
