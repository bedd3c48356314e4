"""What a price change means for the contracts that follow a card: their last full month, rated without it and with it.

Both times the month's measured usage and agreed quantities are priced by the terms of the contract, with its discounts,
minimums and overrides, under one edition of each price: the one in force when the change reaches the contract. A month
is the local calendar month; a price for a longer cycle counts with its share of days, and tiers begin with the month.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from catalog.candidates import Candidate
from catalog.impact import NotReached, Rerated, register_contracts
from catalog.margins import Costs, costs_at
from catalog.models import Product, RateCardVersion
from contracts.costing import Costing, Slot
from contracts.following import Follower, Following, following
from contracts.repricing import Repricing, View
from governance.acts import Refused
from metering.queries import usage
from pricing.measures import Measured, Split
from pricing.money import EXACT, ZERO, Money
from pricing.periods import Period, midnight, zone_named
from pricing.rating import RatedLine, Term, rate, slots

Reach = RateCardVersion.Reach
NO_MONTH = "no full month to rate yet"
ENDS_BEFORE = "over before these prices reach it"
NOT_REACHED = {
    Reach.NEW_ONLY: "these prices are for new contracts only",
    Reach.AT_RENEWAL: "gets these prices when it is renewed",
}
_DAY = timedelta(days=1)
Usage = dict[tuple[str, str, Period, Split], Measured]


def register() -> None:
    """Answer the catalog's question about money from now on."""
    register_contracts(rerated)


def rerated(candidate: Candidate) -> tuple[list[Rerated], list[NotReached]]:
    """Every contract that follows the candidate's card, or a card based on it; those it does not reach with the reason.

    Ten queries, and one for each way usage is measured, however many contracts.
    """
    found = following(candidate.cards, candidate.at, *_around(candidate.at))
    gathered = _Gathered(candidate, found)
    months: list[_Month] = []
    spared: list[NotReached] = []
    for follower in found.followers:
        try:
            months.append(gathered.month(follower))
        except Refused as reason:
            spared.append(NotReached(follower.pk, follower.number, follower.customer, str(reason)))
    measured = usage({(month.follower.customer_key, *slot) for month in months for slot in month.slots()})
    return [month.rated(measured) for month in months], spared


class _Gathered:
    """All that the database had to say about the followers of a candidate."""

    def __init__(self, candidate: Candidate, found: Following) -> None:
        self.candidate, self.found = candidate, found
        sold = {line.product for lines in found.lines.values() for line in lines}
        others = Product.objects.filter(pk__in=sold - candidate.products.keys()).select_related("meter")
        self.products = {**candidate.products, **{product.pk: product for product in others}}
        self.repricing = Repricing(candidate)
        self.costs: Costs = costs_at(sold, candidate.sheet.effective_from)
        self._months: dict[str, Period] = {}
        self._costings: dict[str, Costing] = {}

    def month(self, follower: Follower) -> "_Month":
        """The contract's last full month, ready to be rated; Refused, with the reason, if the candidate spares it."""
        view = self.repricing.view(follower)
        month = self._month_in(follower.zone)
        if view.since is None:
            raise Refused(NOT_REACHED.get(Reach(self.candidate.sheet.reach), ENDS_BEFORE))
        if view.since >= follower.end:
            raise Refused(ENDS_BEFORE)
        if follower.start >= month.end:
            raise Refused(NO_MONTH)
        return self._priced(follower, view, month)

    def _priced(self, follower: Follower, view: View, month: Period) -> "_Month":
        lines = self.found.lines.get(follower.pk, [])
        before, after = self.repricing.terms(follower, view, lines, self.products, self.found.overrides, month)
        return _Month(
            follower, month, before, after, {str(line.pk): line.product for line in lines}, self._costing(follower)
        )

    def _costing(self, follower: Follower) -> Costing:
        if follower.currency not in self._costings:
            self._costings[follower.currency] = Costing.of(self.costs, follower.currency)
        return self._costings[follower.currency]

    def _month_in(self, zone: str) -> Period:
        if zone not in self._months:
            self._months[zone] = last_full_month(self.candidate.at, zone)
        return self._months[zone]


@dataclass(frozen=True, slots=True)
class _Month:
    """One contract's month: the terms without and with the candidate; those that are the same are the same object."""

    follower: Follower
    month: Period
    before: list[Term]
    after: list[Term]
    products: dict[str, UUID]
    costing: Costing

    def slots(self) -> set[Slot]:
        found = slots(self.before, self.month.end)
        if changed := self._changed:
            found |= slots(changed, self.month.end)
        for term in self.before:
            found.update(self.costing.slots(self.products[term.key], term))
        return found

    def rated(self, measured: Usage) -> Rerated:
        customer = self.follower.customer_key

        def usage_of(meter: str, period: Period, split: Split) -> Measured:
            return measured[customer, meter, period, split]

        before = rate(self.before, usage_of, self.month.end)
        after = self._rated_after(before, usage_of)
        cost = ZERO
        for term in self.before:
            cost = EXACT.add(cost, self.costing.cost(self.products[term.key], term, usage_of))
        return Rerated(
            contract=self.follower.pk,
            number=self.follower.number,
            customer=self.follower.customer,
            before=self._money(_sum(before)),
            after=self._money(_sum(after)),
            cost=cost,
            uncosted_before=_sum(self._uncosted(before)),
            uncosted_after=_sum(self._uncosted(after)),
        )

    @property
    def _changed(self) -> list[Term]:
        same = {id(term) for term in self.before}
        return [term for term in self.after if id(term) not in same]

    def _rated_after(
        self, before: list[RatedLine], usage_of: Callable[[str, Period, Split], Measured]
    ) -> list[RatedLine]:
        """What changed is rated anew; a share of other lines changes with these."""
        changed = self._changed
        if not changed and len(self.before) == len(self.after):
            return before
        if any(term.is_share for term in (*self.before, *self.after)):
            return rate(self.after, usage_of, self.month.end)
        kept = {term.key for term in self.after} - {term.key for term in changed}
        return [line for line in before if line.key in kept] + rate(changed, usage_of, self.month.end)

    def _uncosted(self, lines: Iterable[RatedLine]) -> list[RatedLine]:
        return [line for line in lines if not self.costing.knows(self.products[line.key])]

    def _money(self, amount: Decimal) -> Money:
        return Money(amount, self.follower.currency)


def last_full_month(at: datetime, zone: str) -> Period:
    """The calendar month before the one in which an instant lies, in a zone."""
    end = at.astimezone(zone_named(zone)).date().replace(day=1)
    start = (end - _DAY).replace(day=1)
    return Period(midnight(start, zone), midnight(end, zone))


def _around(at: datetime) -> tuple[datetime, datetime]:
    """Two instants between which that month lies in every zone."""
    return last_full_month(at - _DAY, "UTC").start - _DAY, last_full_month(at + _DAY, "UTC").end + _DAY


def _sum(lines: Iterable[RatedLine]) -> Decimal:
    return sum((line.amount.amount for line in lines), ZERO)
