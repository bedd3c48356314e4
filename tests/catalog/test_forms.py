"""A charge is typed as one says it, and shown again as it was typed."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from catalog import operations
from catalog.forms import RateForm
from catalog.models import Product, RateCardVersion
from pricing.charges import Charge, Graduated, Package, PerUnit, Tier, Volume
from tests.catalog.cards import MILLION, TIERED, by

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("typed", "charge"),
    [
        ({"kind": "per_unit", "price": "3.00", "per": "1,000,000"}, PerUnit(Decimal("3.00"), MILLION)),
        ({"kind": "per_unit", "price": "0.0015", "per": "1"}, PerUnit(Decimal("0.0015"))),
        ({"kind": "package", "price": "5", "per": "1,000"}, Package(Decimal(5), Decimal(1000))),
        ({"kind": "graduated", "tiers": "10,000,000: 2.50\nabove: 2.00", "per": "1,000,000"}, TIERED),
        (
            {"kind": "volume", "tiers": "100: 2.40 + 10\nabove: 1.80", "per": "1"},
            Volume((Tier(Decimal(100), Decimal("2.40"), Decimal(10)), Tier(None, Decimal("1.80")))),
        ),
    ],
)
def test_what_is_typed_becomes_the_charge_and_is_shown_again(
    draft: RateCardVersion, tokens: Product, ann: User, typed: dict[str, str], charge: Charge
) -> None:
    rate = draft.rates.get(product=tokens)
    form = RateForm({**typed, "cycle_months": "1", "because": "New"}, draft=draft, rate=rate)
    assert form.is_valid()
    assert form.cleaned_data["charge"] == charge
    saved = operations.set_rate(draft, tokens, charge, act=by(ann))
    shown = RateForm(draft=draft, rate=saved).initial
    assert {name: shown[name] for name in typed} == typed


@pytest.mark.parametrize("line", ["above: 2", "Then: 2", " rest : 2 "])
def test_the_last_tier_may_be_called_in_several_ways(draft: RateCardVersion, tokens: Product, line: str) -> None:
    typed = {"kind": "graduated", "tiers": f"\n{line}\n\n", "cycle_months": "1", "because": "New"}
    form = RateForm(typed, draft=draft, rate=draft.rates.get(product=tokens))
    assert form.is_valid()
    assert form.cleaned_data["charge"] == Graduated((Tier(None, Decimal(2)),))


def test_only_products_without_a_rate_can_be_added(draft: RateCardVersion, ann: User) -> None:
    sold = operations.create_product(key="seats", name="Seats", kind="recurring", act=by(ann))
    assert [*RateForm(draft=draft).fields["product"].queryset] == [sold]
