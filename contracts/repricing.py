"""A contract's month under the prices without and with a candidate, as terms to rate.

What contracts have in common is worked out once: many agreed on the same product in the same way, and see the same
prices. So a term here belongs to no contract, and is not explained to anybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from catalog.candidates import Candidate
from catalog.editions import Agreement, Edition, PriceBook, Shown, shown_to
from catalog.models import Product
from contracts.following import Follower, FollowerLine
from contracts.overrides import AgreedOverride
from contracts.terms import AgreedLine, Deal, DealLine, agreed_terms, suits
from pricing.periods import Period
from pricing.rating import Term

Overrides = Mapping[UUID, Sequence[AgreedOverride]]


class Both(NamedTuple):
    """A line without and with the candidate: the same object where nothing differs, None where it has no price."""

    before: Term | None
    after: Term | None


@dataclass(slots=True)
class View:
    """What all contracts for which the same sheets hold from the same instants see, and since when the candidate's.

    `since` None: the candidate does not reach them.
    """

    card: UUID
    agreement: Agreement
    since: datetime | None
    priced: dict[tuple[object, ...], Both] = field(default_factory=dict)
    _known: dict[UUID, tuple[list[Edition], list[Edition]]] = field(default_factory=dict)

    def editions(self, product: UUID, books: tuple[PriceBook, PriceBook]) -> tuple[list[Edition], list[Edition]]:
        """A product's editions without and with the candidate."""
        if product not in self._known:
            without, with_it = (book.editions(product, self.card, self.agreement) for book in books)
            self._known[product] = without, with_it
        return self._known[product]


class Repricing:
    """Prices of followers without and with a candidate."""

    def __init__(self, candidate: Candidate, products: Mapping[UUID, Product], overrides: Overrides) -> None:
        self._sheet = candidate.sheet
        self._books = candidate.book, candidate.book_with_it
        self._products, self._overrides = products, overrides
        self._views: dict[object, View] = {}

    def view(self, follower: Follower) -> View:
        """What a follower sees."""
        card, agreement = follower.card, follower.agreement
        cards = [pk for pk in (card, self._books[0].bases.get(card)) if pk]
        shown = [shown_to(agreement, book.sheets.get(pk, ())) for book in self._books for pk in cards]
        key = card, tuple(tuple((each.sheet.pk, each.since) for each in some) for some in shown)
        if key not in self._views:
            self._views[key] = View(card, agreement, self._reached(shown))
        return self._views[key]

    def terms(self, follower: Follower, view: View, lines: Iterable[FollowerLine], month: Period) -> list[Both]:
        """The month's terms of the lines that run in it. `Refused` if one cannot be priced."""
        found: list[Both] = []
        agreed_prices = self._overrides.get(follower.pk, ())
        for line in lines:
            start, end = max(line.start, month.start), min(line.end, month.end)
            if not start < end:
                continue
            if overrides := [each for each in agreed_prices if each.covers(self._products[line.product])]:
                found.append(self._both(follower, view, line, Period(start, end), overrides))
                continue
            begun = line.start if line.start >= month.start else None
            key = (*line.agreed, begun, start, end, follower.zone)
            if key not in view.priced:
                view.priced[key] = self._both(follower, view, line, Period(start, end), ())
            found.append(view.priced[key])
        return found

    def _both(
        self, follower: Follower, view: View, line: FollowerLine, runs: Period, overrides: Sequence[AgreedOverride]
    ) -> Both:
        agreed = AgreedLine(
            self._products[line.product],
            line.quantity,
            line.discount_percent,
            line.discount_amount,
            line.minimum,
            price_factor=line.price_factor,
        )
        assert view.since is not None
        without, with_it = view.editions(line.product, self._books)
        was, becomes = (_edition(editions, agreed, line.start, view.since) for editions in (without, with_it))
        if line.start < runs.start:
            was, becomes = _recurring(was), _recurring(becomes)
        before = _term(follower, agreed, was, runs, overrides)
        return Both(before, before if _same(was, becomes) else _term(follower, agreed, becomes, runs, overrides))

    def _reached(self, shown: Iterable[list[Shown]]) -> datetime | None:
        return next((each.since for some in shown for each in some if each.sheet.pk == self._sheet.pk), None)


def _edition(editions: Sequence[Edition], agreed: AgreedLine, start: datetime, at: datetime) -> Edition | None:
    """The edition in force for a line at an instant: one that suits what was agreed, in the rhythm it began with."""
    if not editions:
        return None
    begun = next((each for each in reversed(editions) if each.since <= start), editions[0])
    later = (each for each in reversed(editions) if begun.since < each.since <= at and suits(agreed, begun, each))
    return next(later, begun)


def _recurring(edition: Edition | None) -> Edition | None:
    """What is charged once was charged in the month it began."""
    return edition if edition is not None and edition.cycle_months else None


def _same(was: Edition | None, becomes: Edition | None) -> bool:
    if was is None or becomes is None:
        return was is becomes
    rhythms = {(each.cycle_months, each.in_advance) for each in (was, becomes)}
    return len(rhythms) == 1 and (was.charge is becomes.charge or was.charge == becomes.charge)


def _term(
    follower: Follower, agreed: AgreedLine, edition: Edition | None, runs: Period, overrides: Sequence[AgreedOverride]
) -> Term | None:
    """The line as if it held for this time alone."""
    if edition is None:
        return None
    line = DealLine(
        agreed.product.key, agreed, runs.start, runs.end, [edition], overrides, price_factor=agreed.price_factor
    )
    (priced,) = agreed_terms(Deal("As agreed", follower.currency, follower.zone, [line]))
    return priced.term
