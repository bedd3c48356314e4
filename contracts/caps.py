"""Caps that customers set themselves: what a month comes to so far, read for all of them at once.

Money is what the metered lines of the customer's contracts come to in the calendar month, at their agreed prices and
before commits pay; tiers begin with the month, as in every preview of ours. A check takes the last reading, which the
timetable renews every few seconds: so a hard cap acts a few seconds late, and never costs a check a rating.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from contracts.entitlements import month_at
from contracts.models import CapReading, Contract, Customer, UsageCap
from contracts.queries import deals_of
from contracts.terms import agreed_terms
from governance.acts import Act, Refused
from governance.change import change
from metering.queries import usage
from pricing.measures import WHOLE, Measured, Split, total
from pricing.money import ZERO
from pricing.periods import Period
from pricing.rating import Term, rate, slots

Slot = tuple[str, str, Period, Split]
MONEY = UsageCap.Measure.MONEY


def read_caps(at: datetime, *, act: Act, customers: Iterable[Customer] | None = None) -> list[CapReading]:
    """Read every cap (or those of some customers) anew; say once a month that a limit is reached.

    A constant number of queries for any number of caps, and a change for each limit that is reached. A customer whose
    contracts cannot be priced keeps its last reading.
    """
    rows = UsageCap.objects.select_related("customer", "product__meter", "reading")
    caps = list(rows if customers is None else rows.filter(customer__in=customers))
    months = {cap.customer_id: month_at(at, cap.customer.time_zone) for cap in caps}
    spending = {cap.customer_id for cap in caps if cap.measure == MONEY}
    terms = _metered_terms({pk: months[pk] for pk in spending})
    keys = {cap.customer_id: cap.customer.key for cap in caps}
    asked = {
        (keys[pk], *slot) for pk, some in terms.items() for slot in slots([term for _, term in some], months[pk].end)
    }
    asked |= {_quantity_slot(cap, months[cap.customer_id]) for cap in caps if cap.measure != MONEY}
    measured = usage(asked) if asked else {}
    readings = []
    for cap in caps:
        month = months[cap.customer_id]
        if cap.measure != MONEY:
            amount = total(measured[_quantity_slot(cap, month)])
        elif cap.customer_id in terms:
            amount = _spent(cap, terms[cap.customer_id], month, measured)
        else:
            continue
        readings.append(_reading(cap, month, max(amount, ZERO), at))
    CapReading.objects.bulk_create(
        readings,
        update_conflicts=True,
        unique_fields=["cap"],
        update_fields=["period_start", "period_end", "amount", "read_at", "told"],
    )
    for each in readings:
        _tell(each, act)
    return readings


def _metered_terms(months: Mapping[UUID, Period]) -> dict[UUID, list[tuple[str, Term]]]:
    """The metered terms of each customer, cut to its month, with the currency of their contract.

    Without those of whom something cannot be priced.
    """
    if not months:
        return {}
    by_customer: dict[UUID, list[Contract]] = defaultdict(list)
    for each in Contract.objects.filter(customer__in=months, end_at__gt=min(each.start for each in months.values())):
        by_customer[each.customer_id].append(each)
    found: dict[UUID, list[tuple[str, Term]]] = {pk: [] for pk in months}
    deals = deals_of([each for some in by_customer.values() for each in some])
    for pk, some in by_customer.items():
        try:
            agreed = [(contract, each.term) for contract in some for each in agreed_terms(deals[contract.pk])]
        except Refused:
            del found[pk]
            continue
        for contract, term in agreed:
            time = Period(term.start, term.end).overlap(months[pk]) if term.meter and term.cycle_months else None
            if time is not None:
                cut = replace(term, start=time.start, end=time.end, anchor=months[pk].start)
                found[pk].append((contract.currency, cut))
    return found


def _spent(cap: UsageCap, terms: list[tuple[str, Term]], month: Period, measured: Mapping[Slot, Measured]) -> Decimal:
    """What the month's lines come to, in the customer's currency; those in another one do not count."""
    currency = cap.customer.currency
    mine = [term for of, term in terms if of == currency and (cap.product is None or term.product == cap.product.key)]
    lines = rate(mine, partial(_used, measured, cap.customer.key), month.end)
    return sum((line.amount.amount for line in lines), ZERO)


def _used(measured: Mapping[Slot, Measured], key: str, meter: str, period: Period, split: Split) -> Measured:
    return measured[key, meter, period, split]


def _quantity_slot(cap: UsageCap, month: Period) -> Slot:
    assert cap.product is not None and cap.product.meter is not None  # noqa: PT018 - what set_cap holds
    return cap.customer.key, cap.product.meter.key, month, WHOLE


def _reading(cap: UsageCap, month: Period, amount: Decimal, at: datetime) -> CapReading:
    before: Any = getattr(cap, "reading", None)
    told = before.told if before is not None and before.period_start == month.start else ""
    return CapReading(cap=cap, period_start=month.start, period_end=month.end, amount=amount, read_at=at, told=told)


def _tell(reading: CapReading, act: Act) -> None:
    """A change, which whoever listens hears of, when a limit is reached for the first time in a month."""
    cap = reading.cap
    if cap.hard_limit is not None and reading.amount >= cap.hard_limit:
        level = "hard"
    elif cap.soft_limit is not None and reading.amount >= cap.soft_limit:
        level = "soft"
    else:
        return
    if reading.told not in (level, "hard"):
        with change(f"usage_cap.{level}_limit_reached", cap, act):
            CapReading.objects.filter(cap=cap).update(told=level)
