"""The verbs of contracts: keep customers and sellers, sign, end."""

from contracts.operations.parties import (
    assign_customer,
    create_customer,
    create_legal_entity,
    unassign_customer,
    update_customer,
    update_legal_entity,
)
from contracts.operations.signing import end_contract, sign_contract

__all__ = [
    "assign_customer",
    "create_customer",
    "create_legal_entity",
    "end_contract",
    "sign_contract",
    "unassign_customer",
    "update_customer",
    "update_legal_entity",
]
