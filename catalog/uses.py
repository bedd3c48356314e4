"""Where a product is used. Apps above the catalog say so for what they keep: contracts, quotes."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from catalog.models import Product


class Use(NamedTuple):
    """One thing that uses a product, and where to look at it (empty: nowhere)."""

    text: str
    url: str = ""


Source = Callable[[Product], Iterable[Use]]
_sources: dict[str, Source] = {}


def register(title: str, source: Source) -> None:
    """Tell the catalog about uses it cannot see; called once, when the app that keeps them starts."""
    _sources[title] = source


def of(product: Product) -> list[tuple[str, list[Use]]]:
    """Every kind of use with what there is of it."""
    return [(title, list(source(product))) for title, source in sorted(_sources.items())]
