"""The way of a contract to another package: what an amendment changes so that it says what the package does.

Nothing here asks the database.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from contracts.changes import (
    NOW,
    AddCommit,
    AddLine,
    Change,
    ChangeContract,
    ChangeLine,
    ChangePackage,
    ChangeTerm,
    EndLine,
)
from contracts.models import Contract, ContractLine
from contracts.packages import PackagedLine, PackageOffer, quantity_of
from governance.acts import Refused
from pricing.money import ZERO
from pricing.periods import add_months


def moves_to(
    contract: Contract,
    lines: Sequence[ContractLine],
    commits: Sequence[str],
    offer: PackageOffer,
    *,
    day: date,
    last_day: date,
    quantities: Mapping[str, Decimal],
    swaps: Mapping[str, str],
) -> list[Change]:
    """What changes on that day: `lines` are those that last longer, `commits` the names of those the contract has.

    A line goes on as that of the same product, or of the one `swaps` names; the others end, and what is new is added.
    A contract gets longer by it, never shorter; credits are given once, commits stay until they are used.
    """
    if offer.terms.follows_card and offer.terms.rate_card != contract.rate_card:
        raise Refused(f"{offer.version} follows {offer.terms.rate_card}; {contract} cannot.")
    if any(line.from_month or line.phase_months for line in offer.terms.lines):
        raise Refused(f"{offer.version} has phases; a contract cannot move into the middle of them.")
    until = add_months(day, offer.terms.months) - timedelta(days=1)
    return [
        *([ChangeTerm(until)] if until > last_day else []),
        *_lines(contract, lines, offer, quantities, swaps),
        *(
            AddCommit(each.name, each.access_amount, each.price, tuple(each.product_keys), each.priority)
            for each in offer.terms.commits
            if each.price or each.name not in commits
        ),
        ChangeContract(renewal="automatic" if offer.terms.renews_itself else "none"),
        ChangePackage(offer.version.package.key, offer.version.number or 0),
    ]


def _lines(
    contract: Contract,
    lines: Sequence[ContractLine],
    offer: PackageOffer,
    quantities: Mapping[str, Decimal],
    swaps: Mapping[str, str],
) -> Iterator[Change]:
    wanted = {line.product.key: line for line in offer.terms.lines}
    taken = set()
    for line in lines:
        new = wanted.get(swaps.get(line.product.key, line.product.key))
        if new is None or new.product.key in taken:
            yield EndLine(str(line.pk), timing=NOW)
            continue
        taken.add(new.product.key)
        if (changed := _changed(contract, line, new, offer, quantities)) is not None:
            yield changed
    for key, new in wanted.items():
        if key not in taken:
            yield AddLine(
                key,
                quantity_of(new, quantities),
                new.discount_percent,
                new.discount_amount,
                new.minimum,
                new.label,
                pinned=_pin(offer),
            )


def _changed(
    contract: Contract,
    line: ContractLine,
    new: PackagedLine,
    offer: PackageOffer,
    quantities: Mapping[str, Decimal],
) -> ChangeLine | None:
    """The change of a line into that of the package; None where it is so already."""
    quantity = quantity_of(new, quantities)
    says = (new.product, quantity, new.discount_percent, new.discount_amount, new.minimum)
    said = (line.product, line.quantity, line.discount_percent, line.discount_amount, line.minimum)
    pin = _pin(offer)
    priced = line.pinned_version_id or (contract.pinned_version_id if line.prices == "contract" else None)
    if says == said and (None if pin is None else offer.prices.pk) == priced:
        return None
    return ChangeLine(
        str(line.pk),
        new.product.key,
        quantity,
        new.discount_percent,
        new.discount_amount,
        new.minimum or ZERO,
        pin,
        timing=NOW,
    )


def _pin(offer: PackageOffer) -> str | None:
    """The prices of the day, unless the package follows its card."""
    return None if offer.terms.follows_card else str(offer.prices.pk)
