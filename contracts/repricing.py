"""A contract's month under the prices without and with a candidate, as terms to rate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from catalog.candidates import Candidate
from catalog.editions import Agreement, Edition, PriceBook, Shown, shown_to
from catalog.models import Product
from contracts.following import Follower, FollowerLine
from contracts.overrides import AgreedOverride
from contracts.terms import AgreedLine, Deal, DealLine, agreed_terms, suits
from pricing.periods import Period
from pricing.rating import Term

Overrides = Mapping[tuple[UUID, UUID], Sequence[AgreedOverride]]


@dataclass(slots=True)
class View:
    """What all contracts for which the same sheets hold from the same instants see, and since when the candidate's.

    `since` None: the candidate does not reach them.
    """

    card: UUID
    agreement: Agreement
    since: datetime | None
    _known: dict[UUID, tuple[list[Edition], list[Edition]]] = field(default_factory=dict)

    def editions(self, product: UUID, books: tuple[PriceBook, PriceBook]) -> tuple[list[Edition], list[Edition]]:
        """A product's editions without and with the candidate."""
        if product not in self._known:
            without, with_it = (book.editions(product, self.card, self.agreement) for book in books)
            self._known[product] = without, with_it
        return self._known[product]


class Repricing:
    """Prices of followers without and with a candidate. What contracts have in common is worked out once."""

    def __init__(self, candidate: Candidate) -> None:
        self._sheet = candidate.sheet
        self._books = candidate.book, candidate.book_with_it
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

    def terms(
        self,
        follower: Follower,
        view: View,
        lines: Iterable[FollowerLine],
        products: Mapping[UUID, Product],
        overrides: Overrides,
        month: Period,
    ) -> tuple[list[Term], list[Term]]:
        """The month's terms without and with the candidate; where nothing differs they are the same object.

        `Refused` if one cannot be priced.
        """
        assert view.since is not None
        before: list[DealLine] = []
        changed: dict[str, DealLine | None] = {}
        for line in lines:
            was, becomes = self._both(view, line, products[line.product], month)
            of_line = overrides.get((follower.pk, line.product), ())
            if was is not None:
                before.append(_deal_line(line, products, was, of_line, month))
            if not _same(was, becomes):
                key = str(line.pk)
                changed[key] = None if becomes is None else _deal_line(line, products, becomes, of_line, month)
        unchanged = _terms(follower, before)
        if not changed:
            return unchanged, unchanged
        anew = _terms(follower, [line for line in changed.values() if line is not None])
        return unchanged, [*(term for term in unchanged if term.key not in changed), *anew]

    def _both(
        self, view: View, line: FollowerLine, product: Product, month: Period
    ) -> tuple[Edition | None, Edition | None]:
        assert view.since is not None
        if not max(line.start, month.start) < min(line.end, month.end):
            return None, None
        agreed = AgreedLine(product, line.quantity)
        without, with_it = view.editions(line.product, self._books)
        was, becomes = (_edition(editions, agreed, line.start, view.since) for editions in (without, with_it))
        # What is charged once was charged in another month.
        if line.start < month.start:
            was, becomes = (None if each and each.cycle_months == 0 else each for each in (was, becomes))
        return was, becomes

    def _reached(self, shown: Iterable[list[Shown]]) -> datetime | None:
        return next((each.since for some in shown for each in some if each.sheet.pk == self._sheet.pk), None)


def _edition(editions: Sequence[Edition], agreed: AgreedLine, start: datetime, at: datetime) -> Edition | None:
    """The edition in force for a line at an instant: one that suits what was agreed, in the rhythm it began with."""
    if not editions:
        return None
    begun = next((each for each in reversed(editions) if each.since <= start), editions[0])
    later = (each for each in reversed(editions) if begun.since < each.since <= at and suits(agreed, each.charge))
    found = next(later, begun)
    if (found.cycle_months, found.in_advance) == (begun.cycle_months, begun.in_advance):
        return found
    return replace(found, cycle_months=begun.cycle_months, in_advance=begun.in_advance)


def _same(was: Edition | None, becomes: Edition | None) -> bool:
    if was is None or becomes is None:
        return was is becomes
    rhythms = {(each.cycle_months, each.in_advance) for each in (was, becomes)}
    return len(rhythms) == 1 and (was.charge is becomes.charge or was.charge == becomes.charge)


def _deal_line(
    line: FollowerLine,
    products: Mapping[UUID, Product],
    edition: Edition,
    overrides: Sequence[AgreedOverride],
    month: Period,
) -> DealLine:
    """The line as if it held for this month alone."""
    agreed = AgreedLine(
        products[line.product], line.quantity, line.discount_percent, line.discount_amount, line.minimum
    )
    start, end = max(line.start, month.start), min(line.end, month.end)
    return DealLine(str(line.pk), agreed, start, end, [edition], overrides)


def _terms(follower: Follower, lines: Sequence[DealLine]) -> list[Term]:
    deal = Deal(f"Contract {follower.number}", follower.currency, follower.zone, lines)
    return [each.term for each in agreed_terms(deal)]
