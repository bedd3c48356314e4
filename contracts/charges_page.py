"""A contract's scheduled charges and milestones, as people read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.models import Contract, ScheduledCharge
from contracts.words import amount_text, day_text, period_text
from pricing.periods import Period, local_day


@dataclass(frozen=True, slots=True)
class ShownCharge:
    name: str
    product: str
    amount: str
    when: str
    is_late: bool


def shown_charges(contract: Contract, at: datetime) -> Sequence[ShownCharge]:
    """In order of their days."""
    charges = contract.scheduled_charges.select_related("product").order_by("due_at", "name", "pk")
    return [
        ShownCharge(
            name=each.name,
            product=each.product.name if each.product else "",
            amount=amount_text(each.amount, contract.currency),
            when=when_text(each, contract),
            is_late=each.is_milestone and each.accepted_at is None and each.due_at <= at,
        )
        for each in charges
    ]


def when_text(charge: ScheduledCharge, contract: Contract) -> str:
    """`invoiced on 1 Mar 2026`, `accepted by Dan on 3 Mar 2026 (mail of that day)`, `to be accepted by 1 Mar 2026`."""
    zone = contract.time_zone
    due = day_text(local_day(charge.due_at, zone))
    if charge.accepted_at is not None:
        accepted = day_text(local_day(charge.accepted_at, zone))
        return f"accepted by {charge.accepted_by} on {accepted} ({charge.evidence})"
    if charge.is_milestone:
        return f"invoiced when accepted, expected by {due}"
    if charge.until_at is not None:
        return f"invoiced on {due}, for {period_text(Period(charge.due_at, charge.until_at), contract.time_zone)}"
    return f"invoiced on {due}"
