"""Flags: usage that looks wrong, found by rules, and resolved by a person who says what it was."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice

from django.conf import settings
from django.db import connection

from governance.acts import Act, Refused
from governance.change import change, locked
from metering import queries
from metering.flags import rules as oddities
from metering.flags.rules import Limits, Odd
from metering.meters.counting import counting_all
from metering.meters.totals import Request
from metering.models import EventType, Meter, QuarantinedEvent, UsageBatch, UsageEvent, UsageFlag
from metering.store import event_store
from pricing.figures import grouped, plural
from pricing.measures import WHOLE, Split, parts_of, total
from pricing.periods import Period, midnight

Kind = UsageFlag.Kind
DAILY = Split(window="day")
CHUNK = 200  # customers whose days are held in memory at a time
RECENT = 20_000  # arrivals by which clocks are judged
FEWEST_FROM_THE_FUTURE = 20
_BURSTS = """
    SELECT source, key, (stored_at AT TIME ZONE 'UTC')::date AS day, sum(value::bigint)
    FROM metering_usagebatch CROSS JOIN LATERAL jsonb_each_text(duplicates_of)
    WHERE stored_at >= %s AND duplicates > 0
    GROUP BY source, key, day HAVING sum(value::bigint) >= %s ORDER BY day, source, key
"""
_FROM_THE_FUTURE = """
    SELECT source, body ->> 'customer', count(*), min((body ->> 'time')::timestamptz - received_at)
    FROM metering_quarantinedevent
    WHERE received_at >= %s AND reason = %s GROUP BY 1, 2 HAVING count(*) >= %s
"""


def limits() -> Limits:
    """From when on something is odd, as the settings say."""
    return Limits(
        spike_factor=settings.FLAG_SPIKE_FACTOR,
        spike_floor=settings.FLAG_SPIKE_FLOOR,
        duplicates=settings.FLAG_DUPLICATES,
        duplicates_share=settings.FLAG_DUPLICATES_SHARE,
    )


def look(at: datetime) -> list[UsageFlag]:
    """Find what is odd as of an instant and flag it; gives the new flags. Safe to repeat: an oddity is flagged once.

    The number of queries grows with the customers only by one for every 200.
    """
    allowed = limits()
    found = [*_of_days(at, allowed), *_bursts(at, allowed), *_skews(at)]
    return _recorded(found)


def resolve(flag: UsageFlag, *, act: Act) -> UsageFlag:
    """Say what it was. From then on it holds no invoice."""
    with change("usage_flag.resolved", flag, act):
        flag = locked(flag)
        if flag.resolved_at is not None:
            raise Refused("This flag is resolved already.")
        flag.resolved_at, flag.resolved_by, flag.because = act.at, act.by, act.because
        flag.save(update_fields=["resolved_at", "resolved_by", "because"])
    return flag


def open_flags(customers: Collection[str], kinds: Collection[str]) -> list[UsageFlag]:
    """The customers' unresolved flags of these kinds, oldest first. One query."""
    if not (customers and kinds):
        return []
    rows = UsageFlag.objects.filter(customer_key__in=customers, kind__in=kinds, resolved_at=None)
    return list(rows.order_by("day", "meter_key", "pk"))


def day_totals(
    customers: Iterable[str], meters: Sequence[Meter], first: date, last: date
) -> dict[tuple[str, str], dict[date, Decimal]]:
    """What each customer used of each meter on each UTC day from the first to the last, both included."""
    period = Period(midnight(first, "UTC"), midnight(last + timedelta(days=1), "UTC"))
    keys = [(customer, meter.key, period, DAILY) for customer in customers for meter in meters]
    days: dict[tuple[str, str], dict[date, Decimal]] = {}
    for (customer, meter, _, _), measured in queries.usage(keys).items():
        days[customer, meter] = {part.start.date(): part.quantity for part in parts_of(measured) if part.start}
    return days


def _of_days(at: datetime, allowed: Limits) -> Iterator[UsageFlag]:
    meters = {meter.key: meter for meter in Meter.objects.filter(over="")}
    today = at.astimezone(UTC).date()
    # What happened on a day may still come for a while after its end.
    judged = (at - timedelta(hours=settings.FLAG_SILENCE_WAIT_HOURS)).astimezone(UTC).date()
    first = judged - timedelta(days=oddities.history())
    for customers in _chunks(sorted(queries.customer_keys())):
        for (customer, key), days in day_totals(customers, list(meters.values()), first, today).items():
            meter = meters[key]
            for odd in oddities.spikes(days, today, allowed):
                yield _spike(customer, meter, odd, at)
            for odd in oddities.silences(days, judged) if _is_heard_daily(meter) else ():
                yield _silence(customer, meter, odd, at)


def _is_heard_daily(meter: Meter) -> bool:
    """Seats and storage that are reported when they change are not silent for being as they were."""
    return not meter.carries_over and meter.aggregation != Meter.Aggregation.WEIGHTED


def _spike(customer: str, meter: Meter, odd: Odd, at: datetime) -> UsageFlag:
    times = (
        f"{grouped((odd.seen / odd.usual).quantize(Decimal('0.1')))} times the usual" if odd.usual else "from nothing"
    )
    detail = f"{_many(odd.seen, meter.unit)} on {_day(odd.day)}, {times} {_many(odd.usual, meter.unit)} a day."
    return _flag(Kind.SPIKE, customer, odd, detail, at, meter_key=meter.key)


def _silence(customer: str, meter: Meter, odd: Odd, at: datetime) -> UsageFlag:
    detail = f"Nothing on {_day(odd.day)}, where there always was something: {_many(odd.usual, meter.unit)} a day."
    return _flag(Kind.SILENCE, customer, odd, detail, at, meter_key=meter.key)


def _bursts(at: datetime, allowed: Limits) -> Iterator[UsageFlag]:
    since = midnight((at - timedelta(days=1)).astimezone(UTC).date(), "UTC")
    with connection.cursor() as cursor:
        cursor.execute(_BURSTS, [since, allowed.duplicates])
        rows = cursor.fetchall()
    counted = _counted({(customer, day) for _, customer, day, _ in rows})
    for source, customer, day, duplicates in rows:
        beside = counted[customer, day]
        if oddities.is_burst(int(duplicates), beside, allowed):
            odd = Odd(day, Decimal(duplicates), Decimal(beside))
            detail = f"{int(duplicates):,} events from {source} on {_day(day)} were sent before; {beside:,} counted."
            yield _flag(Kind.DUPLICATES, customer, odd, detail, at, source=source)


def _counted(asked: Collection[tuple[str, date]]) -> dict[tuple[str, date], int]:
    """How many billable events of each customer occurred on each day, of whatever type."""
    events = counting_all(EventType.objects.values_list("key", flat=True) if asked else ())
    days = {
        (customer, day): Period(midnight(day, "UTC"), midnight(day + timedelta(days=1), "UTC"))
        for customer, day in asked
    }
    totals = event_store().totals(
        [Request(customer, meter, period) for (customer, _), period in days.items() for meter in events]
    )
    return {
        (customer, day): sum(int(total(totals[customer, meter.key, period, WHOLE])) for meter in events)
        for (customer, day), period in days.items()
    }


def _skews(at: datetime) -> Iterator[UsageFlag]:
    """By the arrivals of the last two days, and by what was so far ahead that it is in quarantine."""
    since = at - timedelta(days=2)
    delays: dict[tuple[str, str], list[tuple[int, timedelta]]] = defaultdict(list)
    for event, stored_at in _arrivals(since, at):
        delays[event.customer_key, event.source].append((event.batch_id, stored_at - event.occurred_at))
    today = at.astimezone(UTC).date()
    for (customer, source), seen in delays.items():
        if (usual := oddities.skew(seen)) is not None:
            yield _skew(customer, source, usual, today, at)
    with connection.cursor() as cursor:
        cursor.execute(_FROM_THE_FUTURE, [since, QuarantinedEvent.Reason.TOO_EARLY, FEWEST_FROM_THE_FUTURE])
        for source, customer, _, ahead in cursor.fetchall():
            yield _skew(customer, source, -ahead, today, at)


def _arrivals(since: datetime, at: datetime) -> Iterator[tuple[UsageEvent, datetime]]:
    events = event_store().latest(RECENT)
    batches = UsageBatch.objects.filter(pk__in={event.batch_id for event in events}, stored_at__gte=since)
    stored = dict(batches.filter(stored_at__lte=at).values_list("pk", "stored_at"))
    return ((event, stored[event.batch_id]) for event in events if event.batch_id in stored)


def _skew(customer: str, source: str, delay: timedelta, day: date, at: datetime) -> UsageFlag:
    seconds = Decimal(int(abs(delay).total_seconds()))
    way = "before they happen" if delay < timedelta(0) else "late, and always by as much"
    detail = f"Events from {source} come {_long(abs(delay))} {way}: the clock there, or its time zone, is wrong."
    return _flag(Kind.SKEW, customer, Odd(day, seconds, Decimal(0)), detail, at, source=source)


def _flag(
    kind: str, customer: str, odd: Odd, detail: str, at: datetime, *, meter_key: str = "", source: str = ""
) -> UsageFlag:
    return UsageFlag(
        kind=kind,
        customer_key=customer,
        meter_key=meter_key,
        source=source,
        day=odd.day,
        seen=odd.seen,
        usual=odd.usual,
        detail=detail,
        found_at=at,
    )


def _recorded(found: Sequence[UsageFlag]) -> list[UsageFlag]:
    """Store what is new; what is known and open says what is seen now. A clock that is wrong stays one flag."""
    if not found:
        return []
    first = min(flag.day for flag in found)
    known = {_key(flag): flag for flag in UsageFlag.objects.filter(day__gte=first)}
    wrong_clocks = set(UsageFlag.objects.filter(kind=Kind.SKEW, resolved_at=None).values_list("customer_key", "source"))
    fresh = [
        flag
        for flag in found
        if _key(flag) not in known and not (flag.kind == Kind.SKEW and (flag.customer_key, flag.source) in wrong_clocks)
    ]
    moved = []
    for flag in found:
        there = known.get(_key(flag))
        if there is not None and there.resolved_at is None and there.seen != flag.seen:
            there.seen, there.detail = flag.seen, flag.detail
            moved.append(there)
    UsageFlag.objects.bulk_update(moved, ["seen", "detail"])
    UsageFlag.objects.bulk_create(fresh, ignore_conflicts=True)
    return fresh


def _key(flag: UsageFlag) -> tuple[str, str, str, str, date]:
    return flag.kind, flag.customer_key, flag.meter_key, flag.source, flag.day


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(keys)
    while taken := list(islice(remaining, CHUNK)):
        yield taken


def _many(quantity: Decimal, unit: str) -> str:
    return f"{grouped(quantity)} {unit if quantity == 1 else plural(unit)}"


def _day(day: date) -> str:
    return f"{day:%-d %B %Y}"


def _long(delay: timedelta) -> str:
    minutes, seconds = divmod(int(delay.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
