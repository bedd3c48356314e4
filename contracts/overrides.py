"""Which override acts on a line, and from when to when: the editions of a price, cut where an override begins or ends.

Exactly one acts: an agreed charge beats a multiplier, then the more specific target goes first (values of a property,
product, tags, everything), then the lowest priority number, then the newest. One for values acts where these are, and
leaves the rest to the next. A multiplier multiplies the list price, never another override's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog.models import Product
from pricing.charges import Charge
from pricing.money import plain
from pricing.overriding import Factor, for_values, in_tiers
from pricing.rating import Price


@dataclass(frozen=True, slots=True)
class AgreedPrice:
    """An override to be signed: a charge, a multiplier or multipliers by tier. No dates: as long as the contract.

    For a product (maybe only where its usage has these `dimensions`), or for all products with these tags, or for all.
    """

    product: Product | None = None
    charge: Charge | None = None
    multiplier: Decimal | None = None
    tiers: tuple[Factor, ...] = ()
    product_tags: tuple[str, ...] = ()
    dimensions: Mapping[str, str] = field(default_factory=dict)
    priority: int = 100
    start_at: datetime | None = None
    end_at: datetime | None = None
    agreed_at: datetime | None = None  # None: with the contract


@dataclass(frozen=True, slots=True)
class AgreedOverride:
    """A price of this deal alone, from `start` to `end` (None: for good): a charge, a multiplier of the list's, or
    several by tiers.

    For a product, or those with all of these tags, or (neither) everything; of a product maybe for some values only.
    """

    key: str
    charge: Charge | None
    multiplier: Decimal | None
    priority: int
    start: datetime
    end: datetime | None
    agreed_at: datetime
    tiers: tuple[Factor, ...] = ()
    product: Any = None
    product_tags: tuple[str, ...] = ()
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        return f"{self.what}{self.target} (priority {self.priority})"

    @property
    def what(self) -> str:
        if self.charge is not None:
            return "agreed price"
        return "agreed tiers × list" if self.tiers else f"agreed {plain(self.multiplier or Decimal(0))} × list"

    @property
    def target(self) -> str:
        """Empty for a product, which is known where this is read."""
        if self.dimensions:
            return " for " + ", ".join(f"{name} {value}" for name, value in self.dimensions)
        if self.product is not None:
            return ""
        return f" for what is tagged {' and '.join(self.product_tags)}" if self.product_tags else " for everything"

    @property
    def specificity(self) -> tuple[int, bool, int]:
        """The lower, the more specific."""
        return -len(self.dimensions), self.product is None, -len(self.product_tags)

    @property
    def rank(self) -> tuple[bool, tuple[int, bool, int], int, float, str]:
        return self.charge is None, self.specificity, self.priority, -self.agreed_at.timestamp(), self.key

    def covers(self, product: Product) -> bool:
        if self.product is not None:
            return bool(self.product == product.pk)
        return set(self.product_tags) <= set(product.tags)

    def in_force(self, instant: datetime) -> bool:
        return self.start <= instant and (self.end is None or instant < self.end)

    def applied_to(self, charge: Charge, listed: Charge) -> Charge:
        """What it makes of a price: of the list's, or (for values) of what the rest is to have."""
        if self.dimensions:
            return for_values(charge, listed, dict(self.dimensions), self._of)
        return self._of(listed) or charge

    def _of(self, listed: Charge | None) -> Charge | None:
        if self.charge is not None or listed is None:
            return self.charge
        return in_tiers(listed, self.tiers) if self.tiers else listed.scaled(self.multiplier or Decimal(0))


def factors_of(tiers: Iterable[Mapping[str, Any]]) -> tuple[Factor, ...]:
    """Tiers as they are stored: `{"up_to": "1000", "multiplier": "0.9"}`, the last one open (null)."""
    return tuple(
        Factor(None if each["up_to"] is None else Decimal(each["up_to"]), Decimal(each["multiplier"])) for each in tiers
    )


@dataclass(frozen=True, slots=True)
class Lost:
    """An override that does not act, which goes before it, and why."""

    override: AgreedOverride
    winner: AgreedOverride
    why: str


def overridden(
    prices: Sequence[Price], overrides: Iterable[AgreedOverride], start: datetime, end: datetime
) -> tuple[Price, ...]:
    """The prices in force between the two instants, each with the one override that acts on it while it acts."""
    overrides = list(overrides)
    if not overrides:
        return tuple(prices)
    result: list[Price] = []
    later = {price.since for price in prices if price.since > start}
    for instant in sorted({*_instants(overrides, start, end), *later}):
        listed = next(price for price in reversed(prices) if price.since <= instant)
        price = _acting(listed, [each for each in overrides if each.in_force(instant)], instant)
        if not result or replace(price, since=result[-1].since) != result[-1]:
            result.append(price)
    return tuple(result)


def decided(candidates: Iterable[AgreedOverride]) -> tuple[list[AgreedOverride], list[Lost]]:
    """Which of the overrides in force act, the first where it and a later one both could, and which do not."""
    acting: list[AgreedOverride] = []
    lost: list[Lost] = []
    for each in sorted(candidates, key=lambda each: each.rank):
        winner = next((other for other in acting if set(other.dimensions) <= set(each.dimensions)), None)
        if winner is None:
            acting.append(each)
        else:
            lost.append(Lost(each, winner, _why(winner, each)))
    return acting, lost


def decisions(overrides: Iterable[AgreedOverride], start: datetime, end: datetime) -> tuple[set[str], dict[str, Lost]]:
    """Of the overrides of one line: the keys of those that act at some time, and those that lose at some time."""
    overrides = list(overrides)
    acts: set[str] = set()
    loses: dict[str, Lost] = {}
    for instant in _instants(overrides, start, end):
        acting, lost = decided(each for each in overrides if each.in_force(instant))
        acts.update(each.key for each in acting)
        loses.update((each.override.key, each) for each in lost)
    return acts, loses


def _instants(overrides: Iterable[AgreedOverride], start: datetime, end: datetime) -> list[datetime]:
    edges = {edge for each in overrides for edge in (each.start, each.end) if edge and start < edge < end}
    return sorted({start, *edges})


def _acting(listed: Price, candidates: list[AgreedOverride], instant: datetime) -> Price:
    if not candidates:
        return replace(listed, since=instant)
    acting, lost = decided(candidates)
    charge = listed.charge
    for each in reversed(acting):
        charge = each.applied_to(charge, listed.charge)
    source = "; ".join(each.words for each in acting)
    if lost:
        source += "; not used: " + ", ".join(f"{each.override.words}, {each.why}" for each in lost)
    return Price(instant, charge, source[:200], list_charge=listed.charge, list_source=listed.source)


def _why(winner: AgreedOverride, loser: AgreedOverride) -> str:
    if (winner.charge is None) != (loser.charge is None):
        return "an agreed price goes before a multiplier"
    if winner.specificity != loser.specificity:
        return "the more specific goes first"
    return "a lower priority number goes first" if winner.priority != loser.priority else "the newest goes first"
