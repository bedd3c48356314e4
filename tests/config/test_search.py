"""The search behind Ctrl+K: a product is found with everything that uses it."""

import pytest
from django.test import RequestFactory

from config.search import search
from tests import cast

pytestmark = pytest.mark.django_db


def found(username: str, term: str) -> set[str]:
    request = RequestFactory().get("/admin/search/")
    request.user = cast.person(username)
    return {f"{result.title} ({result.description})" for result in search(request, term)}


def test_a_product_is_found_with_every_card_contract_and_quote_that_uses_it(db: None) -> None:
    contract = cast.signed_contract()
    quote = cast.quote_for_contoso(title="Another").quote
    assert found("ann", "output tok") == {
        "Output tokens (Meter)",
        "Output tokens (Product)",
        "Standard USD (Rate card · prices Output tokens)",
        f"Contract {contract.number} of Contoso Ltd (Contracts · with Output tokens)",
        f"Quote {quote.number} for Contoso Ltd (Open quotes · with Output tokens)",
    }


def test_what_one_may_not_see_is_not_found(db: None) -> None:
    cast.signed_contract(
        to=cast.contracts.create_customer(
            key="fabrikam", name="Fabrikam", email="ap@fabrikam.test", act=cast.act(because="Came by itself")
        )
    )
    assert not any("Fabrikam" in result for result in found("ben", "output tok"))
    assert found("eve", "output tok") == set()
    assert found("ann", "o") == set()
