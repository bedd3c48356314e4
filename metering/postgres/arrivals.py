"""Events one by one: by their ids, those that came in last, and of which types anything came at all."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from metering.models import EventType, UsageEvent
from pricing.periods import Period

_LATEST_OF = """
    SELECT event.* FROM unnest(%(types)s::text[]) AS wanted (type) CROSS JOIN LATERAL (
        SELECT event.* FROM metering_usageevent AS event
        WHERE usage_slot(event.customer_key, event.type) = usage_slot(%(customer)s, wanted.type)
            AND event.customer_key = %(customer)s AND event.type = wanted.type
            AND event.occurred_at >= %(since)s
        ORDER BY event.occurred_at DESC, event.id DESC LIMIT %(limit)s
    ) AS event
    ORDER BY event.occurred_at DESC, event.id DESC LIMIT %(limit)s
"""
_TYPES_SEEN = """
    SELECT type, count(*), max(occurred_at) FROM metering_usageevent
    WHERE occurred_at >= %s AND occurred_at < %s GROUP BY type
"""
# Identities are kept by source first; of sources there are few, so each is probed.
_NUMBERS = """
    WITH RECURSIVE sources (source) AS (
        (SELECT source FROM metering_usageidentity ORDER BY source LIMIT 1)
        UNION ALL
        SELECT (SELECT next.source FROM metering_usageidentity AS next
            WHERE next.source > sources.source ORDER BY next.source LIMIT 1)
        FROM sources WHERE sources.source IS NOT NULL
    )
    SELECT identity.source, identity.event
    FROM sources JOIN metering_usageidentity AS identity
        ON identity.source = sources.source AND identity.event_id = %s
    ORDER BY identity.source
"""


class Seen(NamedTuple):
    """How many events, and when the last of them occurred."""

    events: int
    last_at: datetime


def numbers_of(event_id: str, source: str | None = None) -> dict[str, int]:
    """The number of the event that is counted under this id, by its source; of every source unless one is given."""
    with connection.cursor() as cursor:
        if source is None:
            cursor.execute(_NUMBERS, [event_id])
        else:
            cursor.execute(
                "SELECT source, event FROM metering_usageidentity WHERE source = %s AND event_id = %s",
                [source, event_id],
            )
        return dict(cursor.fetchall())


def numbered(numbers: Collection[int]) -> list[UsageEvent]:
    """The events with these numbers, by source; those of retired months are gone."""
    return list(UsageEvent.objects.filter(pk__in=numbers).order_by("source", "pk"))


def latest(limit: int) -> list[UsageEvent]:
    """The events stored last, of whomever, newest first."""
    return list(UsageEvent.objects.order_by("-id")[:limit])


def latest_of(customer_key: str, since: datetime, limit: int) -> list[UsageEvent]:
    """A customer's events that occurred last, none before `since`; newest first. One probe for each event type."""
    types = list(EventType.objects.values_list("key", flat=True))
    given = {"types": types, "customer": customer_key, "since": since, "limit": limit}
    return list(UsageEvent.objects.raw(_LATEST_OF, given))


def types_seen(period: Period) -> Mapping[str, Seen]:
    """Which event types occurred in the period, billable or not. Reads every event of the period."""
    with connection.cursor() as cursor:
        cursor.execute(_TYPES_SEEN, [period.start, period.end])
        return {type_: Seen(events, last_at) for type_, events, last_at in cursor.fetchall()}
