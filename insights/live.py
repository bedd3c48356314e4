"""Usage as it comes in: what a customer's meters come to in the running cycle, the last hour, the last events."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Max, Sum
from django.db.models.functions import TruncMinute

from contracts.models import Contract, Customer
from contracts.words import amount_text, quantity_text
from governance.acts import Refused
from governance.doors import visible
from invoicing.running import Running, running
from metering.meters.counting import counting_all
from metering.meters.totals import Request
from metering.models import Meter, QuarantinedEvent, UsageBatch, UsageEvent
from metering.queries import usage
from metering.store import event_store
from pricing.measures import WHOLE, Split, parts_of, total
from pricing.money import ZERO, grouped, round_amount
from pricing.periods import Period, midnight

MINUTES = 60
RATE_SECONDS = 10
SHOWN = 8
MOST_CUSTOMERS = 500
ADDING_UP = (Meter.Aggregation.COUNT, Meter.Aggregation.SUM)
BY_MINUTE = Split(window="minute")


@dataclass(frozen=True, slots=True)
class Figure:
    """One meter: what it comes to since the cycle began, and what that costs so far, if it is priced."""

    meter: Meter
    quantity: Decimal
    since: datetime
    amount: str = ""
    note: str = ""

    @property
    def figure(self) -> str:
        return grouped(self.quantity)

    @property
    def unit(self) -> str:
        """As it is said of so many."""
        return quantity_text(self.quantity, self.meter.unit).rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Live:
    """Everything the page shows at an instant. `minutes` are events a minute, the running minute last."""

    at: datetime
    figures: Sequence[Figure]
    minutes: Sequence[int]
    per_second: Decimal
    events: Sequence[UsageEvent]
    waiting: int
    so_far: Sequence[str] = ()
    note: str = ""

    @property
    def last_hour(self) -> int:
        return sum(self.minutes)

    @property
    def peak(self) -> int:
        return max(self.minutes)


def etag(customer_key: str, at: datetime) -> str:
    """Changes whenever the page could: with every batch, and while the figures of the last hour move on."""
    last = UsageBatch.objects.aggregate(last=Max("pk"))["last"]
    waiting = QuarantinedEvent.objects.aggregate(last=Max("pk"))["last"]
    return f'"{customer_key}.{last}.{waiting}.{int(at.timestamp()) // 5}"'


def of_customer(customer: Customer, user: Any, at: datetime, *, sees_money: bool) -> Live:
    """A customer's meters in their running cycles; what no contract bills, in this month (UTC)."""
    contracts = visible(Contract.objects.filter(customer=customer, start_at__lte=at, end_at__gt=at), user)
    note = ""
    try:
        current = running(list(contracts.select_related("customer")), at)
    except Refused as refusal:
        current, note = [], str(refusal)
    meters = list(Meter.objects.order_by("name"))
    types = sorted({meter.event_type for meter in meters})
    return Live(
        at,
        _figures(customer, meters, current, at, sees_money=sees_money),
        _minutes(customer.key, types, at),
        _rate(customer.key, types, at),
        event_store().latest_of(customer.key, at - timedelta(days=1), SHOWN),
        QuarantinedEvent.objects.filter(resolved_at=None, body__customer=customer.key).count(),
        _so_far(current) if sees_money else (),
        note,
    )


def of_everybody(user: Any, at: datetime) -> Live:
    """All customers this person sees: of the meters that add up, their sum in this month (UTC)."""
    keys = list(visible(Customer.objects.all(), user).values_list("key", flat=True)[: MOST_CUSTOMERS + 1])
    month = _month(at)
    meters, note = [], f"Pick a customer for figures: of more than {MOST_CUSTOMERS} they are not added up here."
    if len(keys) <= MOST_CUSTOMERS:
        meters, note = list(Meter.objects.filter(aggregation__in=ADDING_UP, over="").order_by("name")), ""
    used = usage((key, meter.key, month, WHOLE) for key in keys for meter in meters)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (_, meter, _, _), measured in used.items():
        sums[meter] += total(measured)
    hour = UsageBatch.objects.filter(stored_at__gt=_hour(at), stored_at__lte=at, is_open=False)
    by_minute = hour.annotate(minute=TruncMinute("stored_at")).values_list("minute").annotate(Sum("events"))
    lately = hour.filter(stored_at__gt=at - timedelta(seconds=RATE_SECONDS)).aggregate(events=Sum("events"))
    return Live(
        at,
        [Figure(meter, sums[meter.key], month.start) for meter in meters if sums[meter.key]],
        _row(Counter(dict(by_minute)), at),
        Decimal(lately["events"] or 0) / RATE_SECONDS,
        event_store().latest(SHOWN),
        QuarantinedEvent.objects.filter(resolved_at=None).count(),
        note=note,
    )


def _figures(
    customer: Customer, meters: Sequence[Meter], current: Sequence[Running], at: datetime, *, sees_money: bool
) -> list[Figure]:
    month = _month(at)
    billed = {each.agreed.term.meter for each in current}
    asked = [(each.agreed.term.meter, Period(each.cycle.start, at), each) for each in current]
    rest = [(meter.key, month, None) for meter in meters if meter.key not in billed]
    used = usage({(customer.key, meter, period, WHOLE) for meter, period, _ in [*asked, *rest]})
    by_key = {meter.key: meter for meter in meters}
    figures = []
    for meter, period, each in [*asked, *rest]:
        quantity = total(used[customer.key, meter, period, WHOLE])
        if each is None and not quantity:
            continue
        amount = _amount(each) if each is not None and sees_money else ""
        note = "" if each is not None else "billed by no contract"
        figures.append(Figure(by_key[meter], quantity, period.start, amount, note))
    return figures


def _amount(each: Running) -> str:
    currency = each.agreed.term.currency
    return amount_text(sum((line.amount.amount for line in each.lines), ZERO), currency)


def _so_far(current: Sequence[Running]) -> list[str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in current:
        sums[each.agreed.term.currency] += sum((line.amount.amount for line in each.lines), ZERO)
    return [amount_text(round_amount(amount, currency), currency) for currency, amount in sorted(sums.items())]


def _minutes(customer_key: str, types: Sequence[str], at: datetime) -> list[int]:
    """By the time of the events."""
    period = Period(_hour(at), at + timedelta(seconds=1))
    counted: Counter[datetime] = Counter()
    for measured in _events(customer_key, types, period, BY_MINUTE).values():
        for part in parts_of(measured):
            if part.start is not None:
                counted[part.start] += int(part.quantity)
    return _row(counted, at)


def _rate(customer_key: str, types: Sequence[str], at: datetime) -> Decimal:
    period = Period(at - timedelta(seconds=RATE_SECONDS), at + timedelta(seconds=1))
    counted = _events(customer_key, types, period, WHOLE).values()
    return sum((total(measured) for measured in counted), ZERO) / RATE_SECONDS


def _events(customer_key: str, types: Sequence[str], period: Period, split: Split) -> Any:
    return event_store().totals([Request(customer_key, meter, period, split) for meter in counting_all(types)])


def _month(at: datetime) -> Period:
    """What has passed of the month (UTC)."""
    return Period(midnight(at.astimezone(UTC).date().replace(day=1), "UTC"), at)


def _hour(at: datetime) -> datetime:
    """The beginning of the first of the sixty minutes shown."""
    return at.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)


def _row(counted: Counter[datetime], at: datetime) -> list[int]:
    first = _hour(at)
    return [counted[first + timedelta(minutes=place)] for place in range(MINUTES)]
