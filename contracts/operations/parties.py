"""Keeping customers and the companies of ours that sell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm, remove_perm

from contracts.checks import checked
from contracts.custom_fields import defined, merged
from contracts.models import BillingContact, Customer, CustomField, LegalEntity
from contracts.queries import ancestors_of
from governance import external_ids
from governance.acts import Act, Refused
from governance.change import change, locked
from governance.doors import SERVE_CUSTOMER
from governance.entities import Entity
from metering.queries import resolve_customers
from pricing.money import exponent
from pricing.periods import zone_named

CUSTOMER_FIELDS = frozenset(
    {
        "key",
        "name",
        "email",
        "billing_address",
        "country",
        "tax_number",
        "tax_percent",
        "tax_status",
        "exemption",
        "exempt_until",
        "currency",
        "time_zone",
        "region",
        "segment",
        "channel",
        "customer_type",
        "parent",
        "billed_to_parent",
    }
)
FROZEN_FIELDS = frozenset({"key"})  # usage events name their customer by it


@dataclass(frozen=True, slots=True)
class Contact:
    """Who gets the customer's quotes and invoices, addressed or in copy."""

    email: str
    name: str = ""
    role: str = BillingContact.Role.TO


@dataclass(frozen=True, slots=True)
class Noted:
    """What is kept beside a customer's own columns; None leaves it as it is.

    `contacts` are all there are to be. `external_ids` by system and `custom` fields by key: what is named changes, and
    nothing in its place takes it away.
    """

    contacts: Sequence[Contact] | None = None
    external_ids: Mapping[str, str] | None = None
    custom: Mapping[str, Any] | None = None


def create_legal_entity(*, act: Act, **fields: Any) -> LegalEntity:
    """A company of ours that sells."""
    entity = LegalEntity(**fields)
    with change("legal_entity.created", entity, act):
        checked(entity).save()
    return entity


def update_legal_entity(entity: LegalEntity, *, act: Act, **fields: Any) -> LegalEntity:
    """What is given changes; contracts that are signed keep the grace and payment terms they were signed with."""
    with change("legal_entity.updated", entity, act):
        entity = locked(entity)
        _set(entity, fields)
        checked(entity).save()
    return entity


def create_customer(*, act: Act, noted: Noted = Noted(), **fields: Any) -> Customer:
    """A party to sell to. `Refused`, naming the field, for a bad or taken key, an unknown zone or currency.

    A key that is another customer's alias is taken too: usage under it is that customer's.
    """
    _known_fields(fields)
    customer = Customer(**fields)
    with change("customer.created", customer, act):
        whose = resolve_customers({customer.key}).get(customer.key, customer.key)
        if whose != customer.key:
            raise Refused(f"key: usage under {customer.key} is {whose}'s; end that alias first.")
        _write(customer, noted)
        if act.by is not None:
            assign_perm(SERVE_CUSTOMER, act.by, customer)  # who brings a customer serves it
    return customer


def assign_customer(customer: Customer, user: User, *, act: Act) -> None:
    """Let this person see and serve this customer, without seeing every other."""
    with change("customer.assigned", customer, act):
        assign_perm(SERVE_CUSTOMER, user, customer)


def unassign_customer(customer: Customer, user: User, *, act: Act) -> None:
    """Take that back."""
    with change("customer.unassigned", customer, act):
        remove_perm(SERVE_CUSTOMER, user, customer)


def update_customer(customer: Customer, *, act: Act, noted: Noted = Noted(), **fields: Any) -> Customer:
    """What is given changes; the key never does, and signed contracts keep their zone and currency."""
    _known_fields(fields)
    with change("customer.updated", customer, act):
        customer = locked(customer)
        if customer.merged_into is not None:
            raise Refused(f"{customer} was merged into {customer.merged_into} ({customer.merged_into.key}).")
        frozen = [name for name in FROZEN_FIELDS & fields.keys() if fields[name] != getattr(customer, name)]
        if frozen:
            raise Refused(f"The {frozen[0]} of a customer never changes: usage is reported under it.")
        _set(customer, fields)
        _write(customer, noted)
    return customer


def _known_fields(fields: dict[str, Any]) -> None:
    if unknown := fields.keys() - CUSTOMER_FIELDS:
        raise TypeError(f"a customer has no {', '.join(sorted(unknown))}")


def _set(row: Entity, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _write(customer: Customer, noted: Noted) -> None:
    if noted.custom is not None:
        customer.custom = merged(defined(CustomField.About.CUSTOMER), customer.custom, noted.custom)
    _checked_customer(customer).save()
    if noted.contacts is not None:
        _write_contacts(customer, noted.contacts)
    if noted.external_ids is not None:
        external_ids.tell(customer, noted.external_ids)


def _write_contacts(customer: Customer, contacts: Sequence[Contact]) -> None:
    """Those that are there already stay, so that their history goes on."""
    has = {contact.email: contact for contact in customer.contacts.select_for_update()}
    for each in contacts:
        row = has.pop(each.email, None) or BillingContact(customer=customer, email=each.email)
        if row._state.adding or (row.name, row.role) != (each.name, each.role):
            row.name, row.role = each.name, each.role
            checked(row).save()
    for row in has.values():
        row.delete()


def _checked_customer(customer: Customer) -> Customer:
    if customer.parent is not None and customer in [customer.parent, *ancestors_of(customer.parent)]:
        raise Refused(f"parent: {customer.parent} belongs to {customer}; nobody is above themselves.")
    if customer.billed_to_parent and customer.parent is None:
        raise Refused("billed_to_parent: Only who has a parent can be billed to it.")
    if customer.tax_status == Customer.TaxStatus.EXEMPT and not customer.exemption.strip():
        raise Refused("exemption: An exempt customer has a certificate; give its number.")
    if customer.tax_status == Customer.TaxStatus.REVERSE_CHARGE and not customer.tax_number.strip():
        raise Refused("tax_number: Reverse charge is for businesses with a tax number.")
    try:
        zone_named(customer.time_zone)
        exponent(customer.currency)
    except ValueError as error:
        raise Refused(f"{error}.".capitalize()) from error
    return checked(customer)
