"""Keeping customers and the companies of ours that sell."""

from typing import Any

from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm, remove_perm

from contracts.checks import checked
from contracts.models import Customer, LegalEntity
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
        "currency",
        "time_zone",
        "region",
        "segment",
        "channel",
        "customer_type",
        "parent",
    }
)
FROZEN_FIELDS = frozenset({"key"})  # usage events name their customer by it


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


def create_customer(*, act: Act, **fields: Any) -> Customer:
    """A party to sell to. `Refused`, naming the field, for a bad or taken key, an unknown zone or currency.

    A key that is another customer's alias is taken too: usage under it is that customer's.
    """
    _known_fields(fields)
    customer = Customer(**fields)
    with change("customer.created", customer, act):
        whose = resolve_customers({customer.key}).get(customer.key, customer.key)
        if whose != customer.key:
            raise Refused(f"key: usage under {customer.key} is {whose}'s; end that alias first.")
        _checked_customer(customer).save()
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


def update_customer(customer: Customer, *, act: Act, **fields: Any) -> Customer:
    """What is given changes; the key never does, and signed contracts keep their zone and currency."""
    _known_fields(fields)
    with change("customer.updated", customer, act):
        customer = locked(customer)
        frozen = [name for name in FROZEN_FIELDS & fields.keys() if fields[name] != getattr(customer, name)]
        if frozen:
            raise Refused(f"The {frozen[0]} of a customer never changes: usage is reported under it.")
        _set(customer, fields)
        _checked_customer(customer).save()
    return customer


def _known_fields(fields: dict[str, Any]) -> None:
    if unknown := fields.keys() - CUSTOMER_FIELDS:
        raise TypeError(f"a customer has no {', '.join(sorted(unknown))}")


def _set(row: Entity, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _checked_customer(customer: Customer) -> Customer:
    try:
        zone_named(customer.time_zone)
        exponent(customer.currency)
    except ValueError as error:
        raise Refused(f"{error}.".capitalize()) from error
    return checked(customer)
