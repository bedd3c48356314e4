"""Prices about to be published, beside those they would replace: what lint looks at and the blast radius re-rates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from catalog.editions import Offer, PriceBook, Sheet
from catalog.models import Product, RateCard, RateCardVersion
from catalog.prices import price_book, sheet_of
from pricing.charges import ChargeError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version, or a proposal that is not stored (`version` None), that is to hold from `sheet.effective_from` on.

    `before` and `after` are what a contract signed at that instant gets without and with it, the base's prices filling
    in. `book` holds what is published of the card, its base and its deltas, without the candidate; `deltas` are the
    cards that inherit from this one.
    """

    card: RateCard
    version: RateCardVersion | None
    sheet: Sheet
    at: datetime
    book: PriceBook
    deltas: Sequence[RateCard]
    before: Mapping[UUID, Offer]
    after: Mapping[UUID, Offer]
    products: Mapping[UUID, Product]

    @property
    def book_with_it(self) -> PriceBook:
        """What would be published if it were."""
        return self.book.with_sheet(self.sheet)

    @property
    def cards(self) -> Mapping[UUID, RateCard]:
        """The card and those that inherit from it: all whose contracts it can reach."""
        return {card.pk: card for card in (self.card, *self.deltas)}

    @property
    def changed(self) -> Mapping[UUID, Offer]:
        """What is new or differs from what it would replace."""
        return {product: offer for product, offer in self.after.items() if self.before.get(product) != offer}


def candidate_of(version: RateCardVersion, *, at: datetime) -> Candidate:
    """A version with all that is around it, in six queries, however many rates."""
    return candidate_of_sheet(sheet_of(version, at=at), version.card, at=at, version=version)


def candidate_of_sheet(
    sheet: Sheet,
    card: RateCard,
    *,
    at: datetime,
    version: RateCardVersion | None = None,
    new_products: Iterable[Product] = (),
) -> Candidate:
    """A proposal with all that is around it. Products it prices that are not stored yet come as `new_products`."""
    deltas = list(card.deltas.all())
    book = _published(card, deltas, without=sheet.pk)
    before = offers_at(book, card.pk, sheet.effective_from)
    after = offers_at(book.with_sheet(sheet), card.pk, sheet.effective_from)
    _, base = sheets_at(book, card.pk, sheet.effective_from)
    named = before.keys() | after.keys() | sheet.offers.keys() | (base.offers.keys() if base is not None else set())
    products = {product.pk: product for product in new_products}
    stored = Product.objects.filter(pk__in=named - products.keys()).select_related("meter")
    products |= {product.pk: product for product in stored}
    return Candidate(card, version, sheet, at, book, deltas, before, after, products)


def offers_at(book: PriceBook, card: UUID, instant: datetime) -> dict[UUID, Offer]:
    """What a card offers a contract signed at an instant, its base's prices filling in, by product.

    A price that cannot be multiplied by the card's factor, because its numbers get too long, is left out.
    """
    own, inherited = sheets_at(book, card, instant)
    if own is None:
        return {}
    offers = dict(own.offers)
    for product, offer in inherited.offers.items() if inherited is not None else ():
        if product not in offers and (scaled := _times(offer, own)) is not None:
            offers[product] = scaled
    return offers


def sheets_at(book: PriceBook, card: UUID, instant: datetime) -> tuple[Sheet | None, Sheet | None]:
    """A card's own sheet in force at an instant, and that of its base."""
    base = book.bases.get(card)
    return _in_force(book.sheets.get(card, ()), instant), _in_force(book.sheets.get(base, ()) if base else (), instant)


def _published(card: RateCard, deltas: Sequence[RateCard], *, without: UUID) -> PriceBook:
    """The book of a card, its base and its deltas; all their bases known, also of cards with no version yet."""
    book = price_book([card.pk, *(delta.pk for delta in deltas)])
    sheets = {pk: [sheet for sheet in sheets if sheet.pk != without] for pk, sheets in book.sheets.items()}
    bases = {**book.bases, **{delta.pk: card.pk for delta in deltas}, card.pk: card.base_id}
    return PriceBook(sheets, bases)


def _in_force(sheets: Sequence[Sheet], instant: datetime) -> Sheet | None:
    return next((sheet for sheet in reversed(sheets) if sheet.effective_from <= instant), None)


def _times(offer: Offer, own: Sheet) -> Offer | None:
    try:
        return offer.at_level(own.base_factor)
    except ChargeError:
        return None
