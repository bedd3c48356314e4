"""`bench usage` in ClickHouse: the engine inside this process, or the server that QUOIN_TEST_CLICKHOUSE names.

A server's database is EMPTIED. The batches are in the throw-away PostgreSQL, as they are where ClickHouse keeps events.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator

from django.conf import settings

from config.bench.database import run
from config.bench.figures import Figure, Progress
from config.bench.usage import A_BATCH, A_BLOCK, BATCHES, CUSTOMERS, MONTH, TYPES
from metering.clickhouse import tables
from metering.clickhouse.address import LONG_PATIENCE, Address
from metering.clickhouse.totals import instant_sql, micros
from metering.expressions.clickhouse import constant
from metering.models import EventMove
from metering.models.events import POSITIONS

SERVER = "QUOIN_TEST_CLICKHOUSE"

_EVENTS = f"""
    INSERT INTO {{table}}
        (id, source, event_id, type, customer_key, alias, occurred_at, is_billable, properties, texts)
    SELECT bitShiftLeft(toUInt64(intDiv(n, {A_BATCH}) + 1), {POSITIONS}) + n % {A_BATCH}, 'bench',
        concat('event-', toString(n)), concat('bench-', toString(one % {TYPES})),
        concat('customer-', toString(if(two % 10 < 8, three % {CUSTOMERS // 5},
            {CUSTOMERS // 5} + three % {CUSTOMERS - CUSTOMERS // 5}))),
        '', fromUnixTimestamp64Micro(toInt64({{start}} + n * {{step}}), 'UTC'), true,
        concat('{{{{"cost":', texts['cost'], ',"person":"', texts['person'], '","region":"', texts['region'],
            '","tokens":', texts['tokens'], '}}}}'),
        map('tokens', toString(one % 20000), 'cost', toString(toDecimal64((two % 100000), 3) / 1000),
            'person', concat('p', toString(three % 50)), 'region', ['eu', 'us', 'ap'][1 + four % 3]) AS texts
    FROM (
        SELECT number AS n, sipHash64(n) AS one, sipHash64(n, 1) AS two, sipHash64(n, 2) AS three,
            sipHash64(n, 3) AS four
        FROM numbers({{first}}, {{count}})
    )
"""  # noqa: S608
_OF_ONE = f"""
    SELECT type, count(), sum(numbers['tokens']) FROM {tables.EVENTS}
    WHERE customer_key = {{customer}} AND occurred_at >= {{start}} AND occurred_at < {{end}} GROUP BY type
"""  # noqa: S608
_OF_ALL = f"""
    SELECT count() FROM (SELECT customer_key, type, count(), sum(numbers['tokens']) FROM {tables.EVENTS} GROUP BY 1, 2)
"""  # noqa: S608


def is_here() -> bool:
    """Whether there is a ClickHouse to measure."""
    return SERVER in os.environ or importlib.util.find_spec("chdb") is not None


class ClickHouse:
    """Events in ClickHouse, without daily totals."""

    name = "clickhouse"

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="quoin-bench-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.address = Address(os.environ.get(SERVER, f"chdb://{folder}"))
        self.client = self.address.client(LONG_PATIENCE)

    def fill(self, events: int, progress: Progress) -> Iterator[Figure]:
        tables.migrate(self.address)
        for table in (tables.EVENTS, tables.OWNERS):
            self.client.command(f"TRUNCATE TABLE {table}")
        home = EventMove.objects.create(location=str(self.address), started_at=MONTH.start, switched_at=MONTH.start)
        tables.own(self.address, home.token)
        settings.EVENT_STORE_URL = self.address.url
        self._store(events, progress)
        yield from ()

    def _store(self, events: int, progress: Progress) -> None:
        step = (MONTH.end - MONTH.start) / events
        for first in range(0, events, A_BLOCK):
            progress(f"Storing {events:,} events: {first:,}")
            last = min(first + A_BLOCK, events)
            self.client.command(
                _EVENTS.format(
                    table=tables.EVENTS,
                    start=micros(MONTH.start),
                    step=step.total_seconds() * 1_000_000,
                    first=first,
                    count=last - first,
                )
            )
            run(BATCHES, {"first": first, "last": last, "start": MONTH.start, "step": step})

    def settle(self) -> None:
        """Nothing waits here."""

    def limit_of_one(self, customer: str) -> None:
        start, end = instant_sql(MONTH.start), instant_sql(MONTH.end)
        self.client.query(_OF_ONE.format(customer=constant(customer), start=start, end=end))

    def limit_of_all(self) -> None:
        self.client.query(_OF_ALL)
