"""What the public price page shows of a card: the prices in force, what they are made of, and what is announced.

Nothing of drafts, costs, notes or people. It is a question asked anew each time, so it changes when the prices do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString

from catalog.comparison import PartChange, part_changes
from catalog.estimates import can_be_estimated, takes_quantity
from catalog.grants import words
from catalog.models import FeatureGrant, Product, RateCard, RateCardVersion
from catalog.price_pictures import picture
from catalog.price_words import Tier, day_words, headline, tiers, tiers_title
from catalog.prices import PriceRow, price_rows
from catalog.queries import version_at
from pricing.charges import dump
from pricing.figures import plural

Status = RateCardVersion.Status
Kind = Product.Kind
TITLES = {Kind.RECURRING: "Plans and seats", Kind.USAGE: "Usage", Kind.ONE_TIME: "One-time"}
MOST_ANNOUNCED = 3


@dataclass(frozen=True, slots=True)
class PublicPrice:
    """A product's price, ready to be shown. `asks` is how the estimator asks for it: quantity, choice or nothing."""

    row: PriceRow
    tiers: tuple[Tier, ...]
    picture: SafeString
    includes: tuple[str, ...]
    asks: str

    @property
    def key(self) -> str:
        return self.row.product.key

    @property
    def headline(self) -> str:
        return headline(self.row)

    @property
    def tiers_title(self) -> str:
        return tiers_title(self.row)

    @property
    def asked_unit(self) -> str:
        """What the estimator asks for: `tokens a month`, `seats`."""
        units = plural(self.row.product.unit)
        return f"{units} a month" if self.row.product.kind == Kind.USAGE else units


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    prices: tuple[PublicPrice, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A product's price before and after, in words; empty where it has none. `parts`: only the tiers that change."""

    product: Product
    before: str
    after: str
    parts: tuple[PartChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """What changes at an instant, by what is published."""

    at: datetime
    changes: tuple[Change, ...]

    @property
    def words(self) -> str:
        return day_words(self.at)


@dataclass(frozen=True, slots=True)
class PublicPrices:
    """The prices of a public card at an instant. `until` is when the next published change takes effect."""

    card: RateCard
    since: datetime
    until: datetime | None
    rows: tuple[PriceRow, ...]
    groups: tuple[Group, ...]
    announcements: tuple[Announcement, ...]

    @property
    def since_words(self) -> str:
        return day_words(self.since)


def public_prices(card: RateCard, *, at: datetime) -> PublicPrices | None:
    """What a card's page shows at an instant; None if it is not public, or nothing is in force."""
    rows, since = _in_force(card, at)
    if not card.is_public or since is None:
        return None
    coming = _coming(card, at)
    return PublicPrices(
        card,
        since,
        coming[0] if coming else None,
        rows,
        _groups(rows, card.currency),
        _announcements(card, rows, coming),
    )


def as_json(shown: PublicPrices) -> dict[str, Any]:
    """The page for programs."""
    return {
        "rate_card": shown.card.key,
        "name": shown.card.name,
        "currency": shown.card.currency,
        "valid_since": _instant(shown.since),
        "valid_until": _instant(shown.until),
        "prices": [
            {
                "product": row.product.key,
                "name": row.product.name,
                "description": row.product.description,
                "kind": row.product.kind,
                "unit": row.product.unit,
                "price": row.sentence,
                "billed": row.billed,
                "cycle_months": row.offer.cycle_months,
                "in_advance": row.offer.in_advance,
                "charge": dump(row.offer.charge),
            }
            for row in shown.rows
        ],
        "announced": [
            {
                "from": _instant(each.at),
                "changes": [
                    {"product": one.product.key, "name": one.product.name, "before": one.before, "after": one.after}
                    for one in each.changes
                ],
            }
            for each in shown.announcements
        ],
    }


def _in_force(card: RateCard, at: datetime) -> tuple[tuple[PriceRow, ...], datetime | None]:
    """The rows a new customer gets at an instant, and since when they have been those."""
    version = version_at(card, at)
    if version is None:
        return (), None
    base = version_at(card.base, at) if card.base else None
    rows = tuple(row for row in price_rows(version, base) if row.product.is_active)
    dates = [each.effective_from for each in (version, base) if each is not None and each.effective_from is not None]
    return rows, max(dates)


def _coming(card: RateCard, at: datetime) -> list[datetime]:
    """When what is published of the card and its base takes effect, from the nearest on."""
    cards = [each for each in (card.pk, card.base_id) if each]
    published = RateCardVersion.objects.filter(card__in=cards, status=Status.PUBLISHED, effective_from__gt=at)
    return sorted(set(published.values_list("effective_from", flat=True)))  # type: ignore[arg-type]


def _announcements(card: RateCard, rows: tuple[PriceRow, ...], coming: Sequence[datetime]) -> tuple[Announcement, ...]:
    found = []
    for instant in coming[:MOST_ANNOUNCED]:
        after, _ = _in_force(card, instant)
        if changes := _changes(rows, after, card.currency):
            found.append(Announcement(instant, changes))
        rows = after
    return tuple(found)


def _changes(before: Sequence[PriceRow], after: Sequence[PriceRow], currency: str) -> tuple[Change, ...]:
    old, new = ({row.product.key: row for row in rows} for rows in (before, after))
    return tuple(
        _change(old.get(key), new.get(key), currency)
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or old[key].offer != new[key].offer
    )


def _change(before: PriceRow | None, after: PriceRow | None, currency: str) -> Change:
    product = (after or before).product  # type: ignore[union-attr]
    if before is None or after is None or before.billed != after.billed:
        return Change(product, _words(before), _words(after))
    parts = part_changes(before.offer.charge, after.offer.charge, currency)
    return Change(product, headline(before), headline(after), tuple(each for each in parts if each.is_changed))


def _words(row: PriceRow | None) -> str:
    return f"{row.sentence}, {row.billed}" if row else ""


def _groups(rows: Sequence[PriceRow], currency: str) -> tuple[Group, ...]:
    includes: dict[object, list[str]] = {}
    grants = FeatureGrant.objects.filter(product__in=[row.product.pk for row in rows]).select_related("feature")
    for grant in grants.order_by("feature__name", "window"):
        includes.setdefault(grant.product_id, []).append(_grant(grant))
    found = []
    for kind, title in TITLES.items():
        prices = tuple(
            PublicPrice(
                row,
                tiers(row.offer.charge, currency),
                picture(row.offer.charge, currency, plural(row.product.unit)),
                tuple(includes.get(row.product.pk, ())),
                _asks(row),
            )
            for row in rows
            if row.product.kind == kind
        )
        if prices:
            found.append(Group(title, prices))
    return tuple(found)


def _asks(row: PriceRow) -> str:
    if not can_be_estimated(row):
        return ""
    return "quantity" if takes_quantity(row) else "choice"


def _grant(grant: FeatureGrant) -> str:
    said = words(grant.feature.kind, grant)
    return f"{grant.feature.name}: {said}" if said else grant.feature.name


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
