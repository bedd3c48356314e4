"""The verbs of contracts: keep customers and sellers, sign, renew, end."""

from contracts.operations.parties import (
    assign_customer,
    create_customer,
    create_legal_entity,
    unassign_customer,
    update_customer,
    update_legal_entity,
)
from contracts.operations.renewing import decline_renewal, renew_contract, renew_due, reopen_renewal
from contracts.operations.signing import end_contract, sign_contract

__all__ = [
    "assign_customer",
    "create_customer",
    "create_legal_entity",
    "decline_renewal",
    "end_contract",
    "renew_contract",
    "renew_due",
    "reopen_renewal",
    "sign_contract",
    "unassign_customer",
    "update_customer",
    "update_legal_entity",
]
