"""The part of `bench contracts` that people wait for while they work with contracts, in a throw-away database.

- preview: seconds that 95 of 100 previews of an amendment of a contract with 200 lines take at most. The limit is the
  kernel alone rating the term of that contract once, everything gathered.
- terms: seconds to gather the terms of 10,000 contracts of five lines. The limit is ten times 1,000 of them.
- terms_queries: how many queries that takes. The limit is how many 1,000 contracts take.
"""

from collections.abc import Iterator
from decimal import Decimal
from statistics import quantiles

from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.bench import price_world
from config.bench.figures import Figure, Progress, seconds, typical
from config.journey.stage import database
from config.journey.usage_file import Request
from contracts.changes import AddLine, Change, ChangeLine
from contracts.models import Contract
from contracts.queries import terms_of
from invoicing.amending import preview
from pricing.rating import rate

BENCH = "contracts"
PRODUCTS, FEW, MANY, LINES, TIMES = 1_000, 1_000, 10_000, 200, 100


def figures(usage: list[Request], progress: Progress) -> Iterator[Figure]:
    """Measure; each figure as soon as it is known. No usage of anybody's is needed."""
    with database():
        progress(f"Building a card with {PRODUCTS:,} products")
        yield from of_world(price_world.built(PRODUCTS), FEW, MANY, LINES, TIMES, progress)


def of_world(
    world: price_world.World, few: int, many: int, lines: int, times: int, progress: Progress
) -> Iterator[Figure]:
    """The figures of so many contracts, and of one with so many lines, looked at so often."""
    progress("Amending")
    large = price_world.large(world, lines)
    yield Figure(BENCH, "preview", _previewed(large, world, times), "s", _kernel_alone(large))
    gathered = []
    for first, last in ((0, few), (few, many)):
        progress(f"Signing {last:,} contracts")
        price_world.signed(world, range(first, last))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        contracts = list(Contract.objects.exclude(pk=large.pk))
        with CaptureQueriesContext(connection) as queries:
            took = seconds(lambda contracts=contracts: terms_of(contracts))  # type: ignore[misc]
        gathered.append((took, len(queries)))
    yield Figure(BENCH, "terms", gathered[1][0], "s", gathered[0][0] * many / few)
    yield Figure(BENCH, "terms_queries", gathered[1][1], "queries", gathered[0][1])


def _previewed(contract: Contract, world: price_world.World, times: int) -> float:
    """Another quantity of one line and one line more, from the eleventh on."""
    seats = contract.lines.filter(quantity__isnull=False).first()
    assert seats is not None
    more, another = ChangeLine(str(seats.pk), quantity=Decimal(75)), AddLine(world.seats[-1].key, quantity=Decimal(5))
    changes: list[Change] = [more, another]
    on = price_world.NOW.replace(day=11, hour=0)

    def work() -> None:
        if not preview(contract, changes, effective_at=on, at=price_world.NOW).said:
            raise RuntimeError("nothing was previewed")

    work()  # what is read for the first time is not what people wait for
    return quantiles([seconds(work) for _ in range(times)], n=20)[-1]


def _kernel_alone(contract: Contract) -> float:
    terms = [each.term for each in terms_of([contract])[contract.pk]]
    return typical(lambda: rate(terms, lambda *_: Decimal(10_000), contract.end_at))
