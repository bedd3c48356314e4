"""Contracts that follow a card, with what was agreed in them: a fixed number of queries for any number.

Rows come as tuples and not as models, because there may be very many of them.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, Q, QuerySet, When
from django.db.models.functions import Coalesce

from catalog.editions import Agreement
from contracts.models import Contract, ContractLine
from contracts.overrides import AgreedOverride
from contracts.queries import overrides_in


class Follower(NamedTuple):
    """One of them; `agreement` decides which versions of the card reach it."""

    pk: UUID
    number: str
    customer_key: str
    customer: str
    card: UUID
    currency: str
    zone: str
    start: datetime
    end: datetime
    agreement: Agreement


class FollowerLine(NamedTuple):
    """One product agreed."""

    product: UUID
    quantity: Decimal | None
    discount_percent: Decimal
    discount_amount: Decimal
    minimum: Decimal | None
    price_factor: Decimal
    start: datetime
    end: datetime

    @property
    def agreed(self) -> tuple[Any, ...]:
        """All of it but its days."""
        return self[:-2]


@dataclass(frozen=True, slots=True)
class Following:
    """The followers of some cards; lines and overrides by contract."""

    followers: list[Follower]
    lines: Mapping[UUID, list[FollowerLine]]
    overrides: Mapping[UUID, list[AgreedOverride]]


def followers_of(cards: Collection[UUID], at: datetime) -> QuerySet[Contract]:
    """The contracts not over at an instant that follow one of these cards and pin no version."""
    return Contract.objects.filter(rate_card__in=cards, pinned_version=None, end_at__gt=at)


def following(cards: Collection[UUID], at: datetime, start: datetime, end: datetime) -> Following:
    """Those contracts with the lines that run at some time between the two instants. Three queries."""
    found = followers_of(cards, at)
    rows = found.order_by("number").values_list(
        "pk", "number", "usage_key", "customer__name", "rate_card_id", "currency", "time_zone", "start_at",
        "end_at", Coalesce("first_agreed_at", "signed_at"), Case(When(renews__isnull=False, then="start_at")),
    )  # fmt: skip
    followers = [Follower._make((*row[:-2], Agreement(*row[-2:]))) for row in rows]
    contracts = found.order_by().values("pk")
    return Following(followers, _lines(contracts, start, end), overrides_in(contracts))


def _lines(contracts: QuerySet[Any, Any], start: datetime, end: datetime) -> dict[UUID, list[FollowerLine]]:
    running = Q(contract__in=contracts, start_at__lt=end, end_at__gt=start)
    rows = ContractLine.objects.filter(running).order_by("contract_id", "position", "start_at", "pk").values_list(
        "contract_id", "product_id", "quantity", "discount_percent", "discount_amount", "minimum",
        "price_factor", "start_at", "end_at",
    )  # fmt: skip
    result = defaultdict(list)
    for contract, *row in rows:
        result[contract].append(FollowerLine._make(row))
    return result
