"""Where a product or a feature is used. Apps above the catalog say so for what they keep: contracts, quotes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from catalog.models import Feature, Product


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
FeatureSource = Callable[[Feature, Any], Kind]
_sources: list[Source] = []
_of_features: list[FeatureSource] = []


def register(source: Source) -> None:
    """Tell the catalog about uses it cannot see; called once, when the app that keeps them starts.

    The source is asked about a product for a person, or for nobody: then it tells of all there are.
    """
    _sources.append(source)


def of(product: Product, user: Any = None) -> list[Kind]:
    """Every kind of use with what there is of it, for a person only what they may see."""
    return [source(product, user) for source in _sources]


def register_of_feature(source: FeatureSource) -> None:
    """The same for features."""
    _of_features.append(source)


def of_feature(feature: Feature, user: Any = None) -> list[Kind]:
    """The same of a feature."""
    return [source(feature, user) for source in _of_features]
