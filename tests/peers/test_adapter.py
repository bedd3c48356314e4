"""The adapter can fail: on a figure that is not ours, and on all it does not understand."""

from pathlib import Path
from typing import Any

import pytest

from tests.peers import pricing, rounding
from tests.peers.judge import judge, verdict
from tests.peers.vectors import UnknownToAdapter, Vector

TIERS: list[dict[str, Any]] = [{"up_to": "10", "unit_price": "2", "flat_fee": "1"}, {"up_to": None, "unit_price": "1"}]
ROWS: list[dict[str, Any]] = [
    {"tier": 1, "units": "10", "usage_amount": "20", "flat_fee": "1", "total": "21"},
    {"tier": 2, "units": "2", "usage_amount": "2", "flat_fee": "0", "total": "2"},
]


def vector(expected: dict[str, Any], *, parameters: dict[str, Any] | None = None, **fields: Any) -> Vector:
    case: dict[str, Any] = {
        "id": "case-1",
        "source": {"repo": "getlago/lago-api", "path": "spec.rb", "what": "12 units"},
        "model": "graduated",
        "parameters": {"tiers": TIERS} | (parameters or {}),
        "quantity": "12",
        "currency": "USD",
        "rounding": None,
        "expected": expected,
        "note": "as published",
        "verified": True,
    }
    return Vector("case-1", case | fields)


def asked(**fields: Any) -> str:
    case = vector(fields.pop("expected", {"amount": "23"}), **fields)
    return verdict(case, pricing.answer(case))


def test_what_the_peer_says_is_right_to_the_last_row():
    assert asked(expected={"amount": "23.00", "breakdown": ROWS}) == ""


def test_another_amount_is_told_with_all_that_helps():
    assert asked(expected={"amount": "23.01"}).splitlines() == [
        "case-1 (graduated), from getlago/lago-api spec.rb: 12 units",
        "  expected.amount: '23.01', got 23",
        "  note: as published",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [ROWS[0], ROWS[1] | {"units": "3"}],
        [ROWS[0] | {"tier": 2}, ROWS[1]],
        ROWS[:1],
        [*ROWS, ROWS[1]],
    ],
)
def test_another_breakdown_is_told(rows):
    assert "expected.breakdown" in asked(expected={"amount": "23", "breakdown": rows})


def test_an_expectation_nobody_answers_is_told():
    assert "expected.packages: '2', got no answer" in asked(expected={"amount": "23", "packages": "2"})


def test_an_error_that_does_not_come_is_told():
    assert "expected.error: 'negative_quantity'" in asked(expected={"error": "negative_quantity"})


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"parameters": {"tax_percent": "20"}}, "parameters.tax_percent"),
        ({"parameters": {"tiers": [TIERS[0], TIERS[1] | {"step": "3"}]}}, "parameters.tiers[1].step"),
        ({"parameters": {"bounds": "lower_exclusive"}}, "parameters.bounds"),
        ({"rounding": {"scale": 2, "mode": "to_odd", "step": "line_total"}}, "rounding.mode"),
        ({"rounding": {"scale": 2, "mode": "half_up", "step": "each_unit"}}, "rounding.step"),
        ({"prior_usage": "3"}, "prior_usage"),
        ({"model": "auction"}, "model"),
        ({"quantity": 1.5}, "quantity"),
    ],
)
def test_what_the_adapter_does_not_know_is_named(fields, named):
    with pytest.raises(UnknownToAdapter) as refusal:
        asked(**fields)
    assert str(refusal.value).startswith(f"{named}: ")


def test_null_says_nothing():
    assert asked(parameters={"tax_percent": None}) == ""


def test_an_unknown_kind_of_rounding_is_named():
    with pytest.raises(UnknownToAdapter, match=r"^kind: "):
        rounding.answer(Vector("case-2", {"kind": "round_to_odd", "inputs": {}, "expected": {}}))


def test_a_quirk_is_right_if_we_answer_what_its_note_advises():
    judge(vector({"amount": "24"}, note="23 is right", peer_quirk=True), pricing.answer)


def test_missing_cases_are_named():
    with pytest.warns(UserWarning, match=r"there is no /nowhere/pricing\.json; give its directory with --cases"):
        judge(Path("/nowhere/pricing.json"), pricing.answer)
