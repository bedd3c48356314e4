"""Questions about outcomes: how many stand where, and what comes next."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Min, QuerySet

from metering.models import Outcome

Status = Outcome.Status
MOST_CUSTOMERS = 8


@dataclass(slots=True)
class Standing:
    """How many outcomes of somebody are in each status, and when the next of the provisional ones settles."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Status.values, 0))
    next_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def add(self, status: str, count: int, next_at: datetime | None) -> None:
        self.counts[status] += count
        if status == Status.PROVISIONAL and next_at is not None:
            self.next_at = min(next_at, self.next_at or next_at)


def standing(outcomes: QuerySet[Outcome]) -> tuple[Standing, list[tuple[str, Standing]]]:
    """Of all, and of the customers with most of them; one query."""
    whole, customers = Standing(), dict[str, Standing]()
    rows = outcomes.order_by().values_list("customer_key", "status").annotate(Count("pk"), Min("settles_at"))
    for customer, status, count, next_at in rows:
        whole.add(status, count, next_at)
        customers.setdefault(customer, Standing()).add(status, count, next_at)
    most = sorted(customers.items(), key=lambda each: (-each[1].total, each[0]))
    return whole, most[:MOST_CUSTOMERS]
