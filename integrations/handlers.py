"""Which function makes the deliveries of a route. A handler reads the present state and returns what it did, in a
sentence; it may be called again with the same delivery. It raises `Transient`, `Permanent` or `Refused`."""

from collections.abc import Callable
from datetime import datetime

from integrations import booking, crm_sync, email, stripe_sync
from integrations.models import Delivery

Handler = Callable[[Delivery, datetime], str]

HANDLERS: dict[str, Handler] = {
    "ledger.invoice": booking.invoice,
    "ledger.void": booking.void,
    "ledger.payment": booking.payment,
    "ledger.credit_note": booking.credit_note,
    "email.quote": email.quote,
    "email.invoice": email.invoice,
    "stripe.customer": stripe_sync.customer,
    "stripe.invoice": stripe_sync.invoice,
    "stripe.settlement": stripe_sync.settlement,
    "stripe.void": stripe_sync.void,
    "crm.account": crm_sync.account,
    "crm.quote": crm_sync.quote,
    "crm.lost": crm_sync.lost,
    "crm.won": crm_sync.won,
}
