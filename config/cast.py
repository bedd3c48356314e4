"""The people of the demo company, one for each role, and the company itself. Tests and the journey know them too."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, User

from contracts.models import LegalEntity
from contracts.operations import create_legal_entity
from governance.acts import Act
from governance.roles import (
    ADMINISTRATOR,
    CUSTOMER_SUCCESS,
    DEAL_DESK,
    ENGINEER,
    FINANCE,
    PRICING_MANAGER,
    SALES_REP,
)

PASSWORD = "quoin"  # noqa: S105 - of the demo company, printed on its first page


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in to the demo, and what they would look at first."""

    username: str
    first_name: str
    last_name: str
    role: str
    looks_at: str


CAST = [
    Person("ann", "Ann", "Price", PRICING_MANAGER, "Rate cards"),
    Person("ben", "Ben", "Sells", SALES_REP, "Quotes"),
    Person("dee", "Dee", "Desk", DEAL_DESK, "Approvals"),
    Person("cara", "Cara", "Books", FINANCE, "Invoices, Journal"),
    Person("cleo", "Cleo", "Success", CUSTOMER_SUCCESS, "Customers, Contracts"),
    Person("eric", "Eric", "Events", ENGINEER, "Usage events, Quarantine, Deliveries"),
    Person("ada", "Ada", "Admin", ADMINISTRATOR, "Users, API keys, Changes"),
]


def install_cast() -> dict[str, User]:
    """Create the people who are missing, each in their role's group; returns them by first name. Safe to repeat."""
    people = {}
    for person in CAST:
        user, is_new = User.objects.get_or_create(
            username=person.username,
            defaults={
                "first_name": person.first_name,
                "last_name": person.last_name,
                "email": f"{person.username}@northwind.example",
                "is_staff": True,
            },
        )
        if is_new:
            user.set_password(PASSWORD)
            user.save()
            user.groups.add(Group.objects.get(name=person.role))
        people[person.username] = user
    return people


def install_seller(*, grace_hours: int, act: Act) -> LegalEntity:
    """The company that sells. Safe to repeat."""
    seller = LegalEntity.objects.filter(key="northwind").first()
    if seller is None:
        seller = create_legal_entity(
            act=act,
            key="northwind",
            name="Northwind AI Inc.",
            address="500 Market Street\nSan Francisco, CA 94105\nUnited States",
            country="US",
            tax_number="US 94-1234567",
            email="billing@northwind.example",
            bank_details="First Harbor Bank · Account 000 123 456 789 · Routing 021 000 021",
            grace_hours=grace_hours,
        )
    return seller
