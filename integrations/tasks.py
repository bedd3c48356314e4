"""The timetable's tasks: read the clock, do what is due. Late, doubled or missing runs lose nothing."""

from celery import shared_task

from governance import clock
from integrations import inbox, outbox

BATCH = 200


@shared_task(name="integrations.tasks.relay")
def relay() -> None:
    while outbox.relay(at=clock.now(), limit=BATCH) == BATCH:
        pass


@shared_task(name="integrations.tasks.deliver_due")
def deliver_due() -> None:
    outbox.deliver_due(at=clock.now(), limit=BATCH)


@shared_task(name="integrations.tasks.process_inbox")
def process_inbox() -> None:
    inbox.apply_due(at=clock.now(), limit=BATCH)
