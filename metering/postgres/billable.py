"""Billable or not, asked of PostgreSQL (see `metering.meters.billable`)."""

from collections.abc import Sequence

from django.db import connection

from metering.cutoffs import EVERYTHING
from metering.meters.billable import Tally, adds_up, tally
from metering.models import Meter
from metering.postgres.formulas import condition_of, literal, value_of
from metering.postgres.statement_texts import NOT_VOID
from pricing.periods import Period

# What goes into these texts is our own, or made by `metering.postgres.formulas`, which quotes; all else is an argument.
_TALLY = f"""
    SELECT {{number}}, count(*) FILTER (WHERE is_billable), count(*) FILTER (WHERE NOT is_billable), count(*),
        coalesce(sum({{added}}) FILTER (WHERE is_billable), 0),
        coalesce(sum({{added}}) FILTER (WHERE NOT is_billable), 0), coalesce(sum({{added}}), 0)
    FROM (
        SELECT event.is_billable, {{value}} AS value FROM metering_usageevent AS event
        WHERE event.type = {{type}} AND event.occurred_at >= %(start)s AND event.occurred_at < %(end)s {{customer}}
            AND {NOT_VOID} AND {{condition}}
        OFFSET 0
    ) AS event WHERE value IS NOT NULL
"""  # noqa: S608
_OF_CUSTOMER = """
    AND usage_slot(event.customer_key, event.type) = usage_slot(%(customer)s, {type})
    AND event.customer_key = %(customer)s
"""


def tallies(meters: Sequence[Meter], period: Period, customer_key: str | None = None) -> dict[str, Tally]:
    """By meter key; one query, which reads the events of the period: of the customer, or of everybody."""
    if not meters:
        return {}
    texts = [_written(number, meter, customer_key) for number, meter in enumerate(meters)]
    given = {"start": period.start, "end": period.end, "customer": customer_key, "batch": EVERYTHING.batch}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(texts), given)
        return {meters[number].key: tally(meters[number], rest) for number, *rest in cursor.fetchall()}


def _written(number: int, meter: Meter, customer_key: str | None) -> str:
    kind = literal(meter.event_type)
    return _TALLY.format(
        number=number,
        added="value" if adds_up(meter) else "0",
        value=value_of(meter),
        type=kind,
        customer="" if customer_key is None else _OF_CUSTOMER.format(type=kind),
        condition=condition_of(meter),
    )
