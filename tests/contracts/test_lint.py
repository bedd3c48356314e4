"""What lint finds in contracts that follow a card. Each rule is tested under its name, broken and kept."""

from datetime import UTC, datetime
from decimal import Decimal

import pgtrigger
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import operations as catalog
from catalog.lint import RULES, candidate_of
from catalog.models import RateCardVersion
from contracts.models import Contract
from contracts.terms import AgreedPrice
from governance.change import change
from pricing.charges import PerUnit
from tests import cast
from tests.cast import MILLION
from tests.contracts.test_impact import ANN, FEBRUARY, drafted, follows, per_million, published

pytestmark = pytest.mark.django_db


def found(rule: str, draft: RateCardVersion) -> list[tuple[str, str]]:
    return [(each.where, each.text) for each in RULES[rule].findings(candidate_of(draft, at=FEBRUARY))]


def without(product: str, **plan: str) -> RateCardVersion:
    """A draft that drops a product."""
    draft = drafted({}, **plan)
    catalog.remove_rate(draft, cast.product(product), act=cast.act(ANN, at=FEBRUARY))
    return draft


def test_needed_by_contracts() -> None:
    first, _ = follows(), follows("fabrikam")
    follows("northwind", follows_card=False, lines=["input-tokens"])
    draft = without("output-tokens")
    assert found("needed_by_contracts", draft) == [
        (
            "Output tokens",
            (
                f"2 contracts ({first.number} and others) need it on Standard USD, but it would have no price. Price "
                "it, or let these prices reach new contracts only."
            ),
        )
    ]
    draft = catalog.plan_version(draft, reach="new_only", act=cast.act(ANN, at=FEBRUARY))
    assert found("needed_by_contracts", draft) == []


def test_needed_by_contracts_of_cards_based_on_it() -> None:
    base = cast.standard_card().card
    card = catalog.create_rate_card(key="eu", name="EU", currency="USD", base=base, act=cast.act(ANN))
    delta = published(drafted({"input-tokens": per_million("3")}, card), at=datetime(2025, 12, 20, tzinfo=UTC))
    contract = follows(version=delta, lines=["input-tokens", "output-tokens"])
    assert found("needed_by_contracts", drafted({}, card)) == []
    draft = without("input-tokens")  # the delta has a price of its own for these
    assert found("needed_by_contracts", draft) == []
    catalog.remove_rate(draft, cast.product("output-tokens"), act=cast.act(ANN, at=FEBRUARY))
    assert found("needed_by_contracts", draft) == [
        (
            "Output tokens",
            (
                f"Contract {contract.number} needs it on EU, but it would have no price. Price it, or let these prices "
                "reach new contracts only."
            ),
        )
    ]


def test_contract_in_other_currency() -> None:
    follows()
    draft = drafted({})
    assert found("contract_in_other_currency", draft) == []
    broken = follows("fabrikam")
    # No operation lets this happen; data brought in from elsewhere might.
    with pgtrigger.ignore("contracts.Contract:signed_is_signed"), change("contract.broken", broken, cast.act()):
        Contract.objects.filter(pk=broken.pk).update(currency="EUR")
    assert found("contract_in_other_currency", draft) == [
        (
            "Standard USD",
            f"{broken.number} in EUR would be billed prices in USD. Move them to a card in their currency.",
        )
    ]


def test_idle_override() -> None:
    output = cast.product("output-tokens")
    charge = follows(overrides=[AgreedPrice(output, charge=per_million("9"))])
    one = follows("fabrikam", overrides=[AgreedPrice(output, multiplier=Decimal(1))])
    half = follows("northwind", overrides=[AgreedPrice(output, multiplier=Decimal("0.5"))])
    draft = drafted({"output-tokens": per_million("9")})
    advice = "Take it out with the next amendment."
    assert found("idle_override", draft) == [
        ("Output tokens", f"The override in {charge.number} shadows nothing: it is the list price. {advice}"),
        ("Output tokens", f"The override in {one.number} shadows nothing: it multiplies the price by 1. {advice}"),
    ]
    catalog.remove_rate(draft, output, act=cast.act(ANN, at=FEBRUARY))
    numbers = ", ".join(each.number for each in (charge, one, half))
    assert found("idle_override", draft) == [
        (
            "Output tokens",
            f"The override in {numbers} shadows nothing: the card does not price the product. {advice}",
        )
    ]


def test_idle_override_is_not_one_that_changes_the_price_or_is_over() -> None:
    output = cast.product("output-tokens")
    follows(overrides=[AgreedPrice(output, charge=per_million("9"))])
    over = AgreedPrice(output, multiplier=Decimal(1), start_at=cast.NOW, end_at=datetime(2026, 2, 1, tzinfo=UTC))
    follows("fabrikam", overrides=[over])
    assert found("idle_override", drafted({"output-tokens": PerUnit(Decimal(12), MILLION)})) == []


def test_renewed_by_nobody() -> None:
    draft = drafted({}, reach="at_renewal")
    assert found("renewed_by_nobody", draft) == [
        ("reach", "They reach contracts when these are renewed, but no contract follows the card.")
    ]
    follows()
    assert found("renewed_by_nobody", draft) == []


def test_the_number_of_queries_does_not_grow_with_the_contracts() -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            for rule in ("needed_by_contracts", "contract_in_other_currency", "idle_override", "renewed_by_nobody"):
                RULES[rule].findings(candidate)
        return len(queries)

    output = cast.product("output-tokens")
    candidate = candidate_of(without("output-tokens"), at=FEBRUARY)
    follows(overrides=[AgreedPrice(output, multiplier=Decimal(1))])
    one = asked()
    follows("fabrikam", overrides=[AgreedPrice(output, multiplier=Decimal(1))])
    follows("northwind", overrides=[AgreedPrice(output, charge=per_million("10"))])
    assert asked() == one
