"""A contract as of an instant: what was in force then, and what was known of it then."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from contracts import operations
from contracts.as_of import as_of
from contracts.models import Contract
from contracts.terms import AgreedCommit, AgreedLine, AgreedPrice, SignedTerms
from pricing.charges import PerUnit
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
MARCH, JULY, AUGUST = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 7, 8))
ENDED = datetime(2026, 9, 10, 9, tzinfo=UTC)


@pytest.fixture
def contract() -> Contract:
    """Five seats until July, at a price of the contract alone; 25 after that. Ended in September for October."""
    seats, july = cast.product("seats"), date(2026, 7, 1)
    first = AgreedLine(seats, quantity=Decimal(5), label="Start", end_on=july)
    terms = SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=cast.publish({"seats": PerUnit(Decimal(30))}),
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[first, replace(first, quantity=Decimal(25), label="Growth", start_on=july, end_on=None)],
        commits=[AgreedCommit("Prepaid usage", Decimal(40), Decimal(36))],
        overrides=[AgreedPrice(seats, PerUnit(Decimal(20)), end_at=JULY)],
        signed_by="Dan",
    )
    signed = operations.sign_contract(terms, act=cast.act("ben", "Agreed"))
    return operations.end_contract(signed, end_on=date(2026, 10, 1), act=cast.act("cara", "They leave", ENDED))


def seen(contract: Contract, at: datetime, known_at: datetime | None = None) -> Any:
    """Quantity, label, price and last instant of each line, how many overrides and commits, and the status."""
    found = as_of(contract, at, known_at or ENDED)
    lines = [(line.quantity, line.label, found.prices[str(line.pk)], line.end_at) for line in found.lines]
    return lines, len(found.overrides), len(found.commits), found.contract.status


def test_a_ramp_is_seen_phase_by_phase(contract: Contract) -> None:
    assert seen(contract, MARCH) == ([(5, "Start", "$20.00 each", JULY)], 1, 1, "ended")
    assert seen(contract, JULY)[:2] == ([(25, "Growth", "$30.00 each", contract.end_at)], 0)
    assert seen(contract, contract.end_at)[0] == []


def test_what_was_not_known_then_is_not_seen(contract: Contract) -> None:
    before = seen(contract, AUGUST, AUGUST)
    assert before == ([(25, "Growth", "$30.00 each", datetime(2027, 1, 1, tzinfo=UTC))], 0, 1, "active")
    november = datetime(2026, 11, 1, tzinfo=UTC)
    assert seen(contract, november, AUGUST)[0] == before[0]
    assert seen(contract, november)[0] == []
    with refused("was not known then; it was signed on 15 Dec 2025"):
        as_of(contract, MARCH, datetime(2025, 12, 1, tzinfo=UTC))


def test_the_api_and_the_page_say_it(contract: Contract) -> None:
    client = Client(headers=cast.system_key("contracts:read"))
    address = f"/api/v1/contracts/{contract.number}"
    told = client.get(f"{address}?as_of=2026-03-01").json()
    assert [(line["quantity"], line["price"]) for line in told["lines"]] == [("5", "$20.00 each")]
    told = client.get(f"{address}?as_of=2026-11-01T00:00:00Z&known_at=2026-08-01").json()
    assert [(line["quantity"], line["end_on"]) for line in told["lines"]] == [("25", "2026-12-31")]
    assert client.get(f"{address}?as_of=soon").status_code == 400
    assert client.get(f"{address}?as_of=2026-03-01&known_at=2025-12-01").status_code == 409
    assert [line["price"] for line in client.get(address).json()["lines"]] == [None, None]
    client = Client()
    client.force_login(cast.person("cara"))
    page = f"/admin/contracts/contract/{contract.pk}/as-of/"
    shown = client.get(f"{page}?on=2026-03-15").content.decode()
    assert "$20.00 each" in shown
    assert "Growth" not in shown
    assert "Growth" in client.get(f"{page}?on=2026-11-15&known_on=2026-08-01").content.decode()
    assert "A day, please" in client.get(f"{page}?on=soon").content.decode()
