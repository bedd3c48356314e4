"""What an amendment comes to before it is applied is what billing then bills."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse

from contracts import operations as contracts
from contracts.changes import AddCommit, AddLine, Cancel, Change, ChangeLine, ChangeTerm, EndLine, Reactivate, SetPrice
from contracts.models import Amendment, Contract
from contracts.terms import AgreedLine, SignedTerms
from governance.acts import Refused
from invoicing.amending import Preview, credit_given, preview
from invoicing.billing import bill_contracts
from invoicing.models import Invoice, InvoiceLine
from invoicing.operations import bill_due
from metering.operations import ingest
from metering.wire.events import Event
from pricing.charges import Flat, PerUnit
from pricing.money import ZERO
from tests import cast
from tests.invoicing.test_concurrency import at_once
from tests.refusals import everything, refused

APR, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
APR_2, APR_11 = datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 4, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def contract(db: None) -> Contract:
    """From April for a year: ten seats at 30.00 and a plan at 100.00 in advance, a fee of 20.00 and tokens in arrears.

    April's advance is billed, and a million input tokens were used on the 5th.
    """
    cast.standard_card()
    plans = {"basic": "100", "pro": "160"}
    ann = cast.act("ann", "We sell this")
    for key in plans:
        cast.catalog.create_product(
            key=key, name=key.title(), kind="recurring", unit="month", revenue_account="4100", act=ann
        )
    draft = cast.catalog.draft_version(cast.card(), act=ann)
    charges = {key: Flat(Decimal(price)) for key, price in plans.items()} | {"seats": PerUnit(Decimal(30))}
    for key, charge in charges.items():
        cast.catalog.set_rate(draft, product(key), charge, in_advance=True, act=ann)
    draft = cast.catalog.submit_version(draft, warnings_accepted="So", act=ann)
    cast.approve_all(draft, "cara")
    version = cast.catalog.publish_version(draft, effective_from=cast.NOW + HOUR, act=ann)
    keys = {"seats": Decimal(10), "basic": None, "platform-fee": None, "input-tokens": None}
    terms = SignedTerms(
        customer=cast.contoso(),
        legal_entity=cast.seller(),
        rate_card_version=version,
        currency="USD",
        start_on=date(2026, 4, 1),
        months=12,
        lines=[AgreedLine(product(key), quantity=quantity) for key, quantity in keys.items()],
        signed_by="Dan",
    )
    contract = contracts.sign_contract(terms, act=cast.act("ben"))
    bill(APR_2 + HOUR)
    tokens = {"ContextTokens": 1_000_000, "GeneratedTokens": 0}
    ingest([Event("april", "llm.request", APR.replace(day=5), "contoso", tokens)], source="x", at=APR_11)
    return contract


def product(key: str) -> Any:
    return cast.Product.objects.filter(key=key).first() or cast.product(key)


def bill(through: datetime) -> None:
    run = bill_due(through=through, act=cast.act(because="Billing day", at=through))
    assert [each.reason for each in run.outcomes.filter(result="failed")] == []


def line(contract: Contract, key: str) -> str:
    return str(contract.lines.filter(product__key=key).latest("start_at").pk)


def shown(contract: Contract, *changes: Change, on: datetime = APR_11, at: datetime = APR_11) -> Preview:
    return preview(contract, changes, effective_at=on, at=at)


def legs(made: Preview) -> list[tuple[str, str, str, str]]:
    return [(each.product_key, f"{each.period.start:%m-%d}", f"{each.period.end:%m-%d}", f"{each.amount:.2f}")
            for each in made.owed]  # fmt: skip


def test_an_upgrade_in_a_cycle_is_a_credit_and_a_charge_of_the_same_part(contract: Contract) -> None:
    made = shown(contract, ChangeLine(line(contract, "basic"), product="pro"))
    assert legs(made) == [("basic", "04-11", "05-01", "-66.67"), ("pro", "04-11", "05-01", "106.67")]
    assert (made.difference, made.credit) == (Decimal("40.00"), ZERO)
    assert made.rest_after - made.rest_before == Decimal("40.00") + 11 * 60


def test_five_more_seats_for_two_thirds_of_a_month_come_to_a_hundred(contract: Contract) -> None:
    made = shown(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(15)))
    assert legs(made) == [("seats", "04-11", "05-01", "-200.00"), ("seats", "04-11", "05-01", "300.00")]
    assert made.difference == 100


def test_two_changes_in_one_cycle_each_count_for_their_part(contract: Contract) -> None:
    act = cast.act("ben", "They asked", APR_11)
    contracts.amend(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(15)), effective_at=APR_11, act=act)
    bill(APR_11 + 25 * HOUR)
    later = APR.replace(day=21)
    made = shown(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(18)), on=later, at=later)
    assert legs(made) == [("seats", "04-21", "05-01", "-150.00"), ("seats", "04-21", "05-01", "180.00")]


def test_a_change_dated_back_corrects_what_was_billed(contract: Contract) -> None:
    made = shown(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(8), timing="now"), on=APR)
    assert legs(made) == [("seats", "04-01", "05-01", "240.00"), ("seats", "04-01", "05-01", "-300.00")]


def test_a_decrease_waits_and_shows_in_the_next_cycle(contract: Contract) -> None:
    made = shown(contract, ChangeLine(line(contract, "seats"), quantity=Decimal(8)))
    assert made.through == MAY
    assert legs(made) == [("seats", "05-01", "06-01", "240.00")]
    assert [(each.product_key, each.amount) for each in made.instead_of] == [("seats", Decimal(300))]
    assert made.rest_after - made.rest_before == -11 * 60


def test_ending_with_credit_gives_back_what_was_not_used_and_without_it_nothing(contract: Contract) -> None:
    made = shown(contract, Cancel())
    assert [(key, amount) for key, _, _, amount in legs(made)] == [
        ("platform-fee", "6.67"),
        ("input-tokens", "2.50"),
        ("seats", "-200.00"),
        ("basic", "-66.67"),
    ]
    assert made.credit == Decimal("257.50")
    kept = shown(contract, Cancel(credit=False))
    assert [(key, amount) for key, _, _, amount in legs(kept)] == [("platform-fee", "6.67"), ("input-tokens", "2.50")]
    assert kept.rest_after == Decimal("9.17")
    assert kept.rest_before == 12 * 20 + 11 * 400 + Decimal("2.50") + 11 * Decimal("2.50")


def test_going_on_after_the_end_charges_again_what_was_given_back(contract: Contract) -> None:
    act = cast.act("cara", "They left", APR_11)
    contracts.amend(contract, Cancel(), effective_at=APR_11, act=act)
    made = shown(contract, Reactivate(date(2027, 3, 31)))
    assert made.rest_after > made.rest_before
    contracts.amend(contract, Reactivate(date(2027, 3, 31)), effective_at=APR_11, act=act)
    assert shown(contract, EndLine(line(contract, "basic"), timing="next_cycle"), on=MAY).owed == []
    bill(APR_11 + 26 * HOUR)
    assert InvoiceLine.objects.filter(invoice__contract=contract, amount__lt=0).count() == 0


def test_usage_to_come_is_taken_to_go_on_as_it_did(contract: Contract) -> None:
    assert shown(contract, AddLine("pro"), at=MAY).assumed == ""
    made = shown(contract, EndLine(line(contract, "input-tokens")), on=MAY, at=MAY)
    assert "taken to be that of the last days" in made.assumed
    assert (made.rest_before, made.rest_after) == (12 * Decimal("2.50"), Decimal("2.50"))


def test_a_credit_is_told_to_those_who_agree_to_it(contract: Contract) -> None:
    ben = cast.act("ben", "They left", APR_11)
    draft = contracts.draft_amendment(contract, changes=[Cancel()], effective_at=APR_11, act=ben)
    assert credit_given(draft, APR_11) == Decimal("257.50")


def test_a_preview_writes_nothing(contract: Contract) -> None:
    before = everything("governance", "contracts", "invoicing")
    shown(contract, Cancel())
    assert everything("governance", "contracts", "invoicing") == before


def some_changes(contract: Contract, chance: random.Random) -> tuple[list[Change], datetime]:
    """One to three changes that may be made on a day of April or May, which may have passed."""
    keys = ["seats", "basic", "platform-fee"]
    kinds = [
        lambda: ChangeLine(line(contract, "seats"), quantity=Decimal(chance.randint(1, 30)), timing=timing()),
        lambda: ChangeLine(line(contract, "basic"), product="pro", discount_percent=Decimal(chance.randint(0, 10))),
        lambda: EndLine(line(contract, "platform-fee"), timing=timing()),
        lambda: AddLine("pro", discount_percent=Decimal(chance.randint(0, 10))),
        lambda: ChangeTerm(date(2026, chance.randint(6, 12), chance.randint(1, 28))),
        lambda: SetPrice(chance.choice(keys), multiplier=Decimal("0.95")),
        lambda: AddCommit("Prepaid usage", Decimal(chance.randint(1, 50)), Decimal(chance.randint(0, 50))),
    ]

    def timing() -> str:
        return chance.choice(["policy", "now", "next_cycle"])

    chosen = chance.sample(kinds, chance.randint(1, 3))
    changes: list[Change] = [kind() for kind in chosen]
    if chance.random() < 0.2:
        changes = [Cancel(credit=chance.random() < 0.5)]
    return changes, APR + timedelta(days=chance.randint(1, 55))


@pytest.mark.parametrize("number", range(12))
def test_what_was_shown_is_what_is_billed(contract: Contract, number: int) -> None:
    """Two amendments of random changes, one after the other, each billed."""
    chance = random.Random(number)
    for step in range(2):
        at = APR_11 + timedelta(days=20 * step)
        changes, on = some_changes(contract, chance)
        try:
            with transaction.atomic():
                made = shown(contract, *changes, on=on, at=at)
                contracts.amend(contract, *changes, effective_at=on, act=cast.act("ben", "So", at))
        except Refused:
            continue
        with transaction.atomic():
            bill_contracts([contract.pk], through=made.through, act=cast.act(because="Billing day", at=made.through))
            drafts = Invoice.objects.filter(contract=contract, status="draft").order_by("kind")
            assert [(each.kind, each.total, [told(one) for one in each.lines.all()]) for each in drafts] == [
                (parts.kind, parts.total, [told(one) for one in parts.lines])
                for parts in sorted(made.invoices, key=lambda each: each.kind)
            ]
        bill(at + timedelta(days=2))


def told(each: Any) -> tuple[str, str, str, Decimal, Decimal]:
    start, end = (
        (each.period.start, each.period.end) if hasattr(each, "period") else (each.period_start, each.period_end)
    )
    return each.product_key, str(start), str(end), each.quantity, each.amount


@pytest.mark.django_db(transaction=True)
def test_of_two_who_apply_it_at_once_one_does(contract: Contract) -> None:
    ben = cast.act("ben", "They asked", APR_11)
    changes = [ChangeLine(line(contract, "seats"), quantity=Decimal(15))]
    draft = contracts.draft_amendment(contract, changes=changes, effective_at=APR_11, act=ben)
    submitted = contracts.submit_amendment(draft, act=ben)
    other = contracts.draft_amendment(contract, changes=changes, effective_at=APR_11, act=ben)
    other = contracts.submit_amendment(other, act=ben)
    results = at_once(4, lambda place: contracts.apply_amendment([submitted, other][place % 2], act=ben))
    assert [type(each) for each in results].count(Amendment) == 1
    assert contract.lines.filter(product__key="seats").count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_that_breaks_midway_leaves_nothing(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("contracts.operations.amending.write_commit", dies)
    changes = [ChangeLine(line(contract, "seats"), quantity=Decimal(15)), AddCommit("P", Decimal(4), Decimal(4))]
    act = cast.act("ben", "They asked", APR_11)
    with refused("^$", KeyboardInterrupt):
        contracts.amend(contract, *changes, effective_at=APR_11, act=act)


# ------------------------------------------------------------ doors
@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the eleventh of April."""
    monkeypatch.setattr("governance.clock.now", lambda: APR_11)


@pytest.mark.usefixtures("today")
def test_five_more_seats_are_composed_looked_at_drafted_submitted_and_applied(contract: Contract, client: Any) -> None:
    client.force_login(cast.person("cara"), backend="django.contrib.auth.backends.ModelBackend")
    page = f"/admin/contracts/amendment/of/{contract.pk}/"
    assert "Change something and look at what it comes to" in client.get(page).content.decode()
    seats = f"line-{line(contract, 'seats')}"
    filled = {
        "effective_on": "2026-04-11",
        "timing": "policy",
        "last_day": "2027-03-31",
        "because": "They hired",
        f"{seats}-product": "seats",
        f"{seats}-quantity": "15",
        f"{seats}-discount": "0",
    }
    before = everything("governance", "contracts", "invoicing")
    looked = client.post(page, filled | {"preview": "1"}).content.decode()
    assert all(words in looked for words in ("Seats: 10 → 15 seats from 11 Apr 2026", "−$200.00", "$300.00", "$100.00"))
    assert everything("governance", "contracts", "invoicing") == before
    client.post(page, filled | {"draft": "1"})
    amendment = Amendment.objects.get()
    address = f"/admin/contracts/amendment/{amendment.pk}"
    assert "−$200.00" in client.get(f"{address}/change/").content.decode()
    for verb in ("submit", "apply"):
        address_of = reverse(f"admin:contracts_amendment_{verb}", args=[amendment.pk])
        client.post(address_of, {"_form_submitted": "on", "because": "So"})
    amendment.refresh_from_db()
    assert (amendment.status, amendment.reason) == ("applied", "They hired")
    assert "Seats: 10 → 15 seats from 11 Apr 2026" in client.get(f"{address}/change/").content.decode()
    told_there = client.get(f"/admin/contracts/contract/{contract.pk}/change/").content.decode()
    assert "Seats: 10 → 15 seats from 11 Apr 2026" in told_there


def test_what_is_wrong_with_a_composed_amendment_is_said_on_its_page(contract: Contract, client: Any) -> None:
    client.force_login(cast.person("ben"), backend="django.contrib.auth.backends.ModelBackend")
    page = f"/admin/contracts/amendment/of/{contract.pk}/"
    filled = {"effective_on": "2026-04-11", "because": "So", "draft": "1"}
    nothing = client.post(page, filled)
    assert (nothing.status_code, "Nothing is changed yet." in nothing.content.decode()) == (400, True)
    assert client.post(page, {**filled, "because": ""}).status_code == 400
    assert not Amendment.objects.exists()


@pytest.mark.usefixtures("today")
def test_a_contract_is_amended_through_the_api(contract: Contract, client: Any) -> None:
    key = cast.system_key("contracts:amend", "contracts:read")
    address = f"/api/v1/contracts/{contract.number}"
    seats = next(each for each in client.get(address, headers=key).json()["lines"] if each["product"] == "seats")
    asked = {
        "effective_on": "2026-04-11",
        "changes": [{"kind": "change_line", "line": seats["id"], "quantity": "15"}],
        "because": "They hired",
    }
    before = everything("contracts", "invoicing")
    look = {"content_type": "application/json", "headers": key}
    shown_there = client.post(f"{address}/amendments", asked | {"preview": True}, **look).json()
    assert [leg["amount"] for leg in shown_there["legs"]] == [
        {"amount": "-200.00", "currency": "USD"},
        {"amount": "300.00", "currency": "USD"},
    ]
    assert shown_there["difference"] == {"amount": "100.00", "currency": "USD"}
    assert everything("contracts", "invoicing") == before
    made = client.post(f"{address}/amendments", asked, **look)
    assert (made.status_code, made.json()["number"], made.json()["did"]) == (
        201,
        1,
        ["Seats: 10 → 15 seats from 11 Apr 2026"],
    )
    assert client.get(f"{address}/amendments", headers=key).json() == [made.json()]
    big = {"kind": "change_line", "line": seats["id"], "quantity": "nine"}
    wrong = client.post(f"{address}/amendments", asked | {"changes": [big]}, **look)
    assert (wrong.status_code, wrong.json()["detail"][:30]) == (409, "changes[0].quantity: must be a")


def test_usage_is_counted_as_the_contract_counts_it_also_when_its_customer_was_merged(contract: Contract) -> None:
    cheaper = ChangeLine(line(contract, "input-tokens"), discount_percent=Decimal(10), timing="now")
    before = shown(contract, cheaper, on=APR, at=MAY)
    assert [leg for leg in legs(before) if leg[0] == "input-tokens"] != []
    because = cast.act(because="The same company", at=MAY)
    contracts.merge_customers(cast.customer("kept"), contract.customer, act=because)
    assert legs(shown(Contract.objects.get(pk=contract.pk), cheaper, on=APR, at=MAY)) == legs(before)
