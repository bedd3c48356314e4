"""The charges inside a charge, and the words that rules share."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from uuid import UUID

from catalog.candidates import Candidate
from catalog.editions import Offer
from pricing.charges import Charge
from pricing.money import grouped

SHOWN = 3


def each_charge(charge: Charge) -> Iterator[Charge]:
    """The charge and every one inside it."""
    yield charge
    for _, child in charge.children:
        yield from each_charge(child)


def named(candidate: Candidate, offers: Mapping[UUID, Offer]) -> Iterator[tuple[str, Offer]]:
    """Offers with the name of their product."""
    for product, offer in offers.items():
        yield candidate.products[product].name, offer


def counted(count: Decimal | int, noun: str) -> str:
    """`1 unit`, `2,000 units`."""
    return f"{grouped(Decimal(count))} {noun}{'' if count == 1 else 's'}"


def listed(words: Collection[str]) -> str:
    """The first few, and how many more there are: `a, b, c and 12 more`."""
    first = list(words)[:SHOWN]
    more = len(words) - len(first)
    return ", ".join(first) + (f" and {more:,} more" if more else "")
