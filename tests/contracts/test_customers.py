"""Customers: who is above whom, who gets the mail, how they are taxed, and what is noted of them."""

from datetime import date
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from contracts import operations
from contracts.models import BillingContact, Customer, CustomField
from contracts.operations import Contact, Noted
from contracts.queries import addresses_of, called, tree_of
from governance import external_ids
from governance.acts import Refused
from governance.models import Change, ExternalId
from tests import cast
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def update(customer: Customer, **fields: Any) -> Customer:
    return operations.update_customer(customer, act=cast.act("ben", "They told us"), **fields)


def field(key: str, kind: str = "text", *choices: str, about: str = "customer") -> CustomField:
    return operations.define_custom_field(
        about=about, key=key, name=key.title(), type=kind, choices=choices, act=cast.act("ada", "We want to know")
    )


def family() -> tuple[Customer, Customer, Customer]:
    """A holding, its company, and the company's branch."""
    holding = cast.customer("holding")
    company = cast.customer("company", parent=holding)
    return holding, company, cast.customer("branch", parent=company)


# ------------------------------------------------------------ who is above whom
def test_a_tree_names_those_above_and_below_with_their_depth() -> None:
    holding, company, branch = family()
    other = cast.customer("another", parent=holding)
    assert tree_of(company) == [(0, holding), (1, company), (2, branch)]
    assert tree_of(holding) == [(0, holding), (1, other), (1, company), (2, branch)]
    assert tree_of(cast.contoso()) == [(0, cast.contoso())]


@pytest.mark.parametrize("under", ["holding", "company", "branch"])
def test_nobody_is_above_themselves(under: str) -> None:
    holding, *_ = family()
    below = Customer.objects.get(key=under)
    with refused("nobody is above themselves"):
        update(holding, parent=below)


def test_the_database_refuses_a_circle_too() -> None:
    holding, _, branch = family()
    sql = "SELECT set_config('quoin.change', '1', true); UPDATE contracts_customer SET parent_id = %s WHERE id = %s"
    with (
        pytest.raises(DatabaseError, match="nobody is their own ancestor"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, [branch.pk, holding.pk])


@pytest.mark.django_db(transaction=True)
def test_two_moves_at_once_do_not_close_a_circle() -> None:
    one, two = cast.customer("one"), cast.customer("two")
    barrier, problems = Barrier(2), []

    def move(child: Customer, parent: Customer) -> None:
        try:
            barrier.wait()
            update(child, parent=parent)
        except (Refused, DatabaseError) as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [Thread(target=move, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(problems) == 1
    assert Customer.objects.filter(parent__isnull=False).count() == 1


# ------------------------------------------------------------ who gets the mail
def test_mail_goes_to_the_contacts_or_else_to_the_customer() -> None:
    customer = cast.contoso()
    assert addresses_of(customer) == (["dan@contoso.test"], [])
    update(customer, noted=Noted(contacts=[Contact("books@contoso.test", role="cc")]))
    assert addresses_of(customer) == (["dan@contoso.test"], ["books@contoso.test"])
    update(
        customer, noted=Noted(contacts=[Contact("ap@contoso.test", "Pat"), Contact("books@contoso.test", role="cc")])
    )
    assert addresses_of(customer) == (["ap@contoso.test"], ["books@contoso.test"])


def test_contacts_that_stay_keep_their_history() -> None:
    customer = cast.contoso()
    update(customer, noted=Noted(contacts=[Contact("a@contoso.test"), Contact("b@contoso.test")]))
    stays = BillingContact.objects.get(email="b@contoso.test")
    update(customer, noted=Noted(contacts=[Contact("b@contoso.test", "Bea")]))
    assert BillingContact.objects.get() == stays
    assert [row.name for row in stays.history.order_by("history_date", "pk")] == ["", "Bea"]
    update(customer, name="Contoso Worldwide")
    assert BillingContact.objects.count() == 1


# ------------------------------------------------------------ tax
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tax_status": "exempt"}, "exemption: An exempt customer has a certificate"),
        ({"tax_status": "reverse_charge", "tax_number": " "}, "tax_number: Reverse charge is for businesses"),
        ({"tax_status": "none"}, "tax_status: Value 'none' is not a valid choice"),
    ],
)
def test_a_tax_status_needs_its_proof(fields: dict[str, str], told: str) -> None:
    customer = cast.contoso()
    with refused(told):
        update(customer, **fields)


# ------------------------------------------------------------ custom fields
def test_values_are_kept_in_one_form_and_taken_away_again() -> None:
    for key, kind, *choices in [
        ("note", "text"),
        ("employees", "number"),
        ("founded", "date"),
        ("public", "yes_no"),
        ("industry", "choice", "retail", "finance"),
    ]:
        field(key, kind, *choices)
    given = {"note": "x", "employees": "12.50", "founded": "1999-01-31", "public": "yes", "industry": "retail"}
    customer = update(cast.contoso(), noted=Noted(custom=given))
    assert customer.custom == given | {"employees": "12.5", "public": True}
    customer = update(customer, noted=Noted(custom={"note": None, "founded": "", "public": False}))
    assert customer.custom == {"employees": "12.5", "public": False, "industry": "retail"}


@pytest.mark.parametrize(
    ("custom", "told"),
    [
        ({"other": "x"}, "other: there is no such field"),
        ({"employees": "many"}, "employees: "),
        ({"employees": 12}, "employees: a text is needed"),
        ({"founded": "31.1.1999"}, "founded: "),
        ({"public": 1}, "public: yes or no"),
        ({"industry": "mining"}, "industry: one of retail, finance"),
        ({"note": "x" * 501}, "note: at most 500 characters"),
    ],
)
def test_a_value_that_a_field_cannot_hold_is_refused(custom: dict[str, Any], told: str) -> None:
    field("note")
    field("employees", "number")
    field("founded", "date")
    field("public", "yes_no")
    field("industry", "choice", "retail", "finance")
    customer = cast.contoso()
    with refused(told):
        update(customer, noted=Noted(custom=custom))


def test_a_field_is_defined_once_and_keeps_what_it_is() -> None:
    made = field("industry", "choice", "retail")
    with refused("already exists"):
        field("industry")
    with refused("A choice has choices"):
        field("size", "choice")
    changed = operations.change_custom_field(made, name="Sector", choices=["retail", "finance"], act=cast.act("ada"))
    assert (changed.key, changed.name, changed.choices) == ("industry", "Sector", ["retail", "finance"])
    assert field("industry", about="contract").about == "contract"


def test_something_is_noted_of_a_signed_contract_and_nothing_else_of_it_moves() -> None:
    field("region", "choice", "north", "south", about="contract")
    contract = cast.signed_contract()
    before = (contract.number, contract.start_at, contract.end_at)
    contract = operations.note_of_contract(contract, {"region": "north"}, act=cast.act("ben"))
    assert (contract.custom, (contract.number, contract.start_at, contract.end_at)) == ({"region": "north"}, before)
    assert Change.objects.get(name="contract.noted").subject_id == str(contract.pk)
    with refused("region: one of north, south"):
        operations.note_of_contract(contract, {"region": "west"}, act=cast.act("ben"))
    operations.end_contract(contract, end_on=date(2026, 2, 1), act=cast.act("cara"))
    with refused("it stays as it is"):
        operations.note_of_contract(contract, {"region": "south"}, act=cast.act("ben"))


# ------------------------------------------------------------ ids in other systems
def test_ids_are_told_taken_away_and_belong_to_one_customer() -> None:
    customer, other = cast.contoso(), cast.customer("fabrikam")
    update(customer, noted=Noted(external_ids={"salesforce": "001", "erp": "4711"}))
    update(customer, noted=Noted(external_ids={"erp": ""}))
    assert external_ids.all_of(customer) == {"salesforce": "001"}
    assert external_ids.known("salesforce", customer) == "001"
    with refused("salesforce: 001 is another customer's id"):
        update(other, noted=Noted(external_ids={"salesforce": "001"}))
    with refused("my erp: "):
        update(other, noted=Noted(external_ids={"my erp": "1"}))
    assert ExternalId.objects.count() == 1


@pytest.mark.parametrize("text", ["contoso", "CONTOSO LTD", "dan@", "DE123", "0015g", "pat@ap", "Pat P"])
def test_a_customer_is_found_by_whatever_they_are_called(text: str) -> None:
    customer = cast.contoso(tax_number="DE123")
    cast.customer("fabrikam", billing_address="")
    noted = Noted([Contact("pat@ap.test", "Pat Payable"), Contact("pat@ap2.test")], {"salesforce": "0015g00"})
    update(customer, noted=noted)
    assert list(Customer.objects.filter(called(text))) == [customer]
    assert not Customer.objects.filter(called("nothing like it")).exists()
