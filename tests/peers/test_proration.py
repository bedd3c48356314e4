"""Every case of the peers' parts of cycles, plan changes and dates, asked of our kernel."""

from pathlib import Path

import pytest

from tests.peers import proration
from tests.peers.judge import judge, verdict
from tests.peers.vectors import UnknownToAdapter, Vector


def test_parts_of_cycles_are_what_the_peer_answers(proration_vector: Vector | Path) -> None:
    try:
        if isinstance(proration_vector, Vector) and (reason := proration.differs_on_purpose(proration_vector)):
            if different := verdict(proration_vector, proration.answer(proration_vector)):
                pytest.xfail(f"{reason}: {different}")
            return
        judge(proration_vector, proration.answer)
    except proration.NotOurs as reason:
        pytest.xfail(str(reason))


def test_another_amount_is_told():
    half = {"price": "30", "quantity": "1", "period_start": "2026-04-01", "period_end": "2026-05-01"}
    half |= {"active_from": "2026-04-16", "active_to": "2026-05-01"}
    case = {"id": "case-1", "kind": "prorated_amount", "inputs": half, "currency": "USD", "expected": {"amount": "15"}}
    assert verdict(Vector("case-1", case), proration.answer(Vector("case-1", case))) == ""
    other = Vector("case-1", case | {"expected": {"amount": "15.01"}})
    assert "expected.amount: '15.01', got 15" in verdict(other, proration.answer(other))


def test_what_the_adapter_does_not_know_is_named():
    inputs = {"potential_credit": "1", "original_amount_paid": "2", "previously_credited": "0", "tax": "1"}
    with pytest.raises(UnknownToAdapter, match=r"^inputs\.tax: "):
        proration.answer(Vector("case-1", {"kind": "credit_cap", "inputs": inputs, "expected": {}}))
