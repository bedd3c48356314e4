"""`bench usage --events N`: how soon usage is known, in a throw-away database with N events of one month.

10,000 customers, of whom a fifth send four fifths of the events; five types of events, ten meters of every kind.

- roll_up: events per second added to the daily totals of all meters. The limit is one GROUP BY of the same events by
  customer, type and day.
- one_customer_p50, one_customer_p95: the ten meters of one customer over the month, as a portal asks. The limit is
  reading that customer's daily totals by their index.
- waiting_p95: the same while the last 10,000 events are not in the totals yet.
- since_cutoff_p95: the same as of a cut-off, once these are rolled up too.
- all_customers: the ten meters of every customer, asked as billing does, a thousand customers at a time. The limit is
  one GROUP BY of all daily totals.
- memory: the highest this process grew to. The limit is what it had before.
"""

import random
import resource
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import quantiles
from time import perf_counter
from typing import Protocol

from config.bench.database import run
from config.bench.figures import Figure, Progress, seconds
from config.journey.stage import database
from config.journey.usage_file import Request
from governance.acts import Act
from metering.cutoffs import cutoff_now
from metering.meters.defining import define_meter
from metering.meters.totals import Key
from metering.models import UsageBatch
from metering.models.events import POSITIONS
from metering.postgres.rollups import roll_up
from metering.queries import usage as measured
from pricing.measures import WHOLE
from pricing.periods import Period

BENCH = "usage"
EVENTS = 1_000_000
CUSTOMERS, TYPES = 10_000, 5
MONTH = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
A_BATCH, A_BLOCK, AT_ONCE, ASKED = 10_000, 500_000, 1_000, 200
# Each with a property, and by which properties it can be told apart.
METERS = {
    "calls": ("count", "", []),
    "tokens": ("sum", "tokens", ["region"]),
    "most": ("max", "tokens", []),
    "least": ("min", "tokens", []),
    "users": ("unique", "person", []),
    "seats": ("latest", "tokens", []),
    "mean": ("average", "tokens", []),
    "held": ("weighted", "tokens", []),
    "calls-by-region": ("count", "", ["region"]),
    "spent": ("sum", "cost", []),
}

_EVENTS = f"""
    INSERT INTO metering_usageevent
        (id, source, event_id, type, customer_key, alias, occurred_at, is_billable, properties)
    SELECT (n / {A_BATCH} + 1) << {POSITIONS} | n %% {A_BATCH}, 'bench', 'event-' || n, 'bench-' || one %% {TYPES},
        'customer-' || CASE WHEN two %% 10 < 8 THEN three %% {CUSTOMERS // 5}
            ELSE {CUSTOMERS // 5} + three %% {CUSTOMERS - CUSTOMERS // 5} END,
        '', %(start)s + n * %(step)s, true,
        jsonb_build_object('tokens', one %% 20000, 'cost', (two %% 100000) / 1000.0, 'person', 'p' || three %% 50,
            'region', (ARRAY['eu', 'us', 'ap'])[1 + four %% 3])
    FROM (
        SELECT n, abs(hashint8(n)::bigint) AS one, abs(hashint8(n + 1000000007)::bigint) AS two,
            abs(hashint8(n + 2000000011)::bigint) AS three, abs(hashint8(n + 3000000019)::bigint) AS four
        FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1) AS numbers (n)
    ) AS chance
    ORDER BY n / {A_BATCH}, 5, 4
"""  # noqa: S608
BATCHES = f"""
    INSERT INTO metering_usagebatch (id, source, stored_at, events, duplicates, conflicts, quarantined, duplicates_of,
        is_open, is_rolled_up)
    SELECT n / {A_BATCH} + 1, 'bench', %(start)s + n * %(step)s, least({A_BATCH}, %(last)s - n), 0, 0, 0, '{{}}',
        false, false
    FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1, {A_BATCH}) AS numbers (n)
"""  # noqa: S608
_GROUPED = """
    SELECT count(*) FROM (
        SELECT customer_key, type, occurred_at::date, count(*), sum((properties ->> 'tokens')::numeric)
        FROM metering_usageevent GROUP BY 1, 2, 3
    ) AS days
"""
_OF_ONE = """
    SELECT series_id, sum(events), sum(total) FROM metering_usagerollup
    WHERE series_id = ANY (ARRAY(SELECT id FROM metering_rollupseries)) AND customer_key = %s
        AND day >= %s AND day < %s AND is_billable GROUP BY 1
"""
_OF_ALL = """
    SELECT count(*) FROM (
        SELECT series_id, customer_key, sum(events), sum(total) FROM metering_usagerollup GROUP BY 1, 2
    ) AS totals
"""


class World(Protocol):
    """A store to measure: filled with some events of MONTH, and left as it is in the middle of a working day."""

    name: str

    def fill(self, events: int, progress: Progress) -> Iterator[Figure]:
        """Store the events, by batches of 10,000 numbered from 1; figures of whatever there is to measure on the way.

        The last batch of them waits.
        """

    def settle(self) -> None:
        """Let nothing wait any more."""

    def limit_of_one(self, customer: str) -> None:
        """The least this store could do to answer for one customer."""

    def limit_of_all(self) -> None:
        """The least this store could do to answer for everybody."""


class Postgres:
    """Events and daily totals in PostgreSQL."""

    name = "postgres"

    def fill(self, events: int, progress: Progress) -> Iterator[Figure]:
        run("SELECT usage_month(%s)", [MONTH.start.date()])
        for first in range(0, events, A_BLOCK):
            progress(f"Storing {events:,} events: {first:,}")
            last = min(first + A_BLOCK, events)
            step = (MONTH.end - MONTH.start) / events
            given = {"first": first, "last": last, "start": MONTH.start, "step": step}
            run(_EVENTS, given)
            run(BATCHES, given)
        run("SELECT setval(pg_get_serial_sequence('metering_usagebatch', 'id'), max(id)) FROM metering_usagebatch")
        run("ANALYZE metering_usageevent, metering_usagebatch")
        progress("Rolling up")
        newest = UsageBatch.objects.order_by("-pk").values_list("pk", flat=True)[:1]
        UsageBatch.objects.filter(pk__in=list(newest)).update(is_open=True)  # as if it were still coming in
        took = seconds(_everything_rolled_up)
        UsageBatch.objects.filter(is_open=True).update(is_open=False)
        run("ANALYZE metering_usagerollup, metering_usagerollupvalue")
        yield Figure(BENCH, "roll_up", events / took, "events/s", events / seconds(lambda: run(_GROUPED)))

    def settle(self) -> None:
        _everything_rolled_up()

    def limit_of_one(self, customer: str) -> None:
        run(_OF_ONE, [customer, MONTH.start.date(), MONTH.end.date()])

    def limit_of_all(self) -> None:
        run(_OF_ALL)


WORLDS: list[Callable[[], World]] = [Postgres]


def figures(usage: list[Request], progress: Progress, events: int = EVENTS) -> Iterator[Figure]:
    """Measure; each figure as soon as it is known. No usage of anybody's is needed."""
    for world in WORLDS:
        with database():
            yield from of_world(world(), events, progress)


def of_world(
    world: World, events: int, progress: Progress, asked: int = ASKED, everybody: int = CUSTOMERS
) -> Iterator[Figure]:
    """The figures of one store: of so many customers one by one, and of so many at once."""
    _define_meters()
    yield from world.fill(events, progress)
    progress("Asking for one customer")
    chance = random.Random(4)  # noqa: S311 - not for secrets
    customers = [f"customer-{chance.randrange(CUSTOMERS)}" for _ in range(asked)]
    cutoff = cutoff_now()
    waiting = _times(lambda customer: measured(_keys([customer])), customers)
    world.settle()
    settled = _times(lambda customer: measured(_keys([customer])), customers)
    before = _times(lambda customer: measured(_keys([customer]), as_of=cutoff), customers)
    least = _times(world.limit_of_one, customers)
    yield Figure(BENCH, f"{world.name} one_customer_p50", _p50(settled), "s", _p50(least))
    yield Figure(BENCH, f"{world.name} one_customer_p95", _p95(settled), "s", _p95(least))
    yield Figure(BENCH, f"{world.name} waiting_p95", _p95(waiting), "s", _p95(least))
    yield Figure(BENCH, f"{world.name} since_cutoff_p95", _p95(before), "s", _p95(least))
    progress("Asking for all customers")
    had = _memory()
    took = seconds(lambda: _ask_for_all(everybody))
    yield Figure(BENCH, f"{world.name} all_customers", took, "s", seconds(world.limit_of_all))
    yield Figure(BENCH, f"{world.name} memory", _memory(), "MB", had)


def _define_meters() -> None:
    act = Act.of_system("bench", "A world to measure", MONTH.start)
    for place, (key, (aggregation, what, dimensions)) in enumerate(METERS.items()):
        define_meter(
            key=key,
            name=key.title(),
            event_type=f"bench-{place % TYPES}",
            aggregation=aggregation,
            property=what,
            dimensions=dimensions,
            act=act,
        )


def _everything_rolled_up() -> None:
    while roll_up():
        pass


def _keys(customers: Sequence[str]) -> list[Key]:
    return [(customer, meter, MONTH, WHOLE) for customer in customers for meter in METERS]


def _ask_for_all(everybody: int) -> None:
    for first in range(0, everybody, AT_ONCE):
        measured(_keys([f"customer-{number}" for number in range(first, min(first + AT_ONCE, everybody))]))


def _times(work: Callable[[str], object], customers: Sequence[str]) -> list[float]:
    """How long it takes for each, in order; the first few warm up and are not counted."""
    for customer in customers[:5]:
        work(customer)
    taken = []
    for customer in customers:
        began = perf_counter()
        work(customer)
        taken.append(perf_counter() - began)
    return sorted(taken)


def _p50(times: Sequence[float]) -> float:
    return times[len(times) // 2]


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
