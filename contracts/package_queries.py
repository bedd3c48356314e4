"""Questions about packages: what is on offer at which prices, what a version holds, and the deal that signing makes."""

from datetime import datetime
from typing import cast
from uuid import UUID

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from catalog.editions import Agreement
from catalog.prices import base_of, price_book
from catalog.queries import version_at
from contracts.models import Customer, Package, PackageCommit, PackageLine, PackageVersion
from contracts.packages import PackagedLine, PackageOffer, PackageTerms, signed_terms
from contracts.queries import payer_of, taxation_of
from contracts.terms import (
    AgreedCommit,
    Deal,
    DealCommit,
    DealInstalment,
    DealLine,
    SignedTerms,
    agreed_terms,
    term_of_contract,
)
from governance.acts import Refused
from governance.approvals import Fact, hash_of
from pricing.money import ONE
from pricing.periods import Period, anchored, local_day, midnight
from pricing.rating import Proration

Status = PackageVersion.Status
CONTENTS = (
    Prefetch("lines", PackageLine.objects.select_related("product__meter").order_by("position", "pk")),
    Prefetch("commits", PackageCommit.objects.order_by("name", "pk")),
)


def version_on_offer(package: Package) -> PackageVersion | None:
    """The version that is signed now: the last one published."""
    published = package.versions.filter(status=Status.PUBLISHED).order_by("-number")
    return published.select_related("package__legal_entity", "rate_card__base").first()


def draft_of(package: Package) -> PackageVersion | None:
    """The version being drafted; there is at most one."""
    return package.versions.filter(status=Status.DRAFT).select_related("package", "rate_card").first()


def offered(packages: QuerySet[Package]) -> list[PackageVersion]:
    """The version on offer of each of these with all it holds, by the package's name; a constant number of queries."""
    published = PackageVersion.objects.filter(package__in=packages, status=Status.PUBLISHED)
    latest = published.order_by("package_id", "-number").distinct("package_id")
    found = list(latest.select_related("package__legal_entity", "rate_card__base").prefetch_related(*CONTENTS))
    return sorted(found, key=lambda version: (version.package.name, version.package.key))


def contents_of(version: PackageVersion) -> PackageTerms:
    """What a version holds, as plain values."""
    prefetch_related_objects([version], *CONTENTS)
    return PackageTerms(
        rate_card=version.rate_card,
        months=version.months,
        follows_card=version.follows_card,
        renews_itself=version.renews_itself,
        anchor_day=version.anchor_day,
        proration=cast(Proration, version.proration),
        trial_days=version.trial_days,
        lines=tuple(
            PackagedLine(
                product=line.product,
                quantity=line.quantity,
                is_chosen=line.is_chosen,
                discount_percent=line.discount_percent,
                discount_amount=line.discount_amount,
                minimum=line.minimum,
                label=line.label,
                from_month=line.from_month,
                phase_months=line.phase_months,
            )
            for line in version.lines.all()
        ),
        commits=tuple(
            AgreedCommit(each.name, each.access_amount, each.price, tuple(each.product_keys), each.priority)
            for each in version.commits.all()
        ),
    )


def offer_of(version: PackageVersion, *, at: datetime) -> PackageOffer:
    """The version at the prices in force. `Refused` if its card has none."""
    prices = version_at(version.rate_card, at)
    if prices is None:
        raise Refused(f"{version.rate_card} has no published prices yet.")
    return PackageOffer(version, contents_of(version), prices, base_of(prices, at))


def deal_of(terms: SignedTerms, *, at: datetime) -> Deal:
    """The deal that a contract on these terms would hold if it were signed at that instant. Two queries."""
    zone = terms.customer.time_zone
    whole = term_of_contract(terms.start_on, terms.months, zone)
    prices, base = terms.rate_card_version, terms.base_version
    cards = {prices.card_id} if terms.follows_card else set()
    pins = set() if terms.follows_card else {each.pk for each in (prices, base) if each is not None}
    book = price_book(cards, pins, {line.product.pk for line in terms.lines})
    return Deal(
        source=str(terms.package_version),
        currency=terms.currency,
        zone=zone,
        **taxation_of(payer_of(terms.customer), zone),
        lines=[
            DealLine(
                key=str(place),
                agreed=line,
                start=midnight(line.start_on, zone) if line.start_on else whole.start,
                end=midnight(line.end_on, zone) if line.end_on else whole.end,
                editions=book.editions(line.product.pk, prices.card_id, Agreement(at))
                if terms.follows_card
                else book.pinned(line.product.pk, prices.pk, base.pk if base else None),
                label=line.label,
            )
            for place, line in enumerate(terms.lines, 1)
        ],
        commits=[_deal_commit(place, each, whole, zone) for place, each in enumerate(terms.commits, 1)],
        anchor=whole.start if terms.anchor_day is None else anchored(whole.start, zone, terms.anchor_day),
        proration=terms.proration,
    )


def check_priced(version: PackageVersion, *, at: datetime) -> None:
    """`Refused`, naming the product, if a contract on this version could not be rated at the prices in force."""
    anybody = Customer(currency=version.rate_card.currency)
    offer = offer_of(version, at=at)
    terms = signed_terms(offer, anybody, start_on=local_day(at, anybody.time_zone), signed_by="Anybody", quantities={})
    agreed_terms(deal_of(terms, at=at))


def publication_facts(version: PackageVersion) -> list[Fact]:
    """What the approval of a publication is bound to: everything the version says, to the byte."""
    terms = contents_of(version)
    said = [
        [str(version.pk), version.rate_card.key, terms.months, terms.follows_card, terms.renews_itself],
        [terms.anchor_day, terms.proration, terms.trial_days],
        [_line_said(line) for line in terms.lines],
        [
            [each.name, each.access_amount, each.price, sorted(each.product_keys), each.priority]
            for each in terms.commits
        ],
    ]
    return [Fact("publication", ONE, hash_of(said), f"{version.package} is to be published", exact=True)]


def _deal_commit(place: int, agreed: AgreedCommit, whole: Period, zone: str) -> DealCommit:
    parts = [(each.amount, midnight(each.invoice_on, zone)) for each in agreed.instalments]
    return DealCommit(
        pk=UUID(int=place),
        name=agreed.name,
        access_amount=agreed.access_amount,
        price=agreed.price,
        product_keys=agreed.product_keys,
        instalments=[
            DealInstalment(number, *part) for number, part in enumerate(parts or [(agreed.price, whole.start)], 1)
        ],
        start=whole.start,
        end=whole.end,
        balance=agreed.access_amount,
        priority=agreed.priority,
    )


def _line_said(line: PackagedLine) -> list[object]:
    numbers = (line.quantity, line.discount_percent, line.discount_amount, line.minimum)
    return [line.product.key, numbers, line.is_chosen, line.label, line.from_month, line.phase_months]
