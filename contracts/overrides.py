"""Which override acts on a line, and from when to when: the editions of a price, cut where an override begins or ends.

Exactly one acts: an agreed charge beats a multiplier, then the lowest priority number, then the newest. A multiplier
multiplies the list price, never another override's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from pricing.charges import Charge
from pricing.money import plain
from pricing.rating import Price


@dataclass(frozen=True, slots=True)
class AgreedOverride:
    """A price of this deal alone, from `start` to `end` (None: for good): a charge, or a multiplier of the list's."""

    key: str
    charge: Charge | None
    multiplier: Decimal | None
    priority: int
    start: datetime
    end: datetime | None
    agreed_at: datetime

    @property
    def words(self) -> str:
        what = "agreed price" if self.charge is not None else f"agreed {plain(self.multiplier or Decimal(1))} × list"
        return f"{what} (priority {self.priority})"

    @property
    def rank(self) -> tuple[bool, int, float, str]:
        return self.charge is None, self.priority, -self.agreed_at.timestamp(), self.key

    def in_force(self, instant: datetime) -> bool:
        return self.start <= instant and (self.end is None or instant < self.end)

    def applied_to(self, listed: Charge) -> Charge:
        return self.charge if self.charge is not None else listed.scaled(self.multiplier or Decimal(1))


def overridden(
    prices: Sequence[Price], overrides: Iterable[AgreedOverride], start: datetime, end: datetime
) -> tuple[Price, ...]:
    """The prices in force between the two instants, each with the one override that acts on it while it acts."""
    overrides = list(overrides)
    if not overrides:
        return tuple(prices)
    bounds = {edge for each in overrides for edge in (each.start, each.end) if edge and start < edge < end}
    result: list[Price] = []
    for instant in sorted({start, *bounds, *(price.since for price in prices if price.since > start)}):
        listed = next(price for price in reversed(prices) if price.since <= instant)
        price = _acting(listed, [each for each in overrides if each.in_force(instant)], instant)
        if not result or replace(price, since=result[-1].since) != result[-1]:
            result.append(price)
    return tuple(result)


def _acting(listed: Price, candidates: list[AgreedOverride], instant: datetime) -> Price:
    if not candidates:
        return replace(listed, since=instant)
    winner, *losers = sorted(candidates, key=lambda each: each.rank)
    source = winner.words
    if losers:
        source += "; not used: " + ", ".join(f"{each.words}, {_why(winner, each)}" for each in losers)
    charge = winner.applied_to(listed.charge)
    return Price(instant, charge, source[:200], list_charge=listed.charge, list_source=listed.source)


def _why(winner: AgreedOverride, loser: AgreedOverride) -> str:
    if (winner.charge is None) != (loser.charge is None):
        return "an agreed price goes before a multiplier"
    return "a lower priority number goes first" if winner.priority != loser.priority else "the newest goes first"
