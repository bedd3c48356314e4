"""The verbs of contracts: keep customers and sellers, sign, amend, renew, end."""

from contracts.operations.amending import (
    amend,
    apply_amendment,
    draft_amendment,
    end_contract,
    redraft_amendment,
    submit_amendment,
    withdraw_amendment,
)
from contracts.operations.fields import change_custom_field, define_custom_field, note_of_contract
from contracts.operations.merging import Merge, hand_over_usage, merge_customers, merge_preview
from contracts.operations.parties import (
    Contact,
    Noted,
    assign_customer,
    create_customer,
    create_legal_entity,
    unassign_customer,
    update_customer,
    update_legal_entity,
)
from contracts.operations.renewing import decline_renewal, renew_contract, renew_due, reopen_renewal
from contracts.operations.signing import sign_contract

__all__ = [
    "Contact",
    "Merge",
    "Noted",
    "amend",
    "apply_amendment",
    "assign_customer",
    "change_custom_field",
    "create_customer",
    "create_legal_entity",
    "decline_renewal",
    "define_custom_field",
    "draft_amendment",
    "end_contract",
    "hand_over_usage",
    "merge_customers",
    "merge_preview",
    "note_of_contract",
    "redraft_amendment",
    "renew_contract",
    "renew_due",
    "reopen_renewal",
    "sign_contract",
    "submit_amendment",
    "unassign_customer",
    "update_customer",
    "update_legal_entity",
    "withdraw_amendment",
]
