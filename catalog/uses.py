"""Where a product is used. Apps above the catalog say so for what they keep: contracts, quotes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from catalog.models import Product


class Use(NamedTuple):
    """One thing that uses a product, and where to look at it (empty: nowhere)."""

    text: str
    url: str = ""


class Kind(NamedTuple):
    """All uses of one kind, and the list of them in the admin (empty: there is none)."""

    title: str
    uses: Sequence[Use]
    url: str = ""


Source = Callable[[Product, Any], Kind]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Tell the catalog about uses it cannot see; called once, when the app that keeps them starts.

    The source is asked about a product for a person, or for nobody: then it tells of all there are.
    """
    _sources.append(source)


def of(product: Product, user: Any = None) -> list[Kind]:
    """Every kind of use with what there is of it, for a person only what they may see."""
    return [source(product, user) for source in _sources]
