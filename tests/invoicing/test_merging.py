"""Merging a duplicate: all that is theirs belongs to who is kept, and usage goes on counting once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from guardian.shortcuts import assign_perm

from catalog.models import RateCardVersion
from contracts import operations as contracts
from contracts.account import customer_of, token_of
from contracts.models import Contract, Customer, LegalEntity
from contracts.operations import Contact, Noted
from governance import external_ids
from governance.change import change
from governance.clock import clock_set_to
from governance.entities import HistoryRow
from governance.models import Change, SystemKey
from invoicing.models import Invoice
from invoicing.presentation import presented
from ledger.models import JournalEntry
from ledger.operations import install_accounts, post_invoice
from metering.models import CustomerAlias, UsageEvent
from metering.queries import known_customers, resolve_customers
from metering.registry.aliases import define_alias
from tests.cast import system_key
from tests.invoicing import books
from tests.invoicing.books import FEB, FEB_2, JAN, MAR_2, act, bill, use
from tests.refusals import refused

FEB_15 = datetime(2026, 2, 15, tzinfo=UTC)


@pytest.fixture
def kept(db: None) -> Customer:
    return books.customer("contoso")


@pytest.fixture
def double(db: None) -> Customer:
    return books.customer("contoso-2", name="Contoso, Inc.", email="old@contoso.example")


@pytest.fixture
def both(version: RateCardVersion, kept: Customer, double: Customer, legal_entity: LegalEntity) -> list[Contract]:
    """A contract of each, used and billed for January."""
    signed = [books.sign(version, each, legal_entity, months=months) for each, months in ((kept, 12), (double, 2))]
    use(kept)
    use(double, 2_000_000, 0)
    bill()
    return signed


@pytest.fixture
def in_february() -> Iterator[None]:
    with clock_set_to(FEB_2):
        yield


def merge(kept: Customer, double: Customer, at: datetime = FEB_2) -> Customer:
    return contracts.merge_customers(kept, double, act=act("The same company", at))


def still_naming(customer: Customer) -> dict[str, int]:
    """How many rows of which table name this customer; histories apart."""
    found = {}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            is_key = isinstance(field, models.ForeignKey) and field.related_model is Customer
            if is_key and not issubclass(model, HistoryRow):
                found[f"{model._meta.label}.{field.name}"] = model._default_manager.filter(
                    **{field.name: customer}
                ).count()
    return {name: count for name, count in found.items() if count}


def test_everything_of_the_duplicate_belongs_to_who_is_kept(
    both: list[Contract], kept: Customer, double: Customer
) -> None:
    install_accounts()
    for invoice in Invoice.objects.filter(customer=double):
        post_invoice(invoice, act=act())
    child = books.customer("child", parent=double)
    sister = books.customer("sister", parent=kept)
    before = still_naming(double)
    assert {"contracts.Contract.customer", "contracts.Contract.payer", "invoicing.Invoice.customer"} < set(before)
    assert {"ledger.JournalEntry.customer", "contracts.Customer.parent"} < set(before)
    merge(kept, double)
    assert still_naming(double) == {}
    assert {each.parent for each in Customer.objects.filter(pk__in=[child.pk, sister.pk])} == {kept}
    assert JournalEntry.objects.exclude(customer=kept).count() == 0
    double.refresh_from_db()
    assert (double.merged_into, double.parent) == (kept, None)
    assert Change.objects.get(name="customer.merged").subject_id == str(double.pk)


def test_what_was_issued_keeps_what_it_says(both: list[Contract], kept: Customer, double: Customer) -> None:
    issued = Invoice.objects.get(contract=both[1], kind="period")
    said = presented(issued)
    merge(kept, double)
    issued = Invoice.objects.get(pk=issued.pk)
    assert (issued.customer, issued.buyer["name"]) == (kept, "Contoso, Inc.")
    assert presented(issued) == said
    assert [row.customer for row in issued.history.order_by("-history_id")[:1]] == [kept]


def test_usage_goes_on_counting_once_for_the_contract_it_was_agreed_in(
    both: list[Contract], kept: Customer, double: Customer
) -> None:
    preview = contracts.merge_preview(kept, double, FEB_2)
    assert preview.usage == (
        f"Usage under contoso-2 goes on counting for {both[1].number} alone while that runs; afterwards it is usage of "
        "contoso."
    )
    merge(kept, double)
    use(kept, 1_000_000, 0, FEB_15)
    use(double, 3_000_000, 0, FEB_15)
    bill(MAR_2)
    months = [
        Invoice.objects.get(contract=each, kind="period", period_start=FEB).lines.get(product_key="input-tokens")
        for each in both
    ]
    assert [line.quantity for line in months] == [Decimal(1_000_000), Decimal(3_000_000)]
    # January is not billed anew, nor taken back.
    assert Invoice.objects.filter(kind="period", period_start=JAN).count() == 2
    assert not Invoice.objects.filter(total__lt=0).exists()


def test_once_its_contract_is_over_usage_under_its_key_is_who_is_kepts(
    both: list[Contract], kept: Customer, double: Customer
) -> None:
    merge(kept, double)
    assert contracts.hand_over_usage(act=act(at=FEB_15)) == 0
    assert known_customers({"contoso-2"}) == {"contoso-2"}
    assert contracts.hand_over_usage(act=act(at=MAR_2)) == 1
    assert contracts.hand_over_usage(act=act(at=MAR_2)) == 0
    assert resolve_customers({"contoso-2"}) == {"contoso-2": "contoso"}
    use(double, 5, 0, datetime(2026, 3, 3, tzinfo=UTC))
    assert UsageEvent.objects.latest("pk").customer_key == "contoso"


def test_a_duplicate_without_contracts_is_an_alias_at_once_with_its_own(kept: Customer, double: Customer) -> None:
    define_alias(key="gateway-7", customer_key="contoso-2", act=act())
    assert contracts.merge_preview(kept, double, FEB_2).usage == (
        "Usage under contoso-2 counts as usage of contoso from now on."
    )
    merge(kept, double)
    assert dict(CustomerAlias.objects.values_list("key", "customer_key")) == {
        "contoso-2": "contoso",
        "gateway-7": "contoso",
    }
    with refused("usage under contoso-2 is contoso's"):
        books.customer("contoso-2")


def test_people_contacts_and_ids_come_along_where_there_is_room(kept: Customer, double: Customer) -> None:
    def note(customer: Customer, *addresses: str, **ids: str) -> None:
        said = Noted([Contact(each) for each in addresses], ids)
        contracts.update_customer(customer, noted=said, act=act("Told"))

    note(kept, "ap@contoso.example", salesforce="1")
    note(double, "ap@contoso.example", "new@contoso.example", salesforce="2", erp="3")
    user = User.objects.create_user("rep")
    assign_perm("contracts.serve_customer", user, double)
    merge(kept, double)
    assert sorted(kept.contacts.values_list("email", flat=True)) == ["ap@contoso.example", "new@contoso.example"]
    assert external_ids.all_of(kept) == {"erp": "3", "salesforce": "1"}
    assert external_ids.all_of(double) == {"salesforce": "2"}
    assert user.has_perm("contracts.serve_customer", kept)
    assert still_naming(double) == {"contracts.BillingContact.customer": 1}


def test_who_was_merged_leads_to_who_is_kept(
    kept: Customer, double: Customer, version: RateCardVersion, legal_entity: LegalEntity
) -> None:
    token = token_of(double)
    merge(kept, double)
    double.refresh_from_db()
    assert customer_of(token) == kept
    with refused("was merged into Contoso Ltd"):
        contracts.update_customer(double, name="Other", act=act("A slip"))
    with refused("was merged into Contoso Ltd; sign with them"):
        books.sign(version, double, legal_entity)
    third = books.customer("third")
    merge(third, kept)
    double.refresh_from_db()
    assert double.merged_into == third
    assert resolve_customers({"contoso-2", "contoso"}) == {"contoso-2": "third", "contoso": "third"}


def test_what_cannot_be_merged_is_refused(kept: Customer, double: Customer) -> None:
    with refused("not a duplicate of itself"):
        merge(kept, kept)
    child = books.customer("child", parent=double)
    with refused("belongs to Contoso, Inc.; merge them the other way around"):
        merge(child, double)
    merge(kept, double)
    double.refresh_from_db()
    for pair in ((kept, double), (double, child)):
        with refused("Contoso, Inc. was merged into Contoso Ltd"):
            merge(*pair)


@pytest.mark.parametrize("table", ["contracts_contract", "invoicing_invoice", "ledger_journalentry"])
def test_nothing_changes_hands_without_a_merge(
    both: list[Contract], kept: Customer, double: Customer, table: str
) -> None:
    install_accounts()
    post_invoice(Invoice.objects.filter(customer=double).first(), act=act())  # type: ignore[arg-type]
    by_hand = f"UPDATE {table} SET customer_id = %s WHERE customer_id = %s"
    with (
        pytest.raises(DatabaseError, match="never changes hands but by a merge"),
        change("customer.merged", kept, act("By hand")),
        connection.cursor() as cursor,
    ):
        cursor.execute(by_hand, [kept.pk, double.pk])


@pytest.mark.django_db(transaction=True)
def test_nobody_signs_for_a_duplicate_that_is_merged_meanwhile(
    version: RateCardVersion, kept: Customer, double: Customer, legal_entity: LegalEntity
) -> None:
    problems: list[Any] = []

    def sign() -> None:
        try:
            books.sign(version, double, legal_entity)
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    signing = Thread(target=sign)
    with transaction.atomic():
        merge(kept, double)
        signing.start()
        signing.join(1)
        assert signing.is_alive()
    signing.join()
    assert [str(problem).splitlines()[0] for problem in problems] == ["who was merged into another signs nothing"]
    assert not Contract.objects.exists()


# ------------------------------------------------------------ the doors
def test_the_api_previews_merges_and_leads_on(both: list[Contract], kept: Customer, double: Customer) -> None:
    client = Client(headers=system_key("customers:read", "customers:write"))
    path = "/api/v1/customers/contoso-2"
    seen = client.get(f"{path}/merge?into=contoso").json()
    assert (seen["kept"], seen["duplicate"]) == ("contoso", "contoso-2")
    assert {"what": "contracts", "count": 1} in seen["moves"]
    assert {"what": "invoices", "count": 2} in seen["moves"]
    body = {"into": "contoso", "because": "The same company"}
    merged = client.post(f"{path}/merge", body, content_type="application/json")
    assert (merged.status_code, merged.json()["key"]) == (200, "contoso")
    there = client.get(path)
    assert (there.status_code, there["Location"]) == (301, "/api/v1/customers/contoso")
    refusal = client.patch(path, {"name": "x"}, content_type="application/json")
    assert (refusal.status_code, refusal.json()["detail"]) == (
        409,
        "Contoso, Inc. was merged into Contoso Ltd (contoso).",
    )
    assert client.post(f"{path}/merge", body, content_type="application/json").status_code == 409
    assert [each["key"] for each in client.get("/api/v1/customers").json()["results"]] == ["contoso"]
    assert Change.objects.get(name="customer.merged").by_name == f"key {SystemKey.objects.get().name}"


def test_the_page_finds_previews_and_merges(
    both: list[Contract], kept: Customer, double: Customer, cara: User, ben: User, signed_in: Any, in_february: None
) -> None:
    client = signed_in(cara)
    page = f"/admin/contracts/customer/{kept.pk}/merge/"
    assert page in client.get(f"/admin/contracts/customer/{kept.pk}/change/").content.decode()
    assert "?duplicate=contoso-2" in client.get(f"{page}?called=old@contoso").content.decode()
    preview = client.get(f"{page}?duplicate=contoso-2").content.decode()
    assert "goes on counting for" in preview
    assert "Say why." in client.post(page, {"duplicate": "contoso-2"}).content.decode()
    assert not Customer.objects.filter(merged_into__isnull=False).exists()
    client.post(page, {"duplicate": "contoso-2", "because": "The same company"})
    double.refresh_from_db()
    assert double.merged_into == kept
    theirs = client.get(f"/admin/contracts/customer/{double.pk}/change/")
    assert (theirs.status_code, theirs["Location"]) == (302, f"/admin/contracts/customer/{kept.pk}/change/")
    assert client.get(f"/admin/contracts/customer/{double.pk}/history/").status_code == 200
    text = client.get(f"/admin/contracts/customer/{kept.pk}/change/").content.decode()
    assert "Contoso, Inc. (contoso-2)" in text
    assert client.get("/admin/contracts/customer/").context["cl"].result_count == 1
    assert signed_in(ben).get(page).status_code in (403, 404)
