"""A parent that pays: their invoice for a child's contract, from billing to the books and the outside."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from guardian.shortcuts import assign_perm

from catalog.models import RateCardVersion
from contracts import operations as contracts
from contracts.account import customer_of, token_of
from contracts.models import Commit, Contract, Customer, LegalEntity
from contracts.queries import addresses_of
from governance.change import change
from governance.doors import visible
from governance.models import Change
from invoicing import operations
from invoicing.account import invoices_section
from invoicing.holds import held
from invoicing.models import Invoice, Payment
from invoicing.presentation import presented
from ledger.models import JournalEntry
from ledger.operations import install_accounts, post_invoice, post_payment
from metering.models import UsageFlag
from tests.invoicing import books
from tests.invoicing.books import FEB_2, act, bill, use
from tests.refusals import refused

HOLDING = {"name": "Contoso Holding", "email": "group@contoso.example", "tax_percent": Decimal(19), "country": "DE"}


@pytest.fixture
def holding(db: None) -> Customer:
    return books.customer("holding", **HOLDING)


@pytest.fixture
def child(holding: Customer) -> Customer:
    return books.customer("contoso", parent=holding, billed_to_parent=True)


@pytest.fixture
def contract(version: RateCardVersion, child: Customer, legal_entity: LegalEntity) -> Contract:
    return books.sign(version, child, legal_entity)


@pytest.fixture
def invoices(contract: Contract, child: Customer) -> list[Invoice]:
    use(child)
    bill()
    return list(Invoice.objects.filter(contract=contract).order_by("sequence"))


def test_whose_parent_is_billed_signs_contracts_that_it_pays(contract: Contract, holding: Customer) -> None:
    assert (contract.customer.key, contract.payer) == ("contoso", holding)
    contracts.update_customer(contract.customer, billed_to_parent=False, parent=None, act=act("Sold"))
    contract.refresh_from_db()
    assert contract.payer == holding


def test_the_payer_is_the_first_above_who_is_not_billed_to_a_parent(
    version: RateCardVersion, holding: Customer, legal_entity: LegalEntity
) -> None:
    top = books.customer("top")
    holding = contracts.update_customer(holding, parent=top, billed_to_parent=True, act=act("Bought"))
    middle = books.customer("middle", parent=holding)
    below = books.customer("below", parent=middle, billed_to_parent=True)
    assert books.sign(version, below, legal_entity).payer == middle
    assert books.sign(version, middle, legal_entity).payer == middle
    assert books.sign(version, holding, legal_entity).payer == top


def test_the_invoice_is_the_payers_and_says_for_whom(invoices: list[Invoice], holding: Customer) -> None:
    month = invoices[1]
    assert [each.customer for each in invoices] == [holding, holding]
    assert {name: month.buyer[name] for name in ("name", "country", "email", "pays_for")} == {
        "name": "Contoso Holding",
        "country": "DE",
        "email": "group@contoso.example",
        "pays_for": "Contoso Ltd",
    }
    assert ("For", "Contoso Ltd") in presented(month).facts
    # The child's usage at the payer's tax: 92.25 and 19 % of it, less what the child's own commit paid.
    assert (month.subtotal, month.tax, month.drawn) == (Decimal("92.25"), Decimal("17.53"), Decimal(-40))


def test_the_books_say_that_the_payer_owes_it_and_paid_it(invoices: list[Invoice], holding: Customer) -> None:
    install_accounts()
    payment = operations.record_payment(
        invoices[1], amount=invoices[1].total, currency="USD", method="bank transfer", external_id="t-1",
        received_at=FEB_2, act=act("Paid"),
    )  # fmt: skip
    for each in invoices:
        post_invoice(each, act=act())
    post_payment(payment, act=act())
    assert {entry.customer for entry in JournalEntry.objects.all()} == {holding}
    assert visible(Payment.objects.all(), person_serving(invoices[0].contract.customer)).count() == 1


def person_serving(customer: Customer) -> User:
    user, _ = User.objects.get_or_create(username=f"for-{customer.key}")
    assign_perm("contracts.serve_customer", user, customer)
    return user


def test_the_people_of_both_see_it_and_nobody_elses_do(invoices: list[Invoice], holding: Customer) -> None:
    stranger = books.customer("stranger")
    child = invoices[0].contract.customer
    seen = {
        customer.key: [
            visible(model.objects.all(), person_serving(customer)).count()  # type: ignore[attr-defined]
            for model in (Customer, Contract, Commit, Invoice)
        ]
        for customer in (child, holding, stranger)
    }
    assert seen == {"contoso": [1, 1, 1, 2], "holding": [1, 1, 1, 2], "stranger": [1, 0, 0, 0]}


def test_mail_and_the_account_page_are_the_payers(invoices: list[Invoice], holding: Customer) -> None:
    child = invoices[0].contract.customer
    assert addresses_of(invoices[0].customer) == (["group@contoso.example"], [])
    assert customer_of(token_of(holding)) == holding
    shown = invoices_section(holding, FEB_2)
    assert shown is not None
    assert [row["number"] for row in shown.about["rows"]] == ["INV-000002", "INV-000001"]
    assert invoices_section(child, FEB_2) is None


def test_what_is_flagged_of_the_childs_usage_holds_the_payers_draft(contract: Contract, child: Customer) -> None:
    use(child)
    bill(books.FEB)
    draft = Invoice.objects.get(contract=contract, status="draft")
    seen = {"meter_key": "input-tokens", "seen": 9_000, "usual": 1_000, "detail": "9 times the usual."}
    UsageFlag.objects.create(kind="spike", customer_key=child.key, day=books.NOON.date(), found_at=books.FEB, **seen)
    assert list(held([draft])) == [draft.pk]
    bill()
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_who_is_not_above_cannot_pay(version: RateCardVersion, child: Customer, legal_entity: LegalEntity) -> None:
    stranger = books.customer("stranger")
    with refused("is not above Contoso Ltd"):
        books.sign(version, child, legal_entity, payer=stranger)
    own = books.sign(version, child, legal_entity, payer=child)
    assert own.payer == child


def test_the_database_keeps_the_payer_within_the_family_and_for_good(contract: Contract, ann: User) -> None:
    stranger = books.customer("stranger")
    for number, answer in ((contract.number, "never changes"), ("C-X", "its customer or above them")):
        row: Any = Contract.objects.get(pk=contract.pk)
        row.payer, row.number = stranger, number
        if number == "C-X":
            row.pk, row._state.adding = None, True
            row.id = books.customer("another").pk
        with pytest.raises(DatabaseError, match=answer):
            _save(row)
    assert Change.objects.filter(name="contract.changed").count() == 0


def _save(row: Contract) -> None:
    with change("contract.changed", row, act("By hand")):
        row.save()


def test_who_has_no_parent_is_not_billed_to_one(holding: Customer) -> None:
    with refused("Only who has a parent"):
        contracts.update_customer(holding, billed_to_parent=True, act=act("A slip"))
