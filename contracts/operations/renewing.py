"""Renewing a contract when its term is over, or declining to."""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from contracts.models import Contract
from contracts.operations.signing import sign_contract
from contracts.renewals import automatic_by, declinable_until, last_day_to_decline, next_terms, renews_at
from contracts.words import day_text
from governance.acts import Act, Refused
from governance.change import change, locked

log = logging.getLogger(__name__)
Renewal = Contract.Renewal


def renew_contract(contract: Contract, *, act: Act) -> Contract:
    """Sign the next contract by the rule of this one: it begins at the instant at which this one ends.

    `Refused` if it was renewed, declined or ended before its time, or what is in force at its end cannot be agreed on
    again.
    """
    with change("contract.renewed", contract, act):
        contract = locked(contract)
        _must_be_open(contract)
        renewed = sign_contract(next_terms(contract), act=act)
        if contract.renewal_problem:
            contract.renewal_problem = ""
            contract.save()
    return renewed


def decline_renewal(contract: Contract, *, by: str, late_because: str = "", act: Act) -> Contract:
    """It ends with its term. `by` is the person who said so, the customer's or ours; the act says why.

    After the last day to decline only with `late_because`: why it is accepted nevertheless.
    """
    with change("contract.renewal_declined", contract, act):
        contract = locked(contract)
        _must_be_open(contract)
        if contract.renewal == Renewal.NONE:
            raise Refused(f"{contract} ends with its term; there is no renewal to decline.")
        if not by.strip():
            raise Refused("Say who declined.")
        if act.at >= declinable_until(contract) and not late_because.strip():
            last = day_text(last_day_to_decline(contract))
            raise Refused(f"The last day to decline was {last}. Say why it is accepted after that.")
        contract.declined_at, contract.declined_by = act.at, by.strip()
        contract.declined_because = f"{act.because} {late_because}".strip()
        contract.save()
    return contract


def reopen_renewal(contract: Contract, *, act: Act) -> Contract:
    """Take back that it was declined: its rule holds again."""
    with change("contract.renewal_reopened", contract, act):
        contract = locked(contract)
        if contract.declined_at is None:
            raise Refused(f"Nobody declined to renew {contract}.")
        contract.declined_at, contract.declined_by, contract.declined_because = None, "", ""
        _must_be_open(contract)
        contract.save()
    return contract


def renew_due(*, act: Act) -> Sequence[Contract]:
    """Renew every contract that renews itself and whose time has come; gives the new ones.

    Late, twice or twice at once, a contract is renewed once. What cannot be renewed stops no other: the contract says
    why, and it is tried again.
    """
    renewed = [_renewed(pk, act) for pk in automatic_by(act.at).values_list("pk", flat=True)]
    return [each for each in renewed if each is not None]


def _renewed(pk: UUID, act: Act) -> Contract | None:
    with transaction.atomic():
        contract = Contract.objects.select_for_update(of=("self",)).get(pk=pk)
        if not _is_due(contract, act.at):
            return None  # somebody else was faster
        try:
            with transaction.atomic():
                return renew_contract(contract, act=act)
        except Refused as refusal:
            problem = str(refusal)
        except Exception as error:  # one contract's failure must not stop the others
            log.exception("contract %s could not be renewed", contract)
            problem = str(error) or type(error).__name__
        if problem != contract.renewal_problem:
            with change("contract.not_renewed", contract, act.saying(problem)):
                contract.renewal_problem = problem
                contract.save()
    return None


def _is_due(contract: Contract, at: datetime) -> bool:
    return (
        contract.status == Contract.Status.ACTIVE
        and contract.renewal == Renewal.AUTOMATIC
        and contract.declined_at is None
        and renews_at(contract) <= at
        and not contract.renewed_by.exists()
    )


def _must_be_open(contract: Contract) -> None:
    """`Refused` once it is decided what follows the contract."""
    if contract.status == Contract.Status.ENDED:
        raise Refused(f"{contract} was ended before its time; what follows is a new contract.")
    if other := contract.renewed_by.first():
        raise Refused(f"{contract} was renewed by {other} already.")
    if contract.declined_at is not None:
        raise Refused(f"{contract.declined_by} declined to renew {contract}.")
