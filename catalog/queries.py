"""Questions to the catalog: which version is in force, where each stands, what things cost us, where they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet

from catalog.models import CostRate, Product, Rate, RateCard, RateCardVersion

Status = RateCardVersion.Status


def version_at(card: RateCard, at: datetime) -> RateCardVersion | None:
    """The version in force at `at`: the published one whose date came last."""
    return _in_force(card.versions.all(), at).first()


def live_draft(card: RateCard) -> RateCardVersion | None:
    """The version being drafted or reviewed; there is at most one."""
    return card.versions.filter(status__in=[Status.DRAFT, Status.IN_REVIEW]).select_related("card").first()


def cards_at(at: datetime) -> list[tuple[RateCard, RateCardVersion | None]]:
    """Every rate card with its version in force at `at`, by name; two queries however many cards."""
    versions = _in_force(RateCardVersion.objects.all(), at).distinct("card_id")
    in_force = {version.card_id: version for version in versions}
    cards = list(RateCard.objects.all())
    return [(card, in_force.get(card.pk)) for card in cards]


@dataclass(frozen=True, slots=True)
class Edition:
    """A version's place in time. `until` is when its successor takes effect; both are None if it never took effect."""

    version: RateCardVersion
    standing: str  # draft, in review, scheduled, in force, superseded, withdrawn
    since: datetime | None
    until: datetime | None


def timeline(card: RateCard, at: datetime) -> list[Edition]:
    """All versions of a card as seen at `at`: the live draft first, then from the latest to the earliest."""
    versions = card.versions.select_related("card", "restores__card").order_by(
        F("effective_from").desc(nulls_first=True), F("number").desc(nulls_first=True)
    )
    editions: list[Edition] = []
    successor: datetime | None = None
    for version in versions:
        until = successor if version.status == Status.PUBLISHED else None
        since = version.effective_from if version.status == Status.PUBLISHED else None
        editions.append(Edition(version, _standing(version, until, at), since, until))
        successor = since or successor
    return sorted(editions, key=lambda edition: edition.version.status not in (Status.DRAFT, Status.IN_REVIEW))


def uses_of(product: Product) -> QuerySet[Rate]:
    """The rates this product has in versions that are not withdrawn."""
    return product.rates.exclude(version__status=Status.WITHDRAWN).select_related("version__card", "product")


def cost_at(product: Product, at: datetime, dimensions: Mapping[str, str] | None = None) -> CostRate | None:
    """What the product costs us at an instant: of the costs whose dimensions all hold the most particular, then the
    newest."""
    given = dimensions or {}
    costs = [
        cost
        for cost in product.cost_rates.filter(since__lte=at).order_by("-since")
        if all(given.get(name) == value for name, value in cost.dimensions.items())
    ]
    return max(costs, key=lambda cost: len(cost.dimensions), default=None)


def _in_force(versions: QuerySet[RateCardVersion], at: datetime) -> QuerySet[RateCardVersion]:
    published = versions.filter(status=Status.PUBLISHED, effective_from__lte=at).select_related("card")
    return published.order_by("card_id", "-effective_from")


def _standing(version: RateCardVersion, until: datetime | None, at: datetime) -> str:
    if version.status != Status.PUBLISHED or version.effective_from is None:
        return version.get_status_display().lower()
    if version.effective_from > at:
        return "scheduled"
    return "superseded" if until and until <= at else "in force"
