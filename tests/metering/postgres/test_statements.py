"""Usage told apart, in PostgreSQL: what it costs. What it says is tested for both stores (`tests/metering/stores`)."""

from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from metering import operations
from metering.models import Meter
from metering.queries import usage
from pricing.measures import WHOLE, Split
from pricing.periods import Period
from tests.metering.conftest import NOON, event

DAY = timedelta(days=1)
AGGREGATIONS = ["count", "sum", "max", "unique", "latest"]


def test_the_number_of_queries_does_not_depend_on_the_requests(meter: Callable[..., Meter]) -> None:
    for aggregation in AGGREGATIONS:
        meter(aggregation, aggregation, "v")
    operations.ingest([event("e1", properties={"v": 1, "r": "eu"})], source="gateway", at=NOON)
    shapes = [WHOLE, Split(by=("r",)), Split(window="day"), Split(each=True)]

    def queries_for(customers: int, days: int) -> int:
        asked = [
            (f"customer-{customer}", aggregation, Period(NOON - DAY * (day + 1), NOON - DAY * day), split)
            for customer in range(customers)
            for day in range(days)
            for aggregation in AGGREGATIONS
            for split in shapes
        ]
        with CaptureQueriesContext(connection) as captured:
            assert len(usage(asked)) == len(asked)
        return len(captured)

    assert queries_for(1, 1) == queries_for(20, 10) == 4 + 2 * 3  # meters, versions; what is kept, before and after
