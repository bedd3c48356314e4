"""Questions to entitlements: what a customer may use now, and whether so much more. Made to be asked for every request.

A check is one statement for everything that gives the customer the feature, and `metering.queries.usage` for what was
used. Nothing of it is remembered but the definitions of meters, by the transaction that wrote them: a grant, an
override or an event counts from the moment it is committed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from catalog.models import Feature as FeatureRow
from contracts.entitlements import Answer, Cap, Entitlement, Feature, Source, checked, counted, resolved
from contracts.models import ContractLine, Customer
from governance.acts import Refused
from metering.meters.definitions import Timeline, timelines
from metering.meters.totals import Key
from metering.models import Meter
from metering.queries import resolve_customers, usage
from pricing.measures import WHOLE, Measured, total
from pricing.money import ZERO
from pricing.periods import anchored

# A product grants once a contract, however many lines of it are in force; what is for each seat adds up their seats.
_SOURCES = """
    WITH who AS (SELECT id, key, name, time_zone FROM contracts_customer WHERE {customers}),
    asked AS (
        SELECT feature.id, feature.key, feature.name, feature.kind, meter.id AS meter, meter.key AS meter_key,
            meter.xmin::text AS meter_written
        FROM catalog_feature AS feature LEFT JOIN metering_meter AS meter ON meter.id = feature.meter_id
        WHERE {features}
    ),
    source AS (
        SELECT contract.customer_id, given.feature_id, 'product' AS kind, product.name, given.value, given.window,
            given.is_hard, min(line.start_at) AS since, max(line.end_at) AS until, contract.time_zone,
            contract.start_at, contract.anchor_day, contract.number,
            CASE WHEN given.is_per_seat THEN sum(coalesce(line.quantity, 1)) END AS seats
        FROM who JOIN contracts_contract AS contract ON contract.customer_id = who.id
            JOIN contracts_contractline AS line ON line.contract_id = contract.id
                AND line.start_at <= %(at)s AND line.end_at > %(at)s
            JOIN catalog_featuregrant AS given ON given.product_id = line.product_id
                AND given.feature_id IN (SELECT id FROM asked)
            JOIN catalog_product AS product ON product.id = given.product_id
        WHERE contract.start_at <= %(at)s AND contract.end_at > %(at)s
        GROUP BY contract.id, given.id, product.id
        UNION ALL
        SELECT given.customer_id, given.feature_id, CASE WHEN given.is_trial THEN 'trial' ELSE 'override' END,
            given.reason, given.value, given.window, given.is_hard, given.start_at, given.end_at,
            coalesce(contract.time_zone, who.time_zone), coalesce(contract.start_at, given.start_at),
            contract.anchor_day, coalesce(contract.number, ''), NULL
        FROM who JOIN contracts_entitlementoverride AS given ON given.customer_id = who.id
                AND given.feature_id IN (SELECT id FROM asked)
            LEFT JOIN contracts_contract AS contract ON contract.id = given.contract_id
        WHERE given.start_at <= %(at)s AND (given.end_at IS NULL OR given.end_at > %(at)s)
            AND (contract.id IS NULL OR contract.start_at <= %(at)s AND contract.end_at > %(at)s)
    )
    SELECT who.id, who.key, who.name, who.time_zone,
        (SELECT access_until FROM contracts_arrears WHERE customer_id = who.id),
        (
            SELECT array_agg(ARRAY[coalesce(product.name, 'everything'), coalesce(meter.key, ''),
                reading.amount::text, cap.soft_limit::text, cap.hard_limit::text])
            FROM contracts_usagecap AS cap JOIN contracts_capreading AS reading ON reading.cap_id = cap.id
                    AND reading.period_start <= %(at)s AND reading.period_end > %(at)s
                LEFT JOIN catalog_product AS product ON product.id = cap.product_id
                LEFT JOIN metering_meter AS meter ON meter.id = product.meter_id
            WHERE cap.customer_id = who.id
        ),
        asked.key, asked.name, asked.kind, asked.meter, asked.meter_key, asked.meter_written,
        source.kind, source.name, source.value, source.window, source.is_hard, source.since, source.until,
        source.time_zone, source.start_at, source.anchor_day, source.number, source.seats
    FROM who CROSS JOIN asked LEFT JOIN source ON source.customer_id = who.id AND source.feature_id = asked.id
    ORDER BY who.name, who.key, asked.name, asked.key, source.since, source.number, source.name
"""


_OF_ONE, _OF_SOME = "key = %(customer)s", "id = ANY (%(customers)s::uuid[])"
_ALL, _ONE = "true", "feature.key = %(feature)s"


@dataclass(frozen=True, slots=True)
class Holder:
    """A customer, with what it may use. `access_until`: an invoice is overdue, and hard features end then."""

    pk: UUID
    key: str
    name: str
    access_until: datetime | None
    caps: Sequence[Cap]
    entitlements: Sequence[Entitlement]


def entitlements_of(customer_key: str, at: datetime) -> Holder:
    """Everything a customer may use at an instant, with what it used; features that nothing gives it are left out.

    By its key or an alias. `Unknown` for a customer that is not there.
    """
    rows = _rows(_OF_ONE, _ALL, {"customer": customer_key, "at": at})
    if rows:
        return _holders(rows, at)[0]
    if (own := _own_key(customer_key)) != customer_key:
        return entitlements_of(own, at)
    customer = Customer.objects.get(key=customer_key)  # and no features in the catalog
    return Holder(customer.pk, customer.key, customer.name, None, (), ())


def check(customer_key: str, feature_key: str, quantity: Decimal, at: datetime) -> tuple[UUID, Entitlement, Answer]:
    """Whether a customer (whose id comes along) may use so much more of a feature now. `Unknown` for a customer or
    feature that is not there.

    Of a limit the quantity is all that is to be there, of an allowance what is to be added. Nothing is reserved: usage
    counts when it is reported, so what runs at the same time may go beyond together.
    """
    rows = _rows(_OF_ONE, _ONE, {"customer": customer_key, "feature": feature_key, "at": at})
    if rows:
        (holder,) = _holders(rows, at, with_nothing=True)
        (entitlement,) = holder.entitlements
        return (
            holder.pk,
            entitlement,
            checked(entitlement, quantity, at, access_until=holder.access_until, caps=holder.caps),
        )
    if (own := _own_key(customer_key)) != customer_key:
        return check(own, feature_key, quantity, at)
    raise Unknown("feature", f"There is no feature {feature_key}.")


def holders_of(feature: FeatureRow, customers: Iterable[Customer], at: datetime) -> list[Holder]:
    """What these customers have of a feature, by name; those that have nothing of it are left out."""
    given = {"customers": [each.pk for each in customers], "feature": feature.key, "at": at}
    return [each for each in _holders(_rows(_OF_SOME, _ONE, given), at) if each.entitlements]


def customers_with(feature: FeatureRow, at: datetime) -> QuerySet[Customer]:
    """The customers that a line in force, an override or a trial gives something of a feature."""
    lines = ContractLine.objects.filter(
        product__grants__feature=feature,
        start_at__lte=at,
        end_at__gt=at,
        contract__start_at__lte=at,
        contract__end_at__gt=at,
    )
    overrides = feature.overrides.filter(Q(end_at=None) | Q(end_at__gt=at), start_at__lte=at)
    found = Q(pk__in=lines.values("contract__customer")) | Q(pk__in=overrides.values("customer"))
    return Customer.objects.filter(found)


class Unknown(Refused):
    """Something that was named is not there; `what` says which of the names."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(text)
        self.what = what


def _own_key(customer_key: str) -> str:
    own = resolve_customers({customer_key}).get(customer_key)
    if own is None:
        raise Unknown("customer", f"There is no customer {customer_key}.")
    return own


def _rows(customers: str, features: str, given: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES.format(customers=customers, features=features), given)
        return cursor.fetchall()


def _holders(rows: Sequence[Any], at: datetime, *, with_nothing: bool = False) -> list[Holder]:
    """By customer and feature, in the order of the rows, with what was used: one question for all of it."""
    found: dict[UUID, list[Entitlement]] = {}
    known: dict[str, Timeline] = {}
    customers = {}
    for (pk, key, name, zone, until, caps, *feature, meter, written), sources in _grouped(rows):
        customers[pk] = key, name, until, [_cap(each) for each in caps or ()]
        entitlement = resolved(Feature(*feature), sources, at, zone)
        if meter is not None:
            known[entitlement.feature.meter] = _timeline(meter, written)
        mine = found.setdefault(pk, [])
        if with_nothing or entitlement.is_granted:
            mine.append(entitlement)
    slots = {
        (pk, each.feature.key, allowance.period): (customers[pk][0], each.feature.meter, allowance.period, WHOLE)
        for pk, entitlements in found.items()
        for each in entitlements
        for allowance in each.allowances
        if allowance.period is not None
    }
    measured = usage(slots.values(), known=known) if slots else {}
    return [
        Holder(pk, *customers[pk], [_counted(each, pk, slots, measured) for each in entitlements])
        for pk, entitlements in found.items()
    ]


def _counted(
    entitlement: Entitlement, pk: UUID, slots: Mapping[Any, Key], measured: Mapping[Key, Measured]
) -> Entitlement:
    periods = [each.period for each in entitlement.allowances if each.period is not None]
    used = {period: max(total(measured[slots[pk, entitlement.feature.key, period]]), ZERO) for period in periods}
    return counted(entitlement, used)


def _grouped(rows: Iterable[Any]) -> Iterator[tuple[tuple[Any, ...], list[Source]]]:
    """The sources of each customer and feature."""
    for (*who, feature, title, kind, meter, meter_key, written), group in groupby(rows, key=lambda row: row[:12]):
        sources = [_source(row[12:]) for row in group if row[12] is not None]
        yield (*who, feature, title, kind, meter_key or "", meter, written), sources


def _source(row: Any) -> Source:
    kind, name, value, window, is_hard, since, until, zone, start, anchor_day, number, seats = row
    return Source(
        kind=kind,
        name=name,
        value=value,
        window=window,
        is_hard=is_hard,
        since=since,
        until=until,
        zone=zone,
        anchor=start if anchor_day is None else anchored(start, zone, anchor_day),
        contract=number,
        seats=seats,
    )


def _cap(row: Sequence[str]) -> Cap:
    name, meter, amount, soft, hard = row
    return Cap(name, meter, Decimal(amount), *(None if limit is None else Decimal(limit) for limit in (soft, hard)))


@lru_cache(maxsize=10_000)
def _timeline(meter: UUID, written: str) -> Timeline:
    """What a meter counts, and counted. A definition that changes writes the meter, so `written` is another then."""
    (timeline,) = timelines([Meter.objects.get(pk=meter)]).values()
    return timeline
