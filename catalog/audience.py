"""Who is on what: contracts that follow a card or pinned a version, quotes made on it.

The apps that keep them stand above the catalog; each registers a source when it starts. The same goes for customers,
whose attributes the selection rules read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from catalog.models import RateCard, RateCardVersion

SHOWN = 8


class Party(NamedTuple):
    """One of them: a contract or quote with its customer, since when it has these prices, and how it came to them."""

    name: str
    url: str
    customer: str
    since: datetime | None
    how: str


@dataclass(frozen=True, slots=True)
class Group:
    """All of one kind: how many, the list of them, and the first few. `by_version` counts them by version number."""

    title: str
    count: int
    url: str = ""
    parties: tuple[Party, ...] = ()
    by_version: Mapping[int, int] = field(default_factory=dict)

    @property
    def more(self) -> int:
        return self.count - len(self.parties)


@dataclass(frozen=True, slots=True)
class Question:
    """Whose prices, at which instant, and who asks: nobody hears of customers they may not see.

    Without a version it is about the card as a whole.
    """

    card: RateCard
    version: RateCardVersion | None
    at: datetime
    user: Any


class Known(NamedTuple):
    """A customer as selection rules see them."""

    name: str
    url: str
    attributes: Mapping[str, str]


Source = Callable[[Question], Iterable[Group]]
Finder = Callable[[str, Any], list[Known]]
Lookup = Callable[[str, Any], Mapping[str, str] | None]
_sources: list[Source] = []
_finders: list[Finder] = []
_lookups: list[Lookup] = []


def register(source: Source) -> None:
    """Add a kind of party. Called once, when the app that keeps them starts."""
    _sources.append(source)


def register_customers(finder: Finder) -> None:
    """Say how to find customers by name or key, for somebody who asks: (text, user) -> those they may see."""
    _finders.append(finder)


def register_attributes(lookup: Lookup) -> None:
    """Say what a customer's attributes are: (key, user) -> them, None if there is none that this person may see.

    Nobody (None) asks for a system, which sees all.
    """
    _lookups.append(lookup)


def attributes_of(key: str, user: Any) -> Mapping[str, str] | None:
    """What selection rules may ask about the customer with this key."""
    return next((found for lookup in _lookups if (found := lookup(key, user)) is not None), None)


def of(question: Question) -> list[Group]:
    """Everybody on a card or version, by kind. The number of queries does not grow with theirs."""
    return [group for source in _sources for group in source(question)]


def customers(text: str, user: Any) -> list[Known]:
    """The customers whose name or key holds this text, as far as this person may see them."""
    return [known for finder in _finders for known in finder(text, user)] if text.strip() else []
