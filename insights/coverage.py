"""Coverage: what is sold and never measured, what is measured and never sold, what comes in and is never counted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max
from django.db.models.fields.json import KT

from catalog.models import Product
from contracts.models import Contract, ContractLine, Customer
from governance.doors import visible
from metering.models import EventType, Meter, QuarantinedEvent
from metering.queries import usage
from metering.store import event_store
from pricing.measures import WHOLE, total
from pricing.periods import Period

DAYS = 30
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class UnmeteredType:
    """An event type that no meter counts: how many events of it came, and when the last of them occurred."""

    key: str
    is_registered: bool
    events: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class OnlyRefused:
    """An event type of which nothing was counted and something is, or was, in quarantine."""

    key: str
    events: int
    reasons: str
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is not connected. `silent_customers` is None for whoever may not see contracts."""

    days: int
    since: datetime
    silent_products: Sequence[Product]
    unmetered_types: Sequence[UnmeteredType]
    unsold_meters: Sequence[tuple[Meter, bool]]  # and whether it counted anything
    refused_types: Sequence[OnlyRefused]
    silent_customers: Sequence[tuple[Customer, Sequence[Contract]]] | None

    @property
    def gaps(self) -> int:
        """How many things are not connected."""
        lists = (self.silent_products, self.unmetered_types, self.unsold_meters, self.refused_types)
        return sum(map(len, lists)) + len(self.silent_customers or ())


def coverage(days: int, at: datetime, *, user: Any = None, sees_contracts: bool) -> Coverage:
    """What is not connected, by the events that occurred in the last days; a constant number of queries.

    Without a user every customer is looked at.
    """
    period = Period(at - timedelta(days=days), at + timedelta(days=1))
    meters = list(Meter.objects.order_by("name"))
    used = event_store().meters_in_use(meters, period)
    products = list(Product.objects.filter(meter__isnull=False, is_active=True).select_related("meter"))
    sold = {product.meter_id for product in products}
    seen = event_store().types_seen(period)
    return Coverage(
        days,
        period.start,
        [product for product in products if product.meter is not None and product.meter.key not in used],
        _unmetered(meters, seen),
        [(meter, meter.key in used) for meter in meters if meter.pk not in sold],
        _refused(seen, period),
        _silent(period, at, user) if sees_contracts else None,
    )


def _unmetered(meters: Sequence[Meter], seen: Any) -> list[UnmeteredType]:
    counted = {meter.event_type for meter in meters}
    registered = set(EventType.objects.values_list("key", flat=True))
    return [
        UnmeteredType(
            key,
            key in registered,
            seen[key].events if key in seen else 0,
            seen[key].last_at if key in seen else None,
        )
        for key in sorted((registered | set(seen)) - counted)
    ]


def _refused(seen: Any, period: Period) -> list[OnlyRefused]:
    rows = (
        QuarantinedEvent.objects.filter(received_at__gte=period.start)
        .annotate(type=KT("body__type"))
        .values_list("type", "reason")
        .annotate(events=Count("pk"), last_at=Max("received_at"))
        .order_by("type", "-events")
    )
    found: dict[str, list[Any]] = defaultdict(list)
    for type_, reason, events, last_at in rows:
        if type_ not in seen:
            found[type_ or "—"].append((reason, events, last_at))
    labels = dict(QuarantinedEvent.Reason.choices)
    return [
        OnlyRefused(
            key,
            sum(events for _, events, _ in each),
            ", ".join(labels[reason] for reason, _, _ in each),
            max(last_at for _, _, last_at in each),
        )
        for key, each in found.items()
    ]


def _silent(period: Period, at: datetime, user: Any) -> list[tuple[Customer, Sequence[Contract]]]:
    """Customers whose running contracts sell something measured, of which nothing was used."""
    running = Contract.objects.filter(start_at__lte=at, end_at__gt=at).select_related("customer")
    contracts = {each.pk: each for each in (running if user is None else visible(running, user))}
    lines = ContractLine.objects.filter(contract__in=contracts, product__meter__isnull=False)
    asked: dict[Customer, set[tuple[str, str]]] = defaultdict(set)
    theirs: dict[Customer, set[Any]] = defaultdict(set)
    for pk, meter in lines.values_list("contract", "product__meter__key"):
        asked[contracts[pk].customer].add((contracts[pk].usage_key, meter))
        theirs[contracts[pk].customer].add(pk)
    used = usage((*each, period, WHOLE) for some in asked.values() for each in some)
    heard = {key for (key, _, _, _), measured in used.items() if total(measured)}
    return [
        (customer, [contracts[pk] for pk in sorted(theirs[customer])])
        for customer in sorted(asked, key=lambda each: each.name)
        if not heard & {key for key, _ in asked[customer]}
    ]
