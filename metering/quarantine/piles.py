"""What waits in quarantine, added up: by reason and owner, with what it is worth as far as that is known."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from metering.models import QuarantinedEvent
from pricing.money import EXACT, ZERO, Money


@dataclass(slots=True)
class Pile:
    """Events that wait for one reason and one owner. `worth` is by currency; `unknown` is how many have no estimate."""

    reason: str
    owner_id: int | None
    owner: str
    events: int = 0
    unknown: int = 0
    worth: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))

    @property
    def reason_words(self) -> str:
        return str(QuarantinedEvent.Reason(self.reason).label) if self.reason else ""

    @property
    def money(self) -> list[Money]:
        return [Money(amount, currency) for currency, amount in sorted(self.worth.items())]

    def add(self, other: "Pile") -> None:
        self.events += other.events
        self.unknown += other.unknown
        for currency, amount in other.worth.items():
            self.worth[currency] = EXACT.add(self.worth[currency], amount)


def piles(rows: QuerySet[QuarantinedEvent]) -> list[Pile]:
    """What of these rows waits, the largest pile first; one query."""
    found: dict[tuple[str, int | None], Pile] = {}
    for row in _grouped(rows):
        names = [row["owner__first_name"], row["owner__last_name"]]
        name = " ".join(filter(None, names)) or row["owner__username"] or ""
        pile = found.setdefault((row["reason"], row["owner_id"]), Pile(row["reason"], row["owner_id"], name))
        more = Pile(pile.reason, pile.owner_id, pile.owner, row["events"], row["unknown"])
        if row["worth"] is not None:
            more.worth[row["at_risk_currency"]] = row["worth"]
        pile.add(more)
    return sorted(found.values(), key=lambda pile: (-pile.events, pile.reason, pile.owner))


def whole(some: Sequence[Pile]) -> Pile:
    """All of them as one."""
    together = Pile("", None, "")
    for pile in some:
        together.add(pile)
    return together


def _grouped(rows: QuerySet[QuarantinedEvent]) -> QuerySet[Any, dict[str, Any]]:
    waiting = rows.filter(resolved_at=None).order_by()
    names = ("reason", "owner_id", "owner__username", "owner__first_name", "owner__last_name", "at_risk_currency")
    return waiting.values(*names).annotate(
        events=Count("pk"), unknown=Count("pk", filter=Q(at_risk=None)), worth=Sum(F("at_risk"))
    )
