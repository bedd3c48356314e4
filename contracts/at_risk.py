"""What usage that waits in quarantine would be billed at: by the customer's contract, or else by the public prices.

Rated as an invoice is: what the cycle comes to with it, less what it comes to without. An estimate all the same: what
waits for one line and cycle shares the difference by quantity.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F

from catalog.models import RateCard
from catalog.prices import price_list
from catalog.queries import version_at
from contracts.models import Contract
from contracts.queries import terms_of
from governance.acts import Refused
from metering.quarantine.at_risk import Parked, register_prices
from metering.queries import usage
from metering.wire.scalars import text_of
from pricing.charges import Charge
from pricing.measures import WHOLE, Measured, Part, Split, together
from pricing.money import EXACT, ZERO, Money, exactly
from pricing.periods import Period, add_months, midnight
from pricing.rating import Price, Term, rate, slots

BASES_FIRST = F("base").asc(nulls_first=True)
FINEST = Decimal("0.000001")
Slot = tuple[str, str, Period, Split]


def register() -> None:
    """Answer metering's question about money from now on."""
    register_prices(worth)


@dataclass(slots=True)
class Cycle:
    """What waits for one line of a contract, or one price of a public list, in one cycle."""

    customer: str  # "" where nobody is known
    term: Term
    billed: Period
    waiting: list[int] = field(default_factory=list)  # places in what was asked

    def slots(self) -> set[Slot]:
        """What is measured already and counts towards its tiers; nothing is, for nobody."""
        if not self.customer:
            return set()
        asked = slots([self.term], self.billed.end)
        return {
            (self.customer, meter, period, split) for meter, period, split in asked if period.start == self.billed.start
        }

    def comes_to(self, measured: Mapping[Slot, Measured], added: Sequence[Parked]) -> Decimal:
        """Exact, with these events on top of what is measured."""

        def used(meter: str, period: Period, split: Split) -> Measured:
            if period.start != self.billed.start:
                return ZERO
            before = measured.get((self.customer, meter, period, split), ZERO)
            return together(before, _measured([each for each in added if each.at < period.end], split), split)

        lines = rate([self.term], used, self.billed.end)
        with exactly():
            return sum((line.exact for line in lines if self.billed.contains(line.period.start)), ZERO)


def worth(parked: Sequence[Parked]) -> list[Money | None]:
    """About what each would be billed at; None where no price is known for it.

    A customer without a contract that covers it is not billed for it, so nothing is known.
    """
    cycles = [*_agreed(parked), *_public(parked)]
    measured = usage({slot for cycle in cycles for slot in cycle.slots()})
    answers: list[Money | None] = [None] * len(parked)
    for cycle in cycles:
        added = [parked[place] for place in cycle.waiting]
        try:
            more = EXACT.subtract(cycle.comes_to(measured, added), cycle.comes_to(measured, []))
        except ValueError:
            continue
        for place, share in zip(cycle.waiting, _shares(more, added), strict=True):
            answers[place] = Money(share, cycle.term.currency)
    return answers


def _agreed(parked: Sequence[Parked]) -> Iterable[Cycle]:
    """By the lines of contracts that meter it at its time."""
    terms = _terms({each.customer_key for each in parked if each.customer_key})
    found: dict[tuple[str, datetime], Cycle] = {}
    for place, each in enumerate(parked):
        for term in terms.get((each.customer_key, each.meter_key), ()):
            billed = term.cycle_at(each.at)
            if billed is not None:
                cycle = found.setdefault((term.key, billed.start), Cycle(each.customer_key, term, billed))
                cycle.waiting.append(place)
                break
    return found.values()


def _public(parked: Sequence[Parked]) -> Iterable[Cycle]:
    """By the public prices of the month, as for somebody who has used nothing yet."""
    found: dict[tuple[str, datetime], Cycle] = {}
    months: dict[datetime, dict[str, tuple[str, Charge]]] = {}
    for place, each in enumerate(parked):
        if each.customer_key:
            continue
        first = each.at.astimezone(UTC).date().replace(day=1)
        start = midnight(first, "UTC")
        if start not in months:
            months[start] = _public_prices(each.at)
        if each.meter_key not in months[start]:
            continue
        currency, charge = months[start][each.meter_key]
        if (each.meter_key, start) not in found:
            end = midnight(add_months(first, 1), "UTC")
            prices = (Price(start, charge, ""),)
            term = Term(each.meter_key, each.meter_key, prices, currency, start, end, "UTC", meter=each.meter_key)
            found[each.meter_key, start] = Cycle("", term, Period(start, end))
        found[each.meter_key, start].waiting.append(place)
    return found.values()


def _public_prices(at: datetime) -> dict[str, tuple[str, Charge]]:
    """Currency and charge by meter, on the first public card that has one: those with a base come last."""
    prices: dict[str, tuple[str, Charge]] = {}
    for card in RateCard.objects.filter(is_public=True).select_related("base").order_by(BASES_FIRST, "key"):
        version = version_at(card, at)
        for row in price_list(version, at=at) if version is not None else ():
            if row.product.meter is not None and row.offer.charge.basis == "quantity":
                prices.setdefault(row.product.meter.key, (card.currency, row.offer.charge))
    return prices


def _terms(customers: Collection[str]) -> Mapping[tuple[str, str], list[Term]]:
    """The metered terms of these customers' contracts, by customer and meter."""
    contracts = list(Contract.objects.filter(usage_key__in=customers).order_by("number"))
    whose = {contract.pk: contract.usage_key for contract in contracts}
    found: dict[tuple[str, str], list[Term]] = defaultdict(list)
    for pk, term in _priced(contracts):
        if term.meter:
            found[whose[pk], term.meter].append(term)
    return found


def _priced(contracts: Sequence[Contract]) -> Iterator[tuple[Any, Term]]:
    """All at once; where one of them has no price, one by one without it."""
    try:
        for pk, terms in terms_of(contracts).items():
            yield from ((pk, each.term) for each in terms)
    except Refused:
        for contract in contracts if len(contracts) > 1 else ():
            yield from _priced([contract])


def _measured(added: Sequence[Parked], split: Split) -> Measured:
    if split == WHOLE:
        with exactly():
            return sum((each.quantity for each in added), ZERO)
    return tuple(
        Part(
            each.quantity,
            tuple(text_of(each.properties.get(name)) for name in split.by),
            each.at if split.each else None,
        )
        for each in added
    )


def _shares(more: Decimal, added: Sequence[Parked]) -> list[Decimal]:
    with exactly():
        whole = sum((each.quantity for each in added), ZERO)
        shares = [more * each.quantity / whole if whole else ZERO for each in added]
        return [share.quantize(FINEST) for share in shares]
