"""A package as people read it: what it holds, at what price, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.prices import PriceRow, price_rows
from contracts.packages import PackagedLine, PackageOffer
from contracts.terms import AgreedCommit
from contracts.words import amount_text, months_text, percent_text, quantity_text


@dataclass(frozen=True, slots=True)
class ShownPackageLine:
    """A product; `price` is empty where the card has none. `asks` is what the customer says how much of."""

    line: PackagedLine
    name: str
    price: str
    billed: str
    quantity: str
    adjustments: Sequence[str]
    days: str
    description: str


@dataclass(frozen=True, slots=True)
class ShownPackage:
    """An offer in words. `promises` say what holds for the whole of it."""

    offer: PackageOffer
    lines: Sequence[ShownPackageLine]
    commits: Sequence[tuple[str, str]]
    promises: Sequence[str]


def shown_offer(offer: PackageOffer, *, at: datetime) -> ShownPackage:
    """The offer as its page shows it."""
    currency = offer.terms.rate_card.currency
    prices = {row.product.pk: row for row in price_rows(offer.prices, offer.base)}
    return ShownPackage(
        offer=offer,
        lines=[_line(line, prices.get(line.product.pk), currency) for line in offer.terms.lines],
        commits=[_commit(commit, currency) for commit in offer.terms.commits],
        promises=_promises(offer),
    )


def _line(line: PackagedLine, row: PriceRow | None, currency: str) -> ShownPackageLine:
    adjustments = []
    if line.discount_amount:
        adjustments.append(f"{amount_text(line.discount_amount, currency)} off each cycle")
    if line.discount_percent:
        adjustments.append(f"{percent_text(line.discount_percent)} off")
    if line.minimum is not None:
        adjustments.append(f"at least {amount_text(line.minimum, currency)} each cycle")
    return ShownPackageLine(
        line=line,
        name=f"{line.product.name} ({line.label})" if line.label else line.product.name,
        price=row.sentence if row else "",
        billed=row.billed if row else "",
        quantity=_quantity(line),
        adjustments=adjustments,
        days=_days(line),
        description=line.product.description,
    )


def _quantity(line: PackagedLine) -> str:
    if line.quantity is None:
        return "as measured" if line.product.meter_id is not None else ""
    return f"{quantity_text(line.quantity, line.product.unit)}{' or more' if line.is_chosen else ''}"


def _days(line: PackagedLine) -> str:
    if line.phase_months is not None:
        last = line.from_month + line.phase_months
        first = line.from_month + 1
        return f"month {first}" if first == last else f"months {first} to {last}"
    return f"from month {line.from_month + 1}" if line.from_month else ""


def _commit(commit: AgreedCommit, currency: str) -> tuple[str, str]:
    """Its name with what it is, and what it pays for."""
    access = amount_text(commit.access_amount, currency)
    what = f"{access} of usage for {amount_text(commit.price, currency)}" if commit.price else f"{access} of usage free"
    covers = ", ".join(commit.product_keys) or "all usage"
    return f"{commit.name}: {what}", f"It pays for {covers} until it is used up or the contract ends."


def _promises(offer: PackageOffer) -> list[str]:
    terms = offer.terms
    length = months_text(terms.months)
    said = [
        f"The contract lasts {length} and renews itself for as long, until you decline."
        if terms.renews_itself
        else f"The contract lasts {length}."
    ]
    if terms.trial_days:
        said.append(f"The first {_plain_days(terms.trial_days)} are free.")
    if terms.follows_card:
        said.append(f"Prices follow our price list {terms.rate_card}: new ones apply from the day they take effect.")
    else:
        said.append("These prices are fixed for the whole term.")
    said.append(f"All prices are in {terms.rate_card.currency}; taxes come on top.")
    return said


def _plain_days(days: int) -> str:
    return quantity_text(Decimal(days), "day")
