"""What a package holds, as plain values, and the terms that signing it makes. Nothing here asks the database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from catalog.models import Product, RateCard, RateCardVersion
from contracts.models import Contract, Customer, PackageVersion
from contracts.terms import AgreedCommit, AgreedInstalment, AgreedLine, RenewalRule, SignedTerms
from governance.acts import Refused
from pricing.money import ZERO, plain
from pricing.periods import add_months
from pricing.rating import Proration

TRIAL = "Free trial"
SHORTEST_MONTH = 28
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class PackagedLine:
    """A product of a package. With `is_chosen` the customer may take more than `quantity`.

    A phase of a ramp begins `from_month` months after the start and lasts `phase_months`; None: until the end.
    """

    product: Product
    quantity: Decimal | None = None
    is_chosen: bool = False
    discount_percent: Decimal = ZERO
    discount_amount: Decimal = ZERO
    minimum: Decimal | None = None
    label: str = ""
    from_month: int = 0
    phase_months: int | None = None


@dataclass(frozen=True, slots=True)
class PackageTerms:
    """Everything a version of a package says. During the trial nothing is charged; it counts as part of the term."""

    rate_card: RateCard
    months: int
    lines: Sequence[PackagedLine]
    commits: Sequence[AgreedCommit] = ()
    follows_card: bool = False
    renews_itself: bool = False
    anchor_day: int | None = None
    proration: Proration = "day"
    trial_days: int = 0


@dataclass(frozen=True, slots=True)
class PackageOffer:
    """A version of a package with the prices it is signed at today."""

    version: PackageVersion
    terms: PackageTerms
    prices: RateCardVersion
    base: RateCardVersion | None

    @property
    def stamp(self) -> str:
        """Differs once anything differs that is agreed by signing."""
        return f"{self.version.pk.hex}{self.prices.pk.hex[:8]}{self.base.pk.hex[:8] if self.base else ''}"

    @property
    def chosen(self) -> list[PackagedLine]:
        """What the customer says how much of they want: the first line of each such product."""
        first: dict[str, PackagedLine] = {}
        for line in self.terms.lines:
            if line.is_chosen:
                first.setdefault(line.product.key, line)
        return list(first.values())


def check_package(terms: PackageTerms) -> None:
    """`Refused` if these are no terms that somebody could sign."""
    if not terms.lines and not terms.commits:
        raise Refused("There is nothing in this package.")
    if terms.months < 1:
        raise Refused("months: A package lasts at least a month.")
    for line in terms.lines:
        end = line.from_month + (line.phase_months or max(terms.months - line.from_month, 0))
        if not line.from_month < end <= terms.months:
            raise Refused(f"{line.product.name} starts before it ends, and both within {terms.months} months.")
        changes = line.phase_months if line.from_month == 0 else line.from_month
        if terms.trial_days >= (changes or terms.months) * SHORTEST_MONTH:
            raise Refused(f"trial_days: The trial is over before the first phase of {line.product.name} is.")
    if terms.trial_days >= terms.months * SHORTEST_MONTH:
        raise Refused("trial_days: The trial is over before the contract is.")


def signed_terms(
    offer: PackageOffer,
    customer: Customer,
    *,
    start_on: date,
    signed_by: str,
    quantities: Mapping[str, Decimal],
) -> SignedTerms:
    """What signing the offer says. `quantities`, by product key, of what the customer may choose; else the package's.

    `Refused` for a quantity of something else, or below the package's.
    """
    check_quantities(offer, quantities)
    terms, version = offer.terms, offer.version
    trial_end = start_on + timedelta(days=terms.trial_days) if terms.trial_days else None
    return SignedTerms(
        customer=customer,
        legal_entity=version.package.legal_entity,
        rate_card_version=offer.prices,
        base_version=offer.base,
        follows_card=terms.follows_card,
        currency=terms.rate_card.currency,
        start_on=start_on,
        months=terms.months,
        lines=[
            agreed
            for line in terms.lines
            for agreed in _with_trial(line.product, _agreed(line, start_on, quantities), trial_end)
        ],
        commits=[_after_trial(commit, trial_end) for commit in terms.commits],
        signed_by=signed_by.strip(),
        anchor_day=terms.anchor_day,
        proration=terms.proration,
        renewal=RenewalRule(Contract.Renewal.AUTOMATIC) if terms.renews_itself else RenewalRule(),
        package_version=version,
    )


def quantity_of(line: PackagedLine, quantities: Mapping[str, Decimal]) -> Decimal | None:
    """How much of a line somebody gets who chose these quantities."""
    if line.quantity is None or not line.is_chosen:
        return line.quantity
    return max(line.quantity, quantities.get(line.product.key, line.quantity))


def check_quantities(offer: PackageOffer, quantities: Mapping[str, Decimal]) -> None:
    """`Refused` for a quantity of what the customer does not choose, or below the package's."""
    least = {line.product.key: line for line in offer.chosen}
    for key, quantity in quantities.items():
        if key not in least:
            raise Refused(f"quantities: How much of {key} is not for the customer to say in {offer.version.package}.")
        line = least[key]
        if not quantity.is_finite() or line.quantity is None or quantity < line.quantity:
            raise Refused(f"quantities: {line.product.name}: at least {plain(line.quantity or ZERO)}.")


def _agreed(line: PackagedLine, start_on: date, quantities: Mapping[str, Decimal]) -> AgreedLine:
    end = None if line.phase_months is None else line.from_month + line.phase_months
    return AgreedLine(
        product=line.product,
        quantity=quantity_of(line, quantities),
        discount_percent=line.discount_percent,
        discount_amount=line.discount_amount,
        minimum=line.minimum,
        label=line.label,
        start_on=add_months(start_on, line.from_month) if line.from_month else None,
        end_on=None if end is None else add_months(start_on, end),
    )


def _with_trial(product: Product, line: AgreedLine, trial_end: date | None) -> Iterator[AgreedLine]:
    """A line that starts with the contract is free until the trial is over; what is sold once is charged only then."""
    if trial_end is None or line.start_on is not None:
        yield line
        return
    if product.kind != Product.Kind.ONE_TIME:
        yield replace(line, discount_percent=HUNDRED, discount_amount=ZERO, minimum=None, label=TRIAL, end_on=trial_end)
    yield replace(line, start_on=trial_end)


def _after_trial(commit: AgreedCommit, trial_end: date | None) -> AgreedCommit:
    """Usable from the start, and invoiced once the trial is over."""
    if trial_end is None or not commit.price:
        return commit
    return replace(commit, instalments=(AgreedInstalment(commit.price, trial_end),))
