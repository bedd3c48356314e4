"""Peers: what they answer differently for the same figures, said once for each of them (disagreements.md).

Each is an option of our charges, or a question of how their price is written down as ours; none is a calculation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Self

PastLast = Literal["refused", "free", "goes on"]

# By a word of `source.repo`, which is a repository or, for documentation, a site.
_NAMES = ("lago", "openmeter", "flexprice", "killbill", "lotus", "polar", "meteroid", "stripe")

# D2. Whether the first tier's flat fee is due when there is no usage. pricing.md says so of everyone; these do not.
_NOTHING_AT_ZERO = {"flexprice", "meteroid", "polar"}

# D4. What units past a bounded last tier cost. We refuse a ladder without an open end, so where the peer goes on, the
# adapter writes down what that comes to. Nobody else says; there we answer as we do: refused.
_PAST_LAST: dict[tuple[str, str], PastLast] = {
    ("polar", "volume"): "refused",
    ("polar", "graduated"): "free",  # only the covered units are billed
    ("lotus", "volume"): "free",  # nothing is billed
    ("lotus", "graduated"): "free",
    ("killbill", "all_tiers"): "free",
    ("killbill", "top_tier"): "goes on",
}


@dataclass(frozen=True)
class Peer:
    """Who asserts the case, and the largest quantity that it asks the price of: of each unit; of the only one, ""."""

    name: str
    reach: Mapping[str, Decimal]
    charges_flat_at_zero: bool

    @classmethod
    def of(cls, source: Mapping[str, Any], reach: Mapping[str, Decimal]) -> Self:
        repo = str(source.get("repo", "")).lower()
        name = next((name for name in _NAMES if name in repo), "")
        return cls(name, reach, name not in _NOTHING_AT_ZERO)

    @property
    def prices_seats(self) -> bool:
        """Its tiers are for agreed quantities, of which there are never less than none (D8)."""
        return self.name == "polar"

    def past_last(self, ladder: str) -> PastLast:
        return _PAST_LAST.get((self.name, ladder), "refused")
