"""Charges on a day, and milestones, which are invoiced when they are accepted; both once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from contracts import operations
from contracts.charges_page import shown_charges
from contracts.models import Contract, ScheduledCharge
from contracts.queries import terms_of
from contracts.scheduled import AgreedCharge
from governance.change import change
from governance.clock import clock_set_to
from governance.models import Change
from invoicing.models import Invoice, InvoiceLine
from invoicing.operations import bill_due
from tests import cast
from tests.contracts.test_impact import follows
from tests.refusals import refused

pytestmark = pytest.mark.django_db
MID_MARCH = datetime(2026, 3, 14, 10, tzinfo=UTC)
KICK_OFF = AgreedCharge("Kick-off", Decimal("5000"), date(2026, 1, 15))
GO_LIVE = AgreedCharge("Go-live", Decimal("12000"), date(2026, 3, 1), is_milestone=True)
SUPPORT = AgreedCharge("Support", Decimal("3650"), date(2026, 2, 1), until_on=date(2026, 12, 31))


def agreed(*charges: AgreedCharge, **fields: Any) -> Contract:
    return follows(charges=charges or (KICK_OFF, GO_LIVE), lines=[], **fields)


def billed(through: datetime) -> list[tuple[str, Decimal]]:
    bill_due(through=through, act=cast.act("cara", at=through))
    lines = InvoiceLine.objects.exclude(invoice__status=Invoice.Status.VOID).order_by("period_start", "description")
    return list(lines.values_list("description", "amount"))


def accepted(contract: Contract, at: datetime = MID_MARCH) -> ScheduledCharge:
    milestone = contract.scheduled_charges.get(is_milestone=True)
    return operations.accept_milestone(
        milestone, by="Dan Contoso", evidence="Protocol of 14 March", act=cast.act("cara", at=at)
    )


def test_a_charge_is_invoiced_on_its_day_and_a_milestone_once_accepted() -> None:
    contract = agreed()
    assert billed(datetime(2026, 1, 14, tzinfo=UTC)) == []
    assert billed(datetime(2026, 1, 15, tzinfo=UTC)) == [("Kick-off", Decimal(5000))]
    assert billed(MID_MARCH) == [("Kick-off", Decimal(5000))]
    accepted(contract)
    both = [("Kick-off", Decimal(5000)), ("Go-live", Decimal(12000))]
    assert billed(MID_MARCH) == billed(datetime(2026, 6, 1, tzinfo=UTC)) == both


def test_it_is_the_revenue_of_its_product_and_earned_at_once_or_over_its_time() -> None:
    setup = cast.product("platform-fee")
    own = AgreedCharge("Set-up", Decimal(100), date(2026, 1, 15), product=setup)
    first, support = terms_of([contract := agreed(own, SUPPORT)])[contract.pk]
    assert (first.term.product, first.revenue_account, first.earned_on_invoice) == (
        "platform-fee",
        setup.revenue_account,
        True,
    )
    assert (support.term.product, support.earned_on_invoice) == ("charge", False)
    assert (support.term.start, support.term.end) == (
        contract.scheduled_charges.get(name="Support").due_at,
        contract.end_at,
    )


def test_what_was_to_come_after_an_early_end_is_not_charged() -> None:
    contract = agreed(KICK_OFF, SUPPORT)
    operations.end_contract(contract, end_on=date(2026, 1, 31), act=cast.act("cara", at=cast.NOW))
    assert [each.name for each in terms_of([contract])[contract.pk]] == ["Kick-off"]


@pytest.mark.parametrize(
    ("charge", "words"),
    [
        (AgreedCharge("Late", Decimal(1), date(2027, 1, 1)), "due within the contract"),
        (AgreedCharge("Free", Decimal("0"), date(2026, 1, 1)), "has an amount"),
        (AgreedCharge("Fine", Decimal("0.001"), date(2026, 1, 1)), "at most 2 decimals"),
        (AgreedCharge("Back", Decimal(1), date(2026, 2, 1), until_on=date(2026, 1, 1)), "earned from its day on"),
        (AgreedCharge("Both", Decimal(1), date(2026, 2, 1), None, date(2026, 3, 1), True), "when it is accepted"),
    ],
)
def test_what_cannot_be_charged_is_refused(charge: AgreedCharge, words: str) -> None:
    cast.standard_card(), cast.customer("contoso"), cast.seller()
    with refused(words):
        agreed(charge)
    assert Contract.objects.count() == 0


def test_only_an_open_milestone_of_a_running_contract_is_accepted_by_somebody() -> None:
    contract = agreed()
    charge, milestone = contract.scheduled_charges.order_by("due_at")
    cara = cast.act("cara", at=MID_MARCH)
    before = Change.objects.count()
    with refused("no milestone"):
        operations.accept_milestone(charge, by="Dan", evidence="Mail", act=cara)
    with refused("says who accepted"):
        operations.accept_milestone(milestone, by=" ", evidence="Mail", act=cara)
    with refused("while .* runs"):
        operations.accept_milestone(milestone, by="Dan", evidence="Mail", act=cast.act("cara", at=contract.end_at))
    assert Change.objects.count() == before
    accepted(contract)
    with refused("accepted by Dan Contoso already"):
        accepted(contract)


@pytest.mark.parametrize("field", ["accepted_by", "amount"])
def test_postgresql_keeps_what_was_accepted(field: str) -> None:
    milestone = accepted(agreed())
    setattr(milestone, field, {"accepted_by": "Eve", "amount": Decimal(1)}[field])
    refuses = pytest.raises(DatabaseError, match=r"stays accepted|but by its acceptance")
    with refuses, change("milestone.accepted", milestone, cast.act("cara")):
        milestone.save()


def test_the_page_says_when_each_is_due_and_what_is_late() -> None:
    contract = agreed(KICK_OFF, GO_LIVE, SUPPORT)
    assert [(each.name, each.amount, each.when, each.is_late) for each in shown_charges(contract, MID_MARCH)] == [
        ("Kick-off", "$5,000.00", "invoiced on 15 Jan 2026", False),
        ("Support", "$3,650.00", "invoiced on 1 Feb 2026, for 1 Feb – 31 Dec 2026", False),
        ("Go-live", "$12,000.00", "invoiced when accepted, expected by 1 Mar 2026", True),
    ]
    accepted(contract)
    (_, _, late) = shown_charges(contract, MID_MARCH)
    assert (late.when, late.is_late) == ("accepted by Dan Contoso on 14 Mar 2026 (Protocol of 14 March)", False)


def test_a_system_reads_charges_and_accepts_a_milestone() -> None:
    contract = agreed()
    client = Client(headers=cast.system_key("contracts:write", "contracts:read"))
    listed = client.get(f"/api/v1/contracts/{contract.number}").json()["charges"]
    assert [(each["name"], each["due_on"], each["is_milestone"], each["accepted_at"]) for each in listed] == [
        ("Kick-off", "2026-01-15", False, None),
        ("Go-live", "2026-03-01", True, None),
    ]
    said = {"by": "Dan", "evidence": "Protocol", "because": "Delivered"}
    path = f"/api/v1/contracts/{contract.number}/charges/{listed[1]['id']}/accept"
    with clock_set_to(MID_MARCH):
        answer = client.post(path, said, content_type="application/json")
        assert (answer.status_code, answer.json()["charges"][1]["accepted_at"]) == (200, "2026-03-14T10:00:00Z")
        assert client.post(path, said, content_type="application/json").status_code == 409
        other = path.replace(contract.number, agreed(key="fabrikam").number)
        assert client.post(other, said, content_type="application/json").status_code == 404


def test_finance_accepts_a_milestone_on_the_contracts_page() -> None:
    contract = agreed()
    client = Client()
    client.force_login(cast.person("cara"))
    milestone = contract.scheduled_charges.get(is_milestone=True)
    typed = {
        "_form_submitted": "on",
        "milestone": str(milestone.pk),
        "by": "Dan",
        "evidence": "Protocol",
        "because": "Delivered",
    }
    with clock_set_to(MID_MARCH):
        assert "Late" in client.get(reverse("admin:contracts_contract_change", args=[contract.pk])).content.decode()
        client.post(reverse("admin:contracts_contract_accept_milestone", args=[contract.pk]), typed)
    milestone.refresh_from_db()
    assert (milestone.accepted_at, milestone.accepted_by, milestone.evidence) == (MID_MARCH, "Dan", "Protocol")
