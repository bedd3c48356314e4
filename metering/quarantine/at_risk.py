"""What quarantine is worth: about what its events would be billed at. Metering asks; those who know prices answer."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.db import transaction
from django.db.models import F, Q

from metering import queries
from metering.expressions import parse
from metering.models import Meter, QuarantinedEvent
from metering.registry.schemas import kinds_named
from metering.registry.screening import matches
from metering.wire.events import Event
from pricing.money import ONE, Money, total

BLOCK = 500
AGAIN_AFTER = timedelta(days=1)
UNKNOWN_AGAIN_AFTER = timedelta(hours=1)
_UNTRUSTED = QuarantinedEvent.Reason.WRONG_UNIT
"""Its quantity is in another unit than the price, so nothing can be said."""
_ADD_UP = (Meter.Aggregation.COUNT, Meter.Aggregation.SUM)
"""Of the others, what an event adds depends on the events beside it."""


class Parked(NamedTuple):
    """What an event that waits would add to a meter, for whom and when. Without a customer, for nobody we know."""

    customer_key: str
    meter_key: str
    quantity: Decimal
    properties: dict[str, Any]
    at: datetime


Prices = Callable[[Sequence[Parked]], Sequence[Money | None]]
_prices: Prices | None = None


def register_prices(prices: Prices) -> None:
    """Say who knows what usage is billed at: a function that gives an amount for each, or None where nobody can tell.

    Metering stands below prices and cannot ask by itself; the app that keeps agreements registers when it starts.
    """
    global _prices
    _prices = prices


def estimate(*, at: datetime) -> int:
    """Estimate a block: what never was, then what was longest ago; how many. What nobody can tell stays NULL.

    Any number may run at once: each takes rows that no other holds.
    """
    if _prices is None:
        raise RuntimeError("nobody told metering what usage is billed at: register_prices was not called")
    with transaction.atomic():
        rows = QuarantinedEvent.objects.filter(_due(at), resolved_at=None)
        rows = rows.order_by(F("estimated_at").asc(nulls_first=True), "pk")
        waiting = list(rows.select_for_update(of=("self",), skip_locked=True)[:BLOCK])
        parked = _parked(waiting)
        flat = [each for some in parked for each in some]
        amounts = iter(_prices(flat) if flat else [])
        for event, some in zip(waiting, parked, strict=True):
            worth = _together([next(amounts) for _ in some])
            event.at_risk, event.at_risk_currency = (None, "") if worth is None else (worth.amount, worth.currency)
            event.estimated_at = at
        QuarantinedEvent.objects.bulk_update(waiting, ["at_risk", "at_risk_currency", "estimated_at"])
    return len(waiting)


def _due(at: datetime) -> Q:
    unknown = Q(at_risk=None, estimated_at__lt=at - UNKNOWN_AGAIN_AFTER)
    return Q(estimated_at=None) | unknown | Q(estimated_at__lt=at - AGAIN_AFTER)


def _parked(waiting: Sequence[QuarantinedEvent]) -> list[list[Parked]]:
    """For each event what it would add to which meters; nothing where its type does not bill it, or cannot be told."""
    events = [msgspec.convert(each.body, Event) for each in waiting]
    customers = queries.resolve_customers({event.customer_key for event in events})
    rules = kinds_named(event.type for event in events)
    meters: dict[str, list[Meter]] = {}
    for meter in Meter.objects.filter(event_type__in=rules, aggregation__in=_ADD_UP, over="", carries_over=False):
        meters.setdefault(meter.event_type, []).append(meter)
    return [
        []
        if row.reason == _UNTRUSTED or (event.type in rules and not rules[event.type].is_billable(event.properties))
        else [
            Parked(customers.get(event.customer_key, ""), meter.key, quantity, event.properties, event.time)
            for meter in meters.get(event.type, ())
            if (quantity := _quantity(meter, event.properties)) is not None
        ]
        for row, event in zip(waiting, events, strict=True)
    ]


def _quantity(meter: Meter, properties: dict[str, Any]) -> Decimal | None:
    if not matches(meter, properties):
        return None
    return ONE if meter.aggregation == Meter.Aggregation.COUNT else parse(meter.property).value(properties)


def _together(amounts: Sequence[Money | None]) -> Money | None:
    """What is known of it; None where nothing is, or where it is in several currencies."""
    known = [amount for amount in amounts if amount is not None]
    currencies = {amount.currency for amount in known}
    return total(known, currencies.pop()) if len(currencies) == 1 else None
