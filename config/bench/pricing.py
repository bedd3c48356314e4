"""`bench pricing`: the arithmetic by itself, then what a price change means to a large card, in a throw-away database.

- ratings per second of one core, by kind of charge (what a quantity costs, added up, rounded). The limit is the same
  arithmetic written straight in `Decimal`.
- impact: contracts per second whose last month is rated without and with a draft of a card with 1,000 products that
  10,000 contracts of five lines follow. The limit is the kernel alone rating the same lines, everything gathered.
- lint_and_impact: seconds for both, as a reviewer waits for them. The limit is again the kernel alone.
- queries: how many lint and blast radius take for 10,000 contracts. The limit is how many they take for 1,000.
"""

from collections.abc import Callable, Iterator

from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.impact import impact_of
from catalog.lint import candidate_of, findings
from config.bench import charge_speed, price_world
from config.bench.figures import Figure, Progress, in_turns, seconds
from config.journey.stage import database
from config.journey.usage_file import Request
from contracts.impact import Month, Usage, measured_in, months_of
from pricing.measures import Measured, Split
from pricing.periods import Period

BENCH = "pricing"
PRODUCTS, FEW, MANY = 1_000, 1_000, 10_000


def figures(usage: list[Request], progress: Progress) -> Iterator[Figure]:
    """Measure; each figure as soon as it is known. No usage of anybody's is needed."""
    progress("Rating")
    yield from charge_speed.figures(BENCH)
    with database():
        progress(f"Building a card with {PRODUCTS:,} products")
        yield from of_world(price_world.built(PRODUCTS), FEW, MANY, progress)


def of_world(world: price_world.World, few: int, many: int, progress: Progress) -> Iterator[Figure]:
    """The figures of a card with first few, then many contracts."""
    counted = []
    for first, last in ((0, few), (few, many)):
        progress(f"Signing {last:,} contracts")
        price_world.signed(world, range(first, last))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        counted.append(_queries(lambda: _reviewed(world)))
    progress("Re-rating them")
    draft = world.draft
    kernel, impact = in_turns(_kernel_alone(world), lambda: impact_of(draft, at=price_world.NOW), 3)
    yield Figure(BENCH, "impact", many / impact, "contracts/s", many / kernel)
    yield Figure(BENCH, "lint_and_impact", seconds(lambda: _reviewed(world)), "s", kernel)
    yield Figure(BENCH, "queries", counted[1], "queries", counted[0])


def _reviewed(world: price_world.World) -> None:
    """What the page of a change request asks."""
    findings(world.draft, at=price_world.NOW)
    if (reached := impact_of(world.draft, at=price_world.NOW).contracts) == 0:
        raise RuntimeError(f"{reached} contracts were rated")


def _queries(work: Callable[[], None]) -> int:
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def _kernel_alone(world: price_world.World) -> Callable[[], None]:
    """Everything gathered; calling it rates each line of each contract without and with the draft."""
    months, _ = months_of(candidate_of(world.draft, at=price_world.NOW))
    measured = measured_in(months)
    usages = [_usage_of(month, measured) for month in months]

    def work() -> None:
        for month, usage in zip(months, usages, strict=True):
            month.lines(usage)

    return work


def _usage_of(month: Month, measured: Usage) -> Callable[[str, Period, Split], Measured]:
    customer = month.follower.customer_key
    return lambda meter, period, split: measured[customer, meter, period, split]
