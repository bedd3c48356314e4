"""What the pages of cards and versions show: the price list with curves and margins, what is coming, lint by rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils.safestring import SafeString

from catalog import prices, queries
from catalog.comparison import ShownDifference, shown_differences
from catalog.history import preceding
from catalog.lint import Finding, Severity
from catalog.margins import Margin, costs_at, margin_of
from catalog.models import Rate, RateCardVersion
from catalog.prices import PriceRow
from catalog.sparklines import sparkline
from governance.models import Change

Status = RateCardVersion.Status
Reach = RateCardVersion.Reach
REACH_WORDS = {
    Reach.NEW_ONLY: "new contracts only; existing ones keep their prices",
    Reach.AT_RENEWAL: "new contracts, and existing ones when they renew",
    Reach.FROM_DATE: "new and existing contracts",
    Reach.WHERE_CHEAPER: "new contracts, and existing ones where it is cheaper for them",
}


def reach_words(version: RateCardVersion) -> str:
    """Whom a version reaches, and existing contracts from when."""
    words = REACH_WORDS[Reach(version.reach)]
    return f"{words} from {instant(version.existing_from)}" if version.existing_from else words


def instant(at: datetime) -> str:
    """1 May 2026, 00:00 UTC."""
    return f"{at:%-d %b %Y, %H:%M} UTC"


# ---------------------------------------------------------------- the price list
@dataclass(frozen=True, slots=True)
class Since:
    """Which version gave a price its present form, and who published that, when and why."""

    version: RateCardVersion
    published: Change | None


@dataclass(frozen=True, slots=True)
class ShownPrice:
    """One row of the price list; `words` is what the filter box looks in."""

    row: PriceRow
    curve: SafeString
    margin: Margin | None
    inherited_from: str
    since: Since | None
    words: str


def shown_prices(
    rows: Sequence[PriceRow], version: RateCardVersion, at: datetime, *, sees_margin: bool, history: bool = False
) -> list[ShownPrice]:
    """A price list as the page shows it. The number of queries does not grow with the rates."""
    currency = version.card.currency
    costs = costs_at([row.product.pk for row in rows], at) if sees_margin else {}
    since = _since(rows, at) if history else {}
    return [
        ShownPrice(
            row,
            sparkline(row.offer.charge, currency, row.product.unit),
            margin_of(row.offer.charge, currency, costs.get(row.product.pk, ())),
            _inherited_from(row, version),
            since.get(row.product.pk),
            f"{row.product.name} {row.product.key} {row.sentence} {row.billed} {row.product.unit}".lower(),
        )
        for row in rows
    ]


def _inherited_from(row: PriceRow, version: RateCardVersion) -> str:
    if not row.is_inherited:
        return ""
    factor = version.factor
    return f"from {row.source.card}" + (f" × {factor}" if factor != 1 else "")


def _since(rows: Sequence[PriceRow], at: datetime) -> dict[UUID, Since]:
    """For each row the version of its card that last changed it, as of an instant."""
    cards = {row.source.card_id for row in rows}
    versions = {
        version.pk: version
        for version in RateCardVersion.objects.filter(
            card__in=cards, status=Status.PUBLISHED, effective_from__lte=at
        ).select_related("card")
    }
    rates = (
        Rate.objects.filter(version__in=versions)
        .order_by("version__effective_from")
        .values_list("version_id", "product_id", Cast("charge", TextField()), "cycle_months", "in_advance")
    )
    changed = _last_changes(versions, rates)
    words = prices.publications([versions[pk] for pk in set(changed.values())])
    return {
        row.product.pk: Since(versions[pk], words.get(pk))
        for row in rows
        if (pk := changed.get((row.source.card_id, row.product.pk)))
    }


def _last_changes(
    versions: Mapping[UUID, RateCardVersion], rates: Iterable[tuple[Any, ...]]
) -> dict[tuple[UUID, UUID], UUID]:
    said: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
    changed: dict[tuple[UUID, UUID], UUID] = {}
    for version, product, *terms in rates:
        key = versions[version].card_id, product
        if said.get(key) != tuple(terms):
            said[key], changed[key] = tuple(terms), version
    return changed


# ---------------------------------------------------------------- what is coming
@dataclass(frozen=True, slots=True)
class Coming:
    """A version that is scheduled or in the works, and what differs from the prices it follows."""

    version: RateCardVersion
    standing: str
    differences: list[ShownDifference]

    @property
    def first(self) -> list[ShownDifference]:
        return self.differences[:3]

    @property
    def more(self) -> int:
        return max(0, len(self.differences) - 3)


def coming(editions: Sequence[queries.Edition], at: datetime) -> list[Coming]:
    """The live draft and the scheduled versions, each against what would be in force before it."""
    result = []
    for edition in editions:
        version = edition.version
        if edition.standing not in ("draft", "in review", "scheduled"):
            continue
        before = preceding(edition, editions, at)
        found = prices.difference(before.version if before else None, version, at=starts_at(version, at))
        result.append(Coming(version, edition.standing, shown_differences(found, version.card.currency)))
    return result


def starts_at(version: RateCardVersion, at: datetime) -> datetime:
    """When a version takes effect, or would by its plan; one in force or past: the instant it is looked at."""
    return max(version.effective_from or version.planned_from or at, at)


@dataclass(frozen=True, slots=True)
class Found:
    """What one rule of lint found: the first two findings in full, of the rest at first only where they are."""

    severity: Severity
    rule: str
    first: list[Finding]
    rest: list[Finding]


def by_rule(findings: Iterable[Finding]) -> list[Found]:
    """Errors first, then warnings, then notes, rule by rule."""
    grouped: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.severity, finding.rule), []).append(finding)
    weight = list(Severity)
    return [
        Found(severity, rule, found[:2], found[2:])
        for (severity, rule), found in sorted(grouped.items(), key=lambda item: (weight.index(item[0][0]), item[0][1]))
    ]
