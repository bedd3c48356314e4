"""Questions about prices: what a version or a card says at an instant, also through its base, and what differs."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from catalog.editions import Offer, PriceBook, Sheet
from catalog.models import Product, Rate, RateCard, RateCardVersion
from catalog.queries import version_at
from governance.approvals import Fact, hash_of
from governance.models import Change
from pricing import charges
from pricing.changes import change_percent
from pricing.money import ONE, ZERO, plain

Status = RateCardVersion.Status


def price_book(
    cards: Collection[UUID], versions: Collection[UUID] = (), products: Collection[UUID] | None = None
) -> PriceBook:
    """What the published versions of these cards and of their bases say, and these versions. Two queries.

    With `products` only of these.
    """
    published = Q(status=Status.PUBLISHED) & (Q(card__in=cards) | Q(card__deltas__in=cards))
    found = list(
        RateCardVersion.objects.filter(Q(pk__in=versions) | published)
        .exclude(effective_from=None)
        .select_related("card", "restores")
        .order_by("effective_from")
        .distinct()
    )
    offers = _offers(found, products)
    sheets: dict[UUID, list[Sheet]] = {}
    pins: dict[UUID, Sheet] = {}
    for version in found:
        sheet = _sheet(version, offers.get(version.pk, {}), version.effective_from)
        if version.pk in versions:
            pins[version.pk] = sheet
        if version.status == Status.PUBLISHED:
            sheets.setdefault(version.card_id, []).append(sheet)
    return PriceBook(sheets, {version.card_id: version.card.base_id for version in found}, pins)


def sheet_of(version: RateCardVersion, *, at: datetime) -> Sheet:
    """A version as plain values; one not yet published as if it took effect when it is planned to, or at `at`."""
    takes_effect = version.effective_from or max(version.planned_from or at, at)
    return _sheet(version, _offers([version], None).get(version.pk, {}), takes_effect)


def base_of(version: RateCardVersion, at: datetime) -> RateCardVersion | None:
    """The version of the base card that fills what this one leaves out, as of an instant; None without a base."""
    base = version.card.base
    return version_at(base, at) if base is not None else None


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row of a price list, as a person reads it. `own` is the rate itself, None where the base fills in."""

    product: Product
    offer: Offer
    sentence: str
    billed: str
    source: RateCardVersion
    own: Rate | None

    @property
    def is_inherited(self) -> bool:
        return self.own is None


def price_list(version: RateCardVersion, *, at: datetime) -> list[PriceRow]:
    """What a version says by product name, its base's prices of that instant filling in. Three queries at most."""
    return price_rows(version, base_of(version, at))


def price_rows(version: RateCardVersion, base: RateCardVersion | None) -> list[PriceRow]:
    """What a version says by product name, this version of its base filling in."""
    currency = version.card.currency
    rows: dict[UUID, PriceRow] = {}
    for each in (base, version) if base is not None else (version,):
        for rate in each.rates.select_related("product__meter"):
            own = rate if each is version else None
            offer = offer_of(rate) if own is not None else offer_of(rate).at_level(version.factor)
            rows[rate.product_id] = PriceRow(
                rate.product, offer, sentence_of(offer, currency), billed(offer), each, own
            )
    return sorted(rows.values(), key=lambda row: (row.product.name, row.product.key))


@dataclass(frozen=True, slots=True)
class RateAt:
    """A product's price as of an instant, with the publication that put it in force: who, when and why."""

    row: PriceRow
    version: RateCardVersion
    published: Change | None


def rate_at(card: RateCard, product: Product, at: datetime) -> RateAt | None:
    """What a product cost on a card at an instant; None if it had no price then."""
    version = version_at(card, at)
    if version is None:
        return None
    row = next((row for row in price_list(version, at=at) if row.product == product), None)
    return RateAt(row, version, publications([row.source]).get(row.source.pk)) if row is not None else None


def publications(versions: Iterable[RateCardVersion]) -> dict[UUID, Change]:
    """Who put each version in force, when and why; one query."""
    found = Change.objects.filter(
        subject_type=RateCardVersion._meta.label_lower,
        subject_id__in=[str(version.pk) for version in versions],
        name__in=["rate_card.published", "rate_card.rolled_back"],
    )
    return {UUID(change.subject_id): change for change in found.select_related("by").order_by("id")}


def offer_of(rate: Rate) -> Offer:
    return Offer(rate.charge, rate.cycle_months, rate.in_advance)


def sentence_of(rate: Rate | Offer, currency: str) -> str:
    """The price in words: `First 10,000,000 at $2.50 per million, then $2.00 per million`."""
    sentence: str = rate.charge.sentence(currency)
    return sentence


def billed(rate: Rate | Offer) -> str:
    """How often and on which end of its cycle a rate is billed: `monthly, in arrears`."""
    rhythms = {0: "once", 1: "monthly", 3: "quarterly", 6: "twice a year", 12: "yearly"}
    rhythm = rhythms.get(rate.cycle_months, f"every {rate.cycle_months} months")
    return f"{rhythm}, {'in advance' if rate.in_advance else 'in arrears'}"


@dataclass(frozen=True, slots=True)
class RateDifference:
    """One product priced differently. `before` is None for an added rate, `after` for a removed one."""

    product: Product
    before: Offer | None
    after: Offer | None
    before_text: str
    after_text: str

    @property
    def kind(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def difference(before: RateCardVersion | None, after: RateCardVersion, *, at: datetime) -> list[RateDifference]:
    """The prices that differ between two versions of a card, by product name, the base of that instant filling in.

    Against None everything is added.
    """
    old = {row.product.pk: row for row in price_list(before, at=at)} if before else {}
    new = {row.product.pk: row for row in price_list(after, at=at)}
    differing = []
    for key in old.keys() | new.keys():
        a, b = old.get(key), new.get(key)
        was, becomes = a.offer if a else None, b.offer if b else None
        product = (b or a).product  # type: ignore[union-attr]
        if was != becomes:
            differing.append(RateDifference(product, was, becomes, _text(a), _text(b)))
    return sorted(differing, key=lambda row: (row.product.name, row.product.key))


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A property of the version itself that differs, in words."""

    field: str
    before: str
    after: str


def field_differences(before: RateCardVersion | None, after: RateCardVersion) -> list[FieldDifference]:
    """What differs between two versions apart from their rates."""
    old, new = (_fields(before) if before else {}), _fields(after)
    return [FieldDifference(name, old.get(name, ""), text) for name, text in new.items() if text != old.get(name, "")]


def publication_facts(version: RateCardVersion, *, at: datetime) -> list[Fact]:
    """What the approval of a publication is bound to: everything the version says, to the byte.

    And how far it goes: the largest change of a unit price against the prices in force, in percent.
    """
    own = sorted([str(rate.product_id), *_terms(rate)] for rate in version.rates.all())
    said = [str(version.pk), own, version.reach, version.existing_from, plain(version.base_factor)]
    inputs_hash = hash_of(said)
    largest, why = _largest_change(version, at)
    return [
        Fact("publication", ONE, inputs_hash, f"prices of {version.card} are to be published", exact=True),
        Fact("price_change_percent", largest, inputs_hash, why),
    ]


def _largest_change(version: RateCardVersion, at: datetime) -> tuple[Decimal, str]:
    largest, why = ZERO, f"no price of {version.card} changes"
    for row in difference(version_at(version.card, at), version, at=at):
        if row.before is not None and row.after is not None:
            percent = change_percent(row.before.charge, row.after.charge)
            if abs(percent) > largest:
                largest = abs(percent)
                why = f"{row.product} becomes {plain(largest)} % {'dearer' if percent > 0 else 'cheaper'}"
    return largest, why


def _terms(rate: Rate) -> list[str]:
    """What a rate says, to the byte."""
    return [hash_of(charges.dump(rate.charge)), str(rate.cycle_months), str(rate.in_advance)]


def _fields(version: RateCardVersion) -> dict[str, str]:
    fields = {"Reaches": str(version.get_reach_display())}
    if version.existing_from:
        fields["Existing contracts from"] = f"{version.existing_from:%-d %b %Y, %H:%M} UTC"
    if version.card.base_id:
        fields["Base prices times"] = plain(version.base_factor)
    return fields


def _text(row: PriceRow | None) -> str:
    return "" if row is None else f"{row.sentence}, {row.billed}"


def _offers(versions: Iterable[RateCardVersion], products: Collection[UUID] | None) -> dict[UUID, Mapping[UUID, Offer]]:
    rates = Rate.objects.filter(version__in=[version.pk for version in versions])
    if products is not None:
        rates = rates.filter(product__in=products)
    result: dict[UUID, dict[UUID, Offer]] = {}
    for rate in rates:
        result.setdefault(rate.version_id, {})[rate.product_id] = offer_of(rate)
    return dict(result)


def _sheet(version: RateCardVersion, offers: Mapping[UUID, Offer], effective_from: datetime | None) -> Sheet:
    assert effective_from is not None
    return Sheet(
        pk=version.pk,
        card=version.card_id,
        label=str(version),
        effective_from=effective_from,
        offers=offers,
        reach=version.reach,
        existing_from=version.existing_from,
        base_factor=version.factor,
        restores_from=version.restores.effective_from if version.restores else None,
    )
