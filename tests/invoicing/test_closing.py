"""What becomes of a rest once the window is over: it expires, or rolls over as agreed; never before all is billed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config.books import breaches
from contracts.models import Commit, Contract
from contracts.operations import close_commit, end_contract, renew_contract
from contracts.terms import AgreedCommit, AgreedRule
from invoicing import operations as invoicing
from invoicing.models import Invoice
from metering.operations import ingest
from metering.wire.events import Event
from tests import cast

pytestmark = pytest.mark.django_db
MONTHLY = AgreedRule("Allowance", Decimal(50), Decimal(40))
HALF = {"rollover_percent": Decimal(50), "rollover_months": 1}


def on(month: int, day: int = 1, hour: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def contract_with(**fields: Any) -> Contract:
    rule = {name: getattr(MONTHLY, name) for name in MONTHLY.__dataclass_fields__}
    return cast.contract_with(AgreedRule(**(rule | fields)))


def use(at: datetime, millions: int) -> None:
    """So many million input tokens: $2.50 for each of the first ten."""
    counted = {"ContextTokens": millions * 1_000_000, "GeneratedTokens": 0}
    (verdict,) = ingest([Event(f"use-{at}-{millions}", "llm.request", at, "contoso", counted)], source="gateway", at=at)
    assert verdict.outcome == "accepted"


def bill(at: datetime) -> None:
    run = invoicing.bill_due(through=at, act=cast.act(because="Billing day", at=at))
    assert [each.reason for each in run.outcomes.filter(result="failed")] == []


def entries(commit: Commit) -> list[tuple[str, Decimal]]:
    return list(commit.entries.values_list("kind", "amount"))


def first_of(contract: Contract) -> Commit:
    return contract.commits.earliest("start_at", "number")


def in_order() -> bool:
    return not [each.says for each, found in breaches() if found]


def test_a_rest_expires_once_its_usage_is_billed_and_grace_is_over() -> None:
    contract = contract_with()
    use(on(1, 15), 8)
    bill(on(2, 1, 1))
    assert entries(first_of(contract)) == [("grant", Decimal(50))]
    bill(on(2, 2))
    bill(on(2, 2, 1))
    assert entries(first_of(contract)) == [("grant", Decimal(50)), ("draw", Decimal(-20)), ("expiry", Decimal(-30))]
    assert first_of(contract).balance == 0
    assert in_order()


def test_part_of_a_rest_rolls_over_at_its_share_of_the_price_and_pays_first() -> None:
    contract = contract_with(**HALF)
    use(on(1, 15), 8)
    bill(on(2, 2))
    commit = first_of(contract)
    assert entries(commit)[2:] == [("expiry", Decimal(-15)), ("rollover", Decimal(-15))]
    rolled = Commit.objects.get(rolled_from=commit)
    assert (rolled.name, rolled.access_amount, rolled.price, rolled.balance) == (
        "Allowance, rolled over", Decimal(15), Decimal(12), Decimal(15),
    )  # fmt: skip
    assert (rolled.start_at, rolled.end_at, rolled.instalments.count()) == (on(2), on(3), 0)
    use(on(2, 10), 4)
    bill(on(3, 2))
    rolled.refresh_from_db()
    assert entries(rolled) == [("grant", Decimal(15)), ("draw", Decimal(-10)), ("expiry", Decimal(-5))]
    assert in_order()


def test_what_rolls_over_has_a_limit_and_does_so_once() -> None:
    contract = contract_with(rollover_percent=Decimal(100), rollover_limit=Decimal(20), rollover_months=2)
    for month in (2, 3, 4, 5):
        bill(on(month, 2))
    rolled = Commit.objects.exclude(rolled_from=None).order_by("start_at")
    assert [(each.access_amount, each.start_at, each.end_at, each.balance) for each in rolled] == [
        (Decimal(20), on(2), on(4), Decimal(0)),
        (Decimal(20), on(3), on(5), Decimal(0)),
        (Decimal(20), on(4), on(6), Decimal(20)),
        (Decimal(20), on(5), on(7), Decimal(20)),
    ]
    assert contract.commits.filter(rolled_from__rolled_from__isnull=False).count() == 0
    assert in_order()


def test_it_waits_for_the_end_of_a_cycle_that_began_in_the_window() -> None:
    """A commit that ends in the middle of January may pay for all of January, which is billed in February."""
    commit = AgreedCommit("Prepaid", Decimal(100), Decimal(90))
    contract = cast.contract_with(commits=[commit], start_on=date(2026, 1, 1), months=1)
    assert contract.commits.get().end_at == on(2)
    use(on(1, 20), 4)
    bill(on(2, 1, 12))
    assert entries(contract.commits.get()) == [("grant", Decimal(100))]
    bill(on(2, 2))
    assert entries(contract.commits.get())[1:] == [("draw", Decimal(-10)), ("expiry", Decimal(-90))]
    assert in_order()


def test_it_waits_for_a_draft_that_somebody_holds_back() -> None:
    contract = contract_with()
    use(on(1, 15), 8)
    bill(on(2, 1, 1))
    draft = Invoice.objects.get(contract=contract, status="draft")
    from_hold = draft.closes_at
    assert from_hold == on(2, 2)
    bill(on(2, 1, 23))
    assert first_of(contract).entries.count() == 1


def test_late_usage_after_the_expiry_is_paid_in_money() -> None:
    contract = contract_with()
    bill(on(2, 2))
    assert entries(first_of(contract))[1:] == [("expiry", Decimal(-50))]
    use(on(1, 31), 4)
    bill(on(3, 2))
    assert entries(first_of(contract))[1:] == [("expiry", Decimal(-50))]
    period = Invoice.objects.filter(contract=contract, kind="period", status="finalized")
    assert [(each.subtotal, each.drawn) for each in period] == [(Decimal(10), Decimal(0))]
    assert in_order()


def test_what_comes_back_after_the_expiry_expires_too_and_is_not_rolled_over_twice() -> None:
    """The usage was taken back: had it never been, its part of the rest would have expired with the other."""
    contract = contract_with(**HALF)
    use(on(1, 15), 8)
    bill(on(2, 2))
    month = Invoice.objects.get(contract=contract, kind="period")
    if month.status == "finalized":
        invoicing.void_invoice(month, act=cast.act(because="Wrong", at=on(2, 3)))
    commit = first_of(contract)
    if commit.balance:
        close_commit(commit, act=cast.act(because="It is over", at=on(2, 4)))
        commit.refresh_from_db()
        assert entries(commit)[-2:] == [("return", Decimal(20)), ("expiry", Decimal(-20))]
    assert (commit.balance, Commit.objects.filter(rolled_from=commit).count()) == (0, 1)
    assert in_order()


def test_closing_again_does_nothing() -> None:
    contract = contract_with(**HALF)
    bill(on(2, 2))
    commit = first_of(contract)
    before = entries(commit)
    assert close_commit(commit, act=cast.act(because="Again", at=on(2, 3))) is None
    assert (entries(commit), Commit.objects.filter(rolled_from=commit).count()) == (before, 1)


def test_at_the_end_of_the_contract_it_rolls_over_into_the_renewal_or_expires() -> None:
    left = AgreedCommit("Prepaid", Decimal(100), Decimal(90), rollover_percent=Decimal(50), rollover_months=3)
    ends, renewed = (cast.contract_with(commits=[left], months=1) for _ in range(2))
    renewal = renew_contract(renewed, act=cast.act("ben", "They go on", on(1, 20)))
    bill(on(2, 2))
    assert entries(ends.commits.get())[1:] == [("expiry", Decimal(-100))]
    assert entries(renewed.commits.get())[1:] == [("expiry", Decimal(-50)), ("rollover", Decimal(-50))]
    rolled = renewal.commits.get(rolled_from=renewed.commits.get())
    assert (rolled.access_amount, rolled.price, rolled.start_at) == (Decimal(50), Decimal(45), on(2))
    assert in_order()


def test_a_contract_ended_early_closes_its_commits() -> None:
    contract = cast.contract_with(commits=[AgreedCommit("Prepaid", Decimal(100), Decimal(90))])
    end_contract(contract, end_on=date(2026, 1, 15), act=cast.act("cara", "They leave", on(1, 10)))
    bill(on(1, 16) + timedelta(hours=1))
    assert entries(contract.commits.get())[1:] == [("expiry", Decimal(-100))]


def test_one_that_cannot_be_closed_stops_no_other_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = contract_with(), contract_with()
    bill(on(1))

    def broken(commit: Commit, **rest: Any) -> Commit | None:
        if commit.contract_id == one.pk:
            raise RuntimeError("the disk is full")
        return close_commit(commit, **rest)

    monkeypatch.setattr("invoicing.closing.close_commit", broken)
    run = invoicing.bill_due(through=on(2, 2), act=cast.act(at=on(2, 2)))
    told = run.outcomes.filter(result="failed").values_list("contract", "reason")
    assert list(told) == [(one.pk, "the disk is full")]
    assert (first_of(one).balance, first_of(other).balance) == (Decimal(50), Decimal(0))
