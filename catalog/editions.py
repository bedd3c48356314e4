"""Which price of a card holds for whom and from when: the editions of a product's price, as one contract sees them.

A version reaches contracts signed after it took effect at once. Those signed before get it as its reach says. A card
with a base shows the base's prices, times its factor, wherever its own version says nothing. Nothing here asks the
database; `queries.price_book` fills the shelves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from catalog.models import RateCardVersion
from pricing.charges import Charge, Cheapest
from pricing.money import ONE

Reach = RateCardVersion.Reach


class Offer(NamedTuple):
    """What a version says about one product."""

    charge: Charge
    cycle_months: int
    in_advance: bool

    def at_level(self, factor: Decimal) -> "Offer":
        """As a card says it that multiplies its base's prices; ChargeError if a number gets too long."""
        return self if factor == ONE else self._replace(charge=self.charge.exchanged(factor))


@dataclass(frozen=True, slots=True)
class Edition:
    """One price of a product, in force from `since`; `source` names the version it stands in."""

    since: datetime
    charge: Charge
    cycle_months: int
    in_advance: bool
    source: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A version as plain values; a proposal that nobody has published is one as well."""

    pk: UUID
    card: UUID
    label: str
    effective_from: datetime
    offers: Mapping[UUID, Offer]
    reach: str = Reach.FROM_DATE
    existing_from: datetime | None = None
    base_factor: Decimal = ONE
    restores_from: datetime | None = None  # when what it puts back in force had taken effect


class Agreement(NamedTuple):
    """When a contract, or the first of those it renews, was signed; and from when on it renews them, if it does."""

    first_agreed_at: datetime
    renewed_at: datetime | None = None


class Shown(NamedTuple):
    """A sheet as one contract sees it: from when on, and whether only where it is cheaper."""

    since: datetime
    sheet: Sheet
    only_if_cheaper: bool = False


@dataclass(slots=True)
class PriceBook:
    """The published sheets of some cards and of their bases, in order of time, and sheets that contracts pinned."""

    sheets: Mapping[UUID, Sequence[Sheet]]
    bases: Mapping[UUID, UUID | None]
    pins: Mapping[UUID, Sheet] = field(default_factory=dict)
    _seen: dict[tuple[object, ...], list[Edition]] = field(default_factory=dict, repr=False)

    def editions(self, product: UUID, card: UUID, agreement: Agreement) -> list[Edition]:
        """A product's editions for a contract that follows the card, by time; none where it has no price."""
        own = shown_to(agreement, self.sheets.get(card, ()))
        base = self.bases.get(card)
        inherited = shown_to(agreement, self.sheets.get(base, ())) if base else []
        seen = (product, _key(own), _key(inherited))
        if seen not in self._seen:
            self._seen[seen] = list(_editions(product, own, inherited))
        return self._seen[seen]

    def pinned(self, product: UUID, version: UUID, base: UUID | None) -> list[Edition]:
        """The one edition of a product in a pinned version, or in the base version pinned with it."""
        own, inherited = self.pins.get(version), self.pins.get(base) if base else None
        if own is None:
            return []
        edition = _edition(product, own.effective_from, own, inherited)
        return [] if edition is None else [edition]

    def with_sheet(self, sheet: Sheet) -> "PriceBook":
        """The same book as if this sheet were published as well."""
        others = [each for each in self.sheets.get(sheet.card, ()) if each.pk != sheet.pk]
        sheets = sorted([*others, sheet], key=lambda each: each.effective_from)
        return PriceBook({**self.sheets, sheet.card: sheets}, self.bases, self.pins)


def shown_to(agreement: Agreement, sheets: Iterable[Sheet]) -> list[Shown]:
    """The sheets that reach a contract, each with the instant from which it does, by that instant.

    The first it can see reaches it whatever its reach: before that it had no price at all. A later sheet in force
    leaves an earlier one no time of its own; one that may only make things cheaper waits for what it is compared with.
    """
    result: list[Shown] = []
    for sheet in sheets:
        shown = _reaches(agreement, sheet, result[-1].sheet) if result else Shown(sheet.effective_from, sheet)
        if shown is None:
            continue
        if shown.only_if_cheaper and result:
            shown = shown._replace(since=max(shown.since, result[-1].since))
        while not shown.only_if_cheaper and result and result[-1].since >= shown.since:
            result.pop()
        result.append(shown)
    return result


def _reaches(agreement: Agreement, sheet: Sheet, last: Sheet) -> Shown | None:
    """New contracts get every version; those signed before it took effect get it as its reach says.

    A roll back gives the restored prices to all that had them or later ones, and to nobody else.
    """
    if agreement.first_agreed_at >= sheet.effective_from:
        return Shown(sheet.effective_from, sheet)
    if sheet.restores_from is not None:
        return Shown(sheet.effective_from, sheet) if last.effective_from >= sheet.restores_from else None
    match sheet.reach:
        case Reach.NEW_ONLY:
            return None
        case Reach.AT_RENEWAL:
            is_renewed = agreement.renewed_at is not None and agreement.renewed_at >= sheet.effective_from
            return Shown(sheet.effective_from, sheet) if is_renewed else None
        case Reach.WHERE_CHEAPER:
            return Shown(sheet.effective_from, sheet, only_if_cheaper=True)
    return Shown(max(sheet.effective_from, sheet.existing_from or sheet.effective_from), sheet)


def _editions(product: UUID, own: Sequence[Shown], inherited: Sequence[Shown]) -> Iterable[Edition]:
    if not own:
        return
    last: Edition | None = None
    for since in sorted({max(each.since, own[0].since) for each in (*own, *inherited)}):
        ours, theirs = _in_force(own, since), _in_force(inherited, since)
        edition = _edition(product, since, ours and ours.sheet, theirs and theirs.sheet)
        if edition is None:
            continue
        if last is not None and _is_only_if_cheaper(product, since, ours, theirs):
            edition = _cheaper(last, edition)
        if last is None or replace(edition, since=last.since) != last:
            last = edition
            yield edition


def _in_force(shown: Sequence[Shown], instant: datetime) -> Shown | None:
    return next((each for each in reversed(shown) if each.since <= instant), None)


def _edition(product: UUID, since: datetime, own: Sheet | None, base: Sheet | None) -> Edition | None:
    if own is not None and (offer := own.offers.get(product)):
        return Edition(since, *offer, source=own.label)
    if base is not None and (offer := base.offers.get(product)):
        factor = own.base_factor if own is not None else ONE
        if factor == ONE:
            return Edition(since, *offer, source=base.label)
        label = f"{own.label}: {factor.normalize():f} × {base.label}" if own is not None else base.label
        return Edition(since, *offer.at_level(factor), source=label)
    return None


def _is_only_if_cheaper(product: UUID, since: datetime, own: Shown | None, base: Shown | None) -> bool:
    """Whether the sheet that the price now comes from is one that may only make it cheaper."""
    from_own = own is not None and product in own.sheet.offers
    return bool((own if from_own else base) and (own if from_own else base).only_if_cheaper)  # type: ignore[union-attr]


def _cheaper(before: Edition, after: Edition) -> Edition:
    """Whichever of the two costs less, cycle by cycle; a product now billed in another rhythm keeps its price."""
    if (before.cycle_months, before.in_advance) != (after.cycle_months, after.in_advance):
        return before
    earlier = before.charge.charges if isinstance(before.charge, Cheapest) else (before.charge,)
    if after.charge in earlier:
        return before
    charge = Cheapest((*earlier, after.charge))
    return replace(after, charge=charge, source=f"the cheaper of {before.source} and {after.source}"[:200])


def _key(shown: Sequence[Shown]) -> tuple[tuple[UUID, datetime], ...]:
    return tuple((each.sheet.pk, each.since) for each in shown)
