"""Billed and expected revenue by month: what invoices say beside what the signed offers promised."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from contracts.models import Contract
from governance.doors import visible
from invoicing.models import Invoice
from pricing.money import ZERO
from pricing.periods import Period, add_months, local_days
from quoting.models import QuoteVersion
from quoting.queries import priced

MONTHS_BACK, MONTHS_AHEAD = 6, 3
MOST_OFFERS = 200  # priced for the chart; beyond it the expectation is that of the newest contracts


@dataclass(frozen=True, slots=True)
class MonthOfRevenue:
    """A calendar month in one currency: what was invoiced for it, and what was expected of it when it was sold."""

    first_day: date
    billed: Decimal
    expected: Decimal


def revenue_by_month(user: Any, *, today: date, currency: str) -> list[MonthOfRevenue]:
    """Six months back to three ahead, for the customers this person may see. Amounts before tax."""
    this_month = today.replace(day=1)
    months = [add_months(this_month, offset) for offset in range(-MONTHS_BACK, MONTHS_AHEAD + 1)]
    billed = _billed(visible(Invoice.objects.filter(currency=currency), user))
    expected = _expected(visible(Contract.objects.filter(currency=currency), user), months)
    return [MonthOfRevenue(month, billed.get(month, ZERO), expected.get(month, ZERO)) for month in months]


def _billed(invoices: QuerySet[Invoice]) -> dict[date, Decimal]:
    """Net of what commits paid, by the month the period began in."""
    sums: dict[date, Decimal] = defaultdict(Decimal)
    issued = invoices.filter(status__in=[Invoice.Status.FINALIZED, Invoice.Status.PAID])
    for start, zone, subtotal, drawn in issued.values_list("period_start", "time_zone", "subtotal", "drawn"):
        sums[_month_of(Period(start, start), zone)] += subtotal + drawn
    return sums


def _expected(contracts: QuerySet[Contract], months: Iterable[date]) -> dict[date, Decimal]:
    sums: dict[date, Decimal] = defaultdict(Decimal)
    first = min(months)
    offers = (
        QuoteVersion.objects.filter(contract__in=contracts.filter(end_at__date__gte=first))
        .select_related("quote__customer", "rate_card_version", "contract")
        .order_by("-decided_at")[:MOST_OFFERS]
    )
    for offer in offers:
        assert offer.contract is not None
        for month in priced(offer).months:
            sums[_month_of(month.period, offer.contract.time_zone)] += month.due.amount
    return sums


def _month_of(period: Period, zone: str) -> date:
    return local_days(period, zone)[0].replace(day=1)
