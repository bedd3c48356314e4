"""Billable or not: what a meter would count in a period, told apart by the rule of its event type, and reconciled."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection

from metering.cutoffs import EVERYTHING
from metering.models import Meter
from metering.postgres.formulas import condition_of, literal, value_of
from metering.postgres.statement_texts import NOT_VOID
from pricing.periods import Period


@dataclass(frozen=True, slots=True)
class Tally:
    """Of billable events, of the others, and of all, which is asked apart: how many, and what they add up to.

    Quantities are None where a meter does not add events up (highest, latest, different values, two steps).
    """

    events: tuple[int, int, int]
    quantities: tuple[Decimal, Decimal, Decimal] | None

    @property
    def is_reconciled(self) -> bool:
        """Whether all is the sum of both, as it always must be."""
        billable, others, whole = self.events
        if self.quantities is None:
            return billable + others == whole
        return (
            billable + others == whole
            and Fraction(self.quantities[0]) + Fraction(self.quantities[1]) == self.quantities[2]
        )


def adds_up(meter: Meter) -> bool:
    """Whether what it says of two sets of events is the sum of what it says of each."""
    return meter.aggregation in (Meter.Aggregation.COUNT, Meter.Aggregation.SUM) and not (
        meter.over or meter.carries_over
    )


# What goes into these texts is our own, or made by `metering.formulas`, which quotes; all else is an argument.
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


def tally(meter: Meter, columns: Sequence[Any]) -> Tally:
    """From three numbers of events and three quantities."""
    events, quantities = tuple(columns[:3]), tuple(columns[3:])
    return Tally(events, quantities if adds_up(meter) else None)


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
