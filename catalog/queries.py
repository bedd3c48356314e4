"""Questions to the catalog: what is in force, what differs, what a price list says, what publication needs agreed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F, QuerySet

from catalog.models import Product, Rate, RateCard, RateCardVersion
from governance.approvals import Fact, hash_of
from governance.models import Change
from pricing import charges

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


def last_words(versions: Iterable[RateCardVersion]) -> dict[UUID, Change]:
    """For each version the latest change of its own: who brought it to where it stands, and why; one query."""
    changes = Change.objects.filter(
        subject_type=RateCardVersion._meta.label_lower,
        subject_id__in=[str(version.pk) for version in versions],
        name__startswith="rate_card.",
    )
    return {UUID(change.subject_id): change for change in changes.order_by("id")}


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row of a price list, as a person reads it."""

    product: Product
    rate: Rate
    sentence: str
    billed: str


def price_list(version: RateCardVersion) -> list[PriceRow]:
    """The rates of a version by product name, each with its sentence; one query for the rates."""
    return [
        PriceRow(rate.product, rate, sentence_of(rate, version.card.currency), billed(rate)) for rate in _rates(version)
    ]


def sentence_of(rate: Rate, currency: str) -> str:
    """The price in words: `First 10,000,000 at $2.50 per million, then $2.00 per million`."""
    sentence: str = rate.charge.sentence(currency)
    return sentence


def billed(rate: Rate) -> str:
    """How often and on which end of its cycle a rate is billed: `monthly, in arrears`."""
    rhythms = {0: "once", 1: "monthly", 3: "quarterly", 6: "twice a year", 12: "yearly"}
    rhythm = rhythms.get(rate.cycle_months, f"every {rate.cycle_months} months")
    return f"{rhythm}, {'in advance' if rate.in_advance else 'in arrears'}"


@dataclass(frozen=True, slots=True)
class RateDifference:
    """One product priced differently. `before` is None for an added rate, `after` for a removed one."""

    product: Product
    before: Rate | None
    after: Rate | None
    before_text: str
    after_text: str

    @property
    def kind(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def difference(before: RateCardVersion | None, after: RateCardVersion) -> list[RateDifference]:
    """The rates that differ between two versions of a card, by product name. Against None everything is added."""
    old = {rate.product_id: rate for rate in _rates(before)} if before else {}
    new = {rate.product_id: rate for rate in _rates(after)}
    currency = after.card.currency
    pairs = [(old.get(key), new.get(key)) for key in old.keys() | new.keys()]
    differing = [
        RateDifference((b or a).product, a, b, _text(a, currency), _text(b, currency))  # type: ignore[union-attr]
        for a, b in pairs
        if a is None or b is None or _terms(a) != _terms(b)
    ]
    return sorted(differing, key=lambda row: row.product.name)


def publication_facts(version: RateCardVersion) -> list[Fact]:
    """What the approval of a publication is bound to: every rate of the version, to the byte."""
    rates = sorted([str(rate.product_id), *_terms(rate)] for rate in _rates(version))
    why = f"prices of {version.card} are to be published"
    return [Fact("publication", Decimal(1), hash_of([str(version.pk), rates]), why, exact=True)]


def uses_of(product: Product) -> QuerySet[Rate]:
    """The rates this product has in versions that are not withdrawn."""
    return product.rates.exclude(version__status=Status.WITHDRAWN).select_related("version__card", "product")


def _in_force(versions: QuerySet[RateCardVersion], at: datetime) -> QuerySet[RateCardVersion]:
    published = versions.filter(status=Status.PUBLISHED, effective_from__lte=at).select_related("card")
    return published.order_by("card_id", "-effective_from")


def _rates(version: RateCardVersion) -> Iterable[Rate]:
    return version.rates.select_related("product")


def _terms(rate: Rate) -> list[str]:
    return [hash_of(charges.dump(rate.charge)), str(rate.cycle_months), str(rate.in_advance)]


def _text(rate: Rate | None, currency: str) -> str:
    return "" if rate is None else f"{sentence_of(rate, currency)}, {billed(rate)}"


def _standing(version: RateCardVersion, until: datetime | None, at: datetime) -> str:
    if version.status != Status.PUBLISHED or version.effective_from is None:
        return version.get_status_display().lower()
    if version.effective_from > at:
        return "scheduled"
    return "superseded" if until and until <= at else "in force"
