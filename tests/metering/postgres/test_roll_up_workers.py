"""Workers that add to the daily totals: several at once, in the middle of senders, and killed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, connections

from metering import operations
from metering.models import Meter, RollupSeries, UsageBatch, UsageRollup
from metering.postgres.rollups import roll_up
from metering.queries import usage
from pricing.measures import WHOLE
from pricing.periods import Period
from tests.metering.conftest import NOON, event
from tests.metering.postgres.test_rollups import DAY, differing

TODAY = Period(NOON - DAY / 2, NOON + DAY / 2)
KEY = ("contoso", "tokens", TODAY, WHOLE)
FAIL = """
    CREATE FUNCTION fail_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'killed'; END $$;
    CREATE TRIGGER fail_here BEFORE UPDATE ON metering_usagebatch FOR EACH ROW EXECUTE FUNCTION fail_here()
"""


@pytest.mark.django_db(transaction=True)
def test_senders_workers_and_questions_at_once_lose_and_double_nothing(tokens: Meter) -> None:
    roll_up()
    gate = threading.Barrier(6)

    def send(number: int) -> list[int]:
        for n in range(25):
            operations.ingest([event(f"{number}-{n}-{k}") for k in range(4)], source="gateway", at=NOON)
        return []

    def work(number: int) -> list[int]:
        for _ in range(25):
            roll_up(most=10)
        return []

    def ask(number: int) -> list[int]:
        return [int(usage([KEY])[KEY]) for _ in range(25)]  # type: ignore[arg-type]

    def one(task: Callable[[int], list[int]], number: int) -> list[int]:
        try:
            gate.wait()
            return task(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(one, [send, work, ask, send, work, ask], range(6)))
    for answers in (seen[2], seen[5]):
        assert answers == sorted(answers)
        assert all(answer % 20 == 0 for answer in answers)  # whole batches, each of four events of five tokens
    assert usage([KEY]) == {KEY: 2 * 25 * 4 * 5}
    while roll_up():
        pass
    assert usage([KEY]) == {KEY: 2 * 25 * 4 * 5}
    assert differing() == []


def test_of_a_worker_that_fails_at_the_end_nothing_remains(tokens: Meter) -> None:
    operations.ingest([event("e1")], source="gateway", at=NOON)
    with connection.cursor() as cursor:
        cursor.execute(FAIL)
        with pytest.raises(DatabaseError, match="killed"):
            roll_up()
        assert not UsageRollup.objects.exists()
        assert not RollupSeries.objects.exists()
        assert usage([KEY]) == {KEY: 5}
        cursor.execute("DROP TRIGGER fail_here ON metering_usagebatch; DROP FUNCTION fail_here()")
    assert roll_up() == 1
    assert not UsageBatch.objects.filter(is_rolled_up=False).exists()
    assert UsageRollup.objects.get().total == 5
