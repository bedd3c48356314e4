"""Who is behind with payments, told to contracts: until when access goes on although an invoice is overdue.

Found by state: asked again, late or twice, it says the same. A payment lifts it in its own transaction.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from contracts.models import Arrears, Customer
from contracts.operations import clear_arrears, note_arrears
from governance.acts import Act
from invoicing.models import Invoice
from invoicing.queries import amount_open
from pricing.periods import local_day, midnight


class Overdue(NamedTuple):
    """The invoice that ends a customer's access first, and when."""

    invoice: str
    due_on: Any
    access_until: datetime


def refresh_arrears(at: datetime, *, act: Act, customers: Collection[UUID] | None = None) -> int:
    """Note who is overdue by now and clear who is not any more, of these customers or of all; gives how many changed.

    An invoice is overdue from the day after it was due, in its own time zone; the grace is its seller's. Two queries,
    and a change for each customer with whom something changed.
    """
    overdue = _overdue(at, customers)
    noted = {each.customer_id: each for each in _of(Arrears.objects.select_related("customer"), customers, "customer")}
    changed = 0
    missing = overdue.keys() - noted.keys()
    names = Customer.objects.in_bulk(missing) if missing else {}
    for pk, found in overdue.items():
        row = noted.get(pk)
        if row is None or (row.invoice, row.due_on, row.access_until) != found:
            note_arrears(row.customer if row else names[pk], **found._asdict(), act=act)
            changed += 1
    for pk in noted.keys() - overdue.keys():
        clear_arrears(noted[pk].customer, act=act)
        changed += 1
    return changed


def _overdue(at: datetime, customers: Collection[UUID] | None) -> dict[UUID, Overdue]:
    """By the customer whose contract it is, whoever pays for it."""
    awaited = Invoice.objects.filter(
        status=Invoice.Status.FINALIZED, due_on__lte=at.date(), legal_entity__access_grace_days__isnull=False
    )
    rows = _of(awaited, customers, "contract__customer").annotate(still_open=amount_open()).filter(still_open__gt=0)
    found: dict[UUID, Overdue] = {}
    for each in rows.select_related("legal_entity", "contract").order_by("due_on", "number"):
        if each.due_on is None or each.due_on >= local_day(at, each.time_zone):
            continue
        days = timedelta(days=1 + (each.legal_entity.access_grace_days or 0))
        until = midnight(each.due_on + days, each.time_zone)
        mine = Overdue(str(each.number), each.due_on, until)
        customer = each.contract.customer_id
        if customer not in found or until < found[customer].access_until:
            found[customer] = mine
    return found


def _of(rows: Any, customers: Collection[UUID] | None, path: str) -> Any:
    return rows if customers is None else rows.filter(**{f"{path}__in": customers})
