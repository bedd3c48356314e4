"""Rules about prices that are a share of other lines."""

from collections.abc import Iterable, Mapping, Set

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.lint.walk import listed
from pricing.charges import lines_of


@rule("unpriced_part", Severity.ERROR, "shares of products that the card has no price for")
def unpriced_part(candidate: Candidate) -> Iterable[tuple[str, str]]:
    priced = {candidate.products[product].key for product in candidate.after}
    for product, offer in candidate.after.items():
        missing = sorted((lines_of(offer.charge) or frozenset()) - priced)
        if missing:
            yield (
                candidate.products[product].name,
                f"It is a share of {listed(missing)}, which the card does not price. Price them, or leave them out.",
            )


@rule("composite_circle", Severity.ERROR, "shares of lines that are themselves a share of them")
def composite_circle(candidate: Candidate) -> Iterable[tuple[str, str]]:
    shares = {
        candidate.products[product].key: lines
        for product, offer in candidate.after.items()
        if (lines := lines_of(offer.charge)) is not None
    }
    names = {product.key: product.name for product in candidate.products.values()}
    for key in shares:
        if circle := _circle_from(key, shares):
            path = " of ".join(names[each] for each in circle)
            yield names[key], f"It is a share of itself: {path}. Name the products it is to be a share of."


def _circle_from(key: str, shares: Mapping[str, Set[str]]) -> list[str]:
    """The shortest way from a product over its parts back to itself. Naming no parts means all other lines."""
    ways = [[key]]
    seen: set[str] = set()
    for way in ways:
        for part in sorted(shares[way[-1]] or shares.keys() - {way[-1]}):
            if part == key:
                return [*way, key]
            if part in shares and part not in seen:
                seen.add(part)
                ways.append([*way, part])
    return []
