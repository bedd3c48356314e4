"""Charges over HTTP: their schema, and what one comes to."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from governance.clock import clock_set_to
from governance.models import Change
from pricing.charges import KINDS, dump
from tests.catalog.calls import key_with, send
from tests.catalog.cards import MARCH, TIERED, TIERED_SENTENCE

pytestmark = pytest.mark.django_db
PRICE = "/api/v1/charges/price"


@pytest.fixture(autouse=True)
def in_march() -> Iterator[None]:
    with clock_set_to(MARCH):
        yield


def priced(client: Client, charge: Any, currency: str = "USD", **asked: Any) -> tuple[int, Any]:
    body = {"charge": charge, "currency": currency, **asked}
    return send(client, "POST", PRICE, body, **key_with("catalog:read"))


def test_the_schema_knows_every_kind(client: Client) -> None:
    answer = client.get("/api/v1/charge-schema", headers=key_with("catalog:read")).json()
    assert set(KINDS) <= answer["$defs"].keys()


def test_a_quantity_comes_to_an_amount_with_its_workings(client: Client) -> None:
    status, found = priced(client, dump(TIERED), quantity="15000000")
    assert (status, found["sentence"], found["amount"]) == (
        200,
        TIERED_SENTENCE,
        {"amount": "35.00", "currency": "USD"},
    )
    assert found["steps"] == [
        {"text": "10,000,000 at $2.50 per million", "amount": "25", "total": "25"},
        {"text": "5,000,000 at $2.00 per million", "amount": "10", "total": "35"},
    ]
    [curve] = found["curve"]
    assert curve["points"][0] == {"quantity": "0", "total": "0", "unit": "0"}
    assert {"quantity": "10000000", "total": "25", "unit": "0.0000025"} in curve["points"]


def test_usage_is_told_apart_where_the_charge_asks_for_it(client: Client) -> None:
    cells = [
        {"values": ["large"], "charge": {"kind": "per_unit", "unit_price": "3"}},
        {"values": ["small"], "charge": {"kind": "per_unit", "unit_price": "1"}},
    ]
    matrix = {"kind": "matrix", "by": ["model"], "cells": cells}
    parts = [{"quantity": "2", "values": ["large"]}, {"quantity": "5", "values": ["small"]}]
    status, found = priced(client, matrix, parts=parts)
    assert (status, found["amount"]["amount"], found["splits_by"]) == (200, "11.00", ["model"])
    assert [curve["label"] for curve in found["curve"]] == ["large", "small"]


@pytest.mark.parametrize(
    ("charge", "asked", "amount"),
    [
        ({"kind": "flat", "amount": "20"}, {}, "20.00"),
        ({"kind": "composite", "charge": {"kind": "percent", "percent": "10"}}, {"quantity": "250"}, "25.00"),
        ({"kind": "adjusted", "minimum": "5", "charge": {"kind": "per_unit", "unit_price": "1"}}, {"quantity": "2"},
         "5.00"),
    ],
)  # fmt: skip
def test_every_sort_of_charge_can_be_tried(client: Client, charge: Any, asked: Any, amount: str) -> None:
    status, found = priced(client, charge, **asked)
    assert (status, found["amount"]["amount"]) == (200, amount)


FLAT = {"kind": "flat", "amount": "1"}


@pytest.mark.parametrize(
    ("charge", "asked", "errors"),
    [
        ({"kind": "per_unit", "unit_price": "-1"}, {"quantity": "1"}, {"charge": ["unit_price: must not be negative"]}),
        ({"kind": "per_unit", "unit_price": "1"}, {}, {"quantity": ["Say how much of it."]}),
        ({"kind": "per_unit", "unit_price": "1"}, {"parts": [{"quantity": "1"}]},
         {"parts": ["This charge does not tell usage apart; give a quantity."]}),
        (FLAT, {"currency": "XXX"}, {"currency": ["This is not a currency one can be billed in."]}),
        (FLAT | {"currency": "EUR"}, {}, {"charge": ["currency: these prices are in EUR, not USD"]}),
        (FLAT, {"quantity": "-1"}, {"quantity": ["This must not be negative, and fit in 16 digits and 12 decimals."]}),
    ],
)  # fmt: skip
def test_what_cannot_be_priced_is_400_naming_the_field(client: Client, charge: Any, asked: Any, errors: Any) -> None:
    assert priced(client, charge, **asked) == (400, errors)


def test_trying_leaves_no_trace(client: Client, roles: None, ben: User) -> None:
    before = Change.objects.count()
    client.force_login(ben, backend="django.contrib.auth.backends.ModelBackend")
    assert send(client, "POST", PRICE, {"charge": FLAT, "currency": "USD"})[0] == 200
    assert Change.objects.count() == before
