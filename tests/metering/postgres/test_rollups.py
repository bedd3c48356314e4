"""Daily totals are exact against the events at all times, and so are answers as of a cut-off, for ever."""

import random
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection

from governance.acts import Act
from governance.change import change
from metering import operations
from metering.cutoffs import EVERYTHING, Cutoff, cutoff_now, next_batch
from metering.meters.states import quotient
from metering.meters.totals import Key
from metering.models import Meter, RollupSeries, UsageBatch, UsageCorrection, UsageEvent, UsageRollup, UsageVoid
from metering.postgres.rollups import differences, rebuild, roll_up
from metering.queries import usage
from pricing.measures import WHOLE, Measured, Part, Split
from pricing.periods import Period
from tests.metering.conftest import NOON, event

DAY = timedelta(days=1)
MIDNIGHT = NOON - DAY / 2
Define = Callable[..., Meter]
SPLITS = [
    WHOLE,
    Split(by=("r",)),
    Split(window="day"),
    Split(by=("r", "s"), window="month"),
    Split(by=("x",)),
    Split(window="day", zone="Asia/Tokyo"),
    Split(by=("r",), window="hour"),
    Split(each=True),
]


class World:
    """Random events of two customers over a week, some of them void; and what they come to, added up in Python."""

    def __init__(self, seed: int, act: Act) -> None:
        self.dice, self.act = random.Random(seed), act
        self.sent = 0
        self.correction = UsageCorrection(
            name="c", customer_key="contoso", event_type="llm.request", start_at=NOON, end_at=NOON + DAY
        )
        with change("usage_correction.drafted", self.correction, act):
            self.correction.save()

    def report(self) -> None:
        bodies = [self._event() for _ in range(self.dice.randrange(1, 12))]
        given = operations.ingest(bodies, source="gateway", at=NOON)
        assert {verdict.outcome for verdict in given} == {"accepted"}

    def _event(self) -> Any:
        self.sent += 1
        before = timedelta(microseconds=self.dice.choice([0, 1, self.dice.randrange(7 * 86_400_000_000)]))
        value = Decimal(self.dice.randrange(-500, 5_000)) / self.dice.choice([1, 10, 1000])
        properties = {
            "v": self.dice.choice([value, str(value)]),
            "tokens": 1,
            "r": self.dice.choice(["eu", "us", None]),
        }
        properties |= self.dice.choice([{}, {"s": 1}, {"s": "two", "x": True}])
        customer = self.dice.choice(["contoso", "fabrikam"])
        return event(f"e{self.sent}", customer=customer, before=before, properties=properties)

    def void(self) -> None:
        void = set(UsageVoid.objects.filter(restored_in=None).values_list("event", flat=True))
        counting = [each for each in UsageEvent.objects.order_by("id") if each.id not in void]
        chosen = self.dice.sample(counting, min(len(counting), self.dice.randrange(1, 4)))
        batch = next_batch()
        UsageBatch.objects.create(pk=batch, source="correction", stored_at=NOON)
        for each in chosen:
            UsageVoid.objects.create(
                correction=self.correction, event=each.id, occurred_at=each.occurred_at, voided_in=batch
            )
        self._rebuild(chosen)

    def restore(self) -> None:
        chosen = list(UsageVoid.objects.filter(restored_in=None).order_by("id")[:2])
        batch = next_batch()
        UsageBatch.objects.create(pk=batch, source="correction", stored_at=NOON)
        UsageVoid.objects.filter(pk__in=[each.pk for each in chosen]).update(restored_in=batch)
        self._rebuild(UsageEvent.objects.filter(id__in=[each.event for each in chosen]))

    def _rebuild(self, changed: Iterable[UsageEvent]) -> None:
        for customer in ("contoso", "fabrikam"):
            days = {each.occurred_at.date() for each in changed if each.customer_key == customer}
            rebuild(customer, "llm.request", days)

    def keys(self, meters: Iterable[str]) -> list[Key]:
        """Every split, of some periods: whole days, from noon, in a zone that is never at midnight, within a day."""
        first, last = sorted(self.dice.sample(range(9), 2))
        start = MIDNIGHT - 7 * DAY
        hours = timedelta(hours=self.dice.choice([0, 0, 12, 5]))
        periods = [
            Period(start + first * DAY, start + last * DAY),
            Period(start + first * DAY + hours, start + last * DAY - hours / 2),
        ]
        return [
            (customer, meter, period, split)
            for customer in ("contoso", "fabrikam")
            for meter in meters
            for period in periods
            for split in SPLITS
        ]


def added_up(key: Key, meter: Meter, cutoff: Cutoff = EVERYTHING) -> Measured:
    """What the events come to as of a cut-off, read one by one: no SQL adds anything up here."""
    customer, _, period, split = key
    void = {
        each.event
        for each in UsageVoid.objects.filter(voided_in__lte=cutoff.batch)
        if each.restored_in is None or each.restored_in > cutoff.batch
    }
    found: dict[Any, list[UsageEvent]] = {}
    for each in UsageEvent.objects.filter(customer_key=customer, id__lt=cutoff.below).order_by("occurred_at", "id"):
        if each.id in void or not period.contains(each.occurred_at) or _value(meter, each) is None:
            continue
        if any(_text(each.properties.get(name)) not in allowed for name, allowed in meter.filters.items()):
            continue
        place = (each.occurred_at, each.event_id) if split.each else _window(each.occurred_at, split)
        found.setdefault((place, tuple(_text(each.properties.get(name)) for name in split.by)), []).append(each)
    if split == WHOLE:
        return _number(meter, [each for events in found.values() for each in events], period)
    ordered = sorted(found, key=lambda key: (key[0] or NOON, [(value is not None, value or "") for value in key[1]]))
    return tuple(
        Part(_number(meter, found[place, values], period), values, place[0] if split.each else place)
        for place, values in ordered
    )


def _window(at: datetime, split: Split) -> datetime | None:
    match split.window:
        case "day":
            shift = timedelta(hours=9 if split.zone == "Asia/Tokyo" else 0)
            return (at + shift).replace(hour=0, minute=0, second=0, microsecond=0) - shift
        case "month":
            return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        case "hour":
            return at.replace(minute=0, second=0, microsecond=0)
    return None


def _text(value: Any) -> str | None:
    return (
        {None: None, True: "true"}.get(value, str(value)) if not isinstance(value, int) or value is True else str(value)
    )


def _value(meter: Meter, each: UsageEvent) -> Any:
    if meter.aggregation == "count":
        return 1
    value = each.properties["v"]
    if meter.aggregation == "unique":
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    return Decimal(value)


def _number(meter: Meter, events: list[UsageEvent], period: Period) -> Decimal:
    values = [_value(meter, each) for each in events]
    if not values:
        return Decimal(0)
    match meter.aggregation:
        case "count":
            return Decimal(len(values))
        case "unique":
            return Decimal(len(set(values)))
        case "sum":
            return Decimal(sum(values))
        case "max":
            return Decimal(max(values))
        case "min":
            return Decimal(min(values))
        case "latest":
            return Decimal(values[-1])
        case "average":
            return quotient(Decimal(sum(values)), len(values))
    held = [
        Fraction(value) * Fraction((period.end - each.occurred_at) // timedelta(microseconds=1))
        for value, each in zip(values, events, strict=True)
    ]
    return quotient(sum(held, Fraction(0)), Fraction((period.end - period.start) // timedelta(microseconds=1)))


@pytest.fixture
def meters(db: None, tokens: Meter, by_eric: Act) -> dict[str, Meter]:
    """One of each aggregation, all told apart by two properties; one of them only where it is European."""
    made = {}
    for each in map(str, Meter.Aggregation):
        meter = Meter(key=each, name=each, event_type="llm.request", aggregation=each, dimensions=["s", "r"])
        meter.property = "" if each == "count" else "v"
        meter.filters = {"r": ["eu"]} if each == "sum" else {}
        with change("meter.defined", meter, by_eric):
            meter.save()
        made[each] = meter
    return made


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_those_of_the_events_at_all_times_and_at_a_cutoff_for_ever(
    seed: int, meters: dict[str, Meter], by_eric: Act
) -> None:
    world = World(seed, by_eric)
    said: list[tuple[Cutoff, dict[Key, Measured]]] = []
    for step in range(10):
        world.report() if step < 2 else world.dice.choice([world.report, world.void, world.restore])()
        if world.dice.random() < 0.5:
            roll_up(most=world.dice.choice([1, 10, 1000]))
        asked = world.dice.sample(world.keys(meters), 24)
        found = usage(asked)
        assert found == {key: added_up(key, meters[key[1]]) for key in asked}
        cutoff = cutoff_now()
        assert usage(asked, as_of=cutoff) == found
        said.append((cutoff, found))
        before, then = world.dice.choice(said)
        assert usage(then.keys(), as_of=before) == then
    while roll_up():
        pass
    assert not UsageBatch.objects.filter(is_rolled_up=False).exists()
    assert differing() == []
    for cutoff, then in said:
        assert usage(then.keys(), as_of=cutoff) == then
        assert {key: added_up(key, meters[key[1]], cutoff) for key in then} == then


def differing() -> list[str]:
    """What the invariant of daily totals reports."""
    found = []
    with connection.cursor() as cursor:
        for statement in differences():
            cursor.execute(statement)
            found += [row for (row,) in cursor.fetchall()]
    return found


def test_everything_rolled_up_needs_no_event(meters: dict[str, Meter], by_eric: Act) -> None:
    world = World(5, by_eric)
    for _ in range(5):
        world.report()
    roll_up()
    week = Period(MIDNIGHT - 7 * DAY, MIDNIGHT + DAY)
    splits = [WHOLE, Split(by=("r", "s")), Split(by=("s",), window="day"), Split(window="month")]
    asked = [("contoso", name, week, split) for name in meters for split in splits]
    expected = {key: added_up(key, meters[key[1]]) for key in asked}
    assert any(expected.values())
    assert UsageRollup.objects.count() < UsageEvent.objects.count() * len(meters)
    _forget_events()
    assert usage(asked) == expected


def _forget_events() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE metering_usageevent DISABLE TRIGGER USER; DELETE FROM metering_usageevent")


def test_rolling_up_twice_adds_nothing(tokens: Meter) -> None:
    operations.ingest([event("e1"), event("e2", before=DAY)], source="gateway", at=NOON)
    assert [roll_up(), roll_up()] == [1, 0]
    rows = list(UsageRollup.objects.order_by("day").values_list("customer_key", "day", "events", "total"))
    assert rows == [("contoso", date(2026, 3, 9), 1, 5), ("contoso", date(2026, 3, 10), 1, 5)]


def test_blocks_are_of_whole_batches_in_their_order(tokens: Meter) -> None:
    for n in range(4):
        operations.ingest([event(f"{n}-{k}") for k in range(3)], source="gateway", at=NOON)
    assert [roll_up(most=7), roll_up(most=1), roll_up(most=1), roll_up()] == [2, 1, 1, 0]
    assert UsageRollup.objects.get().events == 12


def test_what_is_not_billable_is_kept_apart_and_not_counted(tokens: Meter, by_eric: Act) -> None:
    operations.ingest([event("e1"), event("e2")], source="gateway", at=NOON)
    _update("UPDATE metering_usageevent SET is_billable = false WHERE event_id = 'e2'")
    today = Period(MIDNIGHT, MIDNIGHT + DAY)
    key = ("contoso", "tokens", today, WHOLE)
    assert usage([key]) == {key: 5}
    roll_up()
    assert usage([key]) == {key: 5}
    assert sorted(UsageRollup.objects.values_list("is_billable", "total")) == [(False, 5), (True, 5)]


def _update(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE metering_usageevent DISABLE TRIGGER USER; {sql}")


def test_a_new_meter_and_a_new_definition_are_filled_from_the_past(tokens: Meter, by_eric: Act) -> None:
    operations.ingest([event("e1"), event("e2", before=DAY, properties={"tokens": 1, "r": "eu"})], source="g", at=NOON)
    roll_up()
    first = RollupSeries.objects.get()
    with change("meter.changed", tokens, by_eric):
        tokens.dimensions = ["r"]
        tokens.save()
    operations.ingest([event("e3")], source="g", at=NOON)
    week = Period(MIDNIGHT - 7 * DAY, MIDNIGHT + DAY)
    key = ("contoso", "tokens", week, Split(by=("r",)))
    assert usage([key]) == {key: (Part(Decimal(10), (None,)), Part(Decimal(1), ("eu",)))}
    roll_up()
    second = RollupSeries.objects.get()
    assert second.pk != first.pk
    assert second.is_ready
    assert not UsageRollup.objects.filter(series_id=first.pk).exists()
    _forget_events()
    assert usage([key]) == {key: (Part(Decimal(10), (None,)), Part(Decimal(1), ("eu",)))}


def test_the_latest_is_exact_to_the_microsecond_and_by_arrival(meter: Define) -> None:
    meter("seats", "latest", "seats")
    tick = timedelta(microseconds=1)
    for n, (before, seats) in enumerate([(2 * tick, 1), (tick, 2), (3 * tick, 3), (tick, 4), (2 * tick, 5)]):
        operations.ingest([event(f"e{n}", before=before, properties={"seats": seats})], source="g", at=NOON)
        roll_up()
    row = UsageRollup.objects.get()
    assert (row.latest, row.latest_at) == (4, NOON - tick)
    assert UsageEvent.objects.get(id=row.latest_event).event_id == "e3"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE metering_usagerollupvalue SET value = 'other' WHERE value = '1'",
        "DELETE FROM metering_usagerollupvalue WHERE value = '1'",
        "UPDATE metering_usagerollupvalue SET customer_key = 'another'",
        "UPDATE metering_usagerollup SET latest = 7 WHERE latest IS NOT NULL",
        "UPDATE metering_usagerollup SET latest_at = latest_at - interval '1 microsecond'",
        "UPDATE metering_usagerollup SET latest_event = latest_event + 1",
        "UPDATE metering_usagerollup SET batch = batch + 1",
    ],
)
def test_a_difference_to_the_events_is_reported(meter: Define, sql: str) -> None:
    meter("kinds", "unique", "kind")
    meter("seats", "latest", "seats")
    operations.ingest([event(f"e{n}", properties={"kind": n, "seats": n}) for n in range(3)], source="g", at=NOON)
    roll_up()
    assert differing() == []
    with connection.cursor() as cursor:
        cursor.execute(sql)
    assert differing() != []
