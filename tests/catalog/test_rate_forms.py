"""A price is posted as one text of JSON, read by the kernel alone, and shown again as it was."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from catalog import operations, presets
from catalog.models import Product, RateCardVersion
from catalog.rate_forms import NewRateForm, RateForm, written
from pricing.charges import Charge, Graduated, Package, PerUnit, Tier, Volume, load
from tests.catalog.cards import MILLION, TIERED, by

pytestmark = pytest.mark.django_db
REST = {"cycle_months": "1", "because": "New"}
NEW = {
    "new_name": "Agent runs", "new_key": "", "new_kind": "usage", "new_unit": "run", "event_type": "agent.run",
    "aggregation": "count", "property": "", **REST,
}  # fmt: skip


@pytest.mark.parametrize(
    "charge",
    [
        PerUnit(Decimal("0.0015")),
        Package(Decimal(5), Decimal(1000)),
        TIERED,
        Volume((Tier(Decimal(100), Decimal("2.40"), Decimal(10)), Tier(None, Decimal("1.80")))),
    ],
)
def test_what_is_typed_becomes_the_charge_and_is_shown_again(
    draft: RateCardVersion, tokens: Product, ann: User, charge: Charge
) -> None:
    form = RateForm({"charge": written(charge), **REST}, draft=draft)
    assert form.is_valid()
    assert form.cleaned_data["charge"] == charge
    saved = operations.set_rate(draft, tokens, charge, act=by(ann))
    assert RateForm.shown(saved) == {"charge": written(charge), "cycle_months": 1, "in_advance": False}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "charge: line 1, column 2: this is not JSON"),
        ("[]", None),
        ('{"kind": "per_unit"}', "unit_price: is required"),
        (
            '{"kind": "per_unit", "unit_price": 1}',
            "unit_price: must be a number written in plain digits, as text",
        ),
        (
            '{"kind": "graduated", "tiers": [{"up_to": "9", "unit_price": "2"}, {"up_to": null, "unit_price": "x"}]}',
            "tiers[1].unit_price: must be a number written in plain digits, as text",
        ),
        (
            '{"kind": "adjusted", "charge": {"kind": "volume", "tiers": [{"up_to": "9", "unit_price": "1"}]}}',
            "charge.tiers[0].up_to: the last tier must be open",
        ),
        (
            '{"kind": "matrix", "by": ["a"], "cells": [{"values": ["b"], "charge": {"kind": "per_unit"}}]}',
            "cells[0].charge.unit_price: is required",
        ),
        ('{"kind": "per_unit", "unit_price": "1", "currency": "EUR"}', "currency: these prices are in EUR, not USD"),
    ],
)
def test_a_price_that_cannot_be_is_told_with_the_field_that_is_wrong(
    draft: RateCardVersion, text: str, sentence: str | None
) -> None:
    form = RateForm({"charge": text, **REST}, draft=draft)
    assert not form.is_valid()
    assert list(form.errors) == ["charge"]
    assert sentence is None or form.errors["charge"] == [sentence]


def test_a_price_as_deep_as_a_stack_is_refused(draft: RateCardVersion) -> None:
    deep = "[" * 100_000
    assert RateForm({"charge": deep, **REST}, draft=draft).errors["charge"] == ["charge: this is not JSON"]


def test_only_products_without_a_rate_can_be_added(draft: RateCardVersion, ann: User) -> None:
    sold = operations.create_product(key="seats", name="Seats", kind="recurring", act=by(ann))
    assert [*NewRateForm(draft=draft).fields["product"].queryset] == [sold]


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.key)
def test_every_preset_is_a_form_that_can_be_saved_as_it_is(draft: RateCardVersion, preset: presets.Preset) -> None:
    typed = NewRateForm.of_preset(preset)
    form = NewRateForm({**typed, "in_advance": "on" if preset.in_advance else "", "because": "New"}, draft=draft)
    assert form.errors == {}
    assert form.cleaned_data["charge"] == preset.charge == load(json.loads(typed["charge"]))


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"new_name": ""}, {"new_name": ["What is it called?"]}),
        ({"new_unit": ""}, {"new_unit": ["What is one of them called?"]}),
        ({"event_type": ""}, {"event_type": ["Which events count?"]}),
        ({"aggregation": "sum"}, {"property": ["Which property of them is added up?"]}),
        ({"new_kind": "recurring", "event_type": ""}, {}),
    ],
)
def test_a_new_product_says_what_it_is_and_how_it_is_measured(
    draft: RateCardVersion, typed: dict[str, Any], errors: dict[str, Any]
) -> None:
    form = NewRateForm({**NEW, "charge": written(PerUnit(Decimal(1))), **typed}, draft=draft)
    assert form.errors == errors


def test_the_key_is_made_from_the_name_unless_it_is_given(draft: RateCardVersion) -> None:
    form = NewRateForm({**NEW, "charge": written(Graduated((Tier(None, Decimal(2)),), MILLION))}, draft=draft)
    assert form.is_valid()
    assert form.cleaned_data["new_key"] == "agent-runs"


def test_who_may_not_create_products_chooses_one(draft: RateCardVersion) -> None:
    form = NewRateForm({"charge": written(PerUnit(Decimal(1))), **REST}, draft=draft, may_create=False)
    assert form.errors == {"product": ["This field is required."]}
    assert "new_name" not in form.fields
