"""Prices in the words of the public page: headlines, tiers, days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from catalog.models import Product
from catalog.prices import PriceRow
from pricing.charges import Charge, Flat, Graduated, GraduatedPercent, Matrix, PerUnit, Volume
from pricing.figures import grouped, plural
from pricing.money import ONE

RHYTHMS = {0: "once", 1: "a month", 3: "a quarter", 6: "every six months", 12: "a year"}


@dataclass(frozen=True, slots=True)
class Tier:
    """One row of a price in parts: what it is for, and what that costs."""

    what: str
    price: str


def headline(row: PriceRow) -> str:
    """The price in words as short as they get: `$20.00 a month`, `$30.00 per seat a month`, else its sentence."""
    charge, rhythm = row.offer.charge, RHYTHMS.get(row.offer.cycle_months, f"every {row.offer.cycle_months} months")
    if isinstance(charge, Flat):
        return f"{row.sentence.removesuffix(' flat')} {rhythm}"
    if isinstance(charge, PerUnit) and charge.per == ONE:
        price = f"{row.sentence.removesuffix(' each')} per {row.product.unit}"
        return price if row.product.kind == Product.Kind.USAGE else f"{price} {rhythm}"
    return row.sentence


def tiers_title(row: PriceRow) -> str:
    """What the tiers are about: all units together, or each for itself."""
    charge, unit = row.offer.charge, row.product.unit
    if isinstance(charge, Matrix):
        return f"By {', '.join(charge.by)}"
    if isinstance(charge, Volume):
        return f"All {plural(unit)} at the price of"
    return f"Each {unit} at the price of its tier"


def tiers(charge: Charge, currency: str) -> tuple[Tier, ...]:
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


def day_words(at: datetime) -> str:
    """1 April 2026; with the hour where it is not the first of the day in UTC."""
    utc = at.astimezone(UTC)
    return f"{utc:%-d %B %Y}" + (f", {utc:%H:%M} UTC" if (utc.hour, utc.minute) != (0, 0) else "")


def _cell(by: Sequence[str], values: Sequence[str | None]) -> str:
    return ", ".join(value or f"any {name}" for name, value in zip(by, values, strict=True))
