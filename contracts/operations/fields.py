"""Custom fields: what may be noted of customers and contracts, and noting it of a contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.checks import checked
from contracts.custom_fields import defined, merged
from contracts.models import Contract, CustomField
from governance.acts import Act, Refused
from governance.change import change, locked


def define_custom_field(
    *,
    about: str,
    key: str,
    name: str,
    type: str,  # noqa: A002 - the field's name
    choices: Sequence[str] = (),
    act: Act,
) -> CustomField:
    """Something to note of customers or of contracts. `Refused` for a key in use, and a choice without choices."""
    field = CustomField(about=about, key=key, name=name, type=type, choices=list(choices))
    with change("custom_field.defined", field, act):
        checked(field).save()
    return field


def change_custom_field(field: CustomField, *, name: str, choices: Sequence[str] = (), act: Act) -> CustomField:
    """Its name and its choices. What was noted stays, also a choice that can be made no more."""
    with change("custom_field.changed", field, act):
        field = locked(field)
        field.name, field.choices = name, list(choices)
        checked(field).save()
    return field


def note_of_contract(contract: Contract, custom: Mapping[str, Any], *, act: Act) -> Contract:
    """Set custom fields; None takes one away. Nothing that was agreed changes by it. `Refused` once it was ended."""
    with change("contract.noted", contract, act):
        contract = locked(contract)
        if contract.status == Contract.Status.ENDED:
            raise Refused("This contract was ended; it stays as it is.")
        contract.custom = merged(defined(CustomField.About.CONTRACT), contract.custom, custom)
        contract.save()
    return contract
