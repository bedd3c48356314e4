"""The verbs of contracts: keep the parties and packages; sign, sign up, amend, renew, end; say what one may use."""

from contracts.operations.adjusting import adjust_commit, adjustment_facts, request_adjustment
from contracts.operations.amending import (
    amend,
    apply_amendment,
    draft_amendment,
    end_contract,
    redraft_amendment,
    submit_amendment,
    withdraw_amendment,
)
from contracts.operations.arrears import clear_arrears, note_arrears
from contracts.operations.caps import remove_cap, set_cap
from contracts.operations.closing import close_commit
from contracts.operations.entitlements import end_entitlement, override_entitlement
from contracts.operations.fields import change_custom_field, define_custom_field, note_of_contract
from contracts.operations.granting import make_due_commits
from contracts.operations.merging import Merge, hand_over_usage, merge_customers, merge_preview
from contracts.operations.milestones import accept_milestone
from contracts.operations.moving import move_to_package
from contracts.operations.packages import (
    create_package,
    draft_package,
    publish_package,
    sign_up,
    submit_package,
    update_package,
    withdraw_package,
)
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
    "accept_milestone",
    "adjust_commit",
    "adjustment_facts",
    "amend",
    "apply_amendment",
    "assign_customer",
    "change_custom_field",
    "clear_arrears",
    "close_commit",
    "create_customer",
    "create_legal_entity",
    "create_package",
    "decline_renewal",
    "define_custom_field",
    "draft_amendment",
    "draft_package",
    "end_contract",
    "end_entitlement",
    "hand_over_usage",
    "make_due_commits",
    "merge_customers",
    "merge_preview",
    "move_to_package",
    "note_arrears",
    "note_of_contract",
    "override_entitlement",
    "publish_package",
    "redraft_amendment",
    "remove_cap",
    "renew_contract",
    "renew_due",
    "reopen_renewal",
    "request_adjustment",
    "set_cap",
    "sign_contract",
    "sign_up",
    "submit_amendment",
    "submit_package",
    "unassign_customer",
    "update_customer",
    "update_legal_entity",
    "update_package",
    "withdraw_amendment",
    "withdraw_package",
]
