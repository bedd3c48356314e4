"""Whatever is asked, both stores say the same, to the last digit and in the same order."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

import pytest

from governance.acts import Act
from metering.clickhouse import checking
from metering.clickhouse.moving import move
from metering.clickhouse.store import ClickHouseEventStore
from metering.corrections import apply_correction, draft_correction, revert_correction
from metering.cutoffs import Cutoff
from metering.meters.totals import Request
from metering.models import EventMove, Meter
from metering.store import PostgresEventStore
from pricing.measures import WHOLE, Split
from pricing.periods import Period
from tests.metering.conftest import NOON
from tests.metering.stores import odd

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu")
WINDOWS = ("minute", "hour", "day", "month")
ALL = Period(odd.START, odd.START + timedelta(days=odd.DAYS))
SPLITS = [
    WHOLE,
    Split(each=True),
    Split(by=("r",)),
    Split(by=("o'd\"d\\ é", "r")),
    Split(by=("v",), each=True),
    *(Split(window=window, zone=zone) for window, zone in product(WINDOWS, ZONES)),
    Split(by=("r", "absent"), window="day", zone="America/Havana"),
]
DEFINITIONS = [
    {"aggregation": "count"},
    {"aggregation": "count", "filters": {"r": ["eu", "", "é", "true", "1.0", "'; --", "\\", "a\tb\nc"]}},
    {"aggregation": "count", "condition": "r = 'eu' OR v > 10 AND NOT \"w.x\" IS NULL"},
    {"aggregation": "unique", "property": "r"},
    {"aggregation": "unique", "property": "v"},
    *({"aggregation": each, "property": "v"} for each in ("sum", "max", "min", "latest", "average", "weighted")),
    *({"aggregation": each, "property": "v * w.x"} for each in ("sum", "max", "latest", "average", "weighted")),
    {"aggregation": "sum", "property": "CASE WHEN r = 'us' THEN -v / 8 ELSE coalesce(w.x, 1) END"},
    {"aggregation": "sum", "property": "v", "filters": {"r": ["us", "日本"], "w.x": ["2", "0.5"]}},
]


@pytest.fixture
def meters(by_eric: Act) -> list[Meter]:
    """One of each kind. Not stored: stores are asked about definitions."""
    return [
        Meter(key=f"m{number}", event_type=odd.TYPES[number % 5 == 4], **definition)
        for number, definition in enumerate(DEFINITIONS)
    ]


@pytest.fixture
def twice(clickhouse: ClickHouseEventStore) -> Callable[[int, int], list[int]]:
    """Stores events in PostgreSQL and the same ones in ClickHouse; gives the numbers of the batches."""
    EventMove.objects.update(switched_at=None)

    def store(seed: int, count: int) -> list[int]:
        batches = list(odd.stored(odd.rows(seed, count), seed))
        copied = move(clickhouse.address, at=NOON, switch=False, block=97)
        assert copied.copied == copied.events == count
        return batches

    return store


def requests(meters: list[Meter], chance: random.Random, count: int) -> list[Request]:
    """Some of all there could be."""

    def instant() -> datetime:
        return odd.START + timedelta(hours=chance.randrange(odd.DAYS * 24), microseconds=chance.choice([0, 1]))

    def period() -> Period:
        start, end = sorted([instant(), instant()])
        return chance.choice([ALL, Period(start, end + timedelta(microseconds=1))])

    return [
        Request(chance.choice([*odd.CUSTOMERS, "nobody"]), chance.choice(meters), period(), chance.choice(SPLITS))
        for _ in range(count)
    ]


def same(clickhouse: ClickHouseEventStore, asked: list[Request], as_of: Cutoff | None = None) -> int:
    """How many questions had something to answer."""
    here, there = PostgresEventStore().totals(asked, as_of), clickhouse.totals(asked, as_of)
    assert there.keys() == here.keys()
    for request in asked:
        assert there[request.key] == here[request.key], request
    return sum(bool(answer) for answer in here.values())


@pytest.mark.parametrize("seed", range(3))
def test_every_question_has_the_same_answer(
    clickhouse: ClickHouseEventStore, meters: list[Meter], twice: Callable[[int, int], list[int]], seed: int
) -> None:
    batches = twice(seed, 600)
    chance = random.Random(seed)
    assert same(clickhouse, requests(meters, chance, 300)) > 150
    for batch in chance.sample(batches, 2):
        assert same(clickhouse, requests(meters, chance, 100), Cutoff(batch)) > 20


def test_every_way_of_adding_up_told_apart_in_every_way(
    clickhouse: ClickHouseEventStore, meters: list[Meter], twice: Callable[[int, int], list[int]]
) -> None:
    twice(7, 300)
    asked = [Request(odd.CUSTOMERS[0], meter, ALL, split) for meter, split in product(meters, SPLITS)]
    assert same(clickhouse, asked) > len(asked) * 0.8


def test_corrections_and_their_reversal_at_every_cut_off(
    clickhouse: ClickHouseEventStore,
    meters: list[Meter],
    twice: Callable[[int, int], list[int]],
    meter: Callable[..., Meter],
    by_eric: Act,
) -> None:
    meter("known", event_type=odd.TYPES[0])
    batches = twice(11, 400)
    asked = [Request(customer, meter, ALL, WHOLE) for customer, meter in product(odd.CUSTOMERS[:2], meters)]
    before = clickhouse.totals(asked)
    drafted = draft_correction(
        name="wrong", customer_key="contoso", event_type=odd.TYPES[0], period=ALL, condition="v > 3", act=by_eric
    )
    applied = apply_correction(drafted, act=by_eric)
    assert applied.voided > 5
    voided = clickhouse.totals(asked)
    assert voided != before
    same(clickhouse, asked)
    reverted = revert_correction(applied, act=by_eric)
    assert clickhouse.totals(asked) == before
    for batch in [*batches[-2:], applied.applied_in, reverted.reverted_in]:
        same(clickhouse, asked, Cutoff(batch))
    assert clickhouse.totals(asked, Cutoff(applied.applied_in)) == voided


def test_what_was_seen_is_the_same(
    clickhouse: ClickHouseEventStore, meters: list[Meter], twice: Callable[[int, int], list[int]]
) -> None:
    twice(5, 300)
    here = PostgresEventStore()
    nothing = Meter(key="nothing", event_type="nothing", aggregation="count")
    assert clickhouse.meters_in_use([*meters, nothing], ALL) == here.meters_in_use([*meters, nothing], ALL)
    asked = [(meter, names) for meter, names in product(meters, [(), ("r",), ("v", "o'd\"d\\ é")])]
    assert clickhouse.values_seen(asked, ALL) == here.values_seen(asked, ALL)
    assert clickhouse.types_seen(ALL) == here.types_seen(ALL)


def test_events_are_found_alike(clickhouse: ClickHouseEventStore, twice: Callable[[int, int], list[int]]) -> None:
    twice(3, 200)
    here = PostgresEventStore()

    def told(events: list) -> list[dict[str, object]]:
        return [{name: getattr(each, name) for name in FIELDS} for each in events]

    for limit in (1, 50, 1000):
        assert told(clickhouse.latest(limit)) == told(here.latest(limit))
    some = [each.id for each in here.latest(1000)[::7]]
    assert len(some) > 20
    assert told(clickhouse.numbered([*some, 1])) == told(here.numbered([*some, 1]))
    assert clickhouse.numbered([]) == []
    assert not list(checking.differences(clickhouse.address.client(), ALL, range(1 << 62)))


FIELDS = ("id", "source", "event_id", "type", "customer_key", "alias", "occurred_at", "is_billable", "properties")
