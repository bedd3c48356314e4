"""A signed contract changes by amendments: what each kind does to its rows, and what is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError

from contracts import operations
from contracts.changes import (
    AddCommit,
    AddLine,
    Cancel,
    Change,
    ChangeContract,
    ChangeLine,
    ChangeTerm,
    EndLine,
    Reactivate,
    SetPrice,
    dump,
    load,
)
from contracts.models import Amendment, Contract, ContractLine
from contracts.queries import deals_of
from contracts.terms import AgreedLine, SignedTerms
from governance.models import Change as Recorded
from pricing.charges import Flat, PerUnit
from pricing.periods import midnight
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db

JUN_11 = datetime(2026, 6, 11, tzinfo=UTC)
JUL = datetime(2026, 7, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def contract() -> Contract:
    """A year of ten seats at 30.00, output tokens at 15 % off and the platform fee."""
    cast.standard_card()
    version = cast.publish({"seats": PerUnit(Decimal(30))}, effective_from=cast.NOW.replace(hour=10))
    terms = SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=version,
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[
            AgreedLine(cast.product("seats"), quantity=Decimal(10)),
            AgreedLine(cast.product("output-tokens"), discount_percent=Decimal(15)),
            AgreedLine(cast.product("platform-fee")),
        ],
        signed_by="Dan",
    )
    return operations.sign_contract(terms, act=cast.act("ben"))


def line(contract: Contract, key: str) -> str:
    return str(contract.lines.filter(product__key=key).latest("start_at").pk)


def amend(contract: Contract, *changes: Change, at: datetime = JUN_11) -> Amendment:
    return operations.amend(contract, *changes, effective_at=at, act=cast.act("ben", "Contoso asked"))


def told(contract: Contract) -> list[tuple[str, str, str, str]]:
    """Product, quantity, first day and the day after the last of each line, in order."""
    lines = contract.lines.select_related("product").order_by("position", "start_at")
    return [
        (
            each.product.key,
            "" if each.quantity is None else f"{each.quantity:f}".rstrip("0").rstrip("."),
            f"{each.start_at:%m-%d}",
            f"{each.end_at:%m-%d}",
        )
        for each in lines
    ]


REST = [("output-tokens", "", "01-01", "01-01"), ("platform-fee", "", "01-01", "01-01")]


def test_more_seats_count_from_the_day(contract: Contract) -> None:
    made = amend(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(15)))
    assert told(contract) == [("seats", "10", "01-01", "06-11"), ("seats", "15", "06-11", "01-01"), *REST]
    old, new = contract.lines.filter(product__key="seats").order_by("start_at")
    assert (new.replaces, new.position, new.label) == (old, old.position, old.label)
    assert (made.number, made.status, made.did) == (1, "applied", ["Seats: 10 → 15 seats from 11 Jun 2026"])


def test_fewer_seats_wait_for_the_next_cycle_unless_it_is_to_be_now(contract: Contract) -> None:
    amend(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(8)))
    assert told(contract)[:2] == [("seats", "10", "01-01", "07-01"), ("seats", "8", "07-01", "01-01")]
    amend(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(5), timing="now"), at=JUL.replace(day=21))
    assert told(contract)[1:3] == [("seats", "8", "07-01", "07-21"), ("seats", "5", "07-21", "01-01")]


def test_on_the_first_day_of_a_cycle_there_is_nothing_to_wait_for(contract: Contract) -> None:
    amend(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(8)), at=JUL)
    assert told(contract)[:2] == [("seats", "10", "01-01", "07-01"), ("seats", "8", "07-01", "01-01")]


def test_an_upgrade_is_now_and_a_downgrade_at_the_end_of_the_cycle(contract: Contract) -> None:
    fee, seats = line(contract, "platform-fee"), line(contract, "seats")
    amend(contract, ChangeLine(fee, product="seats", quantity=Decimal(1)))
    assert told(contract)[2:] == [("platform-fee", "", "01-01", "06-11"), ("seats", "1", "06-11", "01-01")]
    amend(contract, ChangeLine(seats, product="platform-fee", quantity=Decimal(1)))
    assert told(contract)[:2] == [("seats", "10", "01-01", "07-01"), ("platform-fee", "1", "07-01", "01-01")]


def test_what_is_measured_changes_with_its_cycle_because_its_tiers_begin_anew(contract: Contract) -> None:
    amend(contract, ChangeLine(line(contract, "output-tokens"), discount_percent=Decimal(5)))
    old, new = contract.lines.filter(product__key="output-tokens").order_by("start_at")
    assert (old.end_at, new.start_at, new.discount_percent) == (JUL, JUL, Decimal(5))


def test_lines_come_and_go(contract: Contract) -> None:
    added = AddLine("seats", quantity=Decimal(2), label="Berlin", last_day=date(2026, 9, 30))
    amend(contract, added, EndLine(line(contract, "platform-fee")), EndLine(line(contract, "seats"), timing="now"))
    assert told(contract) == [
        ("seats", "10", "01-01", "06-11"),
        REST[0],
        ("platform-fee", "", "01-01", "07-01"),
        ("seats", "2", "06-11", "10-01"),
    ]


def test_a_price_of_this_contract_alone_acts_from_then_on(contract: Contract) -> None:
    amend(contract, SetPrice("seats", charge=PerUnit(Decimal(25))))
    seats = next(each for each in deals_of([contract])[contract.pk].lines if each.agreed.product.key == "seats")
    (override,) = seats.overrides
    assert (override.charge, override.start, override.end) == (PerUnit(Decimal(25)), JUN_11, None)


def test_the_term_is_extended_and_shortened_with_all_that_ends_with_it(contract: Contract) -> None:
    amend(contract, EndLine(line(contract, "platform-fee"), timing="now"))
    amend(contract, ChangeTerm(date(2027, 3, 31)))
    assert [end for *_, end in told(contract)] == ["04-01", "04-01", "06-11"]
    made = amend(contract, ChangeTerm(date(2026, 9, 30)))
    assert [end for *_, end in told(contract)] == ["10-01", "10-01", "06-11"]
    contract.refresh_from_db()
    assert (contract.status, f"{contract.end_at:%Y-%m-%d}") == ("active", "2026-10-01")
    assert made.did == ["Term shortened to 30 Sep 2026"]


def test_a_commit_is_added_for_the_rest_of_the_term(contract: Contract) -> None:
    amend(contract, AddCommit("Prepaid usage", Decimal(400), Decimal(360), ("output-tokens",)))
    commit = contract.commits.get()
    assert (commit.balance, commit.price, commit.start_at, commit.end_at) == (400, 360, JUN_11, END)
    assert [(each.amount, each.invoice_at) for each in commit.instalments.all()] == [(360, JUN_11)]


def test_a_contract_ends_and_goes_on_without_billing_the_gap(contract: Contract) -> None:
    amend(contract, Cancel())
    contract.refresh_from_db()
    assert (contract.status, contract.end_at, {end for *_, end in told(contract)}) == ("ended", JUN_11, {"06-11"})
    with refused("was ended; reactivate it first"):
        amend(contract, ChangeContract(purchase_order="PO-1"))
    amend(contract, Reactivate(date(2026, 12, 31)), at=JUL)
    contract.refresh_from_db()
    assert (contract.status, contract.end_at) == ("active", END)
    assert [days for _, _, *days in told(contract)] == [["01-01", "06-11"], ["07-01", "01-01"]] * 3
    assert all(each.replaces for each in contract.lines.filter(start_at=JUL))


def test_a_contract_that_goes_on_at_once_keeps_its_lines(contract: Contract) -> None:
    before = told(contract)
    amend(contract, Cancel())
    amend(contract, Reactivate(date(2026, 12, 31)))
    assert told(contract) == before
    assert [each.name for each in Recorded.objects.filter(subject_type="contracts.contract")] == [
        "contract.signed",
        "contract.ended",
        "contract.reactivated",
    ]


def test_without_credit_what_was_begun_in_advance_runs_to_the_end_of_its_cycle() -> None:
    card = cast.standard_card()
    draft = cast.catalog.draft_version(card.card, act=cast.act("ann"))
    cast.catalog.set_rate(draft, cast.product("platform-fee"), Flat(Decimal(20)), in_advance=True, act=cast.act("ann"))
    cast.catalog.submit_version(draft, warnings_accepted="So", act=cast.act("ann"))
    cast.approve_all(draft, "cara")
    version = cast.catalog.publish_version(draft, effective_from=cast.NOW.replace(hour=11), act=cast.act("ann"))
    terms = SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=version,
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[AgreedLine(cast.product("platform-fee")), AgreedLine(cast.product("output-tokens"))],
        signed_by="Dan",
    )
    contract = operations.sign_contract(terms, act=cast.act("ben"))
    amend(contract, Cancel(credit=False))
    assert [end for *_, end in told(contract)] == ["07-01", "06-11"]
    contract.refresh_from_db()
    assert contract.end_at == JUN_11


def test_what_stands_on_invoices_changes(contract: Contract) -> None:
    amend(contract, ChangeContract(purchase_order="PO-9", payment_terms_days=14))
    contract.refresh_from_db()
    assert (contract.purchase_order, contract.payment_terms_days) == ("PO-9", 14)


@pytest.mark.parametrize(
    ("change", "at", "sentence"),
    [
        (lambda c: ChangeLine("nothing"), JUN_11, "has no line nothing"),
        (lambda c: ChangeLine(line(c, "seats"), quantity=Decimal(10)), JUN_11, "Seats is so already"),
        (lambda c: ChangeLine(line(c, "seats"), quantity=Decimal(1)), datetime(2026, 12, 5, tzinfo=UTC), "ends before"),
        (lambda c: ChangeLine(line(c, "seats"), product="setup"), JUN_11, "There is no product setup"),
        (lambda c: ChangeLine(line(c, "seats"), discount_amount=Decimal("0.001")), JUN_11, "at most 2 decimals"),
        (lambda c: AddLine("output-tokens"), JUN_11, "two lines at once"),
        (lambda c: AddLine("platform-fee", quantity=Decimal(2)), JUN_11, "cannot be priced"),
        (
            lambda c: AddLine("seats", quantity=Decimal(2), last_day=date(2027, 1, 1)),
            JUN_11,
            "both within",
        ),
        (lambda c: AddLine("platform-fee"), datetime(2025, 6, 1, tzinfo=UTC), "within the term of its contract"),
        (lambda c: SetPrice("seats"), JUN_11, "either a charge or a multiplier"),
        (lambda c: ChangeTerm(date(2026, 6, 10)), JUN_11, "after the amendment takes effect"),
        (lambda c: Reactivate(date(2027, 6, 10)), JUN_11, "is active and cannot become active"),
        (lambda c: Cancel(), datetime(2026, 1, 1, tzinfo=UTC), "ends after its first day"),
        (lambda c: AddCommit("Prepaid", Decimal(1), Decimal(1), ("nothing",)), JUN_11, "There is no product nothing"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    contract: Contract, change: Any, at: datetime, sentence: str
) -> None:
    made = change(contract)
    with refused(sentence):
        operations.draft_amendment(contract, changes=[made], effective_at=at, act=cast.act("ben"))


def test_an_amendment_changes_nothing_until_it_is_applied(contract: Contract) -> None:
    before = told(contract)
    ben = cast.act("ben", "Contoso asked")
    changes = [ChangeLine(line(contract, "seats"), quantity=Decimal(15))]
    draft = operations.draft_amendment(contract, changes=changes, effective_at=JUN_11, act=ben)
    with refused("is draft and cannot become applied"):
        operations.apply_amendment(draft, act=ben)
    submitted = operations.submit_amendment(draft, act=ben)
    assert (submitted.status, submitted.submitted_by, told(contract)) == ("in_review", cast.person("ben"), before)
    applied = operations.apply_amendment(submitted, act=ben)
    assert len(told(contract)) == len(before) + 1
    for again in (operations.apply_amendment, operations.withdraw_amendment, operations.submit_amendment):
        with refused("is applied and cannot become"):
            again(applied, act=ben)


def test_what_was_submitted_is_not_applied_to_a_contract_that_changed_meanwhile(contract: Contract) -> None:
    ben = cast.act("ben", "Contoso asked")
    changes = [ChangeLine(line(contract, "seats"), quantity=Decimal(15))]
    draft = operations.draft_amendment(contract, changes=changes, effective_at=JUN_11, act=ben)
    submitted = operations.submit_amendment(draft, act=ben)
    amend(contract, EndLine(line(contract, "platform-fee")))
    with refused("has changed since this was submitted"):
        operations.apply_amendment(submitted, act=ben)
    again = operations.redraft_amendment(submitted, changes=changes, effective_at=JUL, reason="Later", act=ben)
    assert (again.status, again.reason, again.effective_at, again.basis) == ("draft", "Later", JUL, "")
    operations.apply_amendment(operations.submit_amendment(again, act=ben), act=ben)
    assert told(contract)[:2] == [("seats", "10", "01-01", "07-01"), ("seats", "15", "07-01", "01-01")]


def test_a_big_discount_is_for_the_deal_desk(contract: Contract) -> None:
    ben = cast.act("ben", "Contoso asked")
    changes = [ChangeLine(line(contract, "seats"), discount_percent=Decimal(30))]
    with refused("This needs approval first: deal desk \\(30 % off\\)"):
        operations.amend(contract, *changes, effective_at=JUN_11, act=ben)
    draft = operations.draft_amendment(contract, changes=changes, effective_at=JUN_11, act=ben)
    submitted = operations.submit_amendment(draft, act=ben)
    with refused("This needs approval first"):
        operations.apply_amendment(submitted, act=ben)
    cast.approve_all(submitted)
    operations.apply_amendment(submitted, act=ben)
    assert contract.lines.filter(discount_percent=30).count() == 1


def test_changes_are_stored_as_they_are(contract: Contract) -> None:
    changes = [
        ChangeLine("a", quantity=Decimal("1.5"), timing="now"),
        AddLine("seats", quantity=Decimal(2), last_day=date(2026, 9, 30)),
        EndLine("b", "next_cycle"),
        SetPrice("seats", charge=PerUnit(Decimal(3)), priority=5),
        ChangeTerm(date(2026, 9, 30)),
        AddCommit("Prepaid", Decimal(5), Decimal(4), ("a", "b")),
        Cancel(credit=False),
        Reactivate(date(2026, 9, 30)),
        ChangeContract(purchase_order="", payment_terms_days=3),
    ]
    assert load(dump(changes)) == changes
    for data, sentence in [
        ("x", "a list of 1 to 500"),
        ([], "a list of 1 to 500"),
        ([{"kind": "x"}], "kind: must be one of change_line"),
        ([{"kind": "end_line"}], "line: is required"),
        ([{"kind": "cancel", "credit": "yes"}], "credit: must be true or false"),
        ([{"kind": "change_term", "last_day": "tomorrow"}], "last_day: must be a day"),
        ([{"kind": "cancel", "reason": "x"}], "reason: unknown field"),
    ]:
        with refused(sentence):
            load(data)


def test_days_are_those_of_the_contract() -> None:
    buyer = cast.customer("berlin", time_zone="Europe/Berlin")
    terms = SignedTerms(
        customer=buyer,
        legal_entity=cast.seller(),
        rate_card_version=cast.standard_card(),
        currency="USD",
        start_on=date(2026, 1, 1),
        months=12,
        lines=[AgreedLine(cast.product("platform-fee"))],
        signed_by="Dan",
    )
    contract = operations.sign_contract(terms, act=cast.act("ben"))
    amend(contract, ChangeTerm(date(2026, 8, 31)), at=midnight(date(2026, 6, 11), "Europe/Berlin"))
    contract.refresh_from_db()
    assert contract.end_at == ContractLine.objects.get().end_at == midnight(date(2026, 9, 1), "Europe/Berlin")


@pytest.mark.django_db(transaction=True)
def test_outside_of_an_amendment_postgresql_lets_nothing_change(contract: Contract) -> None:
    """The transaction that signed it is over, and so is that of the amendment."""
    amend(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(15)))
    first = contract.lines.get(replaced_by__isnull=False)
    first.end_at = END
    with pytest.raises(DatabaseError, match="never changes but in its end"), cast.change("x.y", first, cast.act()):
        first.save()
    contract.refresh_from_db()
    contract.status = "ended"
    with pytest.raises(DatabaseError, match="by an amendment alone"), cast.change("x.y", contract, cast.act()):
        contract.save()
    first.pk = None
    first._state.adding = True
    with pytest.raises(DatabaseError, match="but by an amendment"), cast.change("x.y", contract, cast.act()):
        first.save()
    applied = Amendment.objects.get()
    applied.reason = "Another"
    with pytest.raises(DatabaseError, match="decided never changes"), cast.change("x.y", applied, cast.act()):
        applied.save()
