"""The way out: changes become deliveries, deliveries are made until they succeed or are given up loudly.

Everything is found by its state, never by position: ids commit out of order. A delivery is claimed by one conditional
update that also says when somebody else may try, so a process may be killed anywhere: the call is then repeated, with
the same idempotency key.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from governance.acts import Act, Refused
from governance.change import change, locked
from governance.models import Change
from integrations.errors import Permanent, Transient
from integrations.handlers import HANDLERS
from integrations.models import Delivery
from integrations.routes import ROUTES, SYSTEMS

LEASE = timedelta(minutes=5)  # longer than any handler takes; after it, a claim is taken for that of a dead process
GIVE_UP_AFTER = 10
Status = Delivery.Status
logger = logging.getLogger(__name__)


@transaction.atomic
def relay(*, at: datetime, limit: int = 200) -> int:
    """Turn up to `limit` unrelayed changes into one delivery per listener; how many there were.

    Any number may run at once: each takes rows that no other holds.
    """
    unrelayed = Change.objects.filter(relayed_at=None).order_by("id")
    rows = list(unrelayed.select_for_update(skip_locked=True, no_key=True)[:limit])
    Delivery.objects.bulk_create(
        Delivery(change=row, route=route, next_at=at) for row in rows for route in ROUTES.get(row.name, ())
    )
    Change.objects.filter(pk__in=[row.pk for row in rows]).update(relayed_at=at)
    return len(rows)


def deliver_due(*, at: datetime, limit: int = 200) -> int:
    """Make what is due, up to `limit` for each system; how many were attempted.

    A system that cannot answer now is left alone for the rest of the round and keeps nobody else waiting.
    """
    return sum(_deliver_to(system, at, limit) for system in SYSTEMS)


def deliver(delivery_id: int, *, at: datetime) -> Delivery | None:
    """Claim, call the handler, note the outcome. None when it is not due or somebody else has it."""
    due = Delivery.objects.filter(pk=delivery_id, status=Status.DUE, next_at__lte=at)
    if not due.update(attempts=F("attempts") + 1, next_at=at + LEASE):
        return None
    delivery = Delivery.objects.select_related("change").get(pk=delivery_id)
    try:
        note = HANDLERS[delivery.route](delivery, at)
    except (Permanent, Refused) as failure:
        _note_failure(delivery, failure, at, for_good=True)
    except Exception as failure:
        _note_failure(delivery, failure, at, for_good=delivery.attempts >= GIVE_UP_AFTER)
    else:
        _note(delivery, status=Status.DONE, done_at=at, note=note[:300], error="")
    return delivery


def drain(*, at: datetime) -> int:
    """Relay and deliver until nothing is due at `at`; how many deliveries were attempted."""
    attempted = 0
    while True:
        relayed, made = relay(at=at), deliver_due(at=at)
        attempted += made
        if not relayed and not made:
            return attempted


def retry(delivery: Delivery, *, act: Act) -> Delivery:
    """Make a delivery that was given up due again, with ten new attempts."""
    with change("delivery.retried", delivery, act):
        delivery = locked(delivery)
        if delivery.status != Status.FAILED:
            raise Refused(
                f"Only a failed delivery can be retried; this one is {delivery.get_status_display().lower()}."
            )
        delivery.status, delivery.attempts, delivery.next_at = Status.DUE, 0, act.at
        delivery.save()
    return delivery


def wait_after(attempts: int, failure: Exception | None = None) -> timedelta:
    """1, 2, 4, … minutes, or as long as the other side asked for if that is longer."""
    asked = getattr(failure, "retry_after", None) or 0
    return max(timedelta(minutes=2 ** (attempts - 1)), timedelta(seconds=asked))


def sentence_of(failure: Exception) -> str:
    """For the row's error: our own failures speak for themselves, others are named."""
    text = str(failure)
    return text if isinstance(failure, (Transient, Permanent, Refused)) else f"{type(failure).__name__}: {text}"


def _deliver_to(system: str, at: datetime, limit: int) -> int:
    due = Delivery.objects.filter(status=Status.DUE, next_at__lte=at, route__startswith=f"{system}.")
    attempted = 0
    for delivery_id in list(due.order_by("next_at", "id").values_list("pk", flat=True)[:limit]):
        delivery = deliver(delivery_id, at=at)
        attempted += delivery is not None
        if delivery is not None and delivery.status == Status.DUE:
            break
    return attempted


def _note_failure(delivery: Delivery, failure: Exception, at: datetime, *, for_good: bool) -> None:
    # The message may name people, so the log says where to look and the row says what.
    level = logging.ERROR if for_good else logging.WARNING
    outcome = "was given up" if for_good else "will be tried again"
    unforeseen = not isinstance(failure, (Transient, Permanent, Refused))
    logger.log(
        level,
        "Delivery %s (%s) %s after attempt %s: %s",
        delivery.pk,
        delivery.route,
        outcome,
        delivery.attempts,
        type(failure).__name__,
        exc_info=failure if unforeseen and for_good else None,
    )
    status = Status.FAILED if for_good else Status.DUE
    _note(
        delivery, status=status, next_at=at + wait_after(delivery.attempts, failure), error=sentence_of(failure)[:2000]
    )


def _note(delivery: Delivery, **outcome: object) -> None:
    """Write the outcome, unless somebody else has finished the delivery or claimed it since."""
    mine = Delivery.objects.filter(pk=delivery.pk, status=Status.DUE)
    if outcome["status"] != Status.DONE:
        mine = mine.filter(attempts=delivery.attempts)
    mine.update(**outcome)
    for name, value in outcome.items():
        setattr(delivery, name, value)
