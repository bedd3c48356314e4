"""What a price change means for the contracts that follow a card: their last full month, rated without it and with it.

Both times the month's measured usage and agreed quantities are priced by the terms of the contract, with its discounts,
minimums and overrides, under one edition of each price: the one in force when the change reaches the contract. A month
is the local calendar month; a price for a longer cycle counts with its share of days, and tiers begin with the month.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from catalog.candidates import Candidate
from catalog.impact import NotReached, Rerated, register_contracts
from catalog.margins import Costs, costs_at
from catalog.models import Product, RateCardVersion
from contracts.costing import Costing, Slot
from contracts.following import Follower, Following, following
from contracts.repricing import Repricing
from governance.acts import Refused
from metering.queries import usage
from pricing.measures import Measured, Split
from pricing.money import ZERO, Money
from pricing.periods import Period, local_day, midnight
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

    Seven queries, and one for each way usage is measured, however many contracts.
    """
    months, spared = months_of(candidate)
    measured = measured_in(months)
    return [month.rated(measured) for month in months], spared


def months_of(candidate: Candidate) -> tuple[list["Month"], list[NotReached]]:
    """The months to rate, one for each contract that the candidate reaches, and the contracts that it does not."""
    found = following(candidate.cards, candidate.at, *_around(candidate.at))
    gathered = _Gathered(candidate, found)
    months: list[Month] = []
    spared: list[NotReached] = []
    for follower in found.followers:
        try:
            months.append(gathered.month(follower))
        except Refused as reason:
            spared.append(NotReached(follower.pk, follower.number, follower.customer, str(reason)))
    return months, spared


def measured_in(months: Iterable["Month"]) -> Usage:
    """What was used in these months, told apart as their prices and costs need it."""
    return usage({(month.follower.customer_key, *slot) for month in months for slot in month.slots()})


@dataclass(frozen=True, slots=True)
class Month:
    """One contract's month: terms that stay the same, those that change as they are now, and as they would be."""

    follower: Follower
    month: Period
    same: list[Term]
    was: list[Term]
    becomes: list[Term]
    costing: Costing

    def slots(self) -> set[Slot]:
        """What must be measured to rate it and to know its cost."""
        found = slots([*self.same, *self.was, *self.becomes], self.month.end)
        found.update(self.costing.slots(self.same))
        found.update(self.costing.slots(self.was))
        return found

    def rated(self, measured: Usage) -> Rerated:
        """What it comes to without and with the candidate."""
        customer = self.follower.customer_key

        def usage_of(meter: str, period: Period, split: Split) -> Measured:
            return measured[customer, meter, period, split]

        before, after = self.lines(usage_of)
        return Rerated(
            contract=self.follower.pk,
            number=self.follower.number,
            customer=self.follower.customer,
            before=Money(_sum(before), self.follower.currency),
            after=Money(_sum(after), self.follower.currency),
            cost=self.costing.cost([*self.same, *self.was], usage_of),
            uncosted_before=_sum(line for line in before if line.product not in self.costing.costs),
            uncosted_after=_sum(line for line in after if line.product not in self.costing.costs),
        )

    def lines(self, usage_of: Callable[[str, Period, Split], Measured]) -> tuple[list[RatedLine], list[RatedLine]]:
        """The rated lines without and with the candidate. What stays the same is rated once."""
        end = self.month.end
        try:
            if any(term.is_share for term in (*self.same, *self.was, *self.becomes)):
                return rate([*self.same, *self.was], usage_of, end), rate([*self.same, *self.becomes], usage_of, end)
            same = rate(self.same, usage_of, end)
            return same + rate(self.was, usage_of, end), same + rate(self.becomes, usage_of, end)
        except ValueError as error:
            raise Refused(f"Contract {self.follower.number} cannot be rated: {error}") from error


class _Gathered:
    """All that the database had to say about the followers of a candidate."""

    def __init__(self, candidate: Candidate, found: Following) -> None:
        self.candidate, self.found = candidate, found
        sold = {line.product for lines in found.lines.values() for line in lines}
        others = Product.objects.filter(pk__in=sold - candidate.products.keys()).select_related("meter")
        self.products = {**candidate.products, **{product.pk: product for product in others}}
        self.repricing = Repricing(candidate, self.products, found.overrides)
        self.costs: Costs = costs_at(sold, candidate.sheet.effective_from)
        self._months: dict[str, Period] = {}
        self._costings: dict[str, Costing] = {}

    def month(self, follower: Follower) -> Month:
        """The contract's last full month, ready to be rated; `Refused`, saying why, if the candidate spares it."""
        view = self.repricing.view(follower)
        month = self._month_in(follower.zone)
        if view.since is None:
            raise Refused(NOT_REACHED.get(Reach(self.candidate.sheet.reach), ENDS_BEFORE))
        if view.since >= follower.end:
            raise Refused(ENDS_BEFORE)
        if follower.start >= month.end:
            raise Refused(NO_MONTH)
        priced = self.repricing.terms(follower, view, self.found.lines.get(follower.pk, ()), month)
        changed = [each for each in priced if each.before is not each.after]
        return Month(
            follower,
            month,
            same=[each.before for each in priced if each.before is each.after and each.before is not None],
            was=[each.before for each in changed if each.before is not None],
            becomes=[each.after for each in changed if each.after is not None],
            costing=self._costing(follower.currency),
        )

    def _costing(self, currency: str) -> Costing:
        if currency not in self._costings:
            self._costings[currency] = Costing.of(self.costs, self.products, currency)
        return self._costings[currency]

    def _month_in(self, zone: str) -> Period:
        if zone not in self._months:
            self._months[zone] = last_full_month(self.candidate.at, zone)
        return self._months[zone]


def last_full_month(at: datetime, zone: str) -> Period:
    """The calendar month before the one in which an instant lies, in a zone."""
    end = local_day(at, zone).replace(day=1)
    start = (end - _DAY).replace(day=1)
    return Period(midnight(start, zone), midnight(end, zone))


def _around(at: datetime) -> tuple[datetime, datetime]:
    """Two instants between which that month lies in every zone."""
    return last_full_month(at - _DAY, "UTC").start - _DAY, last_full_month(at + _DAY, "UTC").end + _DAY


def _sum(lines: Iterable[RatedLine]) -> Decimal:
    return sum((line.amount.amount for line in lines), ZERO)
