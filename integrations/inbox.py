"""The way in: a message is kept as it came before it is answered, and applied later, once, by one operation.

Appliers read the present state, so messages may come twice, late and in any order.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from governance.acts import Act, Refused
from governance.change import change, locked
from integrations import stripe_sync
from integrations.errors import Irrelevant, Permanent
from integrations.models import InboundMessage
from integrations.outbox import GIVE_UP_AFTER, sentence_of, wait_after

Status = InboundMessage.Status
Applier = Callable[[InboundMessage, datetime], str]
logger = logging.getLogger(__name__)

# By sender and type; what is not listed is kept and ignored.
APPLIERS: dict[tuple[str, str], Applier] = {("stripe", "invoice.paid"): stripe_sync.invoice_paid}


def receive(*, sender: str, message_id: str, type: str, body: dict[str, Any], at: datetime) -> InboundMessage:  # noqa: A002
    """Keep a message whose signature was checked. The same (sender, id) again is only counted."""
    message, is_new = InboundMessage.objects.get_or_create(
        sender=sender,
        message_id=message_id,
        defaults={"type": type, "body": body, "received_at": at, "next_at": at},
    )
    if not is_new:
        InboundMessage.objects.filter(pk=message.pk).update(times_received=F("times_received") + 1)
        message.refresh_from_db()
    return message


def apply_due(*, at: datetime, limit: int = 200) -> int:
    """Apply up to `limit` messages that wait, oldest first; how many were looked at. Any number may run at once."""
    waiting = InboundMessage.objects.filter(status=Status.NEW, next_at__lte=at).order_by("next_at", "id")
    return sum(_apply(pk, at) for pk in list(waiting.values_list("pk", flat=True)[:limit]))


def retry(message: InboundMessage, *, act: Act) -> InboundMessage:
    """Let a failed or ignored message be looked at again."""
    with change("message.retried", message, act):
        message = locked(message)
        if message.status not in (Status.FAILED, Status.IGNORED):
            raise Refused(f"Only a failed or ignored message can be retried; this one is {message.status}.")
        message.status, message.attempts, message.next_at = Status.NEW, 0, act.at
        message.save()
    return message


@transaction.atomic
def _apply(pk: int, at: datetime) -> bool:
    """One message, held by its lock; what the applier wrote is kept only together with the outcome."""
    waiting = InboundMessage.objects.select_for_update(skip_locked=True)
    message = waiting.filter(pk=pk, status=Status.NEW, next_at__lte=at).first()
    if message is None:
        return False
    message.attempts += 1
    try:
        with transaction.atomic():
            applier = APPLIERS.get((message.sender, message.type), _ignore)
            message.note = applier(message, at)[:300]
        message.status, message.applied_at, message.error = Status.APPLIED, at, ""
    except Irrelevant as reason:
        message.status, message.note, message.error = Status.IGNORED, str(reason)[:300], ""
    except Exception as failure:  # whatever it is, it must end up on the row
        _note_failure(message, failure, at)
    message.save()
    return True


def _ignore(message: InboundMessage, at: datetime) -> str:
    raise Irrelevant("Nothing is done about messages of this type.")


def _note_failure(message: InboundMessage, failure: Exception, at: datetime) -> None:
    message.error = sentence_of(failure)[:2000]
    if isinstance(failure, (Permanent, Refused)) or message.attempts >= GIVE_UP_AFTER:
        message.status = Status.FAILED
    else:
        message.next_at = at + wait_after(message.attempts, failure)
    logger.log(
        logging.ERROR if message.status == Status.FAILED else logging.WARNING,
        "Message %s (%s %s) could not be applied: %s",
        message.pk,
        message.sender,
        message.type,
        type(failure).__name__,
        exc_info=None if isinstance(failure, (Permanent, Refused)) else failure,
    )
