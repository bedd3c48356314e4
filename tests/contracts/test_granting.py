"""Commits that rules make: every cycle, by the seat, when little is left; and those that wait to be paid."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import RateCardVersion
from config.books import breaches
from contracts.commits import record_entry
from contracts.models import Commit, Contract
from contracts.operations import end_contract, granting, make_due_commits
from contracts.terms import AgreedCommit, AgreedLine, AgreedRule
from governance.change import change
from invoicing import operations as invoicing
from invoicing.models import Invoice
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import PerUnit
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db
MONTHLY = AgreedRule("Monthly credits", Decimal(1000), unit="credit", worth=Decimal("0.01"))


def on(month: int, day: int = 1, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def made(contract: Contract) -> list[tuple[str, str, Decimal, Decimal]]:
    """First day, day after the last, access and balance of each."""
    return [
        (f"{each.start_at:%m-%d}", f"{each.end_at:%m-%d}", each.access_amount, each.balance)
        for each in contract.commits.exclude(rule=None).order_by("start_at", "number")
    ]


def make(contract: Contract, at: datetime) -> None:
    assert make_due_commits([contract.pk], at=at, act=cast.act(at=at)) == []


# ------------------------------------------------------------ every cycle
def test_each_cycle_gets_its_commit_once_however_often_and_late_it_is_asked() -> None:
    contract = cast.contract_with(MONTHLY)
    assert made(contract) == []
    make(contract, on(1))
    make(contract, on(1, 31, 23))
    assert made(contract) == [("01-01", "02-01", Decimal(1000), Decimal(1000))]
    make(contract, on(4))
    make(contract, on(3))
    assert [start for start, *_ in made(contract)] == ["01-01", "02-01", "03-01", "04-01"]
    assert not [each.says for each, found in breaches() if found]


def test_what_began_before_it_was_signed_is_granted_with_the_signature() -> None:
    contract = cast.contract_with(MONTHLY, start_on=date(2025, 11, 1))
    assert [start for start, *_ in made(contract)] == ["11-01", "12-01"]


def test_cycles_count_from_the_anchor_and_their_parts_are_prorated() -> None:
    """From 16 June with the 1st as anchor: 15 of 30 days first, then whole months, and 15 days at the end."""
    rule = AgreedRule("Monthly allowance", Decimal(3000), Decimal(300))
    contract = cast.contract_with(rule, start_on=date(2026, 6, 16), months=2, anchor_day=1)
    make(contract, on(12))
    assert made(contract) == [
        ("06-16", "07-01", Decimal(1500), Decimal(1500)),
        ("07-01", "08-01", Decimal(3000), Decimal(3000)),
        ("08-01", "08-16", Decimal("1451.61"), Decimal("1451.61")),
    ]
    assert [each.price for each in contract.commits.order_by("start_at")] == [150, 300, Decimal("145.16")]


def test_quarterly_ones_can_last_longer_than_their_cycle_but_not_than_the_contract() -> None:
    contract = cast.contract_with(AgreedRule("Quarterly", Decimal(50), cycle_months=3, lasts_months=6))
    make(contract, on(12, 31))
    windows = [(start, end) for start, end, *_ in made(contract)]
    assert windows == [("01-01", "07-01"), ("04-01", "10-01"), ("07-01", "01-01"), ("10-01", "01-01")]


def test_an_ended_contract_gets_no_more() -> None:
    contract = cast.contract_with(MONTHLY)
    make(contract, on(2))
    end_contract(contract, end_on=date(2026, 3, 1), act=cast.act("cara", "They leave"))
    make(contract, on(6))
    assert [start for start, *_ in made(contract)] == ["01-01", "02-01"]


def test_its_price_is_invoiced_as_each_cycle_begins() -> None:
    contract = cast.contract_with(AgreedRule("Monthly allowance", Decimal(100), Decimal(90)))
    for month in (1, 2):
        invoicing.bill_due(through=on(month, 1, 9), act=cast.act(at=on(month, 1, 9)))
    amounts = Invoice.objects.filter(contract=contract, kind="commit").values_list("total", "status")
    assert sorted(amounts) == [(Decimal(90), "finalized"), (Decimal(90), "finalized")]


def test_it_pays_the_usage_of_its_own_cycle() -> None:
    contract = cast.contract_with(MONTHLY)
    use(contract, on(1, 15), 2_000_000)
    run = invoicing.bill_due(through=on(2, 2), act=cast.act(at=on(2, 2)))
    assert not run.outcomes.filter(result="failed").exists()
    january, february = contract.commits.order_by("start_at")
    assert list(january.entries.values_list("kind", "amount"))[1:] == [
        ("draw", Decimal(-500)),
        ("expiry", Decimal(-500)),
    ]
    assert february.balance == Decimal(1000)


# ------------------------------------------------------------ by the seat
def prices_of_seats() -> RateCardVersion:
    return cast.publish({"seats": PerUnit(Decimal(30))})


def test_by_the_seat_it_is_what_is_in_force_when_the_cycle_begins() -> None:
    seats = cast.product("seats")
    lines = [
        AgreedLine(seats, quantity=Decimal(10), end_on=date(2026, 2, 15)),
        AgreedLine(seats, quantity=Decimal(4), start_on=date(2026, 2, 15)),
    ]
    rule = AgreedRule("Credits of the seats", Decimal(100), Decimal(5), unit="credit", per_seat_of=seats)
    contract = cast.contract_with(rule, lines=lines, rate_card_version=prices_of_seats())
    make(contract, on(3))
    assert [access for _, _, access, _ in made(contract)] == [Decimal(1000), Decimal(1000), Decimal(400)]
    assert [each.price for each in contract.commits.order_by("start_at")] == [50, 50, 20]


def test_without_seats_there_is_none() -> None:
    line = AgreedLine(cast.product("seats"), quantity=Decimal(2), start_on=date(2026, 3, 1))
    rule = AgreedRule("Credits of the seats", Decimal(100), unit="credit", per_seat_of=cast.product("seats"))
    contract = cast.contract_with(rule, lines=[line], rate_card_version=prices_of_seats())
    make(contract, on(3))
    assert [start for start, *_ in made(contract)] == ["03-01"]


# ------------------------------------------------------------ when little is left
RECHARGE = AgreedRule(
    "Recharge", Decimal(100), Decimal(100), lasts_months=12, threshold=Decimal(20), monthly_limit=Decimal(200)
)


def recharged(**fields: Any) -> Contract:
    """$50.00 to begin with; $100.00 more whenever less than $20.00 is left."""
    rule = AgreedRule(**{name: getattr(RECHARGE, name) for name in RECHARGE.__dataclass_fields__} | fields)
    return cast.contract_with(rule, commits=[AgreedCommit("To begin with", Decimal(50), Decimal(50))])


def test_it_is_recharged_when_less_than_the_threshold_is_left() -> None:
    contract = recharged()
    make(contract, on(1, 10))
    assert made(contract) == []
    take(contract, "30", on(1, 11))
    make(contract, on(1, 11))
    assert made(contract) == []
    take(contract, "0.01", on(1, 12))
    make(contract, on(1, 12))
    make(contract, on(1, 12, 1))
    assert made(contract) == [("01-01", "01-01", Decimal(100), Decimal(100))]
    instalment = contract.commits.exclude(rule=None).get().instalments.get()
    assert (instalment.amount, instalment.invoice_at) == (Decimal(100), on(1, 12))


def test_recharges_cost_no_more_than_the_limit_of_the_month() -> None:
    contract = recharged(monthly_limit=Decimal(250))
    for day in (12, 13, 14, 15):
        take_all(contract, on(1, day))
        make(contract, on(1, day))
    assert len(made(contract)) == 2
    make(contract, on(2))
    assert [access for _, _, access, _ in made(contract)] == [Decimal(100)] * 3


def test_one_recharge_may_be_several_blocks() -> None:
    contract = recharged(threshold=Decimal(250), monthly_limit=Decimal(1000))
    make(contract, on(1, 2))
    assert [access for _, _, access, _ in made(contract)] == [Decimal(200)]


def test_no_second_recharge_while_the_first_is_not_paid() -> None:
    contract = recharged(is_gated=True, monthly_limit=Decimal(1000))
    take_all(contract, on(1, 11))
    make(contract, on(1, 12))
    make(contract, on(1, 13))
    assert made(contract) == [("01-01", "01-01", Decimal(100), Decimal(0))]
    bill_and_pay(contract, on(1, 13))
    assert made(contract) == [("01-01", "01-01", Decimal(100), Decimal(100))]
    take_all(contract, on(1, 14))
    make(contract, on(1, 14))
    assert len(made(contract)) == 2
    assert not [each.says for each, found in breaches() if found]


# ------------------------------------------------------------ paid first
def test_what_is_gated_can_be_used_once_it_is_paid() -> None:
    gated = AgreedCommit("Paid first", Decimal(40), Decimal(36), is_gated=True)
    contract = cast.contract_with(commits=[gated])
    commit = contract.commits.get()
    assert (commit.balance, commit.entries.count()) == (0, 0)
    bill_and_pay(contract, on(1), part=Decimal(30))
    assert Commit.objects.get().balance == 0
    pay(Invoice.objects.get(contract=contract), Decimal(6), on(1, 3))
    commit.refresh_from_db()
    assert commit.balance == Decimal(40)
    granted = commit.entries.get().change
    assert (granted.name, granted.at) == ("commit.granted", on(1, 3))
    assert not [each.says for each, found in breaches() if found]


def test_what_is_credited_and_not_paid_is_not_granted() -> None:
    contract = cast.contract_with(commits=[AgreedCommit("Paid first", Decimal(40), Decimal(36), is_gated=True)])
    invoicing.bill_due(through=on(1), act=cast.act(at=on(1)))
    invoice = Invoice.objects.get(contract=contract)
    invoicing.issue_credit_note(invoice, amount=Decimal(36), act=cast.act(because="Not wanted", at=on(1, 2)))
    invoice.refresh_from_db()
    assert (invoice.status, Commit.objects.get().balance) == ("paid", Decimal(0))
    assert not [each.says for each, found in breaches() if found]


def test_an_unpaid_gated_commit_can_be_voided_and_is_invoiced_again() -> None:
    contract = cast.contract_with(commits=[AgreedCommit("Paid first", Decimal(40), Decimal(36), is_gated=True)])
    invoicing.bill_due(through=on(1), act=cast.act(at=on(1)))
    invoicing.void_invoice(Invoice.objects.get(contract=contract), act=cast.act(because="Wrong address"))
    bill_and_pay(contract, on(1, 2))
    assert Commit.objects.get().balance == Decimal(40)


# ------------------------------------------------------------ what is refused, and what fails
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"access_amount": Decimal(0)}, "must give access to something"),
        ({"access_amount": Decimal("0.001")}, "at most 2 decimals"),
        ({"unit": "credit", "worth": Decimal(0)}, "is worth more than nothing"),
        ({"is_gated": True}, "only if it is prepaid and costs something"),
        ({"rollover_percent": Decimal(50)}, "say for how many months"),
        ({"rollover_percent": Decimal(101), "rollover_months": 1}, "between 0 and 100 %"),
        ({"cycle_months": 0}, "counts in whole months"),
        ({"threshold": Decimal(0)}, "must be above zero"),
        ({"threshold": Decimal(5), "price": Decimal(5)}, "how much Monthly may cost in a month"),
        ({"monthly_limit": Decimal(5)}, "only recharges have a limit"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any], why: str) -> None:
    cast.standard_card()
    cast.contoso()
    cast.seller()
    with refused(why):
        cast.contract_with(AgreedRule(**({"name": "Monthly", "access_amount": Decimal(10)} | fields)))


def test_seats_must_be_in_the_contract_and_agreed_on() -> None:
    cast.contract_with()
    for product, why in (
        (cast.product("platform-fee"), "not in this contract"),
        (cast.product("input-tokens"), "measured"),
    ):
        with refused(why):
            cast.contract_with(AgreedRule("Credits", Decimal(1), per_seat_of=product))


def test_one_contracts_failure_stops_no_other_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = cast.contract_with(MONTHLY), cast.contract_with(MONTHLY)
    write = granting.write_made

    def broken(rule: Any, *rest: Any) -> Commit:
        if rule.contract_id == bad.pk:
            raise RuntimeError("the disk is full")
        return write(rule, *rest)

    monkeypatch.setattr(granting, "write_made", broken)
    run = invoicing.bill_due(through=on(1), act=cast.act(at=on(1)))
    told = run.outcomes.filter(result="failed").values_list("contract", "reason")
    assert list(told) == [(bad.pk, "Its commits could not be made: the disk is full")]
    assert (made(bad), len(made(good))) == ([], 1)


def test_it_takes_as_many_queries_for_three_contracts_with_nothing_to_do_as_for_one() -> None:
    def queries(contracts: list[Contract]) -> int:
        with CaptureQueriesContext(connection) as caught:
            make_due_commits([each.pk for each in contracts], at=on(1), act=cast.act(at=on(1)))
        return len(caught)

    every = [cast.contract_with(MONTHLY, RECHARGE, commits=[BEGIN]) for _ in range(3)]
    for contract in every:
        make(contract, on(1))
    assert queries(every) == queries(every[:1])


BEGIN = AgreedCommit("To begin with", Decimal(50), Decimal(50))


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_make_one() -> None:
    contract = cast.contract_with(MONTHLY, RECHARGE)
    barrier = threading.Barrier(8)

    def attempt() -> None:
        barrier.wait(timeout=20)
        make_due_commits([contract.pk], at=on(1, 2), act=cast.act(at=on(1, 2)))
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(access for _, _, access, _ in made(contract)) == [Decimal(100), Decimal(1000)]


# ------------------------------------------------------------ what happens meanwhile
def take(contract: Contract, amount: str, at: datetime) -> None:
    take_from(contract.commits.filter(balance__gte=Decimal(amount)).first(), Decimal(amount), at)


def take_all(contract: Contract, at: datetime) -> None:
    for commit in contract.commits.filter(balance__gt=0):
        take_from(commit, commit.balance, at)


def take_from(commit: Commit | None, amount: Decimal, at: datetime) -> None:
    assert commit is not None
    act = cast.act(because="Used", at=at)
    with change("commit.adjusted", commit, act) as row:
        record_entry(commit, "adjustment", -amount, "test", str(row.pk), act, row)


def pay(invoice: Invoice, amount: Decimal, at: datetime) -> None:
    given = {"currency": "USD", "method": "transfer", "external_id": f"{invoice.pk} {at}", "received_at": at}
    invoicing.record_payment(invoice, amount=amount, act=cast.act(because="Paid", at=at), **given)


def bill_and_pay(contract: Contract, at: datetime, part: Decimal | None = None) -> None:
    """Pay the invoice of the latest commit, or a part of it."""
    invoicing.bill_due(through=at, act=cast.act(at=at))
    invoice = Invoice.objects.filter(contract=contract, status="finalized").latest("issued_at", "sequence")
    pay(invoice, part or invoice.total, at + timedelta(hours=1))


def use(contract: Contract, at: datetime, tokens: int) -> None:
    counted = {"ContextTokens": tokens, "GeneratedTokens": 0}
    event = Event(f"use-{at}", "llm.request", at, contract.customer.key, counted)
    (verdict,) = ingest([event], source="gateway", at=at)
    assert verdict.outcome == "accepted"
