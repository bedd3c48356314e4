"""Rules about the arithmetic of one price."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from catalog.candidates import Candidate
from catalog.lint.registry import Severity, rule
from catalog.lint.walk import counted, each_charge, named
from pricing.charges import (
    Adjusted,
    Capacity,
    Charge,
    ChargeError,
    Committed,
    Dynamic,
    Flat,
    Graduated,
    GraduatedPercent,
    InUnit,
    OutcomeShare,
    Volume,
)
from pricing.curves import cliffs
from pricing.money import exponent, grouped, plain, round_amount, shown

Found = Iterable[tuple[str, str]]


@rule("volume_cliff", Severity.WARNING, "volume prices by which more units cost less than fewer")
def volume_cliff(candidate: Candidate) -> Found:
    currency = candidate.card.currency
    for name, offer in named(candidate, candidate.sheet.offers):
        for cliff in cliffs(offer.charge):
            yield (
                name,
                (
                    f"{counted(cliff.next_quantity, 'unit')} cost {shown(cliff.drop, currency)} less than "
                    f"{grouped(cliff.at)}. Use graduated tiers, or accept that customers buy up to the edge."
                ),
            )


@rule("free_price", Severity.WARNING, "prices that are zero whatever the quantity")
def free_price(candidate: Candidate) -> Found:
    for name, offer in named(candidate, candidate.sheet.offers):
        if _is_free(offer.charge):
            yield name, "Every price of it is 0. Give it a price, or say why it is free."


@rule("finer_than_currency", Severity.WARNING, "flat amounts with more decimals than the currency has")
def finer_than_currency(candidate: Candidate) -> Found:
    currency = candidate.card.currency
    for name, offer in named(candidate, candidate.sheet.offers):
        for amount in _flat_amounts(offer.charge):
            if round_amount(amount, currency) != amount:
                yield (
                    name,
                    (
                        f"A flat amount of {plain(amount)} is finer than {currency}, which has {exponent(currency)} "
                        f"decimals, and is billed as {shown(round_amount(amount, currency), currency)}. Round it."
                    ),
                )


@rule("dearer_later_tier", Severity.NOTE, "tiers that are dearer than the tier before them")
def dearer_later_tier(candidate: Candidate) -> Found:
    for name, offer in named(candidate, candidate.sheet.offers):
        for charge in each_charge(offer.charge):
            for edge, before, after in _rises(charge):
                yield (
                    name,
                    (
                        f"Above {grouped(edge)} a unit costs {plain(after)} after {plain(before)}: using more makes it "
                        "dearer. Check that the tiers are in the right order."
                    ),
                )


@rule("hard_to_estimate", Severity.NOTE, "prices that a quote can only guess from an expected quantity")
def hard_to_estimate(candidate: Candidate) -> Found:
    for name, offer in named(candidate, candidate.sheet.offers):
        if reason := _why_hard(offer.charge):
            yield name, f"An expected quantity does not say {reason}; a quote shows this price as a rough estimate."


@rule("two_unit_prices", Severity.ERROR, "custom units that are worth different money in one version")
def two_unit_prices(candidate: Candidate) -> Found:
    worth: dict[str, dict[Decimal, str]] = {}
    for name, offer in named(candidate, candidate.after):
        for charge in each_charge(offer.charge):
            if isinstance(charge, InUnit):
                worth.setdefault(charge.unit, {}).setdefault(charge.price, name)
    currency = candidate.card.currency
    for unit, prices in sorted(worth.items()):
        if len(prices) > 1:
            said = ", ".join(f"{shown(price, currency)} for {name}" for price, name in prices.items())
            yield unit, f"One {unit} is worth {said}. Give it one price in the whole version."


def _is_free(charge: Charge) -> bool:
    """Doubling every price of it changes nothing."""
    if any(isinstance(each, Dynamic) for each in each_charge(charge)):
        return False
    try:
        return charge.scaled(Decimal(2)) == charge
    except ChargeError:
        return False


def _flat_amounts(charge: Charge) -> Iterator[Decimal]:
    """What is charged, taken off or guaranteed as an amount of money. Inside a custom unit nothing is money."""
    match charge:
        case Flat():
            yield charge.amount
        case Graduated() | Volume():
            yield from (amount for tier in charge.tiers for amount in (tier.flat_fee, tier.cap) if amount is not None)
        case GraduatedPercent():
            yield from (tier.flat_fee for tier in charge.tiers)
        case Capacity():
            yield from (tier.price for tier in charge.tiers)
        case Adjusted():
            found = charge.amount_off, charge.minimum, charge.maximum
            yield from (amount for amount in found if amount is not None)
        case Committed():
            yield from () if charge.amount is None else (charge.amount,)
    if not isinstance(charge, InUnit):
        for _, child in charge.children:
            yield from _flat_amounts(child)


def _rises(charge: Charge) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
    """Edges of tiers past which a unit is dearer: the edge, the price before and after. A free first tier is none."""
    if not isinstance(charge, Graduated | Volume):
        return
    for lower, upper in zip(charge.tiers, charge.tiers[1:], strict=False):
        if lower.block == upper.block and lower.up_to is not None and 0 < lower.unit_price < upper.unit_price:
            yield lower.up_to, lower.unit_price, upper.unit_price


def _why_hard(charge: Charge) -> str:
    inside = list(each_charge(charge))
    if any(isinstance(each, Dynamic) for each in inside):
        return "what amounts the events carry"
    if any(isinstance(each, OutcomeShare) for each in inside):
        return "what the outcomes are worth"
    if charge.split.each:
        return "how large single transactions are"
    if charge.split.window:
        return f"how it is spread over each {charge.split.window}"
    return ""
