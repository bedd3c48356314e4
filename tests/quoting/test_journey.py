"""The figures of the first journey, from the draft to the contract's first bill."""

from decimal import Decimal

import pytest

from quoting.queries import approvals_needed, priced
from tests import cast

pytestmark = pytest.mark.django_db


def test_the_first_offer_comes_to_what_the_story_says() -> None:
    version = cast.quote_for_contoso()
    quote = priced(version)
    assert [month.amount for month in quote.total_by_month] == [Decimal("88.25"), *[Decimal("92.25")] * 11]
    assert str(quote.discount_percent.normalize()) == "15"
    assert [need.policy.role for need in approvals_needed(version)] == ["deal desk"]


def test_the_first_offer_leads_to_a_contract() -> None:
    contract = cast.signed_contract()
    assert contract.number == "C-2025-0001"
    assert contract.commits.get().balance == Decimal(40)
