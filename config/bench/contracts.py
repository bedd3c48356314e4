"""`bench contracts`: what is asked of contracts for every request of a customer's program, in a throw-away database.

- check_p50, check_p95: seconds until it is known whether a customer may use more of a metered feature, of 2,000
  customers with five lines each whose usage is reported. The limit is a bare SELECT by an index on the same connection.
- checks: how many a second one after the other. The limit is the same for that SELECT.
- door_p95: the same over HTTP without the network: key, JSON and all. The limit is check_p95.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import cycle
from time import perf_counter

from django.db import connection
from django.test import Client

from catalog.operations import create_feature, grant_feature
from config.bench import amendments, price_world
from config.bench.figures import Figure, Progress
from config.journey.stage import database
from config.journey.usage_file import Request
from contracts.entitled import check
from governance.acts import Act
from governance.clock import clock_set_to
from governance.models import SystemKey
from metering.tasks import roll_up

BENCH = "contracts"
PRODUCTS, CUSTOMERS, ASKED = 100, 2_000, 1_000
FEATURE = "bench-calls"
"""The feature that every fee grants, in two windows, counted by one of the meters."""


def figures(usage: list[Request], progress: Progress) -> Iterator[Figure]:
    """Measure; each figure as soon as it is known. No usage of anybody's is needed."""
    with database():
        progress(f"Signing {CUSTOMERS:,} contracts")
        yield from of_world(price_world.built(PRODUCTS), CUSTOMERS, ASKED, progress)
    yield from amendments.figures(usage, progress)


def of_world(world: price_world.World, customers: int, asked: int, progress: Progress) -> Iterator[Figure]:
    price_world.signed(world, range(customers))
    _granted(world)
    roll_up()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    keys = [f"c{number:06}" for number in range(customers)]
    progress("Asking")
    bare, own = _timed(_looked_up, keys, asked), _timed(_checked, keys, asked)
    for name, place in (("check_p50", 50), ("check_p95", 95)):
        yield Figure(BENCH, name, _percentile(own, place), "s", _percentile(bare, place))
    yield Figure(BENCH, "checks", asked / sum(own), "checks/s", asked / sum(bare))
    with clock_set_to(price_world.NOW):
        door = _timed(_door(), keys, asked)
    yield Figure(BENCH, "door_p95", _percentile(door, 95), "s", _percentile(own, 95))


def _granted(world: price_world.World) -> None:
    act = Act.of_system("bench", "A world to measure", price_world.SIGNED)
    feature = create_feature(key=FEATURE, name="Calls", kind="metered", meter=world.metered[0].meter, act=act)
    for fee in world.fees:
        grant_feature(fee, feature, value="1000000", act=act)
        grant_feature(fee, feature, value="1000", window="five_hours", act=act)


def _timed(work: Callable[[str], None], keys: list[str], asked: int) -> list[float]:
    """How long each question took, after a few that warm up."""
    found, wheel = [], cycle(keys)
    for number in range(asked + 20):
        key = next(wheel)
        began = perf_counter()
        work(key)
        if number >= 20:
            found.append(perf_counter() - began)
    return found


def _checked(key: str) -> None:
    _, _, answer = check(key, FEATURE, Decimal(1), price_world.NOW)
    if not answer.allowed:
        raise RuntimeError(f"{key} may not: {answer.detail}")


def _looked_up(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM contracts_customer WHERE key = %s", [key])
        cursor.fetchone()


def _door() -> Callable[[str], None]:
    _, text = SystemKey.objects.create_key(name="bench", scopes=["entitlements:read"])
    client = Client(headers={"Authorization": f"Api-Key {text}"})

    def work(key: str) -> None:
        answer = client.get("/api/v1/entitlements/check", {"customer": key, "feature": FEATURE})
        if answer.status_code != 200:
            raise RuntimeError(f"{key}: {answer.content.decode()}")

    return work


def _percentile(durations: list[float], place: int) -> float:
    return sorted(durations)[len(durations) * place // 100]
