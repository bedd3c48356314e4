"""What the public price page shows of a card: the prices in force, what they are made of, and what is announced.

Nothing of drafts, costs, notes or people. It is a question asked anew each time, so it changes when the prices do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from django.utils.safestring import SafeString

from catalog.comparison import PartChange, part_changes
from catalog.estimates import can_be_estimated, takes_quantity
from catalog.models import FeatureGrant, Product, RateCard, RateCardVersion
from catalog.price_pictures import picture
from catalog.prices import PriceRow, price_rows
from catalog.queries import version_at
from pricing.charges import Charge, Flat, Graduated, GraduatedPercent, Matrix, PerUnit, Volume, dump
from pricing.money import ONE, grouped

Status = RateCardVersion.Status
Kind = Product.Kind
TITLES = {Kind.RECURRING: "Plans and seats", Kind.USAGE: "Usage", Kind.ONE_TIME: "One-time"}
RHYTHMS = {0: "once", 1: "a month", 3: "a quarter", 6: "every six months", 12: "a year"}
MOST_ANNOUNCED = 3


@dataclass(frozen=True, slots=True)
class Tier:
    """One row of a price in parts: what it is for, and what that costs."""

    what: str
    price: str


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
        """What the tiers are about: all units together, or each for itself."""
        charge, unit = self.row.offer.charge, self.row.product.unit
        if isinstance(charge, Matrix):
            return f"By {', '.join(charge.by)}"
        if isinstance(charge, Volume):
            return f"All {plural(unit)} at the price of"
        return f"Each {unit} at the price of its tier"

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


def headline(row: PriceRow) -> str:
    """The price in words as short as they get: `$20.00 a month`, `$30.00 per seat a month`, else its sentence."""
    charge, rhythm = row.offer.charge, RHYTHMS.get(row.offer.cycle_months, f"every {row.offer.cycle_months} months")
    if isinstance(charge, Flat):
        return f"{row.sentence.removesuffix(' flat')} {rhythm}"
    if isinstance(charge, PerUnit) and charge.per == ONE:
        price = f"{row.sentence.removesuffix(' each')} per {row.product.unit}"
        return price if row.product.kind == Kind.USAGE else f"{price} {rhythm}"
    return row.sentence


def _groups(rows: Sequence[PriceRow], currency: str) -> tuple[Group, ...]:
    includes: dict[object, list[str]] = {}
    grants = FeatureGrant.objects.filter(product__in=[row.product.pk for row in rows]).select_related("feature")
    for grant in grants.order_by("feature__name"):
        includes.setdefault(grant.product_id, []).append(_grant(grant))
    found = []
    for kind, title in TITLES.items():
        prices = tuple(
            PublicPrice(
                row,
                _tiers(row.offer.charge, currency),
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
    return f"{grant.feature.name}: {grant.value}" if grant.value else grant.feature.name


def _tiers(charge: Charge, currency: str) -> tuple[Tier, ...]:
    """A price in parts, tier by tier or cell by cell; nothing where the sentence says it all."""
    if isinstance(charge, Matrix):
        cells = [(_cell(charge.by, cell.values), cell.charge) for cell in charge.cells]
        cells += [("All others", charge.default)] if charge.default else []
        return tuple(Tier(label, each.sentence(currency)) for label, each in cells)
    if not isinstance(charge, (Graduated, Volume, GraduatedPercent)) or len(charge.tiers) == 1:
        return ()
    per = ONE if isinstance(charge, GraduatedPercent) else charge.per
    prices = [tier.sentence(per, currency) for tier in charge.tiers]
    edges = [grouped(tier.up_to) for tier in charge.tiers if tier.up_to is not None]
    spans = [f"{low} to {high}" for low, high in pairwise(edges)]
    names = [f"First {edges[0]}", *spans, f"Above {edges[-1]}"]
    if isinstance(charge, Volume):
        names = [f"Up to {edges[0]}", *spans, f"Above {edges[-1]}"]
    return tuple(Tier(name, price) for name, price in zip(names, prices, strict=True))


def plural(unit: str) -> str:
    """tokens, GB, credits."""
    return unit if unit.endswith("s") or unit.isupper() else f"{unit}s"


def day_words(at: datetime) -> str:
    """1 April 2026; with the hour where it is not the first of the day in UTC."""
    utc = at.astimezone(UTC)
    return f"{utc:%-d %B %Y}" + (f", {utc:%H:%M} UTC" if (utc.hour, utc.minute) != (0, 0) else "")


def _cell(by: Sequence[str], values: Sequence[str | None]) -> str:
    return ", ".join(value or f"any {name}" for name, value in zip(by, values, strict=True))


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
