"""Ann priced, Contoso signed, and used what was expected in January."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from catalog.models import RateCardVersion
from contracts.models import Contract, Customer, LegalEntity
from governance.roles import FINANCE, PRICING_MANAGER, SALES_REP, install_roles
from invoicing.models import Invoice
from tests.invoicing import books


def person(username: str, role: str, name: str) -> User:
    first, last = name.split()
    user = User.objects.create_user(username, password="quoin", is_staff=True, first_name=first, last_name=last)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def roles(db: None) -> None:
    install_roles()


@pytest.fixture
def ann(roles: None) -> User:
    return person("ann", PRICING_MANAGER, "Ann Price")


@pytest.fixture
def cara(roles: None) -> User:
    return person("cara", FINANCE, "Cara Books")


@pytest.fixture
def ben(roles: None) -> User:
    return person("ben", SALES_REP, "Ben Sells")


@pytest.fixture
def legal_entity(db: None) -> LegalEntity:
    return books.seller()


@pytest.fixture
def contoso(db: None) -> Customer:
    return books.customer()


@pytest.fixture
def version(ann: User) -> RateCardVersion:
    return books.standard_card(ann)


@pytest.fixture
def contract(version: RateCardVersion, contoso: Customer, legal_entity: LegalEntity) -> Contract:
    return books.sign(version, contoso, legal_entity)


@pytest.fixture
def used(contract: Contract, contoso: Customer) -> Contract:
    """The contract, after a January as expected."""
    books.use(contoso)
    return contract


@pytest.fixture
def billed(used: Contract) -> list[Invoice]:
    """January's invoices: the commit's, and the month's."""
    books.bill()
    return list(Invoice.objects.filter(contract=used).order_by("sequence"))


@pytest.fixture
def signed_in(client: Client) -> Any:
    def sign_in(user: User) -> Client:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in
