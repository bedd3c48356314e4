"""Accepting milestones."""

from contracts.models import Contract, ScheduledCharge
from governance.acts import Act, Refused
from governance.change import change, locked


def accept_milestone(milestone: ScheduledCharge, *, by: str, evidence: str, act: Act) -> ScheduledCharge:
    """Write down that the customer's person accepted it, and where that is to be found. It is invoiced from now on.

    `Refused` for what is no milestone or was accepted already, before its contract starts and once that is over.
    """
    if not by.strip() or not evidence.strip():
        raise Refused("An acceptance says who accepted, and where that is to be found.")
    with change("milestone.accepted", milestone, act):
        contract = Contract.objects.select_for_update().get(pk=milestone.contract_id)
        milestone = locked(milestone)
        if not milestone.is_milestone:
            raise Refused(f"{milestone.name} is no milestone; it is invoiced on its day.")
        if milestone.accepted_at is not None:
            raise Refused(f"{milestone.name} was accepted by {milestone.accepted_by} already.")
        if not contract.start_at <= act.at < contract.end_at:
            raise Refused(f"{milestone.name} is accepted while {contract} runs.")
        milestone.accepted_at, milestone.accepted_by, milestone.evidence = act.at, by.strip(), evidence.strip()
        milestone.save()
    return milestone
